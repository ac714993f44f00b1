"""The numbers of cuBLASLt's and CUDA's interfaces as they are declared here, against NVIDIA's headers, if they are at hand: those of
the wheels nvidia-cublas-cu12 and nvidia-cuda-runtime-cu12, of a toolkit, or in the folders of CPATH."""

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"cublasLt.h": ["lib/Runtime/Cuda/CublasLt.h", "test/emulator/Blas/CublasLt.h"],
        "cuda.h": ["lib/Runtime/Cuda/Driver.h", "test/emulator/Driver/Cuda.h"]}
BESIDE = {"cublasLt.h": ["cublas_api.h", "library_types.h"], "cuda.h": []}  # headers with the rest of the numbers


def folders():
    places = [Path(entry) for entry in os.environ.get("CPATH", "").split(":") if entry] + [Path("/usr/local/cuda/include")]
    return places + [folder for entry in sys.path for folder in Path(entry or ".").glob("nvidia/*/include")]


def constants(text):
    """The enumerators of a header with their values, those without one counted on from the one before."""
    text, found = re.sub(r"/\*.*?\*/|//[^\n]*|^ *#[^\n]*", "", text, flags=re.DOTALL | re.MULTILINE), {}
    for body in re.findall(r"\benum\b[^{;]*\{([^}]*)\}", text):
        value = -1
        for name, number in re.findall(r"(\w+)\s*(?:=\s*([^,]+?)\s*)?(?:,|$)", body):
            value = value + 1 if not number else int(number, 0) if re.fullmatch(r"-?\d+|0x[0-9a-fA-F]+", number) else None
            if value is None:
                break  # a shift or another name: none that is used here comes behind it
            found[name] = value
    return found


def theirs(header):
    found = {}
    for name in [header, *BESIDE[header]]:
        path = next((folder / name for folder in folders() if (folder / name).is_file()), None)
        if path is None:
            pytest.skip(f"there is no {name}")
        found |= constants(path.read_text(errors="replace"))
    return found


@pytest.mark.parametrize("header", OURS)
def test_numbers(header):
    known = theirs(header)
    for path in OURS[header]:
        ours = constants((ROOT / path).read_text())
        assert len(ours) > 20 and ours.keys() <= known.keys(), ours.keys() - known.keys()
        assert {name: known[name] for name in ours} == ours, path
