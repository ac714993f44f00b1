"""The figures that the project sets itself, from what a run measured; needs no torch."""

import statistics

from ..table import percent, times

LARGE_BYTES = 128 << 20  # of K and V: then the bandwidth decides, else the microseconds beside it
ROWS = {"share": ("decode, KV of 128 MiB and more: share of the copy bandwidth", "0.75", "0.92"),
        "beyond": ("decode, smaller KV: beyond bytes / bandwidth", "5 us", "3 us"),
        "peer": ("decode: the best peer's time / gqa's", "1x", "1.2x"),
        "flash": ("causal prefill, 2k to 8k: torch's FlashAttention-2 / gqa", "0.85x", "1x"),
        "sharing": ("Shazeer 2019: multi-head / multi-query, the bytes allow 7.6x", "5.5x", "7x")}


def required(cases):
    """(row of ROWS, case name, text of what was found) for `case` documents of a run; medians of the rounds."""
    found, by_name = [], {entry["case"]["name"]: entry for entry in cases}
    for name, entry in by_name.items():
        ours, case = _median(entry, "gqa"), entry["case"]
        if ours is None:
            continue
        if name.startswith("decode"):
            found += _decode(entry, ours)
        elif name.startswith("prefill") and case["queries"] >= 2048 and (flash := _median(entry, "sdpa-flash")):
            found.append(("flash", name, times(flash / ours)))
    many, few = (_median(by_name[name], "gqa") if name in by_name else None for name in ("shazeer-mha", "shazeer-mqa"))
    if many and few:
        found.append(("sharing", "shazeer", times(many / few)))
    return found


def _decode(entry, ours):
    name, kv_bytes = entry["case"]["name"], entry["case"]["kv_bytes"]
    copy = next((statistics.median(c["rates"]) for c in entry["ceilings"] if c["name"] == "copy"), None)
    if copy and kv_bytes >= LARGE_BYTES:
        yield "share", name, percent(kv_bytes / copy / ours)
    elif copy:
        yield "beyond", name, f"{1e6 * (ours - kv_bytes / copy):.1f} us"
    peers = {c["name"]: c["median_s"] for c in entry["candidates"] if c["name"] != "gqa" and c["median_s"]}
    if peers:
        best = min(peers, key=peers.get)
        yield "peer", name, f"{times(peers[best] / ours)} ({best})"


def _median(entry, name):
    return next((c["median_s"] for c in entry["candidates"] if c["name"] == name), None)


def required_lines(cases):
    """A table in Markdown; a row without a figure stays open."""
    found = required(cases)
    lines = ["| what | floor | goal | found |", "|---|---|---|---|"]
    for row, (label, floor, goal) in ROWS.items():
        texts = [f"{name} {text}" for each, name, text in found if each == row]
        lines.append(f"| {label} | {floor} | {goal} | {'; '.join(texts) or 'not measured'} |")
    return lines
