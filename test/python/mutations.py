"""Do the checks see a kernel whose synchronisation is broken? Each synchronising instruction of the PTX of shipped kernels is
deleted or weakened, one at a time, and the program runs on the stand-in driver of test/emulator.

A mutant is caught by a fault that the driver reports, by an error, by running too long, or by bits that differ from those
of the kernel as it was, under any policy of asynchronous completion. One that nothing catches is run once more with a
`trap` in the instruction's place: if that does no harm either, the inputs do not reach the instruction, and nothing is known.

    python mutations.py [--sample=N] [CASE...]    all mutants of CASES, or of some of them, or N of them; those that are
                                                  not caught are listed last

Of the kernels as they are since blocks that are whole have loops of their own: all of decode_unsplit (50 caught, 4 not reached,
which are the states of parts), and samples of prefill_both_sides (14: 8 caught, 6 not reached) and prefill_split (22: 14 and
8). Nothing that was reached survived. With 113 keys, too few for the loop of whole blocks, 20 of prefill's 21 were caught and
one was equivalent: a barrier behind which no shared memory is used, which is no longer emitted; with 239 keys the first 11, in
the loop of whole blocks, were all caught.
"""

import collections
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import attention_call
import test_attention_cuda
from attention_cases import build

# Every kind of kernel, with whole blocks of keys and cut ones, split and not; rows are reached by a value that is not finite.
CASES = {name: test_attention_cuda.CASES[name] for name in (
    "rows_f32", "decode_f16_g7", "prefill", "prefill_split", "prefill_both_sides", "prefill_poison")}
CASES["decode_unsplit"] = dict(dynamic="lengths", keys=200)
CASES["draft_window"] = dict(queries=2, keys=250, window=(150, -1), offset=("i32", [200]))
STEPS = 1 << 22  # warp instructions of a launch; the longest of CASES needs a hundredth of them
SECONDS = 60     # of processor time for a run
GUARD = r"(?:@!?%p\d+ )?"
DELETED = (r"(?:bar|barrier|fence|membar|griddepcontrol|setmaxnreg)\.\S+|cp\.async\.(?:bulk\.)?(?:commit_group|wait_group|wait_all)"
           r"|mbarrier\.arrive\.|wgmma\.(?:fence|commit_group|wait_group)")
FRESH, FORKED = map(multiprocessing.get_context, ("spawn", "fork"))  # workers have not used CUDA, so their children may


@dataclass(frozen=True)
class Mutant:
    case: str
    kernel: str
    kind: str    # of kernel: tiles, merge or rows
    line: int    # of the PTX, from 1
    before: str  # the instruction
    after: str   # what is in its place, "" for nothing

    def __str__(self):
        return f"{self.case}, {self.kernel} ({self.kind}), line {self.line}: {self.before} -> {self.after or 'deleted'}"


def weakened(instruction):
    """What can be in the place of an instruction so that it orders less."""
    if re.match(f"{GUARD}(?:{DELETED})", instruction):
        yield ""
    if wait := re.search(r"(cp\.async|cp\.async\.bulk|wgmma)\.wait_group\S* (\d+);", instruction):
        yield instruction.replace(f" {wait[2]};", f" {int(wait[2]) + 1};")
    if wait := re.match(GUARD + r"mbarrier\.(?:try|test)_wait\S* (\S+),", instruction):
        yield f"setp.eq.b32 {wait[1]}, 0, 0;"  # the loop around it ends at once
    if expected := re.match(GUARD + r"mbarrier\.arrive\.expect_tx.* (\S+);", instruction):
        yield instruction.replace(f"{expected[1]};", "16;")  # the rest is not waited for
    if "shfl.sync" in instruction and instruction.endswith(", -1;"):
        yield instruction.replace(", -1;", ", 65535;")  # half of the lanes are not waited for
    if order := re.match(GUARD + r"(?:atom|red|ld|st)\.(acq_rel|acquire|release)\.", instruction):
        yield instruction.replace(order[1], "relaxed", 1)


def kind_of(body):
    """Tiles use tensor cores; a merge reads the weights of parts in other lanes; what is left computes rows."""
    tiles = re.search(r"mma\.sync|wgmma\.mma_async", body)
    return "tiles" if tiles else "merge" if "shfl.sync.idx" in body else "rows"


def mutants(case, text):
    """All mutants of a PTX module."""
    starts = [match.start() for match in re.finditer(r"^\.visible \.entry", text, re.M)]
    for start, end in zip(starts, [*starts[1:], len(text)]):
        body, first = text[start:end], text.count("\n", 0, start) + 1
        name, kind = re.search(r"\.entry (\w+)", body)[1], kind_of(body)
        for offset, line in enumerate(body.splitlines()):
            instruction = " ".join(line.split())
            for after in weakened(instruction):
                yield Mutant(case, name, kind, first + offset, instruction, after)


class Case:
    """A program, its mutants, and the bits that it computes without one."""

    def __init__(self, name, folder):
        self.folder = Path(folder)
        self.program = build({**test_attention_cuda.BASE, **CASES[name]})
        source = self.folder / f"{name}.mlir"
        source.write_text(self.program.text)
        compiler = test_attention_cuda.DRIVER.parents[2] / "bin/gqa-compile"
        self.text = subprocess.run([compiler, source, "--target=cuda:sm_80", "--emit=ptx"], check=True, capture_output=True,
                                   text=True).stdout
        runs = [self._run(self.text, policy) for policy in test_attention_cuda.POLICIES]
        assert len({bits for _, bits, _ in runs}) == 1 and not runs[0][0], f"{name} without a mutation: {runs}"
        self.bits, launched = runs[0][1:]
        self.mutants = [mutant for mutant in mutants(name, self.text) if mutant.kernel in launched]

    def judge(self, mutant):
        """(caught, survived or not reached; what gave the mutant away)"""
        for policy in test_attention_cuda.POLICIES[::-1]:  # what a random order shows is usually enough
            if found := self._differs(mutant, mutant.after, policy):
                return "caught", found
        return "survived" if self._differs(mutant, "trap;", "eager") else "not reached", ""

    def _differs(self, mutant, instruction, policy):
        lines = self.text.splitlines()
        lines[mutant.line - 1] = instruction
        error, bits, _ = self._run("\n".join(lines) + "\n", policy)
        return error or ("wrong numbers" if bits != self.bits else "")

    def _run(self, text, policy):
        """(error, digest of the results, kernels launched), in a child: a driver is loaded once in a process, and compiling
        asks it about the device."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            ptx, report = Path(folder, "kernels.ptx"), Path(folder, "report.json")
            ptx.write_text(text)
            settings = f"completion={policy},threads=1,steps={STEPS},ptx={ptx},report={report}"
            error, bits = self._wait(settings)
            events = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
            faults = [event["kind"] for event in events if event["event"] == "fault"]
            return faults[0] if faults else error, bits, {event["kernel"] for event in events if event["event"] == "launch"}

    def _wait(self, settings):
        receiver, sender = FORKED.Pipe(duplex=False)
        child = FORKED.Process(target=self._child, args=(settings, sender))
        child.start()
        sender.close()
        try:
            answer = receiver.recv()
        except EOFError:
            answer = None
        child.join()
        return answer or (f"ended with {child.exitcode}", "")

    def _child(self, settings, sender):
        os.environ.update(GQA_EMULATOR=settings, GQA_CUDA_DRIVER=str(test_attention_cuda.DRIVER))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # faults are printed as well as reported
        try:
            results = attention_call.call(self.program, "cuda:sm_80")
            sender.send(("", hashlib.sha256(b"".join(x.tobytes() for x in results if x is not None)).hexdigest()))
        except Exception as error:
            sender.send((str(error).splitlines()[0], ""))


def campaign(names, sample=None):
    """Yields (mutant, state, what gave it away) for the mutants of cases, or for those that `sample` takes from a list."""
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=FRESH) as pool:
        cases = dict(zip(names, pool.map(Case, names, [folder] * len(names))))
        chosen = [mutant for case in cases.values() for mutant in case.mutants]
        chosen = sample(chosen) if sample else chosen
        judged = pool.map(Case.judge, [cases[mutant.case] for mutant in chosen], chosen)
        yield from ((mutant, *state) for mutant, state in zip(chosen, judged))


def sampled(count, seed=5):
    """What takes so many of a list, always the same ones."""
    return lambda every: random.Random(seed).sample(every, min(count, len(every)))


def main(arguments):
    names = [word for word in arguments if not word.startswith("--sample=")]
    count = next((int(word.split("=")[1]) for word in arguments if word not in names), None)
    tally, left = collections.Counter(), []
    for mutant, state, found in campaign(names or list(CASES), sampled(count) if count else None):
        tally[mutant.kind, state] += 1
        print(f"{state}: {mutant}: {found}", flush=True)
        if state != "caught":
            left.append(f"{state}: {mutant}")
    for kind in ("tiles", "merge", "rows"):
        counts = [tally[kind, state] for state in ("caught", "survived", "not reached")]
        print(f"{kind}: {counts[0]} caught, {counts[1]} survived, {counts[2]} not reached, of {sum(counts)}")
    print("\n".join(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
