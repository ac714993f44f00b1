"""The figures that the project sets itself, from what a run measured; needs no torch."""

import statistics

from ..table import percent, times

LARGE_BYTES = 128 << 20  # of K and V: then the bandwidth decides, else the microseconds beside it
SM_90 = 90  # the chip whose own kernels have more to show
ROWS = {"share": ("decode, KV of 128 MiB and more: share of the copy bandwidth", "0.75", "0.92"),
        "beyond": ("decode, smaller KV: beyond bytes / bandwidth", "5 us", "3 us"),
        "peer": ("decode: the best peer's time / gqa's", "1x", "1.2x"),
        "flash": ("causal prefill 32/8, 2k to 8k: torch's FlashAttention-2 / gqa", "0.85x", "1x"),
        "narrow": ("decode, KV of 128 MiB and more in fp8: the time in bf16 / in fp8, the bytes allow 2x", "1.6x", "1.85x"),
        "widening": ("causal prefill over K and V in fp8: the time in bf16 / in fp8, 4k and 8k", "0.85x", "1x"),
        "sharing": ("Shazeer 2019: multi-head / multi-query, the bytes allow 7.6x", "5.5x", "7x")}
ROWS_OF_SM_90 = {
    "codes": ("sm_90a: causal prefill of Q, K and V in fp8: the time in bf16 / in fp8", "1x", "1.2x"),
    "best": ("sm_90a: causal prefill 64/8, 2k to 32k: the best peer's time / gqa's", "0.75x", "1.05x"),
    "product": ("sm_90a: prefill without a mask: share of a cuBLAS product", "0.75", "0.88"),
    "copy": ("sm_90a: decode 32/8, KV of 128 MiB and more: share of the copy bandwidth", "0.85", "0.92"),
    "latency": ("sm_90a: decode 32/4, one sequence of 1k keys, in a CUDA graph", "10 us", "6.9 us"),
    "group": ("sm_90a: multi-head / grouped decode, as a share of G", "0.85", "0.95")}


def rows_of(chip):
    return ROWS | (ROWS_OF_SM_90 if chip == SM_90 else {})


def required(cases, chip=None):
    """(row of rows_of(chip), case name, text of what was found) for `case` documents of a run; medians of the rounds."""
    by_name = {entry["case"]["name"]: entry for entry in cases if _median(entry, "gqa")}
    found = [(row, name, text) for name, entry in by_name.items() for row, text in _figures(entry)]
    for name, entry in by_name.items():
        found += _beside(name, entry, by_name)
    if {"shazeer-mha", "shazeer-mqa"} <= set(by_name):
        found.append(("sharing", "shazeer", times(_ratio(by_name["shazeer-mha"], by_name["shazeer-mqa"]))))
    return [figure for figure in found if figure[0] in rows_of(chip)]


def _beside(name, entry, by_name):
    """(row, name, text) of a case and another one that differs in what its name ends with."""
    ends = ("-mha", "-fp8", "-fp8-queries")  # as many key/value heads as query heads; K and V of 8 bits; Q as well
    end, other = next(((end, by_name.get(name.removesuffix(end))) for end in ends if name.endswith(end)), (None, None))
    if not other:
        return
    case = other["case"]
    if end == "-mha":
        yield "group", case["name"], percent(_ratio(entry, other) / (entry["case"]["q_heads"] / case["kv_heads"]))
    elif end == "-fp8-queries":
        yield "codes", case["name"], times(_ratio(other, entry))
    elif case["kind"] == "prefill":
        yield "widening", case["name"], times(_ratio(other, entry))
    elif entry["case"]["kv_bytes"] >= LARGE_BYTES:
        yield "narrow", case["name"], times(_ratio(other, entry))


def _ratio(slow, fast):
    return _median(slow, "gqa") / _median(fast, "gqa")


def _figures(entry):
    """(row, text) of what one case tells by itself."""
    case, ours = entry["case"], _median(entry, "gqa")
    heads = case["q_heads"], case["kv_heads"]
    if case["name"].startswith("decode"):
        yield from _decode(entry, ours, heads)
    elif case["kind"] == "full" and case["queries"] == case["keys"] and (product := _ceiling(entry, "cublas-bf16-gemm")):
        yield "product", percent(case["flops"] / product / ours)
    elif case["kind"] == "prefill" and case["queries"] >= 2048:
        if heads == (64, 8) and (best := _best_peer(entry, ours)):
            yield "best", best
        elif heads == (32, 8) and (flash := _median(entry, "sdpa-flash")):
            yield "flash", times(flash / ours)


def _decode(entry, ours, heads):
    case, copy = entry["case"], _ceiling(entry, "copy")
    if copy and case["kv_bytes"] >= LARGE_BYTES:
        share = percent(case["kv_bytes"] / copy / ours)
        yield "share", share
        if heads == (32, 8):
            yield "copy", share
    elif copy:
        yield "beyond", f"{1e6 * (ours - case['kv_bytes'] / copy):.1f} us"
    if heads == (32, 4) and case["batch"] == 1 and case["keys"] == 1024:
        yield "latency", f"{1e6 * ours:.1f} us"
    if best := _best_peer(entry, ours):
        yield "peer", best


def _best_peer(entry, ours):
    """Its time by ours, and its name; None without one."""
    peers = {c["name"]: c["median_s"] for c in entry["candidates"] if c["name"] != "gqa" and c["median_s"]}
    best = min(peers, key=peers.get, default=None)
    return best and f"{times(peers[best] / ours)} ({best})"


def _ceiling(entry, name):
    return next((statistics.median(c["rates"]) for c in entry["ceilings"] if c["name"] == name), None)


def _median(entry, name):
    return next((c["median_s"] for c in entry["candidates"] if c["name"] == name), None)


def required_lines(cases, chip=None):
    """A table in Markdown; a row without a figure stays open."""
    found = required(cases, chip)
    lines = ["| what | floor | goal | found |", "|---|---|---|---|"]
    for row, (label, floor, goal) in rows_of(chip).items():
        texts = [f"{name} {text}" for each, name, text in found if each == row]
        lines.append(f"| {label} | {floor} | {goal} | {'; '.join(texts) or 'not measured'} |")
    return lines
