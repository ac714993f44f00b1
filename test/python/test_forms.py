"""Attention as PyTorch code writes it: found by gqa-simplify, with the numbers that PyTorch computed."""

import json
import pathlib
import subprocess
import sys

import pytest
import torch

GRAPHS = pathlib.Path(__file__).resolve().parents[1] / "graphs"
sys.path.insert(0, str(GRAPHS))

from forms import FORMS, randn  # noqa: E402


class Form(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *arguments):
        return self.function(*arguments)


@pytest.mark.parametrize("name", FORMS)
def test_form(name, tools, tmp_path):
    import numpy as np
    from gqa.importer import linalg_of_program

    function, extra, want = FORMS[name]
    arguments = (randn(2, 6, 7, 16, seed=1), randn(2, 2, 7, 16, seed=2), randn(2, 2, 7, 16, seed=3), *extra)
    results = function(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    np.savez(tmp_path / "arrays.npz", **{f"arg{i}": x.numpy() for i, x in enumerate(arguments)},
             **{f"out{i}": x.numpy() for i, x in enumerate(results)})
    (tmp_path / "graph.mlir").write_text(linalg_of_program(torch.export.export(Form(function), arguments, strict=False)))

    def run(*command):
        done = subprocess.run([str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout

    run(tools / "gqa-opt", "graph.mlir", "--gqa-simplify=report=report.json", "-o", "simple.mlir")
    entry, = json.loads((tmp_path / "report.json").read_text())
    assert {key: entry.get(key) for key in want} == want
    run(tools / "gqa-run", "simple.mlir", "--inputs=arrays.npz", "--expect=arrays.npz")
