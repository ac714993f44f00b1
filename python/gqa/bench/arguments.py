"""The command line. Nothing here loads torch or the compiler: threads are set before either starts."""

import argparse
import dataclasses
import fnmatch
import os
import sys

from .cases import CASES
from .cuda.cases import CASES as CUDA_CASES
from .errors import Unusable

CUDA_PEERS = ("sdpa-cudnn", "sdpa-flash", "sdpa-efficient", "flex", "triton")  # of cuda/peers.py
PEERS = ("sdpa", "sdpa-gqa", "grouped", "flex", "ort", "hf-eager")  # of peers.py, which loads torch
EXAMPLES = """examples:
  python -m gqa.bench --quick                  without it, about half an hour
  python -m gqa.bench --case 'decode-*' --threads 1,2 --json decode.json --plot decode.png
  python -m gqa.bench --case decode-f32-8k --peers sdpa-gqa,flex --rounds 15
  python -m gqa.bench --case 'decode-*' --target cpu:x86-64-v3
  python -m gqa.bench --device cuda --case 'decode-*'

Exit status: 0; 1 if a result of gqa is wrong; 2 if the command line asks for what cannot be had."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"error: {message}; see --help", file=sys.stderr)
        sys.exit(2)


def parse(argv):
    """The options, checked; `cases`, `threads` and `peers` are lists then. Raises Unusable."""
    parser = Parser(prog="python -m gqa.bench", description="Times attention against other libraries and the machine's limits.",
                    epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="some cases and peers, 5 rounds: two minutes on two cores, less on a GPU")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, each with cases and peers of its own")
    parser.add_argument("--target", metavar="TARGET", help="what gqa compiles for: cpu (default), or cpu:ARCH, as other processors have it")
    parser.add_argument("--programs", metavar="FOLDER", help="with cuda: gqa's programs are those of a package of tools/gpu-check")
    parser.add_argument("--json", metavar="FILE", help="write everything, the time of each round included")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the shares of the limits (needs matplotlib)")
    parser.add_argument("--threads", metavar="N[,N]", help="how many threads everybody gets; default 2; several: one run each")
    parser.add_argument("--rounds", type=int, metavar="N", help="default 7, 5 with --quick")
    parser.add_argument("--case", action="append", metavar="PATTERN", help="only cases whose name matches; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the cases and peers, and end")
    parser.add_argument("--peers", metavar="NAME[,NAME]",
                        help=f"of {', '.join(PEERS)}, with cuda of {', '.join(CUDA_PEERS)}; gqa is always there")
    options = parser.parse_args(argv)
    if options.device not in ("cpu", "cuda"):
        raise Unusable(f"--device={options.device}: expected cpu or cuda")
    _check_device(options)
    if options.target is not None and options.target.partition(":")[0] != "cpu":
        raise Unusable(f"--target={options.target}: expected cpu or cpu:ARCH")
    options.cases = _cases(options)
    options.threads = _threads(options.threads)
    options.peers = None if options.peers is None else _peers(options.peers, PEERS if options.device == "cpu" else CUDA_PEERS)
    if options.rounds is not None and options.rounds < 1:
        raise Unusable(f"--rounds={options.rounds}: expected 1 or more")
    options.rounds = options.rounds or (5 if options.quick else 7)
    for path in filter(None, (options.json, options.plot)):
        require_writable(path)
    return options


def _check_device(options):
    """Raises Unusable for what says nothing on the device that is asked for."""
    given = {"cpu": {"--programs": options.programs},
             "cuda": {"--threads": options.threads, "--plot": options.plot, "--target": options.target}}[options.device]
    for name, value in given.items():
        if value:
            raise Unusable(f"{name} has no meaning with --device {options.device}")


def _cases(options):
    cases = CASES if options.device == "cpu" else CUDA_CASES
    known = [case for case in cases if case.quick is not None or not options.quick]
    for pattern in options.case or ():
        if not any(fnmatch.fnmatchcase(case.name, pattern) for case in known):
            where = "of --quick " if any(fnmatch.fnmatchcase(case.name, pattern) for case in cases) else ""
            raise Unusable(f"--case={pattern}: no case {where}has such a name; --list shows them")
    return [case if options.target is None else dataclasses.replace(case, target=options.target) for case in known
            if not options.case or any(fnmatch.fnmatchcase(case.name, pattern) for pattern in options.case)]


def _threads(text):
    usable = len(os.sched_getaffinity(0))
    if text is None:
        return [min(2, usable)]
    counts = [int(word) if word.isascii() and word.isdigit() else 0 for word in text.split(",")]
    if not all(1 <= count <= usable for count in counts):
        raise Unusable(f"--threads={text}: expected numbers from 1 to {usable}, the usable processors, with commas between")
    return list(dict.fromkeys(counts))


def _peers(text, known):
    names = [name for name in text.split(",") if name and name != "gqa"]
    for name in names:
        if name not in known:
            raise Unusable(f"--peers: there is no '{name}', expected some of {', '.join(known)}")
    return names


def require_writable(path):
    """Raises Unusable before an hour of measuring rather than after it; leaves no file behind."""
    existed = os.path.lexists(path)
    try:
        with open(path, "ab"):
            pass
        if not existed:
            os.remove(path)
    except OSError as error:
        raise Unusable(f"{path}: cannot be written ({error.strerror or error})") from error
