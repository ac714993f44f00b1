"""gqa's own programs: from a package of tools/gpu-check, without a compiler, or compiled here.

Both say what is missing ("" if nothing is), describe the GPU and prepare a case: `prepare(case, sets, device)` is call(i),
which computes set i and returns its output as a torch tensor.
"""

import json
from pathlib import Path

import torch

from ..buffers import TORCH
from ..errors import Unavailable, Unusable

NAMES = {dtype: name for name, dtype in TORCH.items()}


class Packed:
    """Programs of a package, whose manifest.json lists them. Raises Unusable for a folder that is none."""

    def __init__(self, folder):
        from gqa._program import Runtime

        self.folder = Path(folder)
        if not (self.folder / "manifest.json").is_file():
            raise Unusable(f"{folder} is no package of tools/gpu-check: it has no manifest.json")
        self.runtime = Runtime(self.folder / "lib" / "libgqa_cuda.so")
        self.names = {entry["name"] for entry in json.loads((self.folder / "manifest.json").read_text())["programs"]
                      if entry["part"] == "bench"}

    def missing(self):
        return self.runtime.missing()

    def describe(self):
        return self.runtime.describe()

    def prepare(self, case, sets, device):
        from gqa._program import Array, Program

        if case.name not in self.names:
            raise Unavailable("the package has no program for this case")
        program = Program(self.runtime, self.folder / "programs" / f"bench-{case.name}.so")
        if device.has_torch:
            output = torch.empty_like(sets[0][0], dtype=TORCH[case.dtype])

            def call(i):
                program(sets[i], [output], device.stream())
                return output
            return call
        copies = [[Array.of(self.runtime, _bits(x).numpy(), NAMES[x.dtype]) for x in each] for each in sets]
        result = Array(self.runtime, sets[0][0].shape, case.dtype)

        def call_and_copy(i):
            program(copies[i], [result])
            return torch.from_numpy(result.numpy().copy()).view(TORCH[case.dtype])
        return call_and_copy


class Compiled:
    """gqa.compile of one gqa.attention for each case."""

    def __init__(self):
        from gqa import _native

        self.library = _native.library()

    def missing(self):
        return str(self.library["cuda_error"]())

    def describe(self):
        return json.loads(str(self.library["cuda_describe"]()))

    def prepare(self, case, sets, device):
        import tvm_ffi

        import gqa

        from ..text import attention_text

        function = gqa.compile(attention_text(case), target="cuda")._call
        if device.has_torch:
            output = torch.empty_like(sets[0][0], dtype=TORCH[case.dtype])

            def call(i):
                function(*sets[i], output)
                return output
            return call
        on_gpu, to_host = self.library["cuda_from_host"], self.library["cuda_to_host"]
        copies = [[on_gpu(tvm_ffi.from_dlpack(x), 0) for x in each] for each in sets]
        output = torch.empty_like(sets[0][0], dtype=TORCH[case.dtype])
        result = on_gpu(tvm_ffi.from_dlpack(output), 0)

        def call_and_copy(i):
            function(*copies[i], result)
            to_host(result, tvm_ffi.from_dlpack(output))
            return output
        return call_and_copy


def _bits(x):
    """A tensor that NumPy can have."""
    return x.view({torch.bfloat16: torch.uint16, torch.float8_e4m3fn: torch.uint8}.get(x.dtype, x.dtype))
