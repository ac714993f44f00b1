"""Which results are right: some groups of heads against float64, within the errors of an unfused kernel of the same dtype.

Precise: the largest error is at most twice the unfused kernel's plus the rounding of the result, and the mean error at
most 1.5 times its plus a quarter of that. The errors are those of all the heads that are looked at together: one row of
one head is so small a sample that luck decides it. A cap that holds for N(0, 1) inputs bounds both. gqa has to be precise;
other libraries do not promise it, sum in another order, and are right within the larger of the two bounds.
"""

import dataclasses
import functools
import math

import torch

from .buffers import widened

CAPS = {torch.float32: 4e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}
MOST_GROUPS, LEAST_GROUPS = 64, 2
MOST_PAIRS = 1 << 18  # of query and key, beyond the least number of groups
MOST_SCORES = 1 << 28  # of a group at a time: 2 GiB in float64


@dataclasses.dataclass
class Verdict:
    """The largest error, and the largest one that is precise."""

    error: float
    allowed: float
    wrong: str = ""  # what is wrong, in one line
    imprecise: str = ""


class Judge:
    """Knows what some groups of each set of inputs should give: the first, the last, and others evenly between.

    A group is the query heads that share a key/value head.
    """

    def __init__(self, case, sets):
        self.case, self.sets = case, sets
        total = case.batch * case.kv_heads
        count = min(total, MOST_GROUPS, max(LEAST_GROUPS, MOST_PAIRS // (case.group * case.queries * case.keys)))
        picks = {round(i * (total - 1) / max(count - 1, 1)) for i in range(count)}
        self.groups = [divmod(pick, case.kv_heads) for pick in sorted(picks)]
        self._expected = functools.cache(self._evaluate)

    def check(self, index, output):
        """The verdict on what a candidate returned for set `index`, B x Hq x Sq x D."""
        case = self.case
        shape = (case.batch, case.q_heads, case.queries, case.dim)
        if tuple(output.shape) != shape:
            return Verdict(math.inf, 0.0, f"result is {tuple(output.shape)}, expected {shape}")
        reference, most, mean, right = self._expected(index)
        errors = (self._picked(output).double() - reference).abs()
        largest, average = float(errors.max()), float(errors.mean())
        where = self._worst(errors)
        if not largest <= right:  # a NaN is wrong too
            return Verdict(largest, most, f"largest error {largest:.2g}, at most {right:.2g} is right, {where}")
        if largest > most:
            return Verdict(largest, most, imprecise=f"largest error {largest:.2g}, at most {most:.2g} is precise, {where}")
        if average > mean:
            return Verdict(largest, most, imprecise=f"mean error {average:.2g}, at most {mean:.2g} is precise")
        return Verdict(largest, most)

    def _worst(self, errors):
        """Where the largest error is."""
        place = int(errors.nan_to_num(math.inf).flatten(2).amax(2).argmax())
        b, h = self.groups[place // self.case.group]
        return f"batch {b} head {h * self.case.group + place % self.case.group}"

    def _picked(self, x):
        """The groups that are looked at: groups x G x Sq x D."""
        return torch.stack([self._group(x, b, h) for b, h in self.groups])

    def _group(self, x, b, h):
        return x[b, h * self.case.group:(h + 1) * self.case.group]

    def _evaluate(self, index):
        """float64 results of the groups, the largest and mean error that are precise, and the largest that is right."""
        q, k, v = widened(self.case, *self.sets[index])
        inputs = [(self._group(q, b, h), k[b, h], v[b, h], self.case.causal) for b, h in self.groups]
        reference = torch.stack([in_blocks(attention, *each) for each in inputs])
        base = torch.stack([in_blocks(unfused, *each) for each in inputs])
        error = (base.double() - reference).abs()
        rounding = 2 * float((_rounded(_rounded(reference + 0.3, q.dtype) - 0.3, q.dtype) - reference).abs().max())
        cap = CAPS[q.dtype] * max(1.0, float(reference.abs().max()))
        most = 2 * float(error.max()) + rounding
        return reference, min(most, cap), 1.5 * float(error.mean()) + rounding / 4, max(most, cap)


def judged(judge, candidate, outcome):
    """Whether the last result is right, and for gqa precise; keeps the error that is closest to its bound."""
    verdict = judge.check(candidate.last_set, candidate.output)
    outcome.imprecise = outcome.imprecise or verdict.imprecise
    wrong = verdict.wrong or (verdict.imprecise if candidate.name == "gqa" else "")
    if wrong:
        outcome.status, outcome.reason = "wrong", wrong
    if outcome.error is None or wrong or verdict.error * outcome.allowed_error > outcome.error * verdict.allowed:
        outcome.error, outcome.allowed_error = verdict.error, verdict.allowed
    return outcome.status == "ok"


def _rounded(x, dtype):
    return x.to(dtype).double()


def in_blocks(attend, q, k, v, causal):
    """`attend`, which is one of the next two, with no more queries at a time than have MOST_SCORES scores."""
    rows = max(1, MOST_SCORES // (q.shape[0] * k.shape[0]))
    return torch.cat([attend(q[:, first:first + rows], k, v, causal, first)
                      for first in range(0, q.shape[1], rows)], dim=1)


def attention(q, k, v, causal, first=0):
    """One group in float64: q is G x Sq x D, k and v are Skv x D; `first`: the number of the first query."""
    scores = _product(q.double(), k.double().T) / math.sqrt(q.shape[-1])
    return _product(torch.softmax(_masked(scores, causal, first), -1), v.double())


def unfused(q, k, v, causal, first=0):
    """The same as a framework without a fused kernel has it: every step's result rounded to the dtype."""
    def step(x):
        return x.to(q.dtype).float()

    scores = step(step(_product(q.float(), k.float().T)) * (1 / math.sqrt(q.shape[-1])))
    scores = _masked(scores, causal, first)
    weights = step(torch.exp(scores - scores.amax(-1, keepdim=True)))
    return step(_product(step(weights / weights.sum(-1, keepdim=True)), v.float()))


def _product(rows, matrix):
    """One product of matrices, as the rows of a group share the other one."""
    return (rows.flatten(0, 1) @ matrix).view(*rows.shape[:2], -1)


def _masked(scores, causal, first):
    """With the keys after each query invisible."""
    if not causal:
        return scores
    after = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1 + first)
    return scores.masked_fill(after, -math.inf)
