"""What onnxruntime's optimiser puts beside com.microsoft's attention operators, as standard operators."""

import numpy as np
from onnx import TensorProto

X, SKIP = 0, 1


def rewrite_rms(operator):
    """SimplifiedLayerNormalization: x / sqrt(mean x^2 + epsilon) * scale, over the last dimensions from `axis` on."""
    operator.refuse(outputs=[(1, "inv_std_var", "it is of use in training only")])
    axis = operator.attribute("axis", -1)
    kind = operator.type(operator.input(X))
    axes = list(range(axis % kind.rank, kind.rank))
    _normalise(operator, operator.input(X), kind, axes, operator.input(1), None, centred=False)


def rewrite_skip_rms(operator):
    """SkipSimplifiedLayerNormalization: input, skip, gamma, bias."""
    _skip(operator, gamma=2, beta=None, bias=3, centred=False)


def rewrite_skip(operator):
    """SkipLayerNormalization: input, skip, gamma, beta, bias."""
    _skip(operator, gamma=2, beta=3, bias=4, centred=True)


def _skip(operator, gamma, beta, bias, centred):
    operator.refuse(outputs=[(1, "mean", "it is of use in training only"), (2, "inv_std_var", "it is of use in training only")])
    kind = operator.type(operator.input(X))
    total = operator.op("Add", operator.input(X), operator.input(SKIP))
    if operator.input(bias):
        total = operator.op("Add", total, operator.input(bias))
    if operator.output(3):
        total = operator.op("Identity", total, result=operator.output(3))
    _normalise(operator, total, kind, [kind.rank - 1], operator.input(gamma), operator.input(beta) if beta else None, centred)


def _normalise(operator, x, kind, axes, gamma, beta, centred):
    """In f32, rounded once, as result 0."""
    op, narrow = operator.op, kind.element not in (TensorProto.FLOAT, TensorProto.DOUBLE)
    widen = lambda name: op("Cast", name, to=TensorProto.FLOAT) if narrow else name
    number = np.float64 if kind.element == TensorProto.DOUBLE else np.float32
    along = operator.constant(axes)
    x = widen(x)
    if centred:
        x = op("Sub", x, op("ReduceMean", x, along))
    epsilon = operator.constant(operator.attribute("epsilon", 1e-12 if centred else 1e-5), number)
    deviation = op("Sqrt", op("Add", op("ReduceMean", op("Mul", x, x), along), epsilon))
    y = op("Mul", op("Div", x, deviation), widen(gamma))
    if beta:
        y = op("Add", y, widen(beta))
    op("Cast" if narrow else "Identity", y, result=operator.output(0), **({"to": kind.element} if narrow else {}))


def rewrite_bias_gelu(operator):
    """BiasGelu: gelu(A + B) = y / 2 * (1 + erf(y / sqrt 2))."""
    op, number = operator.op, _numbers(operator)
    y = op("Add", operator.input(0), operator.input(1))
    share = op("Add", op("Erf", op("Mul", y, number(0.5 ** 0.5))), number(1))
    op("Mul", op("Mul", y, number(0.5)), share, result=operator.output(0))


def rewrite_fast_gelu(operator):
    """FastGelu: y / 2 * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 y^3))) of y = X + bias; the bias is optional."""
    op, number, y = operator.op, _numbers(operator), operator.input(0)
    if operator.input(1):
        y = op("Add", y, operator.input(1))
    cube = op("Mul", op("Mul", y, y), op("Mul", y, number(0.044715)))
    share = op("Add", op("Tanh", op("Mul", op("Add", y, cube), number((2 / np.pi) ** 0.5))), number(1))
    op("Mul", op("Mul", y, number(0.5)), share, result=operator.output(0))


def rewrite_quick_gelu(operator):
    """QuickGelu: x * sigmoid(alpha * x)."""
    op, x = operator.op, operator.input(0)
    op("Mul", x, op("Sigmoid", op("Mul", x, _numbers(operator)(operator.attribute("alpha", 1.702)))), result=operator.output(0))


def _numbers(operator):
    """Makes constants of the first input's type."""
    element = operator.type(operator.input(0)).element
    return lambda value: operator.op("Cast", operator.constant(value, np.float32), to=element)
