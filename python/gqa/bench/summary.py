"""The figures that matter, from the results of the cases that were run."""

import dataclasses

from .table import percent, times

LIMIT = (("decode-bf16-g8-8k", "bf16 G=8 8k"), ("decode-f32-mqa-32k", "f32 MQA G=32 32k"),
         ("decode-bf16-mqa-32k", "bf16 MQA G=32 32k"))
READ = (("decode-f32-8k", "f32 8k"), ("decode-f32-32k", "f32 32k"), ("decode-bf16-8k", "bf16 G=4 8k"))
PREFILL = (("prefill-f32-d128-2k", "f32 D=128"), ("prefill-f32-d64-2k", "f32 D=64"),
           ("prefill-bf16-d128-2k", "bf16 D=128"), ("prefill-bf16-d64-2k", "bf16 D=64"))

STEPS = (("step-f32-8k", "decode step f32 8k"), ("step-cache-f32-8k", "decode step f32 8k, cache returned"))

# Many key/value heads, few, how many times fewer.
SHARING = (("groups-32", "groups-8", 4, "f32 8k 32/8"), ("groups-32", "groups-16", 2, "f32 8k 32/16"),
           ("shazeer-mha", "shazeer-mqa", 8, "Shazeer 2019, 8/1"))


@dataclasses.dataclass
class Headline:
    """`best` and `median` as they are printed; `value` and `value_median` are the numbers."""

    label: str
    value: float | None
    value_median: float | None
    unit: str  # share (of 1), times, ms
    note: str = ""

    def _text(self, value):
        if value is None:
            return None
        return {"share": percent, "times": times, "ms": lambda v: f"{v:.3g} ms"}[self.unit](value)

    @property
    def best(self):
        return self._text(self.value)

    @property
    def median(self):
        return self._text(self.value_median)


def headlines(results, jit=()):
    """Headlines of `results`, CaseResults by name, and `jit`, rows of `coldstart.summary`; without a case, none of its."""
    found = []
    for name, label in READ:
        found += _share(results.get(name), f"decode {label}: share of the read bandwidth", "read_share")
    for name, label in LIMIT:
        found += _share(results.get(name), f"decode {label}: share of the limit", "share")
    for name, label in READ:
        found += _against(results.get(name), f"decode {label}")
    for name, label in STEPS:
        found += _against(results.get(name), label)
    found += _model(results.get("hf-eager-8k"))
    found += _sharing(results)
    for name, label in PREFILL[:2]:
        found += _share(results.get(name), f"prefill {label}: share of the best sgemm", "share")
    for name, label in PREFILL:
        found += _peer(results.get(name), f"prefill {label}: torch SDPA", "sdpa-gqa")
    found += _call(results.get("call-cost"))
    found += [Headline(f"cold JIT, {what}", least, median, "ms") for what, least, median in jit if "gqa.compile" in what]
    return found


def _share(result, label, field):
    if result is None:
        return []
    ours = result.candidate("gqa")
    if ours is None:
        return [_missing(result, label)]
    note = f"limited by {result.limited_by}" if field == "share" else ""
    return [Headline(label, getattr(ours, field), getattr(ours, f"{field}_median"), "share", note)]


def _missing(result, label):
    """A headline without numbers, because gqa has no time."""
    status = next((c.status for c in result.candidates if c.name == "gqa"), "not run")
    return Headline(label, None, None, "share", f"gqa: {status}")


def _times(ours, peer, label, note=""):
    return Headline(label, peer.min_s / ours.min_s, peer.ratio, "times", note)


def _peer(result, label, name):
    """How many times gqa's time a peer takes."""
    if result is None:
        return []
    ours, peer = result.candidate("gqa"), result.candidate(name)
    if ours is None:
        return [_missing(result, f"{label} / gqa")]
    return [_times(ours, peer, f"{label} / gqa")] if peer else []


def _against(result, label):
    if result is None:
        return []
    found = _peer(result, f"{label}: torch SDPA enable_gqa", "sdpa-gqa")
    ours = result.candidate("gqa")
    peers = [c for c in result.candidates if c.name != "gqa" and result.candidate(c.name)]
    if ours and peers:
        best = min(peers, key=lambda c: c.min_s)
        found.append(_times(ours, best, f"{label}: best peer / gqa", best.name))
    return found


def _model(result):
    return _peer(result, "Hugging Face eager 8k, exported: torch", "hf-eager")


def _sharing(results):
    """How much faster than multi-head attention with the same query heads, as a part of the group's size."""
    found = []
    for many, few, group, label in SHARING:
        if many not in results or few not in results or results[many].case.batch != results[few].case.batch:
            continue
        before, after = results[many].candidate("gqa"), results[few].candidate("gqa")
        label = f"sharing pays, {label}: share of G={group}"
        if before is None or after is None:
            found.append(_missing(results[many] if before is None else results[few], label))
            continue
        gain = before.min_s / after.min_s
        found.append(Headline(label, gain / group, before.median_s / after.median_s / group, "share", f"{gain:.2f}x faster"))
    return found


def _call(result):
    """What a call costs, Python included."""
    if result is None:
        return []
    ours = result.candidate("gqa")
    if ours is None:
        return [_missing(result, "call cost, 16 keys")]
    return [Headline("call cost, 16 keys", 1e3 * ours.min_s, 1e3 * ours.median_s, "ms")] + _against(result, "call cost")
