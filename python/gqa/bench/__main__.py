"""Command line: `python -m gqa.bench`. Exit 0; 1: a result of gqa is wrong; 2: unusable, one line says why."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import warnings

from .arguments import parse
from .errors import Unusable

# Each library's own setting; gqa's is read when its library is loaded.
VARIABLES = ("GQA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    try:
        options = parse(argv)
        if options.list:
            return show_list(options)
        if options.plot:
            from .plot import require
            require()
        if options.device == "cuda":
            from .cuda.session import run
            document, code = run(options, argv)
        else:
            document, code = _several(options, argv) if len(options.threads) > 1 else _single(options, argv)
        if options.json:
            with open(options.json, "w") as file:
                json.dump(document, file, indent=1)
        if options.plot:
            from .plot import draw
            draw(document, options.plot)
        return code
    except Unusable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def show_list(options):
    from .arguments import CUDA_PEERS, PEERS

    print("cases (* in --quick):")
    for case in options.cases:
        print(f"  {'*' if case.quick is not None else ' '} {case.name:22} {case.kind:8} {case.dtype:5} {case.shape}")
    print("peers: " + ", ".join(PEERS if options.device == "cpu" else CUDA_PEERS))
    return 0


def _single(options, argv):
    """Measures in this process; returns (document, exit status)."""
    threads = options.threads[0]
    for name in VARIABLES:
        os.environ[name] = str(threads)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.filterwarnings("ignore")
    from . import machine, session  # they load torch

    document = {"schema": 1, "command": ["python", "-m", "gqa.bench", *argv], "machine": machine.describe(),
                "versions": machine.versions(), "rounds": options.rounds, "runs": []}
    run, code = session.run(options, threads, document, shlex.join(document["command"]))
    document["runs"].append(run)
    return document, code


def _several(options, argv):
    """A process for each number of threads, as libraries read it once; returns (document, exit status)."""
    document, worst = None, 0
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            path = os.path.join(folder, f"{threads}.json")
            done = subprocess.run([sys.executable, "-m", "gqa.bench", *_without_outputs(argv), f"--threads={threads}",
                                   f"--json={path}"])
            if done.returncode not in (0, 1):
                raise Unusable(f"the run with {threads} threads ended with status {done.returncode}")
            worst = max(worst, done.returncode)
            with open(path) as file:
                part = json.load(file)
            document = document or {**part, "command": ["python", "-m", "gqa.bench", *argv], "runs": []}
            document["runs"] += part["runs"]
    return document, worst


def _without_outputs(argv):
    """The arguments without --json, --plot and --threads and their values."""
    kept, skip = [], False
    for word in argv:
        if skip:
            skip = False
        elif word in ("--json", "--plot", "--threads"):
            skip = True
        elif not word.startswith(("--json=", "--plot=", "--threads=")):
            kept.append(word)
    return kept


if __name__ == "__main__":
    sys.exit(main())
