"""What came out of one case; `as_dict` is what `--json` writes. Times are seconds a call, one entry a round."""

import dataclasses

from . import rounds


@dataclasses.dataclass
class CeilingResult:
    """`rates`: bytes or floating-point operations a second, one entry a round."""

    name: str
    unit: str
    note: str
    rates: list


@dataclasses.dataclass
class CandidateResult:
    """status: ok; wrong, then there are no times; failed, its library raised; or unavailable. `reason` says why it is not ok."""

    name: str
    status: str = "ok"
    reason: str = ""
    seconds: list = dataclasses.field(default_factory=list)
    error: float | None = None
    allowed_error: float | None = None  # of a precise kernel
    imprecise: str = ""  # right, but with errors beyond those, and which
    min_s: float | None = None
    median_s: float | None = None
    rate: float | None = None  # bytes (decode) or floating-point operations (prefill) a second, of the best round
    share: float | None = None  # of what the ceilings allow, best of each
    share_median: float | None = None  # the median of each round's share
    read_share: float | None = None  # of the read bandwidth alone
    read_share_median: float | None = None
    ratio: float | None = None  # times gqa's time, the median of each round's ratio


@dataclasses.dataclass
class CaseResult:
    """`limited_by`: the ceiling that shares are of."""

    case: object
    sets: int
    notes: list
    ceilings: list
    candidates: list
    limited_by: str = ""

    def candidate(self, name):
        """The result of that name if it is right, else None."""
        return next((c for c in self.candidates if c.name == name and c.status == "ok" and c.seconds), None)

    def ceiling(self, name):
        return next((c for c in self.ceilings if c.name == name), None)

    def as_dict(self):
        case = dataclasses.asdict(self.case) | {"causal": self.case.causal, "kv_bytes": self.case.kv_bytes,
                                                "flops": self.case.flops}
        case.pop("quick")
        return {"case": case, "sets": self.sets, "footprint_bytes": self.sets * self.case.kv_bytes, "notes": self.notes,
                "limited_by": self.limited_by, "ceilings": [dataclasses.asdict(c) for c in self.ceilings],
                "candidates": [dataclasses.asdict(c) for c in self.candidates]}


def finish(result, limit):
    """Fills in what follows from the rounds; `limit`: seconds a call that the ceilings allow, one entry a round."""
    case = result.case
    ours = next((c.seconds for c in result.candidates if c.name == "gqa"), [])
    read = result.ceiling("read")
    reading = [case.kv_bytes / rate for rate in read.rates] if read else []
    for candidate in result.candidates:
        if candidate.status != "ok" or not candidate.seconds:
            continue
        candidate.min_s, candidate.median_s = rounds.minimum_and_median(candidate.seconds)
        candidate.rate = (case.flops if case.many_queries else case.kv_bytes) / candidate.min_s
        candidate.share, candidate.share_median = rounds.share(limit, candidate.seconds) or (None, None)
        candidate.read_share, candidate.read_share_median = rounds.share(reading, candidate.seconds) or (None, None)
        candidate.ratio = rounds.ratio(candidate.seconds, ours)
    return result
