"""What is printed: the header, a table for each case, the summary."""

import statistics

from .table import bytes_text, milliseconds, percent, table, times


def header(machine, versions, threads, command):
    """Lines that say what was measured where."""
    features = " ".join(machine["features"]) or "none of interest"
    packages = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    return [f"gqa benchmark: {command}",
            f"cpu       {machine['cpu']}, {machine['usable_processors']} of {machine['processors']} processors usable, "
            f"last-level cache {bytes_text(machine['last_level_cache_bytes'])}",
            f"vectors   {features}",
            f"threads   {threads}",
            f"versions  {packages}",
            f"load      {machine['load'][0]:.2f} before the run: other work makes every figure worse"]


def case_lines(result):
    """Lines about one case: its shapes, the ceilings, and a row for each candidate.

    The first share is that of the best round of both sides, the one called median of each round's; `/ gqa`: times gqa's
    time, the median of the rounds; precise: the largest error that counts as precise.
    """
    case = result.case
    kind = {"decode": "decode", "step": "decode, rotation and append", "prefill": "causal prefill", "full": "prefill without a mask",
            "call": "decode, nothing but the call", "step-cache": "decode, rotation, append and the cache returned",
            "model": "decode, exported graph"}[case.kind]
    footprint = f", {result.sets} sets of {bytes_text(case.kv_bytes)} in turn" if result.sets > 1 else ""
    lines = [f"{case.name}: {kind} {case.dtype}, {case.shape}{footprint}"]
    lines += [f"  note: {note}" for note in result.notes]
    if result.ceilings:
        lines.append("  ceilings: " + "; ".join(map(_ceiling, result.ceilings)))
    rate = "GFLOP/s" if case.many_queries else "GB/s"
    head = ["candidate", "min ms", "median ms", rate, f"of {result.limited_by or 'limit'}", "median", "/ gqa", "error", "precise"]
    good = [c for c in result.candidates if c.status == "ok" and c.seconds]
    lines += ["  " + line for line in table(head, [_row(c) for c in good])]
    if any(c.imprecise for c in good):
        lines.append("  ! imprecise: errors beyond twice those of an unfused kernel")
    return lines + _without_times(result.candidates)


def _without_times(candidates):
    """Who has no times, and why: those with the same reason in one line."""
    reasons = {}
    for c in candidates:
        if c.status != "ok":
            status = "WRONG" if c.status == "wrong" else c.status
            reasons.setdefault(f"{status}: {c.reason}", []).append(c.name)
    return [f"  {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _row(c):
    mark = "!" if c.imprecise else " "
    return [c.name, milliseconds(c.min_s), milliseconds(c.median_s), f"{c.rate / 1e9:.4g}", percent(c.share),
            percent(c.share_median), times(c.ratio), f"{c.error:.1e}", f"{c.allowed_error:.1e}{mark}"]


def _ceiling(ceiling):
    note = f" {ceiling.note}" if ceiling.note else ""
    return (f"{ceiling.name}{note} {max(ceiling.rates) / 1e9:.4g} {ceiling.unit} "
            f"(median {statistics.median(ceiling.rates) / 1e9:.4g})")


def jit_lines(case, rows):
    """Lines about compile times; rows of `coldstart.summary`."""
    cells = [[what, f"{least:.1f}", f"{median:.1f}"] for what, least, median in rows]
    return [f"{case.name}: fresh processes, {case.dtype}, {case.q_heads}/{case.kv_heads} heads, D={case.dim}",
            *("  " + line for line in table(["", "min ms", "median ms"], cells))]


def summary_lines(headlines):
    """Lines of the summary; best: the best round of each side, median: of the ratios or shares of each round."""
    rows = [[h.label, h.best, h.median] for h in headlines]
    lines = table(["summary", "best", "median"], rows)
    return [lines[0], *(f"{line}  {h.note}".rstrip() for line, h in zip(lines[1:], headlines))]
