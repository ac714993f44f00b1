"""Attention as PyTorch code writes it: found by gqa-simplify, with the numbers that PyTorch computed."""

import json
import pathlib
import subprocess
import sys

import pytest
import torch

from form import Form

GRAPHS = pathlib.Path(__file__).resolve().parents[1] / "graphs"
sys.path.insert(0, str(GRAPHS))

import cache_forms  # noqa: E402, F401 - registers its forms
from forms import FORMS, randn  # noqa: E402
from model_forms import MODEL_FORMS  # noqa: E402


def check(function, arguments, wanted, tools, folder):
    import numpy as np
    from gqa.importer import linalg_of_program

    with torch.no_grad():
        results = function(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    np.savez(folder / "arrays.npz", **{f"arg{i}": x.numpy() for i, x in enumerate(arguments)},
             **{f"out{i}": x.numpy() for i, x in enumerate(results)})
    (folder / "graph.mlir").write_text(linalg_of_program(torch.export.export(Form(function), arguments, strict=False)))

    def run(*command):
        done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout

    run(tools / "gqa-opt", "graph.mlir", "--gqa-simplify=report=report.json", "-o", "simple.mlir")
    entries = json.loads((folder / "report.json").read_text())
    raised = [entry for entry in entries if entry["status"] == "raised"]
    assert [{key: entry.get(key) for key in want} for want, entry in zip(wanted, raised)] == wanted
    assert len(raised) == len(wanted)
    run(tools / "gqa-run", "simple.mlir", "--inputs=arrays.npz", "--expect=arrays.npz")
    return entries


@pytest.mark.parametrize("name", FORMS)
def test_form(name, tools, tmp_path):
    function, extra, want = FORMS[name]
    arguments = (randn(2, 6, 7, 16, seed=1), randn(2, 2, 7, 16, seed=2), randn(2, 2, 7, 16, seed=3), *extra)
    assert len(check(function, arguments, [want], tools, tmp_path)) == 1


@pytest.mark.parametrize("name", MODEL_FORMS)
def test_model_form(name, tools, tmp_path):
    check(*MODEL_FORMS[name], tools, tmp_path)


def test_scores_that_are_all_infinite(tools, tmp_path):
    """Softmax makes NaN of them, although every key is visible by its position."""
    def attend(q, k, v):
        return torch.softmax(q @ k.transpose(-1, -2) * 0.25, -1) @ v

    q, k, v = randn(2, 6, 7, 16, seed=1), -randn(2, 6, 9, 16, seed=2).abs(), randn(2, 6, 9, 16, seed=3)
    q[0, 0, 3] = torch.inf
    assert attend(q, k, v)[0, 0, 3].isnan().all()
    check(attend, (q, k, v), [{"status": "raised", "dead_row": "nan"}], tools, tmp_path)
