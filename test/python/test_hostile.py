"""Graphs that look like attention and are not: left alone with a reason, or raised as what they are, always with the numbers
of PyTorch."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from form import Form

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "graphs"))

from hostile import HOSTILE, arguments  # noqa: E402


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name, tools, tmp_path):
    from gqa.importer import linalg_of_program

    inputs = arguments()
    function, raised = HOSTILE[name]
    result = function(*inputs)
    np.savez(tmp_path / "arrays.npz", **{f"arg{i}": x.numpy() for i, x in enumerate(inputs)}, out0=result.numpy())
    program = torch.export.export(Form(function), inputs, strict=False)
    (tmp_path / "graph.mlir").write_text(linalg_of_program(program))

    def run(*command):
        done = subprocess.run([str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    explained = run(tools / "gqa-run", "graph.mlir", "--explain")
    run(tools / "gqa-run", "graph.mlir", "--report=report.json", "--inputs=arrays.npz", "--expect=arrays.npz")
    entries = json.loads((tmp_path / "report.json").read_text())
    assert [entry["status"] for entry in entries].count("raised") == raised
    for entry in entries:
        if entry["status"] == "declined":
            assert entry["reason"] in explained and entry["location"]
    if not raised:
        assert entries, "nothing is said about it"
