"""Work that may crash, in a child process: torch-mlir does on some graphs, and would take the caller's Python along."""

import os
import pickle
import signal

from .errors import ImportFailure

CRASHED = "torch-mlir crashed on this model ({}); leave out its unusual operations, one at a time, to find the one"


def crash(code):
    """What to say of a child that a signal has ended; None if none has. `code` is os.waitstatus_to_exitcode's."""
    return CRASHED.format(signal.Signals(-code).name) if code < 0 else None


def in_child(work):
    """What work() returns, which can be pickled; its ImportFailure, or one that says that it crashed.

    In the child there is this thread alone: the work must not wait for others, such as an MLIR context's own.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    if told := crash(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])):
        raise ImportFailure(told)
    result, error = pickle.loads(answer)
    if error is not None:
        raise error
    return result


def _answer(work, writing):
    """Ends the child."""
    try:
        answer = work(), None
    except BaseException as error:
        answer = None, error if isinstance(error, ImportFailure) else RuntimeError(f"{type(error).__name__}: {error}")
    try:
        with os.fdopen(writing, "wb") as file:
            pickle.dump(answer, file)
    finally:
        os._exit(0)
