"""The exported graphs in test/graphs: what is found in them, and that numbers stay what the framework computed."""

import json
import pathlib
import subprocess

import pytest

GRAPHS = pathlib.Path(__file__).resolve().parents[1] / "graphs"
CASES = json.loads((GRAPHS / "cases.json").read_text())


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)


def assert_numbers(tools, graph, name, *more):
    arrays = GRAPHS / f"{name}.npz"
    done = run(tools / "gqa-run", graph, f"--inputs={arrays}", f"--expect={arrays}", *more)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("name", CASES)
def test_report_and_numbers_after_sharing(name, tools, tmp_path):
    shared, report = tmp_path / f"{name}.mlir", tmp_path / "report.json"
    done = run(tools / "gqa-opt", GRAPHS / f"{name}.mlir", f"--gqa-simplify=report={report}", "-o", shared)
    assert done.returncode == 0, done.stderr
    raised = [entry for entry in json.loads(report.read_text()) if entry["status"] == "raised"]
    assert [{key: entry.get(key) for key in want} for want, entry in zip(CASES[name], raised)] == CASES[name]
    assert len(raised) == len(CASES[name])
    weights = GRAPHS / f"{name}.safetensors"
    if weights.exists():  # the sidecar is found beside the graph
        (tmp_path / weights.name).symlink_to(weights)
    assert_numbers(tools, shared, name)


@pytest.mark.parametrize("name", CASES)
def test_numbers(name, tools):
    assert_numbers(tools, GRAPHS / f"{name}.mlir", name)


@pytest.mark.parametrize("name", CASES)
def test_numbers_of_the_reference(name, tools):
    assert_numbers(tools, GRAPHS / f"{name}.mlir", name, "--reference")


def test_wrong_expectation_is_noticed(tools):
    """The comparison above can fail."""
    done = run(tools / "gqa-run", GRAPHS / "llama_prefill_eager.mlir", f"--inputs={GRAPHS / 'llama_prefill_eager.npz'}",
               f"--expect={GRAPHS / 'llama_prefill_sdpa.npz'}", "--tolerance=1e-12")
    assert done.returncode == 1, done.stderr + done.stdout
