"""Ways to write attention in PyTorch, as functions of q, k, v and more: forms that recognition must read.

`FORMS` maps a name to (function, extra arguments, what the report must say). Shapes: q 2x6x7x16, k and v 2x2x7x16.
"""

import torch
import torch.nn.functional as F

SEEN = {"status": "raised", "q_heads": 6, "kv_heads": 2, "head_dim": 16}
FORMS = {}


def form(*extra, **report):
    def register(function):
        FORMS[function.__name__] = (function, extra, {**SEEN, **report})
        return function
    return register


def randn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scores(q, k):
    return q @ k.repeat_interleave(3, 1).transpose(-1, -2) * 0.25


def attend(p, v):
    return p @ v.repeat_interleave(3, 1)


def positions(q):
    return torch.arange(q.shape[2])


MASK = randn(7, 7, seed=77) > -0.7
PADDING = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
DOCUMENTS = torch.tensor([[0, 0, 1, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1, 1]])


@form(MASK[None, None].expand(2, 1, 7, 7).clone())
def sdpa_boolean_mask(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k.repeat_interleave(3, 1), v.repeat_interleave(3, 1), attn_mask=mask)


@form(randn(7, 7, seed=5))
def sdpa_float_mask(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)


@form(causal=True)
def sdpa_causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


@form()
def no_maximum(q, k, v):
    e = torch.exp(scores(q, k))
    return attend(e / e.sum(-1, keepdim=True), v)


@form()
def divided_later(q, k, v):
    s = scores(q, k)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return attend(e, v) / e.sum(-1, keepdim=True)


@form()
def log_softmax(q, k, v):
    return attend(torch.log_softmax(scores(q, k), -1).exp(), v)


@form(randn(1, 7, 7, seed=6))
def baddbmm(q, k, v, bias):
    k, v = (x.repeat_interleave(3, 1).flatten(0, 1) for x in (k, v))
    s = torch.baddbmm(bias.expand(12, 7, 7), q.flatten(0, 1), k.transpose(1, 2), beta=1.0, alpha=0.25)
    return torch.bmm(s.softmax(-1), v).view(q.shape)


@form(randn(7, 7, seed=7), randn(2, 1, 1, 7, seed=8))
def two_biases(q, k, v, one, other):
    return attend((scores(q, k) + one + other).softmax(-1), v)


@form(~MASK)
def true_hides(q, k, v, hidden):
    return attend(scores(q, k).masked_fill(hidden, float("-inf")).softmax(-1), v)


@form(~MASK)
def small_fill(q, k, v, hidden):
    return attend(scores(q, k).masked_fill(hidden, -1e4).softmax(-1), v)


@form(PADDING)
def padding_by_arithmetic(q, k, v, padding):
    return attend((scores(q, k) + (1.0 - padding[:, None, None].float()) * -10000.0).softmax(-1), v)


@form(torch.tensor(3.7))
def temperature(q, k, v, t):
    return attend((scores(q, k) / t).softmax(-1), v)


@form(randn(6, 1, 1, seed=9))
def factor_per_head(q, k, v, t):
    return attend((scores(q, k) * t.exp()).softmax(-1), v)


@form(MASK.float())
def mask_multiplied(q, k, v, mask):
    return attend((scores(q, k) * mask).softmax(-1), v)


@form()
def probabilities_returned(q, k, v):
    p = scores(q, k).softmax(-1)
    return attend(p, v), p


@form(randn(6, seed=10), sinks=True)
def sink_as_column(q, k, v, sink):
    column = sink.view(1, 6, 1, 1).expand(2, 6, 7, 1)
    return attend(torch.cat([scores(q, k), column], -1).softmax(-1)[..., :-1], v)


@form(sinks=True)
def softmax_plus_one(q, k, v):
    s = scores(q, k)
    m = s.amax(-1, keepdim=True).clamp(min=0)
    e = torch.exp(s - m)
    return attend(e / (e.sum(-1, keepdim=True) + torch.exp(-m)), v)


@form()
def prefix(q, k, v):
    i = positions(q)
    seen = (i[None] <= i[:, None]) | (i[None] < 3)
    return attend(scores(q, k).masked_fill(~seen, float("-inf")).softmax(-1), v)


@form(DOCUMENTS, causal=True)
def documents(q, k, v, d):
    i = positions(q)
    seen = (i[None] <= i[:, None]) & (d[:, :, None] == d[:, None])
    return attend(scores(q, k).masked_fill(~seen[:, None], float("-inf")).softmax(-1), v)


@form(causal=False, window=[2, 2])
def two_sided_window(q, k, v):
    i = positions(q)
    return attend(scores(q, k).masked_fill((i[:, None] - i[None]).abs() > 2, float("-inf")).softmax(-1), v)


@form()
def alibi(q, k, v):
    i, slopes = positions(q), 2.0 ** -torch.arange(1, 7).float()
    return attend((scores(q, k) - (i[:, None] - i[None]).abs() * slopes[:, None, None]).softmax(-1), v)


@form()
def grouped_einsum(q, k, v):
    s = torch.einsum("bhgqd,bhkd->bhgqk", q.unflatten(1, (2, 3)), k) * 0.25
    return torch.einsum("bhgqk,bhkd->bhgqd", s.softmax(-1), v).flatten(1, 2)


@form()
def keys_first(q, k, v):
    k, v = k.repeat_interleave(3, 1), v.repeat_interleave(3, 1)
    return (v.transpose(-1, -2) @ (k @ q.transpose(-1, -2) * 0.25).softmax(-2)).transpose(-1, -2)


@form()
def heads_by_division(q, k, v):
    group = torch.arange(6) // 3
    return F.scaled_dot_product_attention(q, k[:, group], v[:, group])


@form()
def heads_by_list(q, k, v):
    group = [0, 0, 0, 1, 1, 1]
    return F.scaled_dot_product_attention(q, k[:, group], v[:, group])


@form()
def heads_by_elements(q, k, v):
    group = (torch.arange(6) // 3).view(1, 6, 1, 1).expand(q.shape)
    return F.scaled_dot_product_attention(q, k.gather(1, group), v.gather(1, group))


@form()
def heads_by_slices(q, k, v):
    k, v = (torch.stack([x[:, h // 3] for h in range(6)], 1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v)


@form(kv_heads=6)
def heads_by_uneven_list(q, k, v):
    group = [0, 0, 1, 1, 1, 1]
    return F.scaled_dot_product_attention(q, k[:, group], v[:, group])


@form(torch.tensor([0, 0, 0, 1, 1, 1]), kv_heads=6)
def heads_by_argument(q, k, v, group):
    return F.scaled_dot_product_attention(q, k[:, group], v[:, group])


@form()
def heads_by_matrix(q, k, v):
    matrix = F.one_hot(torch.arange(6) // 3, 2).float()
    k, v = (torch.einsum("hg,bgsd->bhsd", matrix, x) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v)


@form(causal=True, score=None)
def groups_of_masked_rows(q, k, v):
    """Of each group's queries in one dimension, what a table of constants says of positions holds for each query."""
    s = torch.einsum("bgrid,bgjd->bgrij", q.unflatten(1, (2, 3)) * 0.25, k)
    s = s.masked_fill(torch.ones(7, 7, dtype=torch.bool).triu(1), -torch.finfo(s.dtype).max)
    p = (s - s.amax(-1, keepdim=True)).softmax(-1)
    return torch.einsum("bgrij,bgjd->bgrid", p, v).flatten(1, 2)


@form(causal=True)
def einsum_masked_in_place(q, k, v):
    """The einsum's result is a view of permuted products, into which torch's decompositions cannot write."""
    s = torch.einsum("bghid,bhjd->bghij", q.unflatten(1, (2, 3)).transpose(1, 2) * 0.25, k)
    s.masked_fill_(~torch.ones(7, 7, dtype=torch.bool).tril_(), torch.finfo(s.dtype).min)
    return torch.einsum("bghij,bhjd->bghid", s.softmax(-1), v).transpose(1, 2).flatten(1, 2)


@form(kv_heads=6)
def heads_by_counts(q, k, v):
    counts = torch.tensor([2, 4])
    k, v = (x.repeat_interleave(counts, 1, output_size=6) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v)


@form()
def heads_by_list_in_any_order(q, k, v):
    group = [0, 1, 1, 0, 1, 0]
    return F.scaled_dot_product_attention(q, k[:, group], v[:, group], is_causal=True)


@form(scale=-0.25)
def softmin(q, k, v):
    return attend(F.softmin(scores(q, k), -1), v)


@form(causal=True, score=None)
def billion_selected(q, k, v):
    return attend(scores(q, k).masked_fill(torch.ones(7, 7).tril() == 0, -1e9).softmax(-1), v)


@form(causal=True, score=None)
def billion_added(q, k, v):
    return attend((scores(q, k) + torch.full((7, 7), -1e9).triu(1)).softmax(-1), v)


@form(PADDING.flip(1), causal=True, dead_row="uniform")
def billion_selected_in_whole_rows(q, k, v, padding):
    seen = torch.ones(7, 7).tril().bool() & padding[:, None, None].bool()
    return attend(scores(q, k).masked_fill(~seen, -1e9).softmax(-1), v)


@form(PADDING.flip(1))
def billions_added_to_whole_rows(q, k, v, padding):
    """Scores that the number is added to are rounded, not lost; where it is added twice, keys are hidden behind the others."""
    hidden = (1 - padding[:, None, None].float()) * -1e9 + torch.full((7, 7), -1e9).triu(1)
    return attend((scores(q, k) + hidden).softmax(-1), v)


@form(torch.tensor([0.0, 0, 0, 0, 0, 0, 1e9]))
def billion_taken_back(q, k, v, lift):
    return attend((scores(q, k).masked_fill(torch.ones(7, 7).tril() == 0, -1e9) + lift).softmax(-1), v)


@form(PADDING.flip(1), causal=True, dead_row="zero")
def nan_to_num(q, k, v, padding):
    seen = torch.ones(7, 7).tril().bool() & padding[:, None, None].bool()
    return attend(torch.nan_to_num(scores(q, k).masked_fill(~seen, float("-inf")).softmax(-1)), v)
