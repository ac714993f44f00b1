"""Attention through gqa-run against float64, over random cases and over the cases that are known to be hard.

Tolerances are the rule of `reference.check`. Its base is an unfused evaluation, whose error is one sample of rounding
noise: heads are large enough to compare the largest of many errors, and scores that are large are exact.

GQA_CAMPAIGN=N runs N random cases instead of 24; GQA_TARGET=cpu:x86-64-v3 compiles for another processor.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import attention_cases
from reference import attention, check, check_lse, from_bf16, largest_score, unfused

RUN = os.environ.get("GQA_RUN") or shutil.which(
    "gqa-run", path=str(Path(__file__).parents[2] / "build" / "bin") + os.pathsep + os.environ["PATH"])
TARGET = os.environ.get("GQA_TARGET", "cpu")
CASES = int(os.environ.get("GQA_CAMPAIGN", 24))


def check_case(program, output, lse):
    """Asserts that an output, in logical order, and lse (or None) are those of a program of attention_cases."""
    (q, k, v), dtype, options = program.qkv, program.case["dtype"], program.options
    ref, ref_lse = attention(q, k, v, **options)
    check(output, ref, unfused(q, k, v, dtype, **options)[0], dtype)
    if lse is not None:
        check_lse(lse, ref_lse, dtype, largest_score(q, k, **options))


def run(program, directory):
    """(output in logical order, lse or None) from gqa-run."""
    assert RUN, "gqa-run is not built; build it, or name it by GQA_RUN"
    (directory / "case.mlir").write_text(program.text)
    np.savez(directory / "in.npz", **{f"arg{n}": value for n, value in enumerate(program.inputs)})
    subprocess.run([RUN, directory / "case.mlir", f"--inputs={directory / 'in.npz'}",
                    f"--outputs={directory / 'out.npz'}", f"--target={TARGET}"], check=True, timeout=60)
    results = np.load(directory / "out.npz")
    output = results["out0"]
    if program.case["dtype"] == "bf16":
        output = from_bf16(output)
    layout = program.case.get("layouts", ("bhsd",) * 4)[3]
    return output.transpose([layout.index(letter) for letter in "bhsd"]), results.get("out1")


def verify(case, directory):
    print(case)
    program = attention_cases.build(case)
    check_case(program, *run(program, directory))


BASE = dict(dtype="f32", batch=2, kv_heads=2, group=3, queries=17, keys=65, dim=32, value_dim=32, dynamic=False, seed=1,
            lse=True, strided=False)

HARD = {
    "one_key": dict(keys=1),
    "three_queries": dict(queries=3, keys=113, causal=True, offset=("constant", 110)),
    "no_keys": dict(keys=0, dead_row="zero"),
    "no_keys_nan": dict(keys=0, dead_row="nan"),
    "no_queries": dict(queries=0),
    "no_batch": dict(batch=0),
    "odd_dims": dict(queries=600, dim=33, value_dim=7),
    "one_value_dim": dict(queries=130, dim=24, value_dim=1),
    "decode_group_16": dict(queries=1, group=16, keys=239),
    "many_tiles": dict(queries=130, keys=239, causal=True, offset=("constant", 109)),
    "more_queries_than_keys": dict(queries=65, keys=17, causal=True, offset=("constant", 0), dead_row="uniform"),
    "negative_offset": dict(causal=True, offset=("i64", [-3, 70]), dead_row="nan"),
    "window_0": dict(window=(0, 0), offset=("constant", 48)),
    "window_1": dict(window=(1, 1), offset=("i32", [48])),
    "kv_len_beyond": dict(kv_len=("i32", [-4, 1000]), dead_row="uniform"),
    "equal_logits": dict(values="equal"),
    "large_logits": dict(dim=64, values="large"),
    "one_huge_key": dict(dim=64, values="one_huge"),
    "poison": dict(values="poison", causal=True, offset=("constant", 20)),
    "poison_bf16": dict(values="poison", dtype="bf16", kv_len=("i64", [40, 3])),
    "sinks": dict(sinks="f32", kv_len=("i64", [0, 30])),
    "softcap_f64": dict(dtype="f64", softcap=5.0),
    "scale_zero": dict(scale=("constant", 0.0)),
    "everything_dynamic": dict(dynamic=True, score="alibi", mask=(6, 1, 65), bias=("f16", (2, 1, 17, 1)),
                               layouts=("bshd", "bhds", "sbhd", "dshb"), dtype="f16"),
}


class TestAttention:
    @pytest.mark.parametrize("name", HARD)
    def test_hard(self, name, tmp_path):
        verify({**BASE, **HARD[name]}, tmp_path)

    @pytest.mark.parametrize("seed", range(CASES))
    def test_random(self, seed, tmp_path):
        verify(attention_cases.draw(np.random.default_rng(seed)), tmp_path)
