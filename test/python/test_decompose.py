"""gqa-decompose: an attention in linalg operations computes what the attention does, over the random cases of
attention_cases, and every clause on its own. `gqa-run --no-simplify` keeps it from being recognised again.
"""

import os
import subprocess

import numpy as np
import pytest

import attention_cases
from attention_call import check_case
from attention_hard import CLAUSES, clauses, shaped
from reference import from_bf16
from test_attention_numerics import TYPE_OF

CASES = int(os.environ.get("GQA_CAMPAIGN", 8))


def run(program, tools, folder):
    """(output in logical order, lse or None) of the program, decomposed."""
    (folder / "case.mlir").write_text(program.text)
    subprocess.run([tools / "gqa-opt", folder / "case.mlir", "--gqa-decompose", "-o", folder / "linalg.mlir"], check=True, timeout=60)
    assert "gqa." not in (folder / "linalg.mlir").read_text()
    np.savez(folder / "in.npz", **{f"arg{n}": value for n, value in enumerate(program.inputs)})
    subprocess.run([tools / "gqa-run", folder / "linalg.mlir", "--no-simplify", f"--inputs={folder / 'in.npz'}",
                    f"--outputs={folder / 'out.npz'}"], check=True, timeout=120)
    results = np.load(folder / "out.npz")
    output = from_bf16(results["out0"]) if program.case["dtype"] == "bf16" else results["out0"]
    layout = program.case.get("layouts", ("bhsd",) * 4)[3]
    return output.transpose([layout.index(letter) for letter in "bhsd"]), results.get("out1")


def verify(case, tools, folder):
    if {"mask", "bias", "kv_len", "offset"} & set(case):  # a dimension of unknown size has the full size; these broadcast
        case["dynamic"] = False
    print(case)
    program = attention_cases.build(case)
    check_case(program, *run(program, tools, folder))


@pytest.mark.parametrize("name", CLAUSES)
def test_clauses(name, tools, tmp_path):
    verify(clauses(name, "few", dtype=TYPE_OF[name]), tools, tmp_path)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (1, 1), (3, 113)], ids=str)
def test_sizes(sizes, tools, tmp_path):
    queries, keys = sizes
    for dead_row in ("zero", "nan", "uniform"):
        verify(shaped("few", batch=2, queries=queries, keys=keys, causal=True, offset=("i64", [keys - queries]),
                      dead_row=dead_row), tools, tmp_path)


@pytest.mark.parametrize("seed", range(CASES))
def test_random(seed, tools, tmp_path):
    verify(attention_cases.draw(np.random.default_rng(seed)), tools, tmp_path)
