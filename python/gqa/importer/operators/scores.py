"""Scores and probabilities as results: standard operators beside an attention, which keeps none of them."""

import numpy as np
from onnx import TensorProto

from .attention import scores_type
from .heads import in_layout


class Scores:
    """The scores of an Attention at each stage, `batch x heads x queries x keys`, in the type that it computes in."""

    def __init__(self, operator, call):
        self.op, self.constant, self.size = operator.op, operator.constant, operator.size
        self.call = call
        self.heads, self.shared, self.features = (operator.count(n, "the number or the size of heads") for n in (
            call.q.size("h"), call.k.size("h"), call.q.size("d")))
        self.element = scores_type(call.q.type.element)
        self.type = np.float64 if self.element == TensorProto.DOUBLE else np.float32

    def scaled(self):
        """scale * q k^T. Heads that share keys are rows of one product, so that no key is repeated."""
        call = self.call
        q, k = (self._widened(x) for x in (call.q, call.k))
        heads, shared, features = self.heads, self.shared, self.features
        rows = q if heads == shared else self.op("Reshape", q, self.constant([0, shared, -1, features]))
        product = self.op("MatMul", rows, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scale = 1 / np.sqrt(features) if call.scale is None else call.scale
        product = self.op("Mul", product, self.constant(scale, self.type))
        if heads == shared:
            return product
        shape = self.op("Concat", self.constant([0, heads]), self.size(q, 2), self.size(k, 2), axis=0)
        return self.op("Reshape", product, shape)

    def capped(self):
        scores = self.scaled()
        if not self.call.softcap:
            return scores
        cap = self.constant(self.call.softcap, self.type)
        return self.op("Mul", self.op("Tanh", self.op("Div", scores, cap)), cap)

    def masked(self):
        """With bias, and -inf where a key is hidden."""
        scores, bias, seen = self.capped(), self.call.bias, self._seen()
        if bias:
            scores = self.op("Add", scores, self.op("Cast", bias, to=self.element))
        return self.op("Where", seen, scores, self.constant(-np.inf, self.type)) if seen else scores

    def probabilities(self, lse):
        """exp(s - lse); `lse` is -inf where nothing is seen, and then they are 0."""
        lse = self.op("Unsqueeze", lse, self.constant([3]))
        zero = self.constant(0, self.type)
        dead = self.op("Equal", lse, self.constant(-np.inf, self.type))
        return self.op("Where", dead, zero, self.op("Exp", self.op("Sub", self.masked(), self.op("Where", dead, zero, lse))))

    def _widened(self, x):
        name = in_layout(self, x, "bhsd").name
        return name if x.type.element == self.element else self.op("Cast", name, to=self.element)

    def _positions(self, x, shape):
        """0, 1, ... along the sequence of `x`, as a tensor of `shape`."""
        length = self.op("Squeeze", self.size(x.name, x.axis("s")), self.constant([0]))
        numbers = self.op("Range", self.constant(0), length, self.constant(1))
        return self.op("Reshape", numbers, self.constant(shape))

    def _seen(self):
        """Which keys a query sees, or None if all."""
        call = self.call
        key, parts = self._positions(call.k, [1, 1, 1, -1]), [call.mask] if call.mask else []
        if call.causal or call.window:
            query = self.op("Add", self._positions(call.q, [1, 1, -1, 1]), self._per_batch(call.offset))
            left, right = call.window or (-1, -1)
            if call.causal:
                right = 0 if right < 0 else min(right, 0)
            if right >= 0:
                parts.append(self.op("LessOrEqual", key, self.op("Add", query, self.constant(right))))
            if left >= 0:
                parts.append(self.op("GreaterOrEqual", key, self.op("Sub", query, self.constant(left))))
        if call.kv_len:
            parts.append(self.op("Less", key, self._per_batch(call.kv_len)))
        for i in range(1, len(parts)):
            parts[i] = self.op("And", parts[i - 1], parts[i])
        return parts[-1] if parts else None

    def _per_batch(self, value):
        if isinstance(value, int):
            return self.constant(value)
        return self.op("Reshape", self.op("Cast", value, to=TensorProto.INT64), self.constant([-1, 1, 1, 1]))
