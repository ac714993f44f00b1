"""Rows times the matrices of their groups on a GPU or the stand-in driver: many rows, in tiles, and few, against float64, element by
element."""

import os

import numpy as np
import pytest
import torch

import gqa
from cuda import missing
from grouped_products import matrices, text_of

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

TARGET = os.environ.get("GQA_TEST_TARGET", "cuda:sm_80")
RNG = np.random.default_rng(4)


def numbers(rows, groups, order):
    """The group of each row."""
    if order == "one":
        return np.full(rows, groups - 1)
    found = RNG.integers(groups, size=rows)
    return np.sort(found) if order == "sorted" else found


def check(text, x, w, g, along, *more, added=None):
    """Each element to what a sum of f32 in any order may lose."""
    found = np.from_dlpack(gqa.compile(text, target=TARGET)(x, w, g, *more))[:, 0]
    rows, wide = (np.asarray(each.float(), np.float64) for each in (x, w))
    rows = rows[:, 0]
    chosen = wide[g] if along else wide[g].transpose(0, 2, 1)
    start = 0 if added is None else added[:, 0].astype(np.float64)
    want, size = (np.einsum("rk,rnk->rn", a, b) for a, b in ((rows, chosen), (np.abs(rows), np.abs(chosen))))
    allowed = (rows.shape[1] + 1) * 2.0 ** -23 * (size + np.abs(start)) + 1e-30
    assert (np.abs(found - want - start) <= allowed).all(), np.abs(found - want - start).max(initial=0)


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
@pytest.mark.parametrize("rows, groups, depth, columns, order", [
    (256, 3, 64, 128, "sorted"),   # whole tiles
    (65, 4, 32, 16, "sorted"),     # the fewest rows, less columns than a tile has
    (300, 5, 72, 152, "sorted"),   # parts of all
    (140, 9, 8, 264, "any"),       # runs of a row or two, sums of one piece
    (129, 2, 200, 136, "one"),     # one run for all, which goes on in the next tile
    (2200, 2, 16, 8, "sorted"),    # more tiles of rows than run at the same time
    (64, 3, 40, 24, "sorted"),     # few rows
])
def test_products(rows, groups, depth, columns, order, along):
    x, w = (torch.from_numpy(each).bfloat16() for each in matrices(rows, groups, depth, columns, along))
    check(text_of(rows, groups, depth, columns, along), x, w, numbers(rows, groups, order), along)


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
def test_f16_onto_what_is_there(along):
    x, w = (torch.from_numpy(each).half() for each in matrices(150, 3, 48, 144, along))
    onto = RNG.standard_normal((150, 1, 144)).astype(np.float32)
    check(text_of(150, 3, 48, 144, along, "f16", adds=True), x, w, numbers(150, 3, "sorted"), along, onto, added=onto)


@pytest.mark.parametrize("rows", [0, 1, 64, 65, 200])
def test_rows_that_the_call_knows(rows):
    x, w = (torch.from_numpy(each).bfloat16() for each in matrices(rows, 3, 40, 24, True))
    check(text_of(None, 3, 40, 24, True), x, w, numbers(rows, 3, "sorted"), True)


@pytest.mark.parametrize("at", [0, 1, 8])
def test_rows_that_begin_anywhere(at):
    """Copies are of 16 bytes: elsewhere rows are multiplied one by one."""
    rows, depth = 70, 32
    x, w = (torch.from_numpy(each).half() for each in matrices(rows, 2, depth, 24, True))
    all = torch.zeros(rows * depth + 9, dtype=torch.float16)
    all[at:at + rows * depth] = x.reshape(-1)
    g = numbers(rows, 2, "sorted")
    text = text_of(rows, 2, depth, 24, True, "f16", view=True)
    found = np.from_dlpack(gqa.compile(text, target=TARGET)(all, w, g, np.zeros(at, np.int8)))[:, 0]
    want = np.einsum("rk,rnk->rn", x[:, 0].double(), w.double().numpy()[g])
    np.testing.assert_allclose(found, want, atol=1e-4)
