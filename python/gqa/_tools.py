"""The command lines of the package: each is the C++ `main` of its tool, which the compiler's library has.

Nothing of Python's is in the way of it: no torch and no NumPy are loaded, and signals end the process as they do a native one.
"""

import os
import signal
import sys


def cache():
    _enter("cache")


def compile():
    _enter("compile")


def lsp_server():
    _enter("lsp_server")


def opt():
    _enter("opt")


def run():
    _enter("run")


def _enter(tool):
    # Python ignores a closed pipe and makes an exception of Ctrl-C, which waits until C++ returns.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    import ctypes

    try:
        library = _load(ctypes)
    except (ImportError, OSError) as error:
        sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {error}\n")
        sys.exit(2)
    arguments = [os.fsencode(argument) for argument in sys.argv]
    main = getattr(library, f"gqa_{tool}_main")
    # LLVM's streams are flushed as the process ends.
    sys.exit(main(len(arguments), (ctypes.c_char_p * (len(arguments) + 1))(*arguments, None)))


def _load(ctypes):
    """The compiler's library and the one that it needs, which importing tvm_ffi would load: after torch, if there is one."""
    import importlib.util

    from . import _library

    spec = importlib.util.find_spec("tvm_ffi")
    if spec is None:
        raise ImportError("apache-tvm-ffi is not installed; pip install apache-tvm-ffi")
    ctypes.CDLL(os.path.join(os.path.dirname(spec.origin), "lib", "libtvm_ffi.so"))
    return ctypes.CDLL(str(_library.find()))
