"""What sharing KV heads gains: the same queries over fewer and fewer heads, beside what the papers report.

Shazeer 2019, table 3: incremental decoding with 8 heads of 128 and sequences of 128, 1024 of them at a time, took
46 us a token with multi-head attention in the decoder and 3.8 us with one KV head, 12 times less; that is a whole
decoder. The attention alone must read K, V and q and write the output, 7.6 times less.
Ainslie et al. 2023, figure 6: time over the number of groups for 64 heads of 64 and inputs of 2048: from 1 group to 8 it
grows little. A processor gains nothing more from some 32 query heads on a KV head: what is multiplied does not get less, and is
then the limit (AVX2, two threads: 63 % of it reached with 2 KV heads, 65 % with 1).
"""

import dataclasses

from .cases import SIZES
from .table import bytes_text, milliseconds, table, times

EXPECTED = {"groups": "time goes with the bytes as long as memory is the limit",
         "shazeer": "Shazeer 2019: 12x for a whole decoder from 8 to 1; the bytes of the attention allow 7.6x",
         "figure6": "Ainslie et al. 2023, figure 6: from 64 to 8 groups most of the gain, little more from 8 to 1"}


@dataclasses.dataclass
class Point:
    """One number of KV heads: the bytes that a call must move, and its seconds, best and median."""

    kv_heads: int
    bytes_moved: int
    least: float
    median: float
    tokens: int  # that a call computes

    @property
    def per_token(self):
        return self.median / self.tokens


def moved(case):
    """Bytes of K, V, q and the output; `case`: of a document of `--json`."""
    both = case["q_heads"] * case["queries"] + case["kv_heads"] * case["keys"]
    return 2 * case["batch"] * both * case["dim"] * SIZES[case["dtype"]]


def _point(entry):
    """gqa's time, if its result was right."""
    case = entry["case"]
    ours = next((c for c in entry["candidates"] if c["name"] == "gqa" and c["status"] == "ok" and c["min_s"]), None)
    return ours and Point(case["kv_heads"], moved(case), ours["min_s"], ours["median_s"], case["batch"] * case["queries"])


def families(cases):
    """{name: Points, most KV heads first} of gqa's times; families of which there are two points or more."""
    found = {}
    for entry in cases:
        name = entry["case"]["name"].partition("-")[0]
        if name in EXPECTED and (point := _point(entry)):
            found.setdefault(name, {}).setdefault(entry["case"]["batch"], []).append(point)
    # A batch that memory made smaller is no part of the same comparison.
    largest = {name: max(batches.values(), key=len) for name, batches in found.items()}
    return {name: sorted(points, key=lambda p: -p.kv_heads) for name, points in largest.items() if len(points) > 1}


def lines(cases):
    """A table for each family."""
    text = []
    for name, points in families(cases).items():
        first = points[0]
        rows = [[p.kv_heads, bytes_text(p.bytes_moved), milliseconds(p.least), milliseconds(p.median), f"{1e6 * p.per_token:.3f}",
                 times(first.bytes_moved / p.bytes_moved), times(first.least / p.least), times(first.median / p.median)]
                for p in points]
        head = ["KV heads", "moved", "min ms", "median ms", "us a token", "bytes allow", "faster, best", "median"]
        text += [f"sharing, {name}:", *("  " + line for line in table(head, rows)), f"  {EXPECTED[name]}"]
    return text


def draw(axis, name, points):
    """Time of a token over the number of KV heads, and what it were if time went with the bytes."""
    heads = [p.kv_heads for p in points]
    axis.plot(heads, [1e6 * p.per_token for p in points], "ko-", label="gqa, median")
    scale = points[0].per_token / points[0].bytes_moved
    axis.plot(heads, [1e6 * scale * p.bytes_moved for p in points], "C0--", label="if time went with the bytes")
    axis.set_xscale("log", base=2)
    axis.set_xticks(heads, [str(count) for count in heads])
    axis.set_ylim(bottom=0)
    axis.set_xlabel("KV heads (groups)")
    axis.set_ylabel("us a token, attention alone")
    axis.set_title(f"{name}: time over the number of groups")
    axis.legend(fontsize="small")
