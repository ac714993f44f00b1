"""Converts one attention, on the inputs that the blocks before it give it."""

import contextlib
import dataclasses

import torch

from . import groups, heal, pool, refine, stream


@dataclasses.dataclass(frozen=True)
class Method:
    """How heads are shared, and what is done about the damage."""

    name: str = "subspace"
    grouping: str = "search"
    heal: bool = True
    refine: int = 0  # passes through the calibration data
    seed: int = 0


@dataclasses.dataclass
class Result:
    """What came out of one layer. Errors are None without calibration data."""

    name: str
    q_heads: int
    kv_heads_before: int
    kv_heads: int
    kv_bytes_before: int  # K and V of one token
    kv_bytes: int
    rotary: str
    groups: list
    energy_k: float  # kept, 0 to 1
    energy_v: float
    attention_error: float | None = None  # relative, of the attention's output, on the original's inputs, before healing
    # Relative, of the hidden states after the block, the blocks before it converted too; healing is judged on what it has not seen.
    stream_error: float | None = None
    healing_pull: float | None = None  # how strongly healing kept to the weights (heal.py); None: it did nothing


def shared(site, rotary, inputs, kv_heads, method):
    """Shares the heads of `site` in place; inputs: `E[x x^T]` with the 1 of the bias. Returns (groups, Kept)."""
    heads = site.read()
    importance = pool.Importance(heads, inputs, rotary)
    if method.grouping == "search":
        chosen = groups.search([(heads.k, importance.k_parts, importance.k, importance.metric),
                                (heads.v, importance.v_parts, importance.v, importance.metric)], kv_heads, method.seed)
    else:
        chosen = groups.adjacent(site.kv_heads, kv_heads)
    pooled, kept = pool.pool(heads, chosen, importance, method.name)
    site.write(pooled)
    return chosen, kept


def convert(site, number, rotary, batches, counts, most, method):
    """Converts `site`, block `number` of the stream, in place, and takes the batches through its block. Returns a Result.

    counts: numbers of KV heads, tried in turn until the attention's error is at most `most`; the last one is taken anyway.
    Without batches nothing is known of the inputs, and every direction of them counts the same.
    """
    heads, before = site.read(), (site.kv_heads, site.kv_bytes())
    goals = _goals(site, batches, number)
    inputs = moment(site, batches, number)
    for count in counts:
        chosen, kept = shared(site, rotary, inputs, count, method)
        error = _attention_error(site, batches, goals, number)
        if count == counts[-1] or error <= most:
            break
        site.write(heads)
    fit = _repair(site, batches, goals, number, method) if batches and (count < before[0] or batches[0].diverged) else None
    result = Result(site.name, site.q_heads, before[0], site.kv_heads, before[1], site.kv_bytes(), rotary.kind, chosen,
                    kept.k, kept.v, error)
    result.healing_pull = fit.pull if fit else None
    result.stream_error = _advance(site, batches, goals, number, fit)
    return result


def _repair(site, batches, goals, number, method):
    """Makes good what of the damage can be without touching other layers; returns the heal.Fit, or None."""
    fit = heal.output_projection(site, batches, goals, number) if method.heal else None
    if method.refine:
        refine.projections(site, batches, goals, number, method.refine, method.seed)
        fit = heal.output_projection(site, batches, goals, number) if method.heal else None
    return fit


class Goal:
    """What the original block does with one batch."""

    def __init__(self, site, batch, number):
        seen = []
        with stream.watching(site.projections.writes, seen):
            self.hidden = batch.calls[number](site.block, batch.original)
        self.output = seen[-1][1][batch.rows]  # of the attention, tokens x Y
        self.target = self.output  # what healing aims at


def _goals(site, batches, number):
    """A Goal for each batch. Where the attention is added to the stream, healing also aims at what the stream has lost before."""
    goals = [Goal(site, batch, number) for batch in batches]
    if batches and batches[0].diverged and stream.adds_to_input(site, batches[0], number):
        for goal, batch in zip(goals, batches):
            goal.target = goal.output + (batch.original - batch.converted)[batch.rows]
    return goals


def moment(site, batches, number):
    """`E[x x^T]` over the tokens of the converted stream, x with a 1; the identity without batches."""
    features = site.read().q.shape[1]
    total = torch.zeros(features, features, dtype=torch.float64, device=site.projections.reads.weight.device)
    count = 0
    for batch in batches:
        x = stream.attention(site, batch.converted, batch.calls[number])[0][batch.rows].double()
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
        total += x.T @ x
        count += len(x)
    return total / count if count else torch.eye(features).to(total)


def _attention_error(site, batches, goals, number):
    """Relative, of the attention's output on the original's inputs; None without batches."""
    error = stream.Error()
    for batch, goal in zip(batches, goals):
        error.add(stream.attention(site, batch.original, batch.calls[number])[2][batch.rows], goal.output)
    return error.relative if batches else None


def _advance(site, batches, goals, number, fit):
    """Takes both streams behind the block; returns the relative error of the converted one, None without batches."""
    error = stream.Error()
    for batch, goal in zip(batches, goals):
        with fit.without(batch) if fit else contextlib.nullcontext():
            batch.original, batch.converted = goal.hidden, batch.calls[number](site.block, batch.converted)
        error.add(batch.converted[batch.rows], batch.original[batch.rows])
    return error.relative if batches else None
