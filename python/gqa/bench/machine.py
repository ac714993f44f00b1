"""The machine, and the versions of everybody, as far as they explain a number."""

import ctypes
import importlib.metadata
import os
import pathlib
import platform

from .buffers import available_bytes, last_level_cache_bytes

FEATURES = ("avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8")
PACKAGES = ("torch", "onnxruntime", "transformers", "torch-mlir", "numpy", "apache-tvm-ffi")


def describe():
    """For the header and `--json`; bytes, and the load averages of 1, 5 and 15 minutes before the run."""
    fields = _cpuinfo()
    flags = set(fields.get("flags", "").split())
    return {"cpu": fields.get("model name", platform.machine()), "processors": os.cpu_count(),
            "usable_processors": len(os.sched_getaffinity(0)), "features": [f for f in FEATURES if f in flags],
            "last_level_cache_bytes": last_level_cache_bytes(), "available_bytes": available_bytes(),
            "system": f"{platform.system()} {platform.release()}", "load": os.getloadavg(),
            "cpu_identity": {name: fields[name] for name in ("vendor_id", "cpu family", "model", "stepping", "microcode")
                             if name in fields}}


def versions():
    """By name; what is not installed is None."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    found["blas"] = _blas()
    return found


def _cpuinfo():
    """The fields of the first processor in /proc/cpuinfo."""
    try:
        first = pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _blas():
    """What the BLAS that the runtime loads says about itself."""
    name = os.environ.get("GQA_BLAS") or "libopenblas.so.0"
    try:
        config = ctypes.CDLL(name).openblas_get_config
    except (OSError, AttributeError):
        return None
    config.restype = ctypes.c_char_p
    return (config() or b"").decode(errors="replace").strip()
