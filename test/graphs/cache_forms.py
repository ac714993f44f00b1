"""Caches as decoding loops write and read them, with the attention behind: registered beside `model_forms`."""

import torch
import torch.nn.functional as F

from forms import randn
from model_forms import CACHE, FRESH, bytes_like, form

AT = torch.tensor([5, 3])  # a position of each sequence
WRITTEN = {"kv_heads": 2, "cache": "indexed"}


def attend(q, keys, values, position):
    """The tokens up to the positions, which are one of each sequence, or one of each query."""
    upto = position[:, None, None, None] if q.shape[2] == 1 else position[None, None, :, None]
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=torch.arange(keys.shape[2]) <= upto, enable_gqa=True)


@form(*CACHE, *FRESH, AT, **WRITTEN, causal=True)
def cache_where(q, keys, values, k, v, at):
    here = (torch.arange(12)[None] == at[:, None])[:, None, :, None]
    keys, values = torch.where(here, k, keys), torch.where(here, v, values)
    return attend(q, keys, values, at), keys, values


@form(*CACHE, *FRESH, AT, **WRITTEN, causal=True)
def cache_one_hot(q, keys, values, k, v, at):
    here = F.one_hot(at, 12).float()[:, None, :, None]
    keys, values = keys * (1 - here) + k * here, values * (1 - here) + v * here
    return attend(q, keys, values, at), keys, values


@form(*CACHE, *FRESH, AT, **WRITTEN, causal=True)
def cache_added_one_hot(q, keys, values, k, v, at):
    """What stands at the position stays in the sum."""
    here = F.one_hot(at, 12).float()[:, None, :, None]
    keys, values = keys + k * here, values + v * here
    return attend(q, keys, values, at), keys, values


@form(*CACHE, *FRESH, AT, **WRITTEN, causal=True)
def cache_of_each_sequence(q, keys, values, k, v, at):
    every = torch.arange(2)
    keys, values = (cache.transpose(1, 2).index_put((every, at), x[:, :, 0]).transpose(1, 2)
                    for cache, x in ((keys, k), (values, v)))
    return attend(q, keys, values, at), keys, values


CHUNK = randn(2, 6, 3, 16, seed=1), *CACHE[1:], randn(2, 2, 3, 16, seed=4), randn(2, 2, 3, 16, seed=5)


@form(*CHUNK, torch.tensor([7, 2, 7]), **WRITTEN)
def cache_of_a_few_tokens(q, keys, values, k, v, at):
    """Of two tokens at one position the last one stays."""
    keys, values = keys.index_copy(2, at, k), values.index_copy(2, at, v)
    return attend(q, keys, values, at), keys, values


PROMPT = tuple(randn(2, heads, tokens, 16, seed=seed) for seed, (heads, tokens) in
               enumerate([(6, 20), (2, 24), (2, 24), (2, 20), (2, 20)], 1))


@form(*PROMPT, torch.arange(20), **WRITTEN, rotary="half")
def cache_of_a_prompt(q, keys, values, k, v, at):
    """Too many tokens for selects: a loop."""
    angles = at[:, None] / 10000 ** (torch.arange(16) % 8 / 8)
    q, k = (x * angles.cos() + torch.cat([-x[..., 8:], x[..., :8]], -1) * angles.sin() for x in (q, k))
    keys, values = keys.index_copy(2, at, k), values.index_copy(2, at, v)
    return attend(q, keys, values, at), keys, values


@form(*PROMPT, torch.arange(20), **WRITTEN)
def cache_of_a_prompt_assigned(q, keys, values, k, v, at):
    """One loop over tokens, sequences and heads."""
    keys, values = keys.clone(), values.clone()
    keys[:, :, at], values[:, :, at] = k, v
    return attend(q, keys, values, at), keys, values


@form(CACHE[0], bytes_like(2, 2, 12, 16, seed=2), bytes_like(2, 2, 12, 16, seed=3), randn(2, 2, 1, 12, seed=4) / 50,
      randn(2, 2, 1, 12, seed=5) / 50, q_heads=6, kv_heads=2)
def scales_of_a_narrow_cache(q, keys, values, key_scales, value_scales):
    """The scales multiply scores and probabilities, not the cache."""
    keys, values, key_scales, value_scales = (x.repeat_interleave(3, 1) for x in (keys, values, key_scales, value_scales))
    p = (q @ keys.float().transpose(-1, -2) * key_scales / 4).softmax(-1)
    return (p * value_scales) @ values.float()


@form(CACHE[0], bytes_like(2, 2, 12, 16, seed=2), bytes_like(2, 2, 12, 16, seed=3), randn(2, 2, 12, seed=4) / 50,
      randn(2, 2, 12, seed=5) / 50, q_heads=6, kv_heads=2)
def scales_of_a_narrow_cache_in_groups(q, keys, values, key_scales, value_scales):
    """The same, where groups of queries are a dimension of their own."""
    s = torch.einsum("bkgtd,bksd->bkgts", q.unflatten(1, (2, 3)), keys.float()) * key_scales[:, :, None, None]
    p = (s / 4).softmax(-1) * value_scales[:, :, None, None]
    return torch.einsum("bkgts,bksd->bkgtd", p, values.float()).flatten(1, 2)


BOTH = randn(2, 2, 2, 12, 16, seed=2)


@form(CACHE[0], BOTH, *FRESH, AT[:1], **WRITTEN, causal=True)
def cache_of_keys_and_values(q, both, k, v, at):
    """One tensor holds both, of which each is written by itself."""
    both = both.clone()
    both[0].index_copy_(2, at, k)
    both[1].index_copy_(2, at, v)
    return attend(q, both[0], both[1], at), both


@form(CACHE[0], BOTH, BOTH.flip(0), *FRESH, AT[:1], attentions=[WRITTEN | {"causal": True}] * 2)
def cache_of_all_layers(q, keys, values, k, v, at):
    keys, values = keys.clone(), values.clone()
    for layer in range(2):
        keys[layer, :, :, at], values[layer, :, :, at] = k * (layer + 1), v
        q = q + attend(q, keys[layer], values[layer], at)
    return q, keys, values


TABLE = torch.ones(12, 12, dtype=torch.bool).tril()


@form(*CACHE, *FRESH, AT[:1], **WRITTEN, causal=True, score=None)
def row_of_a_causal_table(q, keys, values, k, v, at):
    """The mask is a model's constant, of which a token takes the row of its position."""
    keys, values = keys.index_copy(2, at, k), values.index_copy(2, at, v)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=TABLE[None, None, at], enable_gqa=True), keys, values


@form(*CACHE, AT, kv_heads=2, causal=True, window=4, score=None)
def rows_of_a_window(q, keys, values, at):
    """A row for each sequence."""
    table = TABLE & ~TABLE.tril(-4)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=table.index_select(0, at)[:, None, None], enable_gqa=True)


@form(*CACHE, AT, kv_heads=2, causal=False, score="region")
def rows_of_documents(q, keys, values, at):
    """Of a table that says more than positions nothing is left out."""
    document = torch.arange(12) // 5
    seen = TABLE & (document[:, None] == document[None])
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=seen[at][:, None, None], enable_gqa=True)


ONE = CACHE[0][:1], *(x[0].transpose(0, 1).contiguous() for x in CACHE[1:] + FRESH)
FLAT = CACHE[0], *(x.transpose(1, 2).flatten(2) for x in CACHE[1:] + FRESH)


@form(*ONE, AT[:1], **WRITTEN, causal=True)
def cache_of_one_sequence(q, keys, values, k, v, at):
    keys, values = keys.index_put((at,), k), values.index_put((at,), v)
    return attend(q, *(x.transpose(0, 1)[None] for x in (keys, values)), at), keys, values


@form(*FLAT, AT[:1], **WRITTEN, causal=True)
def cache_of_tokens(q, keys, values, k, v, at):
    """A token's heads are one dimension."""
    keys, values = keys.index_copy(1, at, k), values.index_copy(1, at, v)
    return attend(q, *(x.unflatten(2, (2, 16)).transpose(1, 2) for x in (keys, values)), at), keys, values


@form(*FLAT, AT, **WRITTEN, causal=True)
def cache_of_tokens_at_places_of_their_own(q, keys, values, k, v, at):
    here = (torch.arange(12)[None] == at[:, None])[..., None]
    keys, values = torch.where(here, k, keys), torch.where(here, v, values)
    return attend(q, *(x.unflatten(2, (2, 16)).transpose(1, 2) for x in (keys, values)), at), keys, values


@form(CACHE[0], BOTH, *FRESH, AT[:1], **WRITTEN, causal=True)
def cache_of_both_at_once(q, both, k, v, at):
    both = both.index_copy(3, at, torch.stack([k, v]))
    return attend(q, both[0], both[1], at), both


ANGLES = torch.outer(torch.arange(12), 10000 ** -(torch.arange(8) / 8)).repeat(1, 2)
COSINES, SINES = ANGLES.cos(), ANGLES.sin()


@form(CACHE[0], *FRESH, *CACHE[1:], AT[:1], **WRITTEN, causal=True, rotary="half")
def turned_by_rows_of_tables(q, k, v, keys, values, at):
    """The tables hold each angle twice, and are constants: as older models, and litgpt, have them."""
    def turned(x):
        return x * COSINES[at] + torch.cat([-x[..., 8:], x[..., :8]], -1) * SINES[at]

    keys, values = keys.index_copy(2, at, turned(k)), values.index_copy(2, at, v)
    return attend(turned(q), keys, values, at), keys, values
