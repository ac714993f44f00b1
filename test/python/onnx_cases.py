"""The node tests of ONNX for attention: models with inputs and the results of onnx's reference implementation."""

import importlib
import warnings

import ml_dtypes
import numpy as np
import torch

import gqa
from gqa.importer import linalg_of_onnx

# Whole graphs are right within these shares of the largest value; for f32 ONNX itself says what it allows.
TOLERANCE = {"float16": 5e-3, "bfloat16": 4e-2}


def node_tests(operator):
    """The cases of an operator by name. `NAME_expanded` is the operator's own definition by others."""
    from onnx.backend.test.case import node

    before = len(node._NodeTestCases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the reference divides by zero
        importlib.import_module(f"onnx.backend.test.case.node.{operator}")
    return {case.name: case for case in node._NodeTestCases[before:]}


def run(text, inputs):
    """Results, as arrays, of a module's function."""
    results = gqa.compile(text)(*[as_tensor(x) for x in inputs])
    return [as_array(r) for r in (results if isinstance(results, tuple) else (results,))]


def as_tensor(array):
    """In torch, which has bfloat16."""
    array = np.array(array, order="C")  # ascontiguousarray makes a scalar one element
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def as_array(tensor):
    return tensor.view(torch.uint16).numpy().view(ml_dtypes.bfloat16) if tensor.dtype == torch.bfloat16 else tensor.numpy()


def compare(got, wanted, rtol, atol, place):
    """Fails unless `got` is `wanted` as far as its type allows; NaN and infinities exactly."""
    assert got.shape == wanted.shape and got.dtype == wanted.dtype, f"result {place}: {got.dtype} {got.shape}"
    tolerance = TOLERANCE.get(wanted.dtype.name)
    wide, reference = got.astype(np.float64), wanted.astype(np.float64)
    if tolerance:
        finite = np.abs(reference[np.isfinite(reference)])
        rtol, atol = 0, tolerance * np.max(finite, initial=0)
    np.testing.assert_allclose(wide, reference, rtol=rtol, atol=atol, err_msg=f"result {place}")


def check(case):
    """Imports, compiles and runs a case; returns the text."""
    text = linalg_of_onnx(case.model)
    check_numbers(text, case)
    return text


def check_numbers(text, case):
    """Runs the module of a case on its inputs and compares what comes out."""
    for inputs, wanted in case.data_sets:
        got = run(text, inputs)
        assert len(got) == len(wanted)
        for place, (g, w) in enumerate(zip(got, wanted)):
            compare(g, np.asarray(w), case.rtol, case.atol, place)
