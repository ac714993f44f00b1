"""The running half: `python3 FOLDER` on a machine with a GPU. Exit 0: all is right; 1: something is wrong or missing;
2: unusable, one line says why."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import programs  # noqa: E402
import suite  # noqa: E402
from children import run_items  # noqa: E402
from gqa.bench.arguments import CUDA_PEERS  # noqa: E402
from report import Report  # noqa: E402

SECONDS = 450
# How the time is divided between the parts that run.
WEIGHTS = {"numerics": 3, "products": 0.5, "graphs": 1.5, "races": 1.5, "steps": 1, "vectors": 0.2, "bench": 3}
ITEM_SECONDS = {"numerics": 60, "products": 60, "graphs": 60, "races": 60, "steps": 120, "vectors": 30, "bench": 120}  # then a child hangs


def main(argv):
    options = _parse(argv)
    if options.worker:
        import worker
        return worker.main(options.worker, options.events) if options.events else worker.describe()
    try:
        device = _device()
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    header = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "device": device,
              "driver": _driver(), "stand_in": os.environ.get("GQA_CUDA_DRIVER"), "versions": _versions(),
              "package": {name: value for name, value in programs.manifest().items() if name != "programs"},
              "verdict": "The run was cut off."}
    report = Report(options.report, header)
    print("\n".join(report.lines()[2:3]), flush=True)
    if not any(_chosen(part, options, device["chip"]) for part in options.parts):
        print(f"error: no item of the parts has a name that --only={options.only} finds", file=sys.stderr)
        return 2
    remaining = options.seconds
    for number, part in enumerate(options.parts):
        share = remaining * WEIGHTS[part] / sum(WEIGHTS[later] for later in options.parts[number:])
        remaining -= _run_part(part, options, report, share)
    return _conclude(report)


def _chosen(part, options, chip):
    return [name for name in programs.packed(part, chip) if options.only is None or re.search(options.only, name)]


def _run_part(part, options, report, seconds):
    """Runs the items of a part; returns the seconds that it took."""
    names = _chosen(part, options, report.document["device"]["chip"])
    for name in names:
        report.document["parts"].setdefault(part, {})[name] = {"status": "not run", "reason": "the run was cut off"}
    start = time.monotonic()

    def done(name, result):
        print(f"  {part} {name}: {result['status']}{': ' if result.get('reason') else ''}{result.get('reason', '')}", flush=True)
        report.add(part, name, result)

    print(f"==> {part}: {len(names)} items, at most {seconds:.0f} s", flush=True)
    with open(Path(options.report) / f"{part}.log", "wb") as log:
        run_items(FOLDER, part, [{"name": name} for name in names],
                  {"launches": options.launches, "peers": options.peers, "rounds": options.rounds},
                  log=log, seconds=seconds, item_seconds=options.item_seconds or ITEM_SECONDS[part], done=done)
    return time.monotonic() - start


def _conclude(report):
    """Prints the table; the exit status."""
    wrong, missing = report.wrong(), report.missing()
    report.document["verdict"] = (f"{len(wrong)} wrong, {len(missing)} not run." if wrong or missing
                                  else "All that was run is right.")
    report.write()
    print("\n" + "\n".join(report.lines()), flush=True)
    return 1 if wrong or missing else 0


def _parse(argv):
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", default=",".join(suite.PARTS), help=f"some of {','.join(suite.PARTS)}, in this order of work")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of all parts together; by default {SECONDS}")
    parser.add_argument("--report", default="gpu-report", help="the folder for report.json, report.md and the children's logs")
    parser.add_argument("--only", metavar="PATTERN", help="only items whose name this regular expression finds")
    parser.add_argument("--launches", type=int, default=1000, help="of each race test; by default 1000")
    parser.add_argument("--peers", help="who is timed beside gqa, with commas between; by default everybody at hand")
    parser.add_argument("--rounds", type=int, default=7, help="of the benchmark; by default 7")
    parser.add_argument("--item-seconds", type=float, help="of one item, when its child is killed; by default "
                        + ", ".join(f"{seconds} in {part}" for part, seconds in ITEM_SECONDS.items()))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    options.parts = options.parts.split(",")
    for part in options.parts:
        if part not in suite.PARTS:
            parser.error(f"there is no part '{part}'; expected some of {', '.join(suite.PARTS)}")
    options.peers = None if options.peers is None else [name for name in options.peers.split(",") if name]
    for name in options.peers or ():
        if name not in CUDA_PEERS:
            parser.error(f"there is no peer '{name}'; expected some of {', '.join(CUDA_PEERS)}")
    return options


def _device():
    """The GPU's facts, asked in a child: this process never has a context. Raises RuntimeError if there is none."""
    done = subprocess.run([sys.executable, FOLDER, "--worker=device"], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["the runtime cannot be loaded"])[-1])
    return json.loads(done.stdout)


def _driver():
    """The driver's version as NVIDIA numbers it; "unknown" where nobody tells."""
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True,
                              timeout=60)
        return done.stdout.split()[0] if done.returncode == 0 and done.stdout.split() else "unknown"
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"


def _versions():
    found = {"python": platform.python_version(), "system": platform.platform()}
    for package in ("numpy", "torch", "triton"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
