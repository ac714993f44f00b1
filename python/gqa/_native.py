"""The compiler's shared library, loaded once per process."""

import ctypes
import functools
import os
import pathlib
import sys

from ._remarks import write_log

NAME = "_gqa.so"


@functools.cache
def library():
    """The loaded library. Raises ImportError that says where it was looked for."""
    import tvm_ffi

    for path in _candidates():
        if path.is_file():
            loaded = tvm_ffi.load_module(str(path))
            loaded["set_log"](write_log)
            return loaded
    raise ImportError(f"{NAME} not found in {', '.join(str(p.parent) for p in _candidates())}; "
                      "build the project (tools/quickstart) or set GQA_LIBRARY to its path")


@functools.cache
def load_threads():
    """Loads the oneTBB that comes with the package, if one does, for libraries that need one and find no other."""
    path = pathlib.Path(__file__).resolve().parent / "libtbb.so.12"
    if path.is_file():
        ctypes.CDLL(str(path))


def _candidates():
    package = pathlib.Path(__file__).resolve().parent
    chosen = os.environ.get("GQA_LIBRARY")
    places = [pathlib.Path(chosen)] if chosen else []
    # Installed: beside this file. Built: the environment is build/venv, or the package is used from the sources.
    return places + [package / NAME, pathlib.Path(sys.prefix).parent / "lib" / NAME,
                     package.parents[1] / "build" / "lib" / NAME]
