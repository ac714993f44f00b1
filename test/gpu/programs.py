"""The package beside this file: its manifest, its runtime, and the programs in it on a GPU."""

import contextlib
import json
import os
from pathlib import Path

import numpy as np

import suite
from attention_cases import build
from attention_check import check_case
from gqa._program import Array, Program, Runtime
from reference import from_bf16

FOLDER = Path(__file__).resolve().parent


def manifest():
    return json.loads((FOLDER / "manifest.json").read_text())


def packed(part, chip):
    """The names of a part's items for a chip, as 90 for sm_90."""
    if part == "vectors":
        return [name for name, vector in suite.VECTORS.items() if vector.fits(chip)]
    if part in suite.UNPACKED:
        return suite.names(part)
    return [entry["name"] for entry in manifest()["programs"] if entry["part"] == part]


def runtime():
    return Runtime(FOLDER / "lib" / "libgqa_cuda.so")


def bring_blas():
    """Lets the runtime find torch's cuBLASLt, if there is torch and no other one is named: it looks once torch is loaded."""
    if not os.environ.get("GQA_CUBLASLT"):
        with contextlib.suppress(ImportError):
            import torch  # noqa: F401


FORCED = os.environ.get("GQA_CUDA_FORCE_PTX") == "1"  # by the caller; the suite itself changes the variable


def images():
    """The kinds of code to try: the chip's own, if the driver may take it, and the PTX that the driver compiles."""
    return ["ptx"] if FORCED else ["cubin", "ptx"]


class Attention:
    """A program of the numeric suite or of the races with its inputs on the GPU. Raises ValueError for a stale package."""

    def __init__(self, runtime, part, name):
        self.case = build(suite.attention(part, name))
        entry = next(e for e in manifest()["programs"] if (e["part"], e["name"]) == (part, name))
        if entry["text"] != suite.digest(self.case.text):
            raise ValueError(f"the package's {part}-{name} is not of this test's module; pack again")
        self.runtime, self.program = runtime, Program(runtime, FOLDER / "programs" / f"{part}-{name}.so")
        self.inputs = [self.program.place(i, value) for i, value in enumerate(self.case.inputs)]
        self.outputs = [Array(runtime, shape, kind["dtype"]) for shape, kind in zip(self._shapes(), self.program.outputs)]

    def _shapes(self):
        case = self.case.case
        sizes = dict(b=case["batch"], h=case["kv_heads"] * case["group"], s=case["queries"], d=case["value_dim"])
        self.layout = case.get("layouts", ("bhsd",) * 4)[3]
        return [[sizes[letter] for letter in letters] for letters in (self.layout, "bhs")]

    def launch(self, beside=lambda: None):
        """Runs it and returns the results as NumPy arrays, bf16 as bits; `beside` queues other work in another stream just before.

        Raises CudaError.
        """
        for output in self.outputs:
            output.poison()
        beside()
        self.program(self.inputs, self.outputs)
        self.runtime.synchronize()
        return [output.numpy() for output in self.outputs]

    def replay(self, launches=3):
        """The same as a CUDA graph that is launched so often: the results of the last launch."""
        graph = self.runtime.capture(lambda stream: self.program(self.inputs, self.outputs, stream))
        for _ in range(launches):
            for output in self.outputs:
                output.poison()
            graph.launch()
        self.runtime.synchronize()
        return [output.numpy() for output in self.outputs]

    def check(self, results):
        """Raises AssertionError if the results break the rule of attention_check."""
        values = [from_bf16(result) if kind["dtype"] == "bf16" else result
                  for result, kind in zip(results, self.program.outputs)]
        output = np.transpose(values[0], [self.layout.index(letter) for letter in "bhsd"])
        check_case(self.case, output, values[1] if len(values) > 1 else None)

    def close(self):
        self.program.close()
