"""Runs cases on a GPU: everybody is built, judged, captured, and timed in turn."""

import gc

import torch

from .. import report, results
from ..buffers import set_count
from ..check import Judge, judged
from ..errors import Unavailable, Unusable, first_line
from . import ceilings, peers
from .cases import CASES
from .device import open_device

ROUND_SECONDS = 0.01  # of one candidate in one round, or one pass over the sets


class DeviceLost(RuntimeError):
    """A candidate's error, after which this process cannot use the GPU any more."""


class Timed:
    """A candidate, or a ceiling, which is not worth a graph: `seconds` has the time of a call for each round."""

    def __init__(self, name, device, call, sets, graph=True):
        self.name, self.device, self.seconds, self.sets, self.output = name, device, [], sets, None
        self.call = call  # a graph reads and writes what this owns, and owns nothing itself

        def work():
            for i in range(sets):
                self.output = call(i)  # of the last set; a graph writes it again each time
        self.work, self.how = device.repeatable(work) if graph else (work, "stream")
        self.times = max(1, int(ROUND_SECONDS / max(device.seconds(self.work, 1), 1e-6)))

    def round(self):
        self.seconds.append(self.device.seconds(self.work, self.times) / (self.times * self.sets))


class Benchmark:
    """`ours`: gqa's programs, see `ours.py`; `names`: of the peers, or None for all of them.

    Raises Unusable where there is no GPU.
    """

    def __init__(self, ours, names=None, rounds=7):
        if missing := ours.missing():
            raise Unusable(missing)
        self.ours, self.names, self.rounds = ours, names, rounds
        self.device, self.facts = open_device(), ours.describe()
        self.ceilings = [(c, Timed(c.name, self.device, c.call, 1, graph=False)) for c in ceilings.of_device(self.device)]

    def candidates(self):
        """(name, function (case, sets) -> call), gqa first."""
        wanted = peers.PEERS if self.names is None else {name: peers.PEERS[name] for name in self.names}
        return [("gqa", lambda case, sets: self.ours.prepare(case, sets, self.device)), *wanted.items()]

    def run(self, name, doing=lambda what: None, without=()):
        """{"case": what --json has of it, "lines": the same as text, "status", "reason"} of the case called so.

        doing(what) hears of every step; `without`: candidates that have ended a process before.
        """
        case = next(case for case in CASES if case.name == name)
        count = min(set_count(case, self.facts["l2_bytes"]), self.device.most_sets)
        doing("inputs")
        with torch.no_grad():
            result = self._measure(case, self.device.make_sets(case, count), doing, without)
        gc.collect()
        self.device.free()
        ours = result.candidates[0]
        status = "failed" if ours.status == "unavailable" else ours.status
        return {"status": status, "reason": ours.reason, "case": result.as_dict(), "lines": report.case_lines(result)}

    def _measure(self, case, sets, doing, without):
        result, judge, timed = results.CaseResult(case, len(sets), [], [], []), Judge(case, sets), []
        for name, make in self.candidates():
            doing(f"candidate {name}")
            outcome = results.CandidateResult(name)
            result.candidates.append(outcome)
            if name in without:
                outcome.status, outcome.reason = "failed", "it ended the process that ran it"
            elif name != "gqa" and (why := peers.why_not(name, case, self.names is not None)):
                outcome.status, outcome.reason = "unavailable", why
            elif candidate := self._prepared(make, case, sets, judge, outcome, result.notes):
                timed.append((candidate, outcome))
        self._time([t for t, _ in timed], doing)
        for candidate, outcome in timed:
            right = judged(judge, _Called(outcome.name, len(sets) - 1, candidate.output), outcome)
            outcome.seconds = candidate.seconds if right else []
        result.ceilings = [results.CeilingResult(c.name, c.unit, c.note, [c.work / s for s in t.seconds]) for c, t in self.ceilings]
        result.limited_by, limit = ceilings.limits(case, {c.name: c.rates for c in result.ceilings})
        return results.finish(result, limit)

    def _time(self, candidates, doing):
        """The rounds: everybody in turn, and the ceilings beside them."""
        for _, ceiling in self.ceilings:
            ceiling.seconds.clear()
        for _ in range(self.rounds):
            for candidate in [*candidates, *(ceiling for _, ceiling in self.ceilings)]:
                doing(f"candidate {candidate.name}")
                try:
                    candidate.round()
                except RuntimeError as error:
                    raise DeviceLost(f"{candidate.name}: {first_line(error)}") from error

    def _prepared(self, make, case, sets, judge, outcome, notes):
        """The candidate, right on the first and on the last set; None if not, and `outcome` says why."""
        try:
            call = make(case, sets)
            for index in {0, len(sets) - 1}:
                if not judged(judge, _Called(outcome.name, index, call(index)), outcome):
                    return None
            candidate = Timed(outcome.name, self.device, call, len(sets))
        except Unavailable as error:
            outcome.status, outcome.reason = "unavailable", str(error)
            return None
        except Exception as error:  # whatever a library raises for what it cannot do
            outcome.status, outcome.reason = "failed", f"{type(error).__name__}: {first_line(error)}"
            if "CUDA error" in str(error):
                raise DeviceLost(f"{outcome.name}: {first_line(error)}") from error
            return None
        if note := getattr(call, "note", ""):
            notes.append(f"{outcome.name}: {note}")
        if candidate.how != "graph":
            notes.append(f"{outcome.name}: timed by {candidate.how}, not as a graph")
        return candidate


class _Called:
    """What `judged` asks of a candidate."""

    def __init__(self, name, last_set, output):
        self.name, self.last_set, self.output = name, last_set, output
