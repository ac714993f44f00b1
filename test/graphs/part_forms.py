"""One softmax over several sets of keys, as code with prefixes, caches in pieces and global tokens writes it.

`PART_FORMS` maps a name to (function, arguments, what the report must say), `DECLINED` to (function, arguments, why it is none).
"""

import torch

from forms import randn
from model_forms import bytes_like

PARTS = {"q_heads": 6, "kv_heads": 2, "head_dim": 16, "parts": 2}
Q, STEP = randn(2, 6, 7, 16, seed=1), randn(2, 6, 1, 16, seed=1)
OLD = randn(2, 2, 12, 16, seed=2), randn(2, 2, 12, 16, seed=3)
NEW = randn(2, 2, 7, 16, seed=4), randn(2, 2, 7, 16, seed=5)
ONE = randn(2, 2, 1, 16, seed=4), randn(2, 2, 1, 16, seed=5)
PART_FORMS, DECLINED = {}, {}


def form(*arguments, **report):
    def register(function):
        PART_FORMS[function.__name__] = (function, arguments, {"status": "raised", **report})
        return function
    return register


def declined(reason, *arguments):
    def register(function):
        DECLINED[function.__name__] = (function, arguments, reason)
        return function
    return register


def repeat(x):
    return x.repeat_interleave(3, 1)


def scores(q, k):
    return q @ repeat(k).mT * 0.25


def causal(q, k):
    return torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).triu(1)


@form(Q, *OLD, *NEW, **PARTS)
def split_again(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def split_by_split(q, old_k, old_v, k, v):
    old, new = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1).split([12, 7], -1)
    return new @ repeat(v) + old @ repeat(old_v)


@form(Q, *OLD, *NEW, **PARTS)
def values_joined(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p @ repeat(torch.cat([old_v, v], 2))


@form(Q, *OLD, *NEW, **PARTS)
def values_repeated_and_joined(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p @ torch.cat([repeat(old_v), repeat(v)], 2)


@form(STEP, *OLD, *ONE, **PARTS)
def step_with_its_token_apart(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :-1] @ repeat(old_v) + p[..., -1:] @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def prefix_and_causal(q, old_k, old_v, k, v):
    own = scores(q, k).masked_fill(causal(q, k), -torch.inf)
    p = torch.cat([scores(q, old_k), own], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, torch.tensor([12, 5]), **PARTS)
def padded_prefix(q, old_k, old_v, k, v, lengths):
    seen = torch.arange(12) < lengths[:, None, None, None]
    old = scores(q, old_k).masked_fill(~seen, torch.finfo(torch.float32).min)
    own = scores(q, k).masked_fill(causal(q, k), torch.finfo(torch.float32).min)
    p = torch.cat([old, own], -1).softmax(-1)
    return p @ repeat(torch.cat([old_v, v], 2))


@form(Q, *OLD, *NEW, randn(7, 12, seed=6), randn(6, 7, 7, seed=7), **PARTS)
def biases(q, old_k, old_v, k, v, old_bias, bias):
    p = torch.cat([scores(q, old_k) + old_bias, scores(q, k) + bias], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, randn(2, 1, 7, 19, seed=6) > 0, **PARTS)
def mask_over_both(q, old_k, old_v, k, v, mask):
    s = torch.cat([scores(q, old_k), scores(q, k)], -1).masked_fill(~mask, -torch.inf)
    p = s.softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


NOTHING = torch.ones(2, 1, 7, 19, dtype=torch.bool)
NOTHING[0, :, 2], NOTHING[1, :, 3:, 5:], NOTHING[1, :, 4, :12] = False, False, False


@form(Q, *OLD, *NEW, NOTHING, **PARTS, dead_row="nan")
def rows_that_see_nothing(q, old_k, old_v, k, v, mask):
    s = torch.cat([scores(q, old_k), scores(q, k)], -1).masked_fill(~mask, -torch.inf)
    return s.softmax(-1) @ repeat(torch.cat([old_v, v], 2))


@form(Q, *OLD, *NEW, NOTHING, **PARTS, dead_row="uniform")
def rows_that_see_everything(q, old_k, old_v, k, v, mask):
    s = torch.cat([scores(q, old_k), scores(q, k)], -1).masked_fill(~mask, torch.finfo(torch.float32).min)
    return s.softmax(-1) @ repeat(torch.cat([old_v, v], 2))


@form(Q, *OLD, *NEW, torch.where(NOTHING, 0.0, torch.finfo(torch.float32).min), **PARTS)
def rows_hidden_by_a_bias(q, old_k, old_v, k, v, mask):
    s = torch.cat([scores(q, old_k), scores(q, k)], -1) + mask
    return s.softmax(-1) @ repeat(torch.cat([old_v, v], 2))


@form(Q, *OLD, *NEW, **PARTS)
def a_scale_of_each(q, old_k, old_v, k, v):
    """What is not the same for both is no matter where each is an attention."""
    p = torch.cat([q @ repeat(old_k).mT * 0.5, q @ repeat(k).mT * 0.25], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, randn(2, 6, 7, 16, seed=8), **PARTS)
def queries_of_each(q, old_k, old_v, k, v, other):
    p = torch.cat([scores(other, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, OLD[0].repeat_interleave(3, 1), OLD[1].repeat_interleave(3, 1), *NEW, **{**PARTS, "kv_heads": 6})
def heads_of_each(q, old_k, old_v, k, v):
    p = torch.cat([q @ old_k.mT * 0.25, scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ old_v + p[..., 12:] @ repeat(v)


@form(Q, OLD[0].transpose(1, 2).contiguous(), OLD[1].transpose(1, 2).contiguous(), *NEW, **PARTS)
def layouts_of_each(q, old_k, old_v, k, v):
    grouped = q.view(2, 2, 3, 7, 16)
    old = torch.einsum("bhgqd,bkhd->bhgqk", grouped, old_k).flatten(1, 2) * 0.25
    p = torch.cat([old, scores(q, k)], -1).softmax(-1)
    past = torch.einsum("bhgqk,bkhd->bhgqd", p[..., :12].view(2, 2, 3, 7, 12), old_v).flatten(1, 2)
    return past + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, randn(2, 2, 3, 16, seed=8), randn(2, 2, 3, 16, seed=9), **{**PARTS, "parts": 3})
def three_parts(q, old_k, old_v, k, v, memory_k, memory_v):
    p = torch.cat([scores(q, memory_k), scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :3] @ repeat(memory_v) + p[..., 3:15] @ repeat(old_v) + p[..., 15:] @ repeat(v)


@form(Q, OLD[0][:1], OLD[1][:1], *NEW, q_heads=42, kv_heads=2, parts=2)
def prefix_of_all_sequences(q, old_k, old_v, k, v):
    """Bifurcated attention: keys and values of a prompt are held once, and read once for the queries of all sequences."""
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(randn(5, 2, 3, 1, 16, seed=1), randn(2, 12, 16, seed=2), randn(2, 12, 16, seed=3),
      randn(5, 2, 7, 16, seed=4), randn(5, 2, 7, 16, seed=5), q_heads=5, kv_heads=1, parts=2)
def prefix_of_all_samples(q, old_k, old_v, k, v):
    """The same for one token of each of several samples, by products that follow no sample."""
    old = torch.einsum("bgpnd,gmd->bgpnm", q, old_k)
    p = torch.cat([old, torch.einsum("bgpnd,bgmd->bgpnm", q, k)], -1).mul(0.25).softmax(-1)
    return torch.einsum("bgpnm,gmd->bgpnd", p[..., :12], old_v) + torch.einsum("bgpnm,bgmd->bgpnd", p[..., 12:], v)


@form(STEP, bytes_like(2, 2, 12, 16, seed=2), bytes_like(2, 2, 12, 16, seed=3), randn(2, 2, 12, 1, seed=6).abs() / 50,
      randn(2, 2, 12, 1, seed=7).abs() / 50, *NEW, **PARTS)
def bytes_and_floats(q, old_k, old_v, k_scale, v_scale, k, v):
    """A cache whose older tokens are bytes."""
    p = torch.cat([scores(q, old_k * k_scale), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v * v_scale) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, randn(6, seed=6), **PARTS, sinks=True)
def sink_behind(q, old_k, old_v, k, v, sink):
    column = sink.view(1, 6, 1, 1).expand(2, 6, 7, 1)
    p = torch.cat([scores(q, old_k), scores(q, k), column], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:-1] @ repeat(v)


GLOBAL = randn(2, 6, 5, 16, seed=2), randn(2, 6, 5, 16, seed=3)
LOCAL = randn(2, 6, 12, 16, seed=1), randn(2, 6, 12, 16, seed=4), randn(2, 6, 12, 16, seed=5)


@form(*LOCAL, *GLOBAL, torch.tensor([[1] * 12, [1] * 9 + [0] * 3]), q_heads=18, kv_heads=6, parts=2)
def global_tokens_and_blocks(q, k, v, global_k, global_v, mask):
    """PEGASUS-X: blocks of tokens see themselves and the global tokens."""
    q, k, v = (x.view(2, 6, 3, 4, 16) for x in (q, k, v))
    hidden = (1 - mask.view(2, 1, 3, 1, 4).float()) * torch.finfo(torch.float32).min
    to_global = torch.einsum("BHNKF,BHGF->BHNKG", q, global_k)
    to_local = torch.einsum("BHNKF,BHNXF->BHNKX", q, k) + hidden
    p = torch.nn.functional.softmax(torch.cat([to_global, to_local], -1), -1)
    return (torch.einsum("BHNKG,BHGF->BHNKF", p[..., :5], global_v) +
            torch.einsum("BHNKX,BHNXF->BHNKF", p[..., 5:], v))


@form(Q, *OLD, *NEW, **PARTS)
def divided_later(q, old_k, old_v, k, v):
    """No scores are joined: the sums of both are."""
    old, new = scores(q, old_k), scores(q, k)
    most = torch.maximum(old.amax(-1, keepdim=True), new.amax(-1, keepdim=True))
    old, new = (old - most).exp(), (new - most).exp()
    return (old @ repeat(old_v) + new @ repeat(v)) / (old.sum(-1, keepdim=True) + new.sum(-1, keepdim=True))


@form(Q, *OLD, *NEW, **{**PARTS, "parts": 3})
def values_split_elsewhere(q, old_k, old_v, k, v):
    """Not where the scores were joined: each set is that of one product and one tensor of values."""
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :7] @ repeat(v) + p[..., 7:] @ repeat(old_v)


@form(Q, *OLD, *NEW, **PARTS)
def log_softmax(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).log_softmax(-1).exp()
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def logsumexp(q, old_k, old_v, k, v):
    """The probabilities of each set by what all of them sum up to."""
    old, new = scores(q, old_k), scores(q, k)
    all = torch.cat([old, new], -1).logsumexp(-1, keepdim=True)
    return (old - all).exp() @ repeat(old_v) + (new - all).exp() @ repeat(v)


@form(*(x.half() for x in (Q, *OLD, *NEW)), **PARTS)
def half_precision(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1, dtype=torch.float32).to(q.dtype)
    return (p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)).transpose(1, 2).flatten(2)


@form(Q, randn(2, 6, 7, 4, 16, seed=2), randn(2, 6, 7, 4, 16, seed=3), *NEW, **PARTS)
def memories_of_each_query(q, memory_k, memory_v, k, v):
    """Memorizing transformers: what was looked up for a token, and its context."""
    s = torch.cat([torch.einsum("bhid,bhijd->bhij", q, memory_k) * 0.25, scores(q, k)], -1)
    p = s.softmax(-1)
    return torch.einsum("bhij,bhijd->bhid", p[..., :4], memory_v) + p[..., 4:] @ repeat(v)


@form(Q, randn(6, 2, 16, seed=2), randn(6, 2, 16, seed=3), *NEW, **PARTS)
def learned_keys(q, learned_k, learned_v, k, v):
    p = torch.cat([torch.einsum("bhid,hjd->bhij", q, learned_k) * 0.25, scores(q, k)], -1).softmax(-1)
    return torch.einsum("bhij,hjd->bhid", p[..., :2], learned_v) + p[..., 2:] @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def scores_less_their_maximum(q, old_k, old_v, k, v):
    """What one softmax does not see, it sees of one of two sets."""
    old, new = scores(q, old_k), scores(q, k)
    p = torch.cat([old - old.amax(-1, keepdim=True), new], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, randn(2, 6, 7, 1, seed=6), **PARTS)
def gate_of_each_query(q, old_k, old_v, k, v, gate):
    p = torch.cat([scores(q, old_k) + gate, scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def heads_joined_before_the_sum(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return sum((part @ repeat(x)).transpose(1, 2).flatten(2) for part, x in ((p[..., :12], old_v), (p[..., 12:], v)))


@form(Q, *OLD, *NEW, **PARTS)
def values_first(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return repeat(old_v).mT @ p[..., :12].mT + repeat(v).mT @ p[..., 12:].mT


@form(Q, *OLD, **{**PARTS, "parts": 3})
def scores_in_chunks(q, k, v):
    return torch.cat([scores(q, part) for part in k.split(4, 2)], -1).softmax(-1) @ repeat(v)


@form(Q, *OLD, *NEW, **PARTS)
def key_without_a_value(q, old_k, old_v, k, v):
    """It takes its part of the sum, as a sink does."""
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:-1] @ repeat(v[:, :, :-1])


@form(Q, *OLD, *NEW, **PARTS)
def probabilities_returned(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v), p[..., :12]


UNPLACED = "the softmax does not run over the keys that the products with V contract together"
ALONE = "the softmax does not run over the keys that the product with V contracts"
UNFOUND = "no product of the probabilities with V was found"


@declined(UNFOUND, Q, *OLD, *NEW)
def two_softmaxes(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k).softmax(-1), scores(q, k).softmax(-1)], -1) * 0.5
    return p @ repeat(torch.cat([old_v, v], 2))


@declined("what is subtracted from the scores is not the same for all sets", Q, *OLD, *NEW)
def maxima_of_their_own(q, old_k, old_v, k, v):
    old, new = ((s - s.amax(-1, keepdim=True)).exp() for s in (scores(q, old_k), scores(q, k)))
    return (old @ repeat(old_v) + new @ repeat(v)) / (old.sum(-1, keepdim=True) + new.sum(-1, keepdim=True))


@declined(UNFOUND, Q, *OLD, *NEW)
def sum_of_one(q, old_k, old_v, k, v):
    old, new = scores(q, old_k), scores(q, k)
    most = torch.maximum(old.amax(-1, keepdim=True), new.amax(-1, keepdim=True))
    old, new = (old - most).exp(), (new - most).exp()
    return (old @ repeat(old_v) + new @ repeat(v)) / new.sum(-1, keepdim=True)


@declined(UNPLACED, Q, *OLD, *NEW)
def parts_that_overlap(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 11:18] @ repeat(v)


@declined(UNPLACED, Q, *OLD, *NEW)
def one_part_twice(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :7] @ repeat(v) + p[..., :7] @ repeat(old_v[:, :, :7])


@declined(ALONE, Q, OLD[0][:, :, :7], OLD[1][:, :, :7], *NEW)
def softmax_over_queries(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-2)
    return p[..., :7] @ repeat(old_v) + p[..., 7:] @ repeat(v)


@declined(ALONE, Q, *OLD, *NEW)
def part_that_counts_half(q, old_k, old_v, k, v):
    p = torch.cat([scores(q, old_k), scores(q, k)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + 0.5 * (p[..., 12:] @ repeat(v))


@declined("rows that see no key", Q, *OLD, *NEW, NOTHING)
def fills_of_their_own(q, old_k, old_v, k, v, mask):
    """Rows that see nothing are the mean of one set of values."""
    old = scores(q, old_k).masked_fill(~mask[..., :12], torch.finfo(torch.float32).min)
    p = torch.cat([old, scores(q, k).masked_fill(~mask[..., 12:], -torch.inf)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)


@declined("rows that see no key", Q, *OLD, *NEW, NOTHING)
def finite_fills_of_their_own(q, old_k, old_v, k, v, mask):
    old = scores(q, old_k).masked_fill(~mask[..., :12], torch.finfo(torch.float32).min)
    p = torch.cat([old, scores(q, k).masked_fill(~mask[..., 12:], -1e30)], -1).softmax(-1)
    return p[..., :12] @ repeat(old_v) + p[..., 12:] @ repeat(v)
