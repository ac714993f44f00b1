"""Models of one operator of com.microsoft, and what onnxruntime computes of them."""

import numpy as np
import onnxruntime
from onnx import helper

from gqa.importer import linalg_of_onnx
from onnx_cases import run

# Shares of the largest value within which a whole graph is right.
TOLERANCE = {"float32": 1e-4, "float16": 5e-3}


def array(*shape, seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def model_of(operator, inputs, outputs, unused=(), **attributes):
    """A model of one node. `inputs`: arrays, or None where one is left out; `outputs`: shapes, or a number of them."""
    names = [f"in{i}" if x is not None else "" for i, x in enumerate(inputs)]
    kind = helper.np_dtype_to_tensor_dtype
    values = [helper.make_tensor_value_info(name, kind(x.dtype), x.shape) for name, x in zip(names, inputs) if name]
    shapes = [None] * outputs if isinstance(outputs, int) else outputs
    results = [helper.make_tensor_value_info(f"out{i}", kind(inputs[0].dtype), shape) for i, shape in enumerate(shapes)]
    results = [None if place in unused else result for place, result in enumerate(results)]
    node = helper.make_node(operator, names, [result.name if result else "" for result in results], domain="com.microsoft", **attributes)
    return helper.make_model(helper.make_graph([node], "g", values, [r for r in results if r]), ir_version=10,
                             opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)])


def present(inputs):
    return {f"in{i}": x for i, x in enumerate(inputs) if x is not None}


def check(operator, inputs, outputs, valid=None, unpacked=None, unused=(), **attributes):
    """Compares with onnxruntime. Returns the text.

    `valid`: per result a mask of what is specified, or None. `unpacked`: the same inputs in a form that onnxruntime takes.
    `unused`: places of results that are left out.
    """
    model = model_of(operator, unpacked or inputs, outputs, unused, **attributes)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, present(unpacked or inputs))
    shapes = outputs if unused else [w.shape for w in wanted]
    text = linalg_of_onnx(model_of(operator, inputs, shapes, unused, **attributes))
    got = run(text, list(present(inputs).values()))
    for place, (g, w) in enumerate(zip(got, wanted)):
        assert g.shape == w.shape and g.dtype == w.dtype, f"result {place}: {g.dtype} {g.shape}, wanted {w.dtype} {w.shape}"
        keep = np.broadcast_to(True if not valid or valid[place] is None else valid[place], w.shape)
        g, w = np.where(keep, g, 0).astype(np.float64), np.where(keep, w, 0).astype(np.float64)
        error, allowed = np.abs(g - w).max(initial=0), TOLERANCE[wanted[0].dtype.name] * np.abs(w).max(initial=0)
        assert error <= allowed, f"result {place} is off by {error:.2e}, {allowed:.2e} are allowed"
    return text
