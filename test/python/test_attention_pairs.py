"""The schedules for processors that multiply pairs of bf16 numbers in vectors, with that instruction emulated, against float64:
what they do with bounds, masks, hidden values and odd sizes must hold wherever they run. GQA_TARGET=cpu tries the instruction
itself where there is one."""

import os

import pytest

from attention_call import verify
from attention_hard import VALUES, clauses, shaped

TARGET = os.environ.get("GQA_TARGET", "cpu+emulate-pairs")
CLAUSES = ["causal", "causal_window", "kv_len", "garbage", "poison", "sinks", "masks", "layouts"]


@pytest.mark.parametrize("shape", ["few", "few_split", "many"])
@pytest.mark.parametrize("name", CLAUSES)
def test_clauses(name, shape):
    verify(clauses(name, shape, dtype="bf16", value_dim=64), TARGET)


@pytest.mark.parametrize("shape", ["few", "many"])
@pytest.mark.parametrize("values", VALUES)
def test_values(values, shape):
    verify(shaped(shape, dtype="bf16", value_dim=64, **{} if values == "normal" else {"values": values}), TARGET)


# Vectors of scores hold one, two, four keys and more; of three and five rows some lanes have none.
@pytest.mark.parametrize("dims", [(2, 64, 64), (3, 32, 128), (4, 128, 32), (5, 64, 64), (7, 96, 64), (8, 256, 128)], ids=str)
def test_groups(dims):
    group, dim, value_dim = dims
    verify(shaped("few", dtype="bf16", kv_heads=2, group=group, dim=dim, value_dim=value_dim, dynamic=False), TARGET)


# Of many rows, head dimensions need not be whole registers: what is left of a sum over 32 is a shorter one, and panels of
# values have room for rows that are none.
@pytest.mark.parametrize("dims", [(80, 80), (72, 72), (40, 24), (18, 6), (112, 130), (2, 16), (46, 17)], ids=str)
def test_dims_of_many_rows(dims):
    dim, value_dim = dims
    verify(shaped("many", dtype="bf16", dim=dim, value_dim=value_dim, queries=max(113, 2048 // value_dim), values="garbage",
                  kv_len=("i64", [97, 112])), TARGET)


@pytest.mark.parametrize("keys", [1, 2, 31, 32, 33, 47, 49, 129])
def test_ends_of_keys(keys):
    """Keys and values behind the last key are NaN; the last key may have no partner."""
    verify(shaped("few", dtype="bf16", kv_heads=2, group=4, value_dim=64, dynamic=False, keys=keys + 40, kv_len=("i64", [keys]), values="garbage"),
           TARGET)


@pytest.mark.parametrize("case", [
    dict(shape="few"), dict(shape="few", append=(0, 31)), dict(shape="few_split", rotary=("half", 64, "f32", "query")),
    dict(shape="few", kv_heads=1, group=33), dict(shape="few", strided=True)], ids=str)
def test_appended(case):
    verify(shaped(**{"append": (3, 3), "dynamic": False, "value_dim": 64, **case, "dtype": "bf16"}), TARGET)


@pytest.mark.parametrize("lse", [False, True])
@pytest.mark.parametrize("shape", ["few", "many", "many_split"])
def test_rotated(shape, lse):
    """Rotated queries become bf16, unless the caller gets lse."""
    sees = dict(window=(1, 1), offset=("i64", [20])) if lse else {}  # of few keys lse has the error of a score
    verify(shaped(shape, dtype="bf16", dynamic=False, lse=lse, rotary=("half", 64, "f32", "query"), **sees), TARGET)
