"""Products of one operand of few rows by several weights, as q, k and v of a decode step: one launch on a GPU or the stand-in driver,
against float64, element by element."""

import os

import numpy as np
import pytest

import gqa
from cuda import missing, on_gpu, on_host
from gqa import _native
from joined_products import matrices, text_of

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

TARGET = os.environ.get("GQA_TEST_TARGET", "cuda:sm_80")
TYPES = {"f16": np.float16, "f32": np.float32}


def check(found, x, weights, along, added=None):
    """Each element to what a sum of f32 in any order, and rounding it, may lose."""
    for i, (out, w) in enumerate(zip(found, weights)):
        w = np.swapaxes(w, -1, -2).astype(np.float64) if along else w.astype(np.float64)
        wide, start = x.astype(np.float64), 0 if added is None else added[i].astype(np.float64)
        want, size = wide @ w + start, np.abs(wide) @ np.abs(w) + np.abs(start)
        half = np.finfo(out.dtype).eps / 2
        allowed = (x.shape[-1] + 1) * 2.0 ** -23 * size + half * np.abs(want) + 2.0 ** -25
        assert out.shape == want.shape
        assert (np.abs(out - want) <= allowed).all(), f"product {i}: {np.abs(out - want).max()} off"


def call(text, *arrays):
    results = gqa.compile(text, target=TARGET)(*map(on_gpu, arrays))
    return [on_host(each) for each in results]


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
@pytest.mark.parametrize("rows, widths, depth", [
    (1, (64, 16, 16), 512),     # whole tiles and chunks
    (3, (40, 8), 72),           # parts of both
    (8, (24, 136, 64), 1096),   # more chunks than warps, and a rest
    (5, (8, 8, 8, 8, 8, 8, 8, 8, 8), 8),  # more than one kernel takes
])
def test_shapes(rows, widths, depth, along):
    x, *weights = matrices(rows, widths, depth, along)
    check(call(text_of(rows, widths, depth, along), x, *weights), x, weights, along)


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
def test_results_of_f32_and_batches(along):
    x, *weights = matrices(4, (24, 72), 200, along, batch=3)
    check(call(text_of(4, (24, 72), 200, along, result="f32", batch=3), x, *weights), x, weights, along)


def test_widths_that_are_odd():
    x, *weights = matrices(2, (7, 33), 64, True)
    check(call(text_of(2, (7, 33), 64, True), x, *weights), x, weights, True)


@pytest.mark.parametrize("result", ["f16", "f32"])
def test_sums_onto_what_is_there(result):
    x, *weights = matrices(2, (24, 40), 136, True)
    added = [np.random.default_rng(5).standard_normal((2, n)).astype(TYPES[result]) for n in (24, 40)]
    arrays = [each for pair in zip(weights, added) for each in pair]
    check(call(text_of(2, (24, 40), 136, True, result=result, adds=True), x, *arrays), x, weights, True, added)


@pytest.mark.parametrize("at", [0, 1, 8])
def test_operands_that_begin_anywhere(at):
    x, *weights = matrices(3, (24, 40), 136, True)
    whole = np.full(3 * 136 + 9, np.nan, np.float16)
    whole[at:at + x.size] = x.ravel()
    found = call(text_of(3, (24, 40), 136, True, view=True), whole, np.zeros(at, np.int8), *weights)
    check(found, x, weights, True)


def test_what_is_not_finite_stays_in_its_row_and_column():
    x, *weights = matrices(3, (24, 40), 136, True)
    x[1], weights[0][5] = np.nan, np.inf
    for out, w in zip(call(text_of(3, (24, 40), 136, True), x, *weights), weights):
        assert np.isnan(out[1]).all()
        finite = np.isfinite(w).all(axis=1)
        assert np.isfinite(out[[0, 2]][:, finite]).all() and not np.isfinite(out[0][~finite]).any()


@pytest.mark.parametrize("batch", [0, 2])
def test_dynamic_rows(batch):
    """One program for a step, and for a prompt, of which cuBLASLt takes the products."""
    module = gqa.compile(text_of(None, (24, 40), 64, True, batch=batch), target=TARGET)
    for rows in (1, 8, 9, 40):
        x, *weights = matrices(rows, (24, 40), 64, True, batch)
        check([on_host(each) for each in module(*map(on_gpu, (x, *weights)))], x, weights, True)


def test_captured():
    import tvm_ffi

    module = gqa.compile(text_of(2, (24, 40), 136, True), target=TARGET)
    arrays = matrices(2, (24, 40), 136, True)
    inputs, outputs = [on_gpu(each) for each in arrays], tuple(on_gpu(np.zeros((2, n), np.float16)) for n in (24, 40))
    graph = gqa.capture(module, *inputs, out=outputs)
    for seed in (1, 2):
        x, *weights = matrices(2, (24, 40), 136, True, seed=seed)
        for tensor, array in zip(inputs, (x, *weights)):
            _native.library()["cuda_fill"](tvm_ffi.from_dlpack(array), tensor)
        graph.replay()
        check([on_host(each) for each in outputs], x, weights, True)
