"""Attention as models write it, beyond the forms of `forms`: with their own shapes, packings and masks.

`MODEL_FORMS` maps a name to (function, arguments, what the report must say of each attention that is raised).
"""

import math

import torch
import torch.nn.functional as F

from forms import randn

MODEL_FORMS = {}


def form(*arguments, **report):
    """Of one attention; of several, a list of reports as `attentions`."""
    def register(function):
        MODEL_FORMS[function.__name__] = (function, arguments, report.get("attentions", [report]))
        return function
    return register


def scores(q, k):
    return q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5


def bytes_like(*shape, seed, low=-127, dtype=torch.int8):
    return torch.randint(low, low + 255, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


Q, K, V = randn(2, 6, 7, 16, seed=1), randn(2, 6, 7, 16, seed=2), randn(2, 6, 7, 16, seed=3)
KG, VG = randn(2, 2, 7, 16, seed=2), randn(2, 2, 7, 16, seed=3)
PADDING = torch.tensor([[1] * 7, [0, 0] + [1] * 5])
POSITIONS = torch.arange(7)
CACHE = randn(2, 6, 1, 16, seed=1), randn(2, 2, 12, 16, seed=2), randn(2, 2, 12, 16, seed=3)
FRESH = randn(2, 2, 1, 16, seed=4), randn(2, 2, 1, 16, seed=5)


@form(randn(2, 7, 160, seed=1), q_heads=6, kv_heads=2, causal=True)
def packed_groups_by_lists(x):
    """Falcon: each group's queries, its key and its value, taken by lists of indices."""
    x = x.view(2, 7, 2, 5, 16)
    q, k, v = x[:, :, :, :-2], x[:, :, :, [-2]], x[:, :, :, [-1]]
    q, k, v = (t.expand_as(q).flatten(2, 3).transpose(1, 2) for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@form(randn(2, 7, 288, seed=1), q_heads=6, causal=True)
def packed_and_a_table_of_ones(x):
    q, k, v = (t.view(2, 7, 6, 16).transpose(1, 2) for t in x.split(96, dim=2))
    table = torch.tril(torch.ones(7, 7)).view(1, 1, 7, 7)
    p = F.softmax((q @ k.transpose(-2, -1) * (1.0 / math.sqrt(16))).masked_fill(table == 0, float("-inf")), -1)
    return (p @ v).transpose(1, 2).contiguous().view(2, 7, 96)


@form(Q[:, 0], K[:, 0], V[:, 0], head_dim=16, causal=False)
def no_heads(q, k, v):
    return scores(q, k).softmax(-1) @ v


@form(Q[0, 0], K[0, 0], V[0, 0], q_heads=1, kv_heads=1)
def no_heads_and_no_batch(q, k, v):
    return scores(q, k).softmax(-1) @ v


@form(Q, K, V, PADDING, q_heads=6, causal=True)
def alibi_of_padded_keys(q, k, v, mask):
    slopes = 2.0 ** -torch.arange(1, 7).float()
    alibi = (slopes[..., None] * ((mask.cumsum(-1) - 1) * mask)[:, None, :]).reshape(12, 1, 7)
    s = alibi.baddbmm(q.reshape(12, 7, 16), k.reshape(12, 7, 16).transpose(-1, -2), beta=1.0, alpha=0.25).view(2, 6, 7, 7)
    seen = torch.ones(7, 7, dtype=torch.bool).tril()[None, None] & (mask[:, None, None] > 0)
    return (s + torch.where(seen, 0.0, torch.finfo(torch.float32).min)).softmax(-1).reshape(12, 7, 7) @ v.reshape(12, 7, 16)


@form(Q, KG, VG, randn(2, 7, 7, seed=9), q_heads=6, kv_heads=2)
def chosen_keys(q, k, v, wanted):
    """DeepSeek's sparse attention: each query has chosen its keys, which a mask is told one by one."""
    causal = torch.ones(7, 7, dtype=torch.bool).tril()
    chosen = wanted.masked_fill(~causal, -math.inf).topk(4, dim=-1).indices
    hidden = torch.ones(2, 7, 7, dtype=torch.bool).scatter(-1, chosen, False)
    return F.scaled_dot_product_attention(q, k, v, causal & ~hidden[:, None], enable_gqa=True)


@form(Q, K, V, randn(8, 6, seed=9), q_heads=6, scale=1.0)
def buckets(q, k, v, table):
    bucket = torch.clamp(POSITIONS[None] - POSITIONS[:, None] + 3, 0, 7)
    return (q @ k.transpose(-1, -2) + F.embedding(bucket, table).permute(2, 0, 1)[None]).softmax(-1) @ v


@form(randn(8, 6, 4, 16, seed=1), randn(8, 6, 4, 16, seed=2), randn(8, 6, 4, 16, seed=3), randn(6, 4, 4, seed=4),
      randn(4, 4, 4, seed=5), q_heads=6)
def shifted_windows(q, k, v, bias, mask):
    s = (q * 0.25) @ k.transpose(-2, -1) + bias[None]
    return (s.view(2, 4, 6, 4, 4) + mask[None, :, None]).view(8, 6, 4, 4).softmax(-1) @ v


@form(Q, K, V, randn(6, 1, 1, seed=4), q_heads=6)
def cosine(q, k, v, factor):
    s = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    return (s * torch.clamp(factor, max=math.log(100.0)).exp()).softmax(-1) @ v


@form(randn(2, 6, 1, 16, seed=1), randn(8, 4, 2, 16, seed=2), randn(8, 4, 2, 16, seed=3), torch.tensor([[3, 1, 5], [0, 7, 2]]),
      torch.tensor([9, 11]), q_heads=6, kv_heads=2)
def gathered_pages(q, keys, values, table, lengths):
    k, v = (pool[table].flatten(1, 2).transpose(1, 2).repeat_interleave(3, 1) for pool in (keys, values))
    seen = torch.arange(12)[None] < lengths[:, None]
    return scores(q, k).masked_fill(~seen[:, None, None], float("-inf")).softmax(-1) @ v


@form(*CACHE, *FRESH, torch.tensor([4]), q_heads=6, kv_heads=2)
def cache_written_by_index(q, keys, values, k, v, position):
    keys, values = keys.clone(), values.clone()
    keys[:, :, position], values[:, :, position] = k, v
    seen = torch.arange(12)[None] <= position[:, None]
    k, v = keys.repeat_interleave(3, 1), values.repeat_interleave(3, 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen[None, None]), keys, values


@form(*CACHE, *FRESH, torch.tensor([[4], [6]]), q_heads=6, kv_heads=2)
def cache_scattered(q, keys, values, k, v, position):
    index = position[:, None, :, None].expand(2, 2, 1, 16)
    keys, values = keys.scatter(2, index, k), values.scatter(2, index, v)
    seen = torch.arange(12)[None] <= position
    k, v = keys.repeat_interleave(3, 1), values.repeat_interleave(3, 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None]), keys, values


@form(Q, randn(2, 6, 7, 8, seed=2), K, randn(2, 1, 7, 8, seed=4), V, q_heads=6, head_dim=24, v_head_dim=16)
def latent_concatenated(q, q_turned, k, k_turned, v):
    q, k = torch.cat([q, q_turned], -1), torch.cat([k, k_turned.expand(2, 6, 7, 8)], -1)
    return (q @ k.transpose(-1, -2) * 24**-0.5).softmax(-1) @ v


@form(randn(2, 7, 2, 3, 16, seed=1), randn(2, 9, 2, 16, seed=2), randn(2, 9, 2, 16, seed=3), q_heads=6, kv_heads=2)
def einsum_of_groups_by_token(q, k, v):
    p = (torch.einsum("btkgd,bskd->bkgts", q, k) * 0.25).softmax(-1)
    return torch.einsum("bkgts,bskd->btkgd", p, v)


@form(randn(6, 2, 7, 16, seed=1), randn(6, 2, 7, 16, seed=2), randn(6, 2, 7, 16, seed=3))
def einsum_of_heads_first(q, k, v):
    return torch.einsum("hbqk,hbkd->bqhd", (torch.einsum("hbqd,hbkd->hbqk", q, k) * 0.25).softmax(-1), v).flatten(2)


@form(Q, K, V, q_heads=6, causal=True, window=3)
def triangles_of_ones(q, k, v):
    seen = torch.ones(7, 7).tril().triu(-2).bool()
    return scores(q, k).masked_fill(~seen, float("-inf")).softmax(-1) @ v


@form(Q, K, V, q_heads=6, causal=True)
def chunks(q, k, v):
    i = POSITIONS
    return F.scaled_dot_product_attention(q, k, v, attn_mask=(i[:, None] >= i[None]) & (i[:, None] // 4 == i[None] // 4))


@form(Q, K, V, torch.tensor([3, 5]), q_heads=6)
def prefix_of_each(q, k, v, lengths):
    i = POSITIONS
    seen = (i[:, None] >= i[None])[None] | (i[None, None] < lengths[:, None, None])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None])


@form(Q, K, V, q_heads=6)
def logsumexp(q, k, v):
    s = scores(q, k)
    return (s - torch.logsumexp(s, -1, keepdim=True)).exp() @ v


@form(Q, K, V, randn(2, 6, 4, 16, seed=7), randn(2, 6, 4, 16, seed=8), attentions=[{"q_heads": 6}, {"q_heads": 6}])
def sum_of_two(q, k, v, image_keys, image_values):
    return F.scaled_dot_product_attention(q, k, v) + 0.5 * F.scaled_dot_product_attention(q, image_keys, image_values)


@form(randn(2, 5, 7, 6, 16, seed=1), randn(2, 5, 7, 6, 16, seed=2), randn(2, 5, 7, 6, 16, seed=3), q_heads=6)
def frames(q, k, v):
    q, k, v = (x.transpose(2, 3) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(2, 3)


@form(Q, K, V, randn(13, 16, seed=4), q_heads=6)
def relative_keys(q, k, v, table):
    relative = table[POSITIONS[None] - POSITIONS[:, None] + 6]
    return ((q @ k.transpose(-1, -2) + torch.einsum("bhid,ijd->bhij", q, relative)) * 0.25).softmax(-1) @ v


@form(randn(2, 6, 12, 16, seed=1), randn(2, 6, 12, 16, seed=2), randn(2, 6, 12, 16, seed=3), randn(3, 3, 16, seed=4),
      randn(4, 4, 16, seed=5), q_heads=6)
def relative_rows_and_columns(q, k, v, rows, columns):
    places = q.view(12, 3, 4, 16)
    of_rows, of_columns = torch.einsum("bhwc,hkc->bhwk", places, rows), torch.einsum("bhwc,wkc->bhwk", places, columns)
    s = ((q * 0.25) @ k.transpose(-2, -1)).view(12, 3, 4, 3, 4)
    return (s + of_rows[..., :, None] + of_columns[..., None, :]).view(2, 6, 12, 12).softmax(-1) @ v


@form(Q, bytes_like(2, 2, 7, 16, seed=1), bytes_like(2, 2, 7, 16, seed=2), randn(2, 2, 7, 1, seed=3).abs() * 0.02,
      randn(2, 2, 7, 1, seed=4).abs() * 0.02, q_heads=6, kv_heads=2)
def bytes_by_token(q, k, v, k_scale, v_scale):
    k, v = ((x.float() * scale).repeat_interleave(3, 1) for x, scale in ((k, k_scale), (v, v_scale)))
    return F.scaled_dot_product_attention(q, k, v)


@form(Q, bytes_like(2, 7, 2, 16, seed=1, low=0, dtype=torch.uint8), bytes_like(2, 7, 2, 16, seed=2, low=0, dtype=torch.uint8),
      randn(2, 16, seed=3).abs() * 0.02, bytes_like(2, 16, seed=4, low=0, dtype=torch.uint8), q_heads=6, kv_heads=2, causal=True)
def bytes_by_channel(q, k, v, scale, zero):
    k, v = (((x.int() - zero.int()).float() * scale).transpose(1, 2).repeat_interleave(3, 1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@form(Q, KG.half(), VG.half(), q_heads=6, kv_heads=2, causal=True)
def half_as_wide(q, k, v):
    k, v = (x.float().repeat_interleave(3, 1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@form(Q, K, V, q_heads=6)
def scores_clamped(q, k, v):
    return scores(q, k).clamp(-5, 5).softmax(-1) @ v


@form(randn(2, 6, 3, 16, seed=1), randn(2, 2, 10, 16, seed=2), randn(2, 2, 10, 16, seed=3), q_heads=6, kv_heads=2, causal=True)
def triangle_to_the_right(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=torch.ones(3, 10, dtype=torch.bool).tril(7), enable_gqa=True)


@form(Q, K, V, randn(2, 6, 7, 1, seed=5), q_heads=6, causal=True)
def forgetting(q, k, v, gate):
    kept = F.logsigmoid(gate).cumsum(2)
    s = scores(q, k) + kept - kept.transpose(-1, -2)
    return s.masked_fill(~torch.ones(7, 7, dtype=torch.bool).tril(), float("-inf")).softmax(-1) @ v


@form(Q, K, V, q_heads=6)
def global_and_local(q, k, v):
    i = POSITIONS
    seen = ((i[:, None] - i[None]).abs() <= 1) | (i[None] < 2) | (i[:, None] < 2)
    return scores(q, k).masked_fill(~seen, torch.finfo(torch.float32).min).softmax(-1) @ v


@form(randn(2, 8, 8, 16, seed=1), q_heads=2)
def rolled_windows(x):
    """Swin's shifted windows of 4 x 4."""
    windows = x.roll((-2, -2), (1, 2)).view(2, 2, 4, 2, 4, 2, 8).permute(0, 1, 3, 5, 2, 4, 6).reshape(8, 2, 16, 8)
    seen = scores(windows, windows).softmax(-1) @ windows
    return seen.view(2, 2, 2, 2, 4, 4, 8).permute(0, 1, 4, 2, 5, 3, 6).reshape(2, 8, 8, 16).roll((2, 2), (1, 2))


@form(randn(2, 16, 3, 4, seed=1), *(randn(16, 16, 1, 1, seed=seed) for seed in (2, 3, 4)), randn(16, seed=5), randn(16, seed=6).exp(),
      randn(16, seed=7), q_heads=2)
def normed_convolutions(x, q, k, v, mean, variance, weight):
    """LeViT: projections by convolutions, each with a batch norm behind."""
    q, k, v = (F.batch_norm(F.conv2d(x, w), mean, variance, weight).view(2, 2, 8, 12).transpose(2, 3) for w in (q, k, v))
    return scores(q, k).softmax(-1) @ v


@form(Q, K, V, randn(7, 8, seed=4), q_heads=6)
def turned_by_complex_numbers(q, k, v, angles):
    """Llama 4: the rotation has a factor of its own."""
    turn = torch.polar(torch.ones_like(angles), angles) * 1.5
    q, k = (torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (8, 2))) * turn).flatten(-2) for x in (q, k))
    return scores(q, k).softmax(-1) @ v


LOGARITHMS = torch.full((6, 1, 1), math.log(10))


@form(Q, K, V, q_heads=6)
def factors_that_are_one(q, k, v):
    """Swin v2 before it is trained: a factor for each head, all the same."""
    s = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    return (s * LOGARITHMS.clamp(max=math.log(100.0)).exp()).softmax(-1) @ v


@form(randn(2, 1, 4, 16, seed=1), randn(2, 9, 12, seed=2), randn(2, 9, 4, seed=3), q_heads=4, kv_heads=1, head_dim=16, v_head_dim=12)
def latent_of_one_token(q, latent, turned):
    """Multi-head latent attention that decodes: all heads read the one latent."""
    p = (torch.einsum("bshr,btr->bsht", q, torch.cat([latent, turned], -1)) * 0.3).softmax(-1)
    return torch.einsum("bsht,btr->bshr", p, latent)


@form(*(randn(2, 1, 4, size, seed=1).half() for size in (12, 4)), *(randn(2, 9, size, seed=2).half() for size in (12, 4)), head_dim=16,
      v_head_dim=12)
def latent_in_two_caches(q, q_turned, latent, turned):
    """The same with what is rotated in a cache of its own, and every step of the scores rounded to 16 bits."""
    s = torch.einsum("bshc,btc->bsht", q, latent) + torch.einsum("bshr,btr->bsht", q_turned, turned)
    p = (s * 0.3).softmax(-1, dtype=torch.float32).type_as(q)
    return torch.einsum("bsht,btc->bshc", p, latent)


@form(randn(2, 4, 16, seed=1), randn(2, 9, 16, seed=2), randn(2, 9, 12, seed=3), kv_heads=2, head_dim=16)
def rows_without_heads(q, k, v):
    """The same without the dimension of one token: these are four queries, for all that anybody knows."""
    return (q @ k.transpose(1, 2) * 0.3).softmax(-1) @ v


@form(randn(2, 2, 12, 16, seed=1), randn(2, 2, 12, 16, seed=2), randn(2, 2, 12, 16, seed=3), q_heads=3, kv_heads=3)
def blocks_of_tokens(q, k, v):
    """Attention inside of blocks of four: the queries of a block share its keys, and are no group of heads."""
    q, k, v = (x.view(2, 2, 3, 4, 16) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).flatten(2, 3)


@form(Q, K, V, q_heads=6, causal=True)
def slopes_of_some_heads(q, k, v):
    """The other heads' slopes are padded with zeros."""
    distance = (POSITIONS[None] - POSITIONS[:, None]).abs()
    bias = F.pad(-distance * (2.0 ** -torch.arange(1, 5).float())[:, None, None], (0, 0, 0, 0, 0, 2))
    s = (scores(q, k) + bias).masked_fill(POSITIONS[None] > POSITIONS[:, None], -torch.finfo(torch.float32).max)
    return s.softmax(-1) @ v


@form(randn(2, 6, 24, 24, seed=1), attentions=[])
def rows_solved_one_by_one(x):
    """Layers of a delta rule invert a triangular matrix so: each row is written to where the next one reads all of them."""
    x = x.masked_fill(torch.ones(24, 24, dtype=torch.bool).triu(), 0) * 0.1
    for i in range(1, 24):
        row = x[..., i, :i].clone()
        x[..., i, :i] = row + (row.unsqueeze(-1) * x[..., :i, :i].clone()).sum(-2)
    return x


LEARNED = randn(7, 16, seed=1), randn(2, 9, 16, seed=2), randn(2, 9, 12, seed=3)


@form(*LEARNED, head_dim=16, v_head_dim=12)
def learned_queries(q, k, v):
    """All sequences are asked the same: the einsum's first product has one dimension for both sequences and keys."""
    p = torch.einsum("qd,bkd->bqk", q, k).softmax(-1)
    return torch.einsum("bqk,bkd->bqd", p, v)


@form(randn(6, 7, 16, seed=1), randn(2, 6, 9, 16, seed=2), randn(2, 6, 9, 16, seed=3), q_heads=6, kv_heads=6)
def learned_queries_of_heads(q, k, v):
    p = (torch.einsum("hqd,bhkd->bhqk", q, k) * 0.25).softmax(-1)
    return torch.einsum("bhqk,bhkd->bhqd", p, v)


@form(*LEARNED[:2], head_dim=16)
def learned_by_a_layer(weights, x):
    """Attention that pools: what a linear layer says of each token, of which a softmax over the tokens is made."""
    return F.linear(x, weights).transpose(1, 2).softmax(-1) @ x


@form(randn(7, 16, 1, 1, seed=1), randn(2, 9, 16, seed=2), head_dim=16)
def learned_by_a_convolution(weights, x):
    return F.conv2d(x.transpose(1, 2).unsqueeze(-1), weights).flatten(2).softmax(-1) @ x


@form(LEARNED[0][:1], LEARNED[1])
def learned_query(weights, x):
    return (F.linear(x, weights).softmax(1) * x).sum(1)


@form(Q[:1], KG[:1], VG[:1], q_heads=6, kv_heads=2, causal=True, score=None)
def groups_of_one_sequence(q, k, v):
    """The rows of a product are a group's queries; what a mask says of a query holds in each part of them."""
    s = torch.einsum("bgrid,bgjd->bgrij", q.unflatten(1, (2, 3)) * 0.25, k)
    s = s.masked_fill(torch.ones(7, 7, dtype=torch.bool).triu(1), -math.inf)
    return torch.einsum("bgrij,bgjd->bgrid", s.softmax(-1), v).flatten(1, 2)
