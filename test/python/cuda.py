"""Tensors on a GPU that tests can make without torch: on a real one, or on the emulator of test/emulator."""

import os
import sys
from pathlib import Path

import numpy as np

BUILD = next((p for p in (Path(sys.prefix).parent, Path(__file__).resolve().parents[2] / "build") if (p / "lib").is_dir()), None)
EMULATOR = BUILD / "lib" / "emulator" / "libcuda.so.1"

# The driver is loaded when it is first needed, so that this comes early enough.
if os.environ.setdefault("GQA_CUDA_DRIVER", str(EMULATOR)) == str(EMULATOR):
    os.environ.setdefault("GQA_CUBLASLT", str(EMULATOR.with_name("libcublasLt.so.12")))


def _library():
    from gqa import _native

    return _native.library()


def missing():
    """Why there is no GPU, or ""."""
    return str(_library()["cuda_error"]())


def on_gpu(array, device=0):
    """A copy of a NumPy array on a GPU, as a tvm_ffi.Tensor."""
    import tvm_ffi

    return _library()["cuda_from_host"](tvm_ffi.from_dlpack(np.asarray(array, order="C")), device)


def on_host(tensor):
    """A copy of a tensor on a GPU as a NumPy array."""
    import tvm_ffi

    array = np.empty(tuple(tensor.shape), str(tensor.dtype))
    _library()["cuda_to_host"](tensor, tvm_ffi.from_dlpack(array))
    return array
