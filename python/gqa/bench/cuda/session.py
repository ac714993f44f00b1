"""`python -m gqa.bench --device cuda`: prints each case as it is done."""

import shlex

from .. import machine, sharing
from . import peers
from .cases import QUICK
from .ours import Compiled, Packed
from .report import required_lines
from .run import Benchmark, DeviceLost


def run(options, argv):
    """(what `--json` has, exit status: 1 if a result of gqa is wrong). Raises Unusable without a GPU."""
    names = list(QUICK) if options.quick and options.peers is None else options.peers
    benchmark = Benchmark(Packed(options.programs) if options.programs else Compiled(), names, options.rounds)
    document = {"schema": 1, "command": ["python", "-m", "gqa.bench", *argv], "device": benchmark.facts,
                "versions": machine.versions(), "rounds": options.rounds, "cases": []}
    facts = benchmark.facts
    _print([f"gqa benchmark: {shlex.join(document['command'])}",
            f"gpu       {facts['name']}, sm_{facts['chip']}, {facts['processors']} multiprocessors, "
            f"L2 {facts['l2_bytes'] >> 20} MiB, driver for CUDA {facts['cuda']}",
            "versions  " + ", ".join(f"{name} {version or 'missing'}" for name, version in document["versions"].items()),
            *([f"peers     none: {why}"] if (why := peers.why_none()) else [])])
    wrong = []
    for case in options.cases:
        try:
            result = benchmark.run(case.name)
        except DeviceLost as error:
            _print([f"{case.name}: {error}", "the GPU is lost to this process; without this peer the run can go on"])
            return document, 1
        document["cases"].append(result["case"])
        _print(result["lines"])
        if result["status"] != "ok":
            wrong.append(f"  {case.name}: {result['reason']}")
    if compared := sharing.lines(document["cases"]):
        _print(compared)
    _print(required_lines(document["cases"], facts["chip"]))
    if wrong:
        _print(["gqa is WRONG:", *wrong])
    return document, 1 if wrong else 0


def _print(lines):
    print("\n".join(lines), end="\n\n", flush=True)
