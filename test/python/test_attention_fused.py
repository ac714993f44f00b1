"""Attention that takes over what stands in front of it: rotated queries, tokens appended to a cache, and narrow caches.

The rule is that of test_attention_numerics; GQA_TARGET compiles for another processor.
"""

import os

import numpy as np
import pytest

from attention_call import call, verify
from attention_cases import build
from attention_hard import CLAUSES as ALL_CLAUSES
from attention_hard import SHAPES, clauses, shaped

TARGET = os.environ.get("GQA_TARGET", "cpu")
DTYPES = ["f32", "bf16", "f16", "f64"]
# New keys and new values: one; a few; both everything, behind an empty cache; not as many of each; of one only.
APPENDS = [(1, 1), (7, 7), (10**6, 10**6), (1, 40), (0, 3), (5, 0)]
ROTARIES = [("half", 64, "f32", "query"), ("interleaved", 64, "bf16", "batch"), ("half", 24, "f64", "row"),
            ("interleaved", 6, "f32", "head")]
# What depends on the index of a key, or on values beyond those that are seen.
CLAUSES = ["causal", "causal_window", "window_0", "window_right", "kv_len", "garbage", "poison", "masks", "holes", "layouts"]


def appended(case, append):
    return {**case, "append": tuple(min(fresh, case["keys"]) for fresh in append)}


def step(shape, **more):
    """One token, or a chunk of them, behind a past: the queries are the last keys."""
    case = shaped(shape, causal=True, **more)
    fresh = case["queries"]
    return appended({**case, "offset": ("i64", [case["keys"] - fresh])}, (fresh, fresh))


class TestAppend:
    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in DTYPES])
    @pytest.mark.parametrize("append", APPENDS, ids=str)
    def test_parts(self, append, shape, dtype):
        verify(appended(shaped(shape, dtype=dtype), append), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("name", CLAUSES)
    def test_clauses(self, name, shape):
        dtype = ["f32", "bf16", "f16", "f64"][list(ALL_CLAUSES).index(name) % 4]  # as in test_attention_numerics
        verify(appended(clauses(name, shape, dtype=dtype), (5, 5)), TARGET)

    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in ("f32", "bf16")])
    def test_same_bits(self, shape, dtype):
        """Where the keys lie does not show in the result: blocks of keys are the same."""
        case = shaped(shape, dtype=dtype, causal=True, offset=("i64", [20]))
        whole, lse = call(build(case), TARGET)
        for append in APPENDS:
            parts = call(build(appended(case, append)), TARGET)
            np.testing.assert_array_equal(parts[0], whole)
            np.testing.assert_array_equal(parts[1], lse)

    @pytest.mark.parametrize("keys", [1, 16, 17, 32, 33, 96, 97, 256, 257, 1040, 1041])
    def test_ends(self, keys):
        """The first new token stands at every place of a block, and of a part of the keys."""
        verify(appended(shaped("few", keys=keys), (1, 1)), TARGET)

    @pytest.mark.parametrize("group", [1, 2, 4, 8, 32])
    @pytest.mark.parametrize("dynamic", [False, True, "lengths"])
    def test_groups(self, group, dynamic):
        verify(appended(shaped("few", kv_heads=1, group=group, batch=-(-64 // group), keys=799, dynamic=dynamic), (1, 1)), TARGET)

    @pytest.mark.parametrize("shape", ["few_split", "many"])
    def test_every_second_element(self, shape):
        verify(appended(shaped(shape, dynamic=False, strided=True), (3, 3)), TARGET)


NARROW = [("i8", "", "f32", False), ("i8", "h", "f32", False), ("i8", "bhs", "f32", True), ("u8", "bhs", "f16", True),
          ("i8", "hd", "f32", True), ("u8", "hd", "bf16", False), ("i8", "none", "f32", False), ("i8", "bhsd", "f32", True)]


class TestNarrow:
    """Caches that are widened as the kernel packs them."""
    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in DTYPES])
    @pytest.mark.parametrize("narrow", NARROW, ids=lambda n: "-".join(map(str, n)))
    def test_integers(self, narrow, shape, dtype):
        verify(shaped(shape, dtype=dtype, narrow=narrow), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("pair", [("f32", "f16"), ("f32", "bf16"), ("f64", "bf16")], ids=str)
    @pytest.mark.parametrize("letters", ["none", "bhs"])
    def test_floats(self, letters, pair, shape):
        verify(shaped(shape, dtype=pair[0], narrow=(pair[1], letters, "f32", False)), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("append", [(1, 1), (7, 0), (1, 40), (10**6, 10**6)], ids=str)
    @pytest.mark.parametrize("dtype", ["f32", "bf16"])
    def test_fresh_tokens(self, dtype, append, shape):
        verify(appended(shaped(shape, dtype=dtype, narrow=("i8", "bhs", "f32", True)), append), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("name", ["causal", "kv_len", "masks", "layouts"])
    def test_clauses(self, name, shape):
        for narrow in (("i8", "bhs", "f32", True), ("i8", "hd", "f32", False)):
            verify(clauses(name, shape, dtype="f32", narrow=narrow), TARGET)

    @pytest.mark.parametrize("shape", ["few_split", "many"])
    @pytest.mark.parametrize("more", [dict(strided=True), dict(dynamic=True), dict(dynamic="lengths"), dict(dim=33, value_dim=65)],
                             ids=str)
    def test_places(self, more, shape):
        verify(shaped(shape, **{"dynamic": False, "dtype": "f32", **more, "narrow": ("i8", "bhs", "f32", True)}), TARGET)

    @pytest.mark.parametrize("dead_row", ["zero", "nan", "uniform"])
    def test_dead_rows(self, dead_row):
        verify(shaped("few", dtype="f32", causal=True, offset=("i64", [-2]), dead_row=dead_row,
                      narrow=("i8", "h", "f32", False)), TARGET)


class TestRotary:
    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in DTYPES])
    @pytest.mark.parametrize("rotary", ROTARIES, ids=str)
    def test_kinds(self, rotary, shape, dtype):
        verify(shaped(shape, dtype=dtype, rotary=rotary), TARGET)

    @pytest.mark.parametrize("dim", [2, 33, 80, 128])
    @pytest.mark.parametrize("kind", ["half", "interleaved"])
    def test_dims(self, kind, dim):
        verify(shaped("many", dim=dim, rotary=(kind, dim // 2 * 2, "f32", "query")), TARGET)

    @pytest.mark.parametrize("dynamic", [False, True])
    def test_layouts(self, dynamic):
        verify(clauses("layouts", "many", dtype="f32", dynamic=dynamic, rotary=("half", 64, "f32", "batch")), TARGET)

    @pytest.mark.parametrize("shape", ["few_split", "many"])
    def test_every_second_element(self, shape):
        verify(shaped(shape, dynamic=False, strided=True, rotary=("half", 64, "f32", "query")), TARGET)


class TestStep:
    """What a decoder does: rotate, append, attend."""

    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in DTYPES])
    def test_dtypes(self, shape, dtype):
        verify(step(shape, dtype=dtype, rotary=("half", 64, "f32", "query")), TARGET)

    @pytest.mark.parametrize("group", [1, 3, 8, 32])
    def test_groups(self, group):
        verify(step("few_split", kv_heads=1, group=group, batch=-(-64 // group), rotary=("half", 64, "f32", "query")), TARGET)
