"""How long the first call of a process takes: `measure` starts processes that each run `main`."""

import dataclasses
import json
import statistics
import subprocess
import sys
import time

KINDS = {"decode": 1, "prefill": 512}  # how many queries


def measure(case, processes, kinds=tuple(KINDS)):
    """Compiles one decode and one prefill attention (`kinds`), each in `processes` fresh processes.

    By kind a list with one entry for each process: `import_s` (NumPy and tvm-ffi, which imports torch), `load_s` (the
    library), `compile_s` (gqa.compile after that), `first_call_s` and `process_s` (all of it, start and end included).
    Raises RuntimeError with the process's message if one fails.
    """
    found = {kind: {} for kind in kinds}
    for _ in range(processes):
        for kind in kinds:
            start = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", __name__, kind, json.dumps(dataclasses.asdict(case))],
                                  capture_output=True, text=True)
            elapsed = time.perf_counter() - start
            if done.returncode:
                raise RuntimeError((done.stderr.strip().splitlines() or ["the process failed"])[-1])
            for name, value in {**json.loads(done.stdout), "process_s": elapsed}.items():
                found[kind].setdefault(name, []).append(value)
    return found


def summary(found):
    """[(what, minimum ms, median ms)] of what `measure` returns."""
    names = {"compile_s": "gqa.compile", "import_s": "imports", "load_s": "loading the library",
             "first_call_s": "first call", "process_s": "whole process"}
    return [(f"{kind}: {label}", 1e3 * min(times[name]), 1e3 * statistics.median(times[name]))
            for kind, times in found.items() for name, label in names.items()]


def main(kind, text):
    times, start = {}, time.perf_counter()

    def lap(name):
        nonlocal start
        times[name] = time.perf_counter() - start
        start = time.perf_counter()

    import numpy as np

    import gqa
    from gqa import _native

    from .cases import Case
    from .text import attention_text

    gqa.compile  # imports what it needs
    lap("import_s")
    _native.library()
    lap("load_s")
    case = Case(**json.loads(text))
    keys = case.keys if kind == "decode" else KINDS[kind]
    case = dataclasses.replace(case, kind=kind, queries=KINDS[kind], keys=keys)
    shapes = [(case.batch, heads, length, case.dim) for heads, length in
              ((case.q_heads, case.queries), (case.kv_heads, case.keys), (case.kv_heads, case.keys))]
    arrays = [np.ones(shape, np.float32) for shape in shapes]
    text = attention_text(case)
    start = time.perf_counter()
    compiled = gqa.compile(text, target=case.target)
    lap("compile_s")
    compiled(*arrays)
    lap("first_call_s")
    print(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
