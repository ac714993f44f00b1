"""Attention kernels against float64, over random cases and over the cases that are known to be hard.

Tolerances are the rule of `reference.check`. Its base is an unfused evaluation, whose error is one sample of rounding
noise: samples are large enough to compare the largest of many errors (see attention_call), and scores that are large are
exact.

GQA_CAMPAIGN=N runs N random cases instead of 16; GQA_TARGET=cpu:x86-64-v3 compiles for another processor.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import attention_cases
from attention_call import call, check_case, compiled, verify
from attention_hard import CLAUSES, HEADS, SHAPES, SIZES, VALUES, clauses, shaped
from reference import from_bf16

TARGET = os.environ.get("GQA_TARGET", "cpu")
CASES = int(os.environ.get("GQA_CAMPAIGN", 16))
DTYPES = ["f32", "bf16", "f16", "f64"]
# Compiling takes most of the time: each clause in one type.
TYPE_OF = {name: DTYPES[n % 4] for n, name in enumerate(CLAUSES)}
# What distinguishes the processors' code: bounds, masks, the merge, values that are not finite, and narrow types.
ON_TARGETS = ["causal", "kv_len", "poison", "sinks"]
# What a score is added to or hidden by, for tiles of many rows: a number for each of them, for one query, head or key.
ADDED = {"own": (2, 6, 113, 113), "of_queries": (113, 113), "of_heads": (6, 1, 113), "of_keys": (2, 1, 1, 113), "of_rows": (113, 1)}
# Flags of /proc/cpuinfo: what a processor must have, said apart from what the compiler says.
FEATURES = {"cpu": "", "cpu:x86-64-v2": "ssse3 sse4_1 sse4_2 popcnt cx16", "cpu:x86-64-v3": "avx2 fma f16c bmi1 bmi2 movbe",
            "cpu:x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl"}


def has(target):
    """Whether this machine has the features of a target."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return set(FEATURES[target].split()) <= set(flags)


class TestHard:
    @pytest.mark.parametrize("shape, dtype", [(shape, dtype) for shape in SHAPES for dtype in ("f32", "bf16")] +
                             [(shape, dtype) for shape in ("few_split", "many") for dtype in ("f16", "f64")])
    @pytest.mark.parametrize("values", VALUES)
    def test_values(self, values, shape, dtype):
        if values == "logits_-524288" and dtype == "f16":
            values = "logits_-6e4"  # no number of f16; the unfused evaluation would hide every key
        verify(shaped(shape, dtype=dtype, **{} if values == "normal" else {"values": values}), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("name", CLAUSES)
    def test_clauses(self, name, shape):
        verify(clauses(name, shape, dtype=TYPE_OF[name]), TARGET)

    @pytest.mark.parametrize("dynamic", [False, "lengths"])
    @pytest.mark.parametrize("dtype, bias", zip(DTYPES, ("f64", "f32", "bf16", "f64")), ids=str)
    @pytest.mark.parametrize("added", ADDED)
    def test_added(self, added, dtype, bias, dynamic):
        """Blocks of keys, and the keys behind the last whole block."""
        mask = ADDED["of_keys" if added == "own" else "own"]
        verify(shaped("many", dtype=dtype, dynamic=dynamic, bias=(bias, ADDED[added]), mask=mask, dead_row="nan"), TARGET)

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("heads", HEADS, ids=str)
    def test_heads(self, heads, shape):
        group, dim, value_dim = heads
        more = dict(kv_heads=1, group=group, dim=dim, value_dim=value_dim, dtype=DTYPES[HEADS.index(heads) % 4])
        if shape == "many":  # a fair sample
            more["queries"] = max(100, 2048 // value_dim)
        verify(shaped(shape, **more), TARGET)

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, sizes):
        queries, keys = sizes
        batch = 5 if queries * keys < 20000 else 1
        verify(shaped("few", batch=batch, queries=queries, keys=keys, causal=True, offset=("i64", [keys - queries]),
                      dead_row="uniform"), TARGET)

    def test_no_batch(self):
        verify(shaped("many", batch=0), TARGET)

    @pytest.mark.parametrize("shape", ["few_split", "many"])
    def test_every_second_element(self, shape):
        verify(shaped(shape, dynamic=False, strided=True, dtype="f16"), TARGET)


class TestTargets:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("name", ON_TARGETS)
    @pytest.mark.parametrize("target", FEATURES)
    def test_hard(self, target, name, shape):
        case = clauses(name, shape, dtype=TYPE_OF[name])
        if has(target):
            verify(case, target)
            return
        with pytest.raises(ValueError, match=f"target '{target}' (needs the processor feature|is not a processor)"):
            compiled(attention_cases.build(case).text, target=target)

    def test_unknown(self):
        with pytest.raises(ValueError, match="'cpu:x86-64-v9' is not a processor that LLVM knows"):
            compiled(attention_cases.build(shaped("few")).text, target="cpu:x86-64-v9")


class TestRandom:
    @pytest.mark.parametrize("seed", range(CASES))
    def test_random(self, seed):
        verify(attention_cases.draw(np.random.default_rng(seed)), TARGET)


class TestCommandLine:
    """The same through gqa-run, whose arrays go through files."""

    @pytest.mark.parametrize("name, shape", [("masks", "many"), ("layouts", "few_split")])
    def test_run(self, name, shape, tools, tmp_path):
        dtype = TYPE_OF[name]
        program = attention_cases.build(clauses(name, shape, dtype=dtype))
        (tmp_path / "case.mlir").write_text(program.text)
        np.savez(tmp_path / "in.npz", **{f"arg{n}": value for n, value in enumerate(program.inputs)})
        subprocess.run([tools / "gqa-run", tmp_path / "case.mlir", f"--inputs={tmp_path / 'in.npz'}",
                        f"--outputs={tmp_path / 'out.npz'}", f"--target={TARGET}"], check=True, timeout=60)
        results = np.load(tmp_path / "out.npz")
        output = from_bf16(results["out0"]) if dtype == "bf16" else results["out0"]
        layout = program.case.get("layouts", ("bhsd",) * 4)[3]
        output = output.transpose([layout.index(letter) for letter in "bhsd"])
        check_case(program, output, results["out1"])
        np.testing.assert_array_equal(output, call(program, TARGET)[0])
