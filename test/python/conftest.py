"""What the Python tests share: the tools' folder, and the importer's command line."""

import os
import pathlib
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]

os.environ.setdefault("GQA_CACHE", "off")  # tests are of the compiler
# NumPy's sums, which errors are compared with, in the same order everywhere; a second thread spins where another test works.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tools():
    """The folder of gqa-opt and gqa-run: beside the environment (build/venv), or build/bin of the sources."""
    for folder in (pathlib.Path(sys.prefix).parent / "bin", SOURCE / "build" / "bin"):
        if (folder / "gqa-run").is_file():
            return folder
    raise FileNotFoundError("gqa-run not found; build the project first (tools/quickstart)")


@pytest.fixture(scope="session")
def kernel_cache(tmp_path_factory):
    """The environment of processes that share what they compile, where it is not the compiling that is tested."""
    return {"GQA_CACHE": "", "GQA_CACHE_DIR": str(tmp_path_factory.mktemp("kernels"))}


@pytest.fixture
def importer(tmp_path, monkeypatch, capfd):
    """Runs the importer's command line in an empty folder, in this process: torch takes seconds to load."""
    from gqa.importer.__main__ import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments):
        sys.modules.pop("models", None)  # each test writes its own
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        printed = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)
    return run
