"""`gqa-lower-to-reference` against NumPy's definition: every clause, any shape, and the inputs that break kernels."""

import numpy as np
import pytest
import torch

import gqa
from cases import SCORES, add_score, base_case, random_case
from reference import attention, rounded

TORCH = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def call(text, arrays, types, reference=True):
    """Compiles and calls `main`, which must leave its arguments alone; results as float64 arrays."""
    tensors = [torch.from_numpy(np.array(array)) for array in arrays]
    tensors = [x.to(TORCH[kind]) if kind in TORCH else x for x, kind in zip(tensors, types)]
    before = [x.clone() for x in tensors]
    results = gqa.compile(text, reference=reference)(*tensors)
    assert all(torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in zip(tensors, before))
    results = results if isinstance(results, (tuple, list)) else [results]
    return [np.asarray(torch.as_tensor(x).double()) for x in results]


def assert_rounded(out, ref, dtype, scale=1.0):
    """`out` is `ref` rounded once: half a unit in the last place, and what float64 itself loses on values like scale."""
    expected = rounded(ref, dtype)
    special = ~np.isfinite(expected) | ~np.isfinite(out)
    np.testing.assert_array_equal(out[special], expected[special])
    unit = np.spacing(np.abs(expected[~special])).astype(np.float64) * (2.0 ** 16 if dtype == "bf16" else 1)
    error = np.abs(out[~special] - ref[~special])
    allowed = 1e-12 * np.maximum(scale, np.abs(ref[~special])) + (0 if dtype == "f64" else unit / 2)
    assert (error <= allowed).all(), f"largest excess {np.max(error - allowed)}"


def check(case):
    out, lse = call(case.text(), [case.argument(name) for name in case.arrays], case.types.values())
    arrays = [case.arrays[name] for name in "qkv"]
    ref, ref_lse = attention(*arrays, **case.options)
    largest = np.max(np.abs(arrays[2]), where=np.isfinite(arrays[2]), initial=1.0)
    assert_rounded(case.from_output(out), ref, case.dtype, float(largest))
    assert_rounded(lse, ref_lse, "f64" if case.dtype == "f64" else "f32")


@pytest.mark.parametrize("seed", range(100))
def test_random(seed):
    check(random_case(seed))


@pytest.mark.parametrize("dtype", ["f64", "f32"])
@pytest.mark.parametrize("name", SCORES)
def test_score_region(name, dtype):
    rng = np.random.default_rng(1)
    case = base_case(rng, dtype, 2, 2, 3, 4, 5, 8, 6)
    add_score(case, name, rng)
    check(case)


@pytest.mark.parametrize("logit", [6e4, -6e4, -524288.0])
def test_huge_equal_logits_give_the_mean(logit):
    case = base_case(np.random.default_rng(2), "f32", 1, 1, 2, 3, 5, 1, 4)
    case.arrays["q"][:], case.arrays["k"][:] = logit, 1
    out, lse = call(case.text(), case.arrays.values(), case.types.values())
    assert_rounded(out, np.broadcast_to(case.arrays["v"].astype(np.float64).mean(axis=2, keepdims=True), out.shape), "f32")
    assert_rounded(lse, np.full(lse.shape, logit + np.log(5)), "f32", abs(logit))


def test_one_huge_key_takes_all():
    case = base_case(np.random.default_rng(3), "f16", 1, 2, 3, 2, 7, 8, 5)
    case.arrays["q"] = np.abs(case.arrays["q"])
    case.arrays["k"][:, :, 4] = 6e4
    out, _ = call(case.text(), case.arrays.values(), case.types.values())
    np.testing.assert_array_equal(out, np.broadcast_to(case.arrays["v"][:, :, 4:5].repeat(3, axis=1), out.shape))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_garbage_beyond_kv_len_does_not_leak(poison):
    case = base_case(np.random.default_rng(4), "f32", 2, 2, 3, 4, 6, 8, 5)
    clean = attention(*(case.arrays[name][:, :, :3] if name != "q" else case.arrays[name] for name in "qkv"))
    case.arrays["k"][:, :, 3:], case.arrays["v"][:, :, 3:] = poison, poison
    case.arrays["kv_len"], case.types["kv_len"] = np.array([3], np.int64), "i64"
    case.clauses.append("kv_len(%kv_len)")
    out, lse = call(case.text(), case.arrays.values(), case.types.values())
    assert_rounded(out, clean[0], "f32")
    assert_rounded(lse, clean[1], "f32")


def test_visible_nan_poisons_its_row_only():
    case = base_case(np.random.default_rng(5), "f32", 1, 1, 2, 5, 5, 8, 5)
    case.arrays["k"][0, 0, 3, 2] = np.nan
    case.clauses.append("causal")
    out, lse = call(case.text(), case.arrays.values(), case.types.values())
    assert np.isnan(out[:, :, 3:]).all() and np.isnan(lse[:, :, 3:]).all()
    assert np.isfinite(out[:, :, :3]).all() and np.isfinite(lse[:, :, :3]).all()


@pytest.mark.parametrize("dead_row", ["zero", "nan", "uniform"])
def test_dead_rows(dead_row):
    case = base_case(np.random.default_rng(6), "f64", 1, 1, 2, 3, 4, 8, 5)
    case.clauses += ["causal", "offset(-2)", f"dead_row({dead_row})"]
    out, lse = call(case.text(), case.arrays.values(), case.types.values())
    mean = case.arrays["v"].mean(axis=2, keepdims=True)
    want = {"zero": np.zeros_like(mean), "nan": np.full_like(mean, np.nan), "uniform": mean}[dead_row]
    np.testing.assert_allclose(out[:, :, :2], np.broadcast_to(want, out[:, :, :2].shape), rtol=1e-14)
    assert np.isneginf(lse[:, :, :2]).all()


def test_a_sink_keeps_rows_alive():
    case = base_case(np.random.default_rng(7), "f64", 1, 1, 2, 3, 4, 8, 5)
    case.arrays["sinks"], case.types["sinks"] = np.array([0.5, -1]), "f64"
    case.clauses += ["causal", "offset(-3)", "sinks(%sinks)", "dead_row(nan)"]
    out, lse = call(case.text(), case.arrays.values(), case.types.values())
    assert not out.any()
    np.testing.assert_array_equal(lse, np.broadcast_to([[[0.5], [-1]]], lse.shape))


@pytest.mark.parametrize("queries, keys", [(113, 239), (1, 799)])
def test_longer(queries, keys):
    case = base_case(np.random.default_rng(8), "bf16", 1, 1, 3, queries, keys, 80, 33)
    check(case)
