"""The compiler's shared library, loaded once per process."""

import ctypes
import functools
import os
import pathlib
import sys
import sysconfig

from ._library import find
from ._remarks import write_log


@functools.cache
def library():
    """The loaded library. Raises ImportError that says where it was looked for."""
    import tvm_ffi

    loaded = tvm_ffi.load_module(str(find()))
    loaded["set_log"](write_log)
    _borrowers.append(loaded["set_parallel"])
    return loaded


# What takes the address of a function that runs loops in threads: of the compiler, and of artifacts.
_borrowers = []


def lend_threads(borrower=None):
    """From now on kernels run in torch's OpenMP threads, if it is there and has any; so does the library of `borrower`.

    Two pools would take the processors from each other: threads that wait for more of torch's work are busy waiting.
    """
    if borrower is not None:
        _borrowers.append(borrower)
    if _borrowers and (address := _torch_parallel()):
        for set_parallel in _borrowers:
            set_parallel(address)
        _borrowers.clear()


def _torch_parallel():
    """The address of GOMP_parallel in the libraries that torch has loaded, or None."""
    torch = sys.modules.get("torch")
    if torch is None or not getattr(torch, "backends", None) or not torch.backends.openmp.is_available():
        return None
    function = getattr(ctypes.CDLL(torch._C.__file__), "GOMP_parallel", None)
    return function and ctypes.cast(function, ctypes.c_void_p).value


@functools.cache
def prepare_libraries():
    """For libraries of `gqa-compile`, which look for others where the system does: loads the oneTBB that comes with the package,
    if one does, and names the oneDNN that pip has installed, if it has.
    """
    path = pathlib.Path(__file__).resolve().parent / "libtbb.so.12"
    if path.is_file():
        ctypes.CDLL(str(path))
    path = pathlib.Path(sysconfig.get_path("data"), "lib", "libdnnl.so.3")
    if path.is_file():
        os.environ.setdefault("GQA_ONEDNN", str(path))
