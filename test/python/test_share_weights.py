"""The functions of test/Share/equal-heads.mlir compute the same before and after their heads are shared."""

import pathlib
import re
import subprocess

import numpy as np
import pytest

FILE = pathlib.Path(__file__).resolve().parents[1] / "Share" / "equal-heads.mlir"
NAMES = re.findall(r"func\.func @(\w+)", FILE.read_text())


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_numbers_stay(name, tools, tmp_path):
    random = np.random.default_rng(0)
    x, angles = random.standard_normal((3, 4), dtype=np.float32), random.standard_normal((3, 1), dtype=np.float32)
    arrays = {"arg0": x, "arg1": np.cos(angles), "arg2": np.sin(angles)}
    np.savez(tmp_path / "in.npz", **dict(list(arrays.items())[: 3 if "rotary" in name else 1]))
    run(tools / "gqa-opt", FILE, "--gqa-share-kv", "-o", tmp_path / "shared.mlir")
    inputs, function = f"--inputs={tmp_path / 'in.npz'}", f"--function={name}"
    run(tools / "gqa-run", FILE, inputs, function, "--reference", f"--outputs={tmp_path / 'out.npz'}")
    run(tools / "gqa-run", tmp_path / "shared.mlir", inputs, function, "--no-simplify", f"--expect={tmp_path / 'out.npz'}",
        "--tolerance=2e-6")
