"""The schedule for AMX with its tile instructions emulated, against float64: what the schedule does with bounds, masks and
values must hold wherever it runs. Head dimensions of 64 and 80 fill whole tile registers; others leave a narrower one."""

import os

import pytest

from attention_call import verify
from attention_hard import VALUES, clauses, shaped

TARGET = os.environ.get("GQA_TARGET", "cpu+emulate-amx")
# What reaches the schedule: bounds, masks and hidden values. Each is compiled, which takes most of the time.
CLAUSES = ["causal", "causal_window", "window_1", "kv_len", "garbage", "poison", "sinks", "masks", "layouts"]
DIMS = [(2, 128, 128), (8, 96, 80), (5, 32, 48), (3, 80, 80), (4, 72, 72), (2, 18, 9), (5, 46, 130)]  # group, D, Dv


@pytest.mark.parametrize("shape", ["many", "many_split"])
@pytest.mark.parametrize("name", CLAUSES)
def test_clauses(name, shape):
    verify(clauses(name, shape, dtype="bf16"), TARGET)


@pytest.mark.parametrize("values", VALUES)
def test_values(values):
    verify(shaped("many", dtype="bf16", **{} if values == "normal" else {"values": values}), TARGET)


@pytest.mark.parametrize("dims", DIMS, ids=str)
def test_dims(dims):
    group, dim, value_dim = dims
    verify(shaped("many", dtype="bf16", kv_heads=1, group=group, dim=dim, value_dim=value_dim, dynamic=False, causal=True,
                  offset=("i64", [0])), TARGET)


@pytest.mark.parametrize("keys", [31, 32, 33, 64, 127, 129, 1025])
def test_ends_of_keys(keys):
    """Keys and values behind the last key are NaN, in its panel and behind it."""
    verify(shaped("many", dtype="bf16", keys=keys + 40, kv_len=("i64", [keys]), values="garbage"), TARGET)


# One tile for all rows of a head: it makes its own panels.
@pytest.mark.parametrize("case", [dict(group=16), dict(group=33, dim=128, batch=1, keys=799),
                                  dict(group=17, values="garbage", kv_len=("i64", [50]))], ids=str)
def test_large_groups(case):
    verify(shaped("few", **{**dict(dtype="bf16", dynamic=False, kv_heads=1), **case}), TARGET)


def test_strided():
    verify(shaped("many", dtype="bf16", dynamic=False, strided=True), TARGET)


# New tokens behind a cache: where they meet, keys are joined in front of tile registers and of panels.
@pytest.mark.parametrize("case", [
    dict(shape="many"), dict(shape="many_split"), dict(shape="many", append=(113, 113)), dict(shape="many", append=(0, 31)),
    dict(shape="many_split", append=(65, 65), causal=True, offset=("i64", [734]), rotary=("half", 64, "f32", "query")),
    dict(shape="many", kv_len=("i64", [50, 111]), values="garbage"), dict(shape="few", kv_heads=1, group=33, dynamic=False),
    dict(shape="few_split", kv_heads=1, group=16, rotary=("interleaved", 32, "bf16", "head"), dynamic=False)], ids=str)
def test_appended(case):
    verify(shaped(**{"append": (3, 3), **case, "dtype": "bf16"}), TARGET)


@pytest.mark.parametrize("lse", [False, True])
@pytest.mark.parametrize("shape", ["few", "many", "many_split"])
def test_rotated(shape, lse):
    """Rotated queries become bf16, unless the caller gets lse."""
    sees = dict(window=(1, 1), offset=("i64", [20])) if lse else {}  # of few keys lse has the error of a score
    verify(shaped(shape, dtype="bf16", dynamic=False, lse=lse, rotary=("half", 64, "f32", "query"), **sees), TARGET)
