"""Do the checks see a kernel whose synchronisation is broken? Each synchronising instruction of the PTX of shipped kernels is
deleted or weakened, one at a time, and the program runs on the stand-in driver of test/emulator.

A mutant is caught by a fault that the driver reports, by an error, by running too long, or by bits that differ from those
of the kernel as it was, under any policy of asynchronous completion. One that nothing catches is run once more with a
`trap` in the instruction's place: if that does no harm either, the inputs do not reach the instruction, and nothing is known.

    python mutations.py [--target=sm_90a] [--sample=N] [CASE...]    all mutants of a target's cases, or of some of them, or N
                                                                    of them; those that are not caught are listed last

What came of it, all of both: sm_80: 808 caught of 808. sm_90a: 1400 caught of 1400, and 102 that are equivalent. Each is reached by an
input of its case, but for four exchanges of lanes in prompt_window, whose inputs have no tile that ends there. What is equivalent is
said of places, each with its reason, in mutation_equivalents.py, and is neither "caught" nor "survived"; all of them were run, and
none was caught. Both take eight minutes of processor time.

Campaigns have found what nobody needed (all but one fence of the initialisation of barriers, and a wait for `cp.async` in a kernel
that has none, which are no longer emitted), what the stand-in driver did not look for (`griddepcontrol.wait`; accesses of other
lanes in front of a bulk copy, which counted as ordered by what the copying lane did at an mbarrier; global memory through which lanes
of a row exchange numbers), and inputs that were too few: the
barrier of a merge, and that between two rows of a cluster's merge, need more parts or rows than one warp or task has; the waits for
widened values, which come in front of the next keys, need tiles of one block and of two. The wait of warps that widen for the slot of
keys that products have read survived while the stand-in driver had one clock for all of the asynchronous proxy.
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

import mutation_cases
import mutation_equivalents
import test_attention_cuda

# What the stand-in driver says it is, where a case does not say how many processors it has: few of them, so that parts of keys
# have several blocks and prompts have none.
DEVICES = {"cuda:sm_80": "", "cuda:sm_90a": ",sm=90"}
PROCESSORS = 6
STEPS = 1 << 24  # warp instructions of a launch; the longest of mutation_cases needs a tenth of them
SECONDS = 60     # of processor time for a run
GUARD = r"(?:@!?%p\d+ )?"
# griddepcontrol.launch_dependents is not among them: it allows others to begin early, and orders nothing.
DELETED = (r"(?:bar|barrier|fence|membar|setmaxnreg)\.\S+|griddepcontrol\.wait|cp\.async\.(?:bulk\.)?(?:commit_group|wait_group|wait_all)"
           r"|mbarrier\.arrive\.|wgmma\.(?:fence|commit_group|wait_group)")
STATES = ("caught", "survived", "equivalent", "not reached")
FRESH, FORKED = map(multiprocessing.get_context, ("spawn", "fork"))  # workers have not used CUDA, so their children may


@dataclass(frozen=True)
class Mutant:
    target: str
    case: str
    kernel: str
    kind: str    # of kernel: tiles, merge or rows
    line: int    # of the PTX, from 1
    before: str  # the instruction
    after: str   # what is in its place, "" for nothing
    equivalent: str = ""  # why it is as right as the kernel, if that is known

    def __str__(self):
        return f"{self.target} {self.case}, {self.kernel} ({self.kind}), line {self.line}: {self.before} -> {self.after or 'deleted'}"


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
    if re.search(r"(?:shfl|vote)\.sync", instruction) and instruction.endswith(", -1;"):
        yield instruction.replace(", -1;", ", 65535;")  # half of the lanes are not waited for
    if order := re.match(GUARD + r"(?:atom|red|ld|st)\.(acq_rel|acquire|release)\.", instruction):
        yield instruction.replace(order[1], "relaxed", 1)


def kind_of(body):
    """Tiles use tensor cores; a merge reads the weights of parts in other lanes; what is left computes rows."""
    tiles = re.search(r"mma\.sync|wgmma\.mma_async", body)
    return "tiles" if tiles else "merge" if "shfl.sync.idx" in body else "rows"


def mutants(target, case, text):
    """All mutants of a PTX module."""
    starts = [match.start() for match in re.finditer(r"^\.visible \.entry", text, re.M)]
    for start, end in zip(starts, [*starts[1:], len(text)]):
        body, first = text[start:end], text.count("\n", 0, start) + 1
        name, kind = re.search(r"\.entry (\w+)", body)[1], kind_of(body)
        body = [" ".join(line.split()) for line in body.splitlines()]
        for offset, instruction in enumerate(body):
            for after in weakened(instruction):
                equivalent = mutation_equivalents.reason(case, body, offset) if target == "sm_90a" else ""
                yield Mutant(target, case, name, kind, first + offset, instruction, after, equivalent)


class Case:
    """A program, its mutants, and the bits that it computes without one."""

    def __init__(self, target, name, folder):
        self.target, self.folder = f"cuda:{target}", Path(folder)
        self.programs = mutation_cases.programs(target, name)
        ((text, function),) = {(program.text, program.function) for program in self.programs}
        source = self.folder / f"{name}.mlir"
        source.write_text(text)
        compiler = test_attention_cuda.DRIVER.parents[2] / "bin/gqa-compile"
        self.text = subprocess.run([compiler, source, f"--function={function}", f"--target={self.target}", "--emit=ptx"], check=True,
                                   capture_output=True, text=True).stdout
        self.bits, launched = [], set()
        for program in self.programs:
            runs = [self.run(program, self.text, policy) for policy in test_attention_cuda.POLICIES]
            assert len({bits for _, bits, _ in runs}) == 1 and not runs[0][0], f"{name} without a mutation: {runs}"
            self.bits.append(runs[0][1])
            launched |= runs[0][2]
        kernels = {kernel for kernel in launched if kernel.startswith(self.programs[0].kernels)}
        self.mutants = [mutant for mutant in mutants(target, name, self.text) if mutant.kernel in kernels]

    def judge(self, mutant):
        """(caught, survived, equivalent or not reached; what gave the mutant away, or why nothing does)"""
        for policy in test_attention_cuda.POLICIES[::-1]:  # what a random order shows is usually enough
            if found := self._differs(mutant, mutant.after, policy):
                return "caught", found
        if not self._differs(mutant, "trap;", "eager"):
            return "not reached", ""
        return ("equivalent", mutant.equivalent) if mutant.equivalent else ("survived", "")

    def _differs(self, mutant, instruction, policy):
        lines = self.text.splitlines()
        lines[mutant.line - 1] = instruction
        text = "\n".join(lines) + "\n"
        for program, expected in zip(self.programs, self.bits):
            error, bits, _ = self.run(program, text, policy)
            if error or bits != expected:
                return error or "wrong numbers"
        return ""

    def run(self, program, text, policy):
        """(error, digest of the results, kernels launched), in a child: a driver is loaded once in a process. The first one
        compiles, as that asks the driver about the device; the others take what is in the cache."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            ptx, report = Path(folder, "kernels.ptx"), Path(folder, "report.json")
            ptx.write_text(text)
            settings = f"checks=all,completion={policy},threads=1,steps={STEPS},ptx={ptx},report={report}"
            error, bits = self._wait(program, f"{settings},processors={program.processors or PROCESSORS}{DEVICES[self.target]}")
            events = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
            faults = [event["kind"] for event in events if event["event"] == "fault"]
            return faults[0] if faults else error, bits, {event["kernel"] for event in events if event["event"] == "launch"}

    def _wait(self, program, settings):
        receiver, sender = FORKED.Pipe(duplex=False)
        child = FORKED.Process(target=self._child, args=(program, settings, sender))
        child.start()
        sender.close()
        try:
            answer = receiver.recv()
        except EOFError:
            answer = None
        child.join()
        return answer or (f"ended with {child.exitcode}", "")

    def _child(self, program, settings, sender):
        os.environ.update(GQA_EMULATOR=settings, GQA_CUDA_DRIVER=str(test_attention_cuda.DRIVER), GQA_CACHE="",
                          GQA_CACHE_DIR=str(self.folder / "kernels"))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # faults are printed as well as reported
        try:
            sender.send(("", hashlib.sha256(b"".join(x.tobytes() for x in program.results(self.target))).hexdigest()))
        except Exception as error:
            sender.send((str(error).splitlines()[0], ""))


def campaign(target, names, sample=None):
    """Yields (mutant, state, what gave it away) for the mutants of cases, or for those that `sample` takes from a list."""
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=FRESH) as pool:
        cases = dict(zip(names, pool.map(Case, [target] * len(names), names, [folder] * len(names))))
        chosen = [mutant for case in cases.values() for mutant in case.mutants]
        chosen = sample(chosen) if sample else chosen
        judged = pool.map(Case.judge, [cases[mutant.case] for mutant in chosen], chosen)
        yield from ((mutant, *state) for mutant, state in zip(chosen, judged))


def sampled(count, seed=5):
    """What takes so many of a list, always the same ones."""
    return lambda every: random.Random(seed).sample(every, min(count, len(every)))


def main(arguments):
    names = [word for word in arguments if not word.startswith("--")]
    options = dict(word.removeprefix("--").split("=") for word in arguments if word not in names)
    target, count = options.get("target", "sm_80"), int(options.get("sample", 0))
    tally, left = collections.Counter(), []
    for mutant, state, found in campaign(target, names or mutation_cases.NAMES[target], sampled(count) if count else None):
        tally[mutant.kind, state] += 1
        print(f"{state}: {mutant}: {found}", flush=True)
        if state != "caught" or mutant.equivalent:
            left.append(f"{state}: {mutant}")
    for kind in ("tiles", "merge", "rows"):
        print(f"{kind}: {', '.join(f'{tally[kind, state]} {state}' for state in STATES)}")
    total = {state: sum(tally[kind, state] for kind in ("tiles", "merge", "rows")) for state in STATES}
    print(f"{target}: {total['caught']} caught of {total['caught'] + total['survived']} that are reached and not equivalent", *left,
          sep="\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
