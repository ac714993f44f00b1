"""Runs cases: builds the candidates, checks them, and times those that are right."""

import dataclasses

import torch

from gqa import _native

from . import ceilings, ours, results, step
from .buffers import fitted, make_sets, parts, set_count
from .cases import STEP
from .check import Judge, judged
from .errors import Unavailable, Unusable, first_line
from .peers import PEERS
from .timing import Timed, interleave

SLOW_SECONDS = 1.0  # a call this long is checked on one set only
BUDGET_SECONDS = {False: 20.0, True: 6.0}  # of one candidate in all rounds of a case; True: --quick


def set_threads(count):
    """Every library's own setting. Raises Unusable if the compiler's library had started with another number."""
    torch.set_num_threads(count)
    try:
        found = _native.library()["num_threads"]()
    except (ImportError, AttributeError) as error:
        raise Unusable(first_line(error)) from error
    if found != count:
        raise Unusable(f"gqa has {found} threads in this process, {count} were asked for; set GQA_NUM_THREADS={count} first")


def candidates_of(case, wanted, quick):
    """(name, function, why not) of everybody, gqa first; one of function and why not is None."""
    if case.kind == "model":
        return [("gqa", ours.exported, None), ("hf-eager", PEERS["hf-eager"], None)]
    found, peers = [("gqa", ours.attention, None)], PEERS
    if case.kind in ("step", "step-cache"):
        found, peers = [("gqa", step.fused, None)], {name: step.peer(name) for name in STEP}
    for name, peer in peers.items():
        why_not = None
        if wanted is not None:
            if name not in wanted:
                continue  # the command line says so
        elif quick and name not in (case.quick or ()):
            why_not = "left out by --quick; --peers asks for it"
        found.append((name, peer, why_not))
    return found


def run_cases(cases, rounds, *, wanted=None, quick=False, candidates=None):
    """A results.CaseResult of each of `cases`: one, or some of a family, whose candidates then take turns and read the same
    memory. `candidates`: what candidates_of gives by default."""
    batch = min(fitted(case).batch for case in cases)
    most = dataclasses.replace(max(cases, key=lambda case: case.kv_heads), batch=batch)
    sets = make_sets(most, set_count(most))
    running = []
    with torch.no_grad():
        for asked in cases:
            case = dataclasses.replace(asked, batch=batch)
            notes = [f"batch lowered from {asked.batch} to {batch}: memory"] if batch != asked.batch else []
            running.append(_Running(case, parts(sets, case) if case.family else sets, notes))
            running[-1].prepare(candidates or candidates_of(case, wanted, quick))
        interleave([timed for one in running for timed in one.timed()], rounds, BUDGET_SECONDS[quick])
    return [one.finished(rounds) for one in running]


class _Running:
    """A case whose candidates and ceilings are ready to be timed."""

    def __init__(self, case, sets, notes):
        self.case, self.sets, self.judge = case, sets, Judge(case, sets)
        self.result = results.CaseResult(case, len(sets), notes, [], [])
        self.candidates, self.limits = [], []  # (Timed, CandidateResult), (Timed, Ceiling)

    def prepare(self, candidates):
        """Builds all of them and calls each once or more."""
        for name, make, why_not in candidates:
            outcome = results.CandidateResult(name)
            self.result.candidates.append(outcome)
            if why_not:
                outcome.status, outcome.reason = "unavailable", why_not
            elif candidate := _prepared(make, self.case, self.sets, self.judge, outcome):
                self.candidates.append((candidate, outcome))
        self.limits = [(Timed(c.name, c.call, len(self.sets)), c) for c in ceilings.of_case(self.case, self.sets)]
        for ceiling, _ in self.limits:
            ceiling.once()
            ceiling.estimate = ceiling.once()

    def timed(self):
        return [timed for timed, _ in [*self.candidates, *self.limits]]

    def finished(self, rounds):
        """The result, once `rounds` rounds are over."""
        for candidate, outcome in self.candidates:
            judged(self.judge, candidate, outcome)
            outcome.seconds = candidate.seconds if outcome.status == "ok" else []
            if 0 < len(outcome.seconds) < rounds:
                self.result.notes.append(f"{candidate.name}: {len(outcome.seconds)} of {rounds} rounds, it is slow")
        self.result.ceilings = [results.CeilingResult(c.name, c.unit, c.note, [c.work / s for s in t.seconds])
                                for t, c in self.limits]
        self.result.limited_by, limit = ceilings.limits(self.case, {c.name: c.rates for c in self.result.ceilings})
        return results.finish(self.result, limit)


def _prepared(make, case, sets, judge, outcome):
    """The candidate, called once or more on each set and right on all of them; None if not, and `outcome` says why."""
    try:
        candidate = Timed(outcome.name, make(case, sets), len(sets))
        for _ in sets:
            candidate.estimate = candidate.once()
            if not judged(judge, candidate, outcome):
                return None
            if candidate.estimate > SLOW_SECONDS:
                return candidate
        candidate.estimate = candidate.once()
        return candidate
    except Unavailable as error:
        outcome.status, outcome.reason = "unavailable", str(error)
    except Exception as error:  # whatever a library raises for what it cannot do
        outcome.status, outcome.reason = "failed", f"{type(error).__name__}: {first_line(error)}"
    return None
