"""Softmaxes put together by hand: block by block, of results and the logarithms of their sums, behind guards.

`SUM_FORMS` maps a name to (function, arguments, what the report must say, attentions and merges that are left), `DECLINED_SUMS` to
(function, arguments, how many attentions are found): they look alike, and are something else.
"""

import torch
import torch.nn.functional as F

from forms import randn
from part_forms import NEW, OLD, Q, causal, repeat, scores

ONE = {"status": "raised", "q_heads": 6, "kv_heads": 2, "head_dim": 16}
TWO = {**ONE, "parts": 2}
LOW, LOWEST = -torch.inf, torch.finfo(torch.float32).min
SEEN = randn(2, 1, 7, 12, seed=9) > 0
SEEN[0, 0, 3], SEEN[1, 0, 0] = False, False
SUM_FORMS, DECLINED_SUMS = {}, {}


def form(*arguments, left=(1, 0), **report):
    def register(function):
        SUM_FORMS[function.__name__] = (function, arguments, {**(ONE if left == (1, 0) else TWO), **report}, left)
        return function
    return register


def declined(count, *arguments):
    def register(function):
        DECLINED_SUMS[function.__name__] = (function, arguments, count)
        return function
    return register


# ---- block by block


def running(q, blocks, hide=None, low=LOW, keep_output=False, keep_sum=False):
    """The maximum and the sum run along. Blocks are k and v of some keys."""
    most, total, output, first = torch.full((2, 6, 7, 1), low), torch.zeros(2, 6, 7, 1), torch.zeros(2, 6, 7, 16), 0
    for k, v in blocks:
        s = scores(q, k)
        if hide is not None:
            s = hide(s, first)
        new = torch.maximum(most, s.amax(-1, keepdim=True))
        p, shrink = (s - new).exp(), (most - new).exp()
        total = total * (1 if keep_sum else shrink) + p.sum(-1, keepdim=True)
        output = output * (1 if keep_output else shrink) + p @ repeat(v)
        most, first = new, first + k.shape[2]
    return output, total, most


def blocks(k, v, count):
    return zip(k.chunk(count, 2), v.chunk(count, 2))


@form(Q, *OLD)
def three_blocks(q, k, v):
    output, total, _ = running(q, blocks(k, v, 3))
    return output / total


@form(Q, *OLD)
def six_blocks_from_a_number(q, k, v):
    output, total, _ = running(q, blocks(k, v, 6), low=-1e30)
    return output / total


@form(Q, *OLD)
def blocks_with_lse(q, k, v):
    output, total, most = running(q, blocks(k, v, 3))
    return output / total, (most + total.log())[..., 0]


@form(Q, OLD[0][:, :, :7], OLD[1][:, :, :7], causal=True)
def causal_blocks(q, k, v):
    seen = torch.ones(7, 7, dtype=torch.bool).tril()
    output, total, _ = running(q, zip(k.split(4, 2), v.split(4, 2)), lambda s, first:
                               s.masked_fill(~seen[:, first:first + s.shape[-1]], LOW))
    return output / total


@form(Q, *OLD, SEEN, dead_row="uniform")
def masked_blocks(q, k, v, seen):
    output, total, _ = running(q, blocks(k, v, 3), lambda s, first: s.masked_fill(~seen[..., first:first + 4], LOWEST))
    return output / total


@form(Q, *OLD, dead_row="zero", causal=True, window=3)
def windows_with_guards(q, k, v):
    """A block of which a row sees no key leaves no maximum."""
    seen = torch.ones(7, 12, dtype=torch.bool).tril(4).triu(2)
    most, total, output = torch.full((2, 6, 7, 1), LOW), torch.zeros(2, 6, 7, 1), torch.zeros(2, 6, 7, 16)
    for block, (old_k, old_v) in enumerate(blocks(k, v, 3)):
        s = scores(q, old_k).masked_fill(~seen[:, 4 * block:4 * block + 4], LOW)
        new = torch.maximum(most, s.amax(-1, keepdim=True))
        safe = torch.where(new == LOW, 0.0, new)
        p, shrink = (s - safe).exp(), (most - safe).exp()
        total, output, most = total * shrink + p.sum(-1, keepdim=True), output * shrink + p @ repeat(old_v), new
    return output / torch.where(total == 0, 1.0, total)


@form(Q, *OLD)
def divided_at_each_block(q, k, v):
    """As the first FlashAttention has it."""
    most, total, output = torch.full((2, 6, 7, 1), LOW), torch.zeros(2, 6, 7, 1), torch.zeros(2, 6, 7, 16)
    for old_k, old_v in blocks(k, v, 3):
        s = scores(q, old_k)
        highest = s.amax(-1, keepdim=True)
        p = (s - highest).exp()
        new = torch.maximum(most, highest)
        old, own = (most - new).exp(), (highest - new).exp()
        sum = old * total + own * p.sum(-1, keepdim=True)
        output = total / sum * old * output + own / sum * (p @ repeat(old_v))
        most, total = new, sum
    return output


@form(Q, *OLD)
def chunks_stacked(q, k, v):
    """Each chunk for itself, then all by the largest of their maxima; a small number keeps the sum from 0."""
    maxima, sums, outputs = [], [], []
    for old_k, old_v in blocks(k, v, 3):
        s = torch.einsum("bhid,bhjd->bhij", q, repeat(old_k)) * 0.25
        most = s.amax(-1, keepdim=True)
        e = (s - most).exp()
        maxima.append(most[..., 0])
        sums.append(e.sum(-1))
        outputs.append(torch.einsum("bhij,bhjd->bhid", e, repeat(old_v)))
    maxima, sums, outputs = (torch.stack(x, -1) for x in (maxima, sums, outputs))
    weights = (maxima - maxima.amax(-1, keepdim=True)).exp()
    return (outputs * weights[..., None, :]).sum(-1) / ((sums * weights).sum(-1)[..., None] + 1e-8)


@form(Q, *OLD, torch.tensor([5, 12]))
def blocks_up_to_a_length(q, k, v, lengths):
    """Where the first block has no key, none has one: nothing becomes NaN that the attention would not."""
    seen = (torch.arange(12) < lengths[:, None])[:, None, None]
    output, total, _ = running(q, blocks(k, v, 3), lambda s, first: s.masked_fill(~seen[..., first:first + 4], LOW))
    return output / total


@form(Q, *OLD)
def splits_in_a_dimension(q, k, v):
    """Flash decoding."""
    q, k, v = q[:, :, None], *(repeat(x).view(2, 6, 4, 3, 16) for x in (k, v))
    s = q @ k.mT * 0.25
    most = s.amax(-1, keepdim=True)
    p = (s - most).exp()
    weights = (most - most.amax(2, keepdim=True)).exp()
    return (p @ v * weights).sum(2) / (p.sum(-1, keepdim=True) * weights).sum(2)


@form(Q, *OLD, *NEW, left=(2, 1))
def blocks_of_two_tensors(q, old_k, old_v, k, v):
    output, total, _ = running(q, [*blocks(old_k, old_v, 2), (k, v)])
    return output / total


@form(Q, *OLD, left=(2, 1))
def blocks_that_overlap(q, k, v):
    """Some keys count twice, here and there."""
    output, total, _ = running(q, [(k[:, :, :8], v[:, :, :8]), (k[:, :, 4:], v[:, :, 4:])])
    return output / total


# ---- results and their sums' logarithms


def attend(q, k, v, hide=None):
    s = scores(q, k)
    if hide is not None:
        s = s.masked_fill(hide, LOW)
    return s.softmax(-1) @ repeat(v), s.logsumexp(-1, keepdim=True)


@form(Q, *OLD, *NEW, left=(2, 1))
def by_logaddexp(q, old_k, old_v, k, v):
    (old, old_lse), (new, lse) = attend(q, old_k, old_v), attend(q, k, v, causal(q, k))
    all = torch.logaddexp(old_lse, lse)
    return old * (old_lse - all).exp() + new * (lse - all).exp(), all


@form(Q, *OLD, *NEW, left=(2, 1))
def by_sigmoid(q, old_k, old_v, k, v):
    """Ring attention, from one rank to the next."""
    (old, old_lse), (new, lse) = attend(q, old_k, old_v), attend(q, k, v)
    return old - torch.sigmoid(lse - old_lse) * (old - new), old_lse - F.logsigmoid(old_lse - lse)


@form(Q, *OLD, *NEW, left=(2, 1))
def by_softmax(q, old_k, old_v, k, v):
    outputs, lses = zip(attend(q, old_k, old_v), attend(q, k, v))
    return (torch.stack(outputs) * torch.stack(lses).softmax(0)).sum(0)


@form(Q, *OLD, *NEW, left=(2, 1))
def by_logsumexp_of_a_stack(q, old_k, old_v, k, v):
    outputs, lses = (torch.stack(x) for x in zip(attend(q, old_k, old_v), attend(q, k, v)))
    all = lses.logsumexp(0)
    return (outputs * (lses - all).exp()).sum(0), all


@form(Q, *OLD, *NEW, left=(2, 1))
def by_the_larger(q, old_k, old_v, k, v):
    """Cascades of prefixes."""
    (old, old_lse), (new, lse) = attend(q, old_k, old_v), attend(q, k, v)
    most = torch.maximum(old_lse, lse)
    a, b = (old_lse - most).exp(), (lse - most).exp()
    return old * (a / (a + b)) + new * (b / (a + b)), (a + b).log() + most


@form(Q, *OLD, *NEW, SEEN, left=(2, 1))
def rows_of_one_are_dead(q, old_k, old_v, k, v, seen):
    (old, old_lse), (new, lse) = attend(q, old_k, old_v, ~seen), attend(q, k, v)
    all = torch.logaddexp(old_lse, lse)
    return torch.where(old_lse == LOW, 0.0, old) * (old_lse - all).exp() + new * (lse - all).exp()


@form(Q, *OLD)
def a_ring_of_four(q, k, v):
    parts = [attend(q, *block) for block in blocks(k, v, 4)]
    output, lse = parts[0]
    for new, new_lse in parts[1:]:
        output, lse = output - torch.sigmoid(new_lse - lse) * (output - new), lse - F.logsigmoid(lse - new_lse)
    return output, lse


# ---- guards


def hidden(q, k, seen, low):
    return scores(q, k).masked_fill(~seen, low).softmax(-1)


@form(Q, *OLD, SEEN, dead_row="zero")
def nan_to_num(q, k, v, seen):
    return torch.nan_to_num(hidden(q, k, seen, LOW)) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def times_any(q, k, v, seen):
    return (hidden(q, k, seen, LOWEST) * seen.any(-1, keepdim=True)) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def times_the_mask(q, k, v, seen):
    return (hidden(q, k, seen, LOWEST) * seen.float()) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def where_any(q, k, v, seen):
    return torch.where(seen.any(-1, keepdim=True), hidden(q, k, seen, LOW), 0.0) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def none_is_seen(q, k, v, seen):
    return hidden(q, k, seen, LOW).masked_fill(seen.sum(-1, keepdim=True) == 0, 0.0) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def clamped_sum(q, k, v, seen):
    s = scores(q, k).masked_fill(~seen, LOW)
    e = (s - s.amax(-1, keepdim=True).clamp(min=-1e30)).exp()
    return (e / e.sum(-1, keepdim=True).clamp(min=1e-9)) @ repeat(v)


@form(Q, *OLD, SEEN, dead_row="zero")
def exponentials_of_seen_keys(q, k, v, seen):
    s = scores(q, k)
    e = torch.where(seen, (s - s.amax(-1, keepdim=True)).exp(), 0.0)
    total = e.sum(-1, keepdim=True)
    return (e @ repeat(v)) / torch.where(total == 0, 1.0, total)


# ---- the logarithm of the sum


@form(Q, *OLD, SEEN)
def logsumexp_beside(q, k, v, seen):
    s = scores(q, k).masked_fill(~seen, LOW)
    return s.softmax(-1) @ repeat(v), s.logsumexp(-1)


@form(Q, *OLD)
def logsumexp_first(q, k, v):
    s = scores(q, k)
    lse = s.logsumexp(-1, keepdim=True)
    return ((s - lse).exp() @ repeat(v)).transpose(1, 2), lse.transpose(1, 2)


# ---- something else


@declined(0, Q, *OLD)
def output_is_not_shrunk(q, k, v):
    output, total, _ = running(q, blocks(k, v, 3), keep_output=True)
    return output / total


@declined(0, Q, *OLD)
def sum_is_not_shrunk(q, k, v):
    output, total, _ = running(q, blocks(k, v, 3), keep_sum=True)
    return output / total


@declined(0, Q, *OLD, SEEN | (torch.arange(12) < 1))
def blocks_that_become_nan(q, k, v, seen):
    """A first block without a key would, whatever the mask is made of here."""
    output, total, _ = running(q, blocks(k, v, 3), lambda s, first: s.masked_fill(~seen[..., first:first + 4], LOW))
    return output / total


@declined(3, Q, *OLD)
def mean_of_blocks(q, k, v):
    return sum(attend(q, *block)[0] for block in blocks(k, v, 3)) / 3


@declined(2, Q, *OLD, *NEW)
def weights_swapped(q, old_k, old_v, k, v):
    (old, old_lse), (new, lse) = attend(q, old_k, old_v), attend(q, k, v)
    return old - torch.sigmoid(old_lse - lse) * (old - new)


@declined(2, Q, *OLD, *NEW)
def weights_with_a_temperature(q, old_k, old_v, k, v):
    (old, old_lse), (new, lse) = attend(q, old_k, old_v), attend(q, k, v)
    weights = (torch.stack([old_lse, lse]) * 2).softmax(0)
    return old * weights[0] + new * weights[1]


@declined(2, Q, *OLD, *NEW, randn(2, 6, 7, 1, seed=3))
def weights_of_a_gate(q, old_k, old_v, k, v, gate):
    return attend(q, old_k, old_v)[0] * gate.sigmoid() + attend(q, k, v)[0] * (1 - gate.sigmoid())


@declined(2, Q, *OLD, *NEW, SEEN)
def dead_rows_become_nan(q, old_k, old_v, k, v, seen):
    (old, old_lse), (new, lse) = attend(q, old_k, old_v, ~seen), attend(q, k, v)
    all = torch.logaddexp(old_lse, lse)
    return old * (old_lse - all).exp() + new * (lse - all).exp()


@declined(0, Q, *OLD, SEEN)
def nan_to_one(q, k, v, seen):
    return torch.nan_to_num(hidden(q, k, seen, LOW), nan=1.0) @ repeat(v)


@declined(0, Q, *OLD)
def small_probabilities_raised(q, k, v):
    return scores(q, k).softmax(-1).clamp(min=1e-5) @ repeat(v)


@declined(0, Q, *OLD)
def small_probabilities_dropped(q, k, v):
    p = scores(q, k).softmax(-1)
    return torch.where(p > 0.05, p, 0.0) @ repeat(v)


@declined(0, Q, *OLD, SEEN)
def times_all(q, k, v, seen):
    return (hidden(q, k, seen, LOWEST) * seen.all(-1, keepdim=True)) @ repeat(v)


@declined(0, Q, *OLD, SEEN)
def times_any_of_all_sequences(q, k, v, seen):
    return (hidden(q, k, seen, LOWEST) * seen.any(0, keepdim=True).any(-1, keepdim=True)) @ repeat(v)


@declined(0, Q, *OLD, SEEN)
def masked_behind_the_softmax(q, k, v, seen):
    return (scores(q, k).softmax(-1) * seen) @ repeat(v)


@declined(1, Q, *OLD)
def logsumexp_of_other_scores(q, k, v):
    s = scores(q, k) * 4
    return (s / 4).softmax(-1) @ repeat(v), s.logsumexp(-1)


@declined(1, Q, *OLD, SEEN)
def logsumexp_of_a_number(q, k, v, seen):
    """Of rows that see no key it is about that number."""
    s = scores(q, k).masked_fill(~seen, -1e30)
    return s.softmax(-1) @ repeat(v), s.logsumexp(-1)


@declined(1, Q, OLD[0][:, :, :7], OLD[1][:, :, :7])
def logsumexp_over_queries(q, k, v):
    s = scores(q, k)
    return s.softmax(-1) @ repeat(v), s.logsumexp(-2)


@declined(1, Q, *OLD)
def logarithm_without_the_maximum(q, k, v):
    s = scores(q, k)
    e = (s - s.amax(-1, keepdim=True)).exp()
    total = e.sum(-1, keepdim=True)
    return (e / total) @ repeat(v), total.log()
