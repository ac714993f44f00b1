"""Who is timed. Each peer is a function (case, sets) -> call, where call(i) computes attention on sets[i].

A result is B x Hq x Sq x D, as a view if the peer's own layout is another. A peer raises Unavailable, or whatever its
library raises, for a case that it cannot do.
"""

import math

import torch
import torch.nn.functional as F

from .errors import Unavailable


def sdpa(case, sets):
    """torch's SDPA on keys and values repeated for each query head inside the call, as Hugging Face does."""
    if case.group == 1:
        raise Unavailable("the same as sdpa-gqa where every query head has its own keys")

    def call(i):
        q, k, v = sets[i]
        k, v = (x.repeat_interleave(case.group, dim=1) for x in (k, v))
        return F.scaled_dot_product_attention(q, k, v, is_causal=case.causal)
    return call


def sdpa_gqa(case, sets):
    """torch's SDPA with enable_gqa."""
    def call(i):
        return F.scaled_dot_product_attention(*sets[i], is_causal=case.causal, enable_gqa=case.group > 1)
    return call


def grouped(case, sets):
    """Two matmuls by hand: the queries of a group are rows of one matrix, so that nothing is repeated."""
    rows = (case.batch, case.kv_heads, case.group * case.queries, case.dim)
    apart = (case.batch, case.kv_heads, case.group, case.queries, case.keys)
    mask = _additive_mask(case, sets[0][0].dtype)

    def call(i):
        q, k, v = sets[i]
        scores = torch.matmul(q.reshape(rows), k.transpose(-1, -2)) * (1 / math.sqrt(case.dim))
        if mask is not None:
            scores = (scores.view(apart) + mask).view(scores.shape)
        return torch.matmul(torch.softmax(scores, dim=-1), v).view(q.shape)
    return call


def hf_eager(case, sets):
    """Hugging Face's eager attention: repeat_kv, matmul, softmax in f32, matmul."""
    attend = huggingface_attention(case)
    mask = _additive_mask(case, sets[0][0].dtype)

    def call(i):
        return attend(*sets[i], mask).transpose(1, 2)
    return call


def flex(case, sets):
    """torch's flex_attention, compiled."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    torch._dynamo.reset()  # a compiled function gives up after a few shapes
    compiled = torch.compile(flex_attention, dynamic=False)
    mask = None
    if case.causal:
        mask = create_block_mask(lambda b, h, i, j: j <= i, None, None, case.queries, case.keys,
                                 device=sets[0][0].device)

    def call(i):
        return compiled(*sets[i], block_mask=mask, enable_gqa=case.group > 1)

    for _ in range(2):
        call(0)  # compiles: what a candidate's first call costs must not count as how slow it is
    return call


def ort(case, sets):
    """ONNX Runtime's com.microsoft.GroupQueryAttention."""
    from . import ort as module

    return module.prepare(case, sets)


PEERS = {"sdpa": sdpa, "sdpa-gqa": sdpa_gqa, "grouped": grouped, "flex": flex, "ort": ort, "hf-eager": hf_eager}


def describe(name):
    return (PEERS[name].__doc__ or "").strip().splitlines()[0]


def _additive_mask(case, dtype):
    """0 and the lowest number, Sq x Skv; None without a mask."""
    if not case.causal:
        return None
    return torch.full((case.queries, case.keys), torch.finfo(dtype).min, dtype=dtype).triu(1)


def huggingface_attention(case):
    """A module (q, k, v, mask or None) -> B x Sq x Hq x D around the function that Llama's eager attention is."""
    try:
        from transformers.models.llama.modeling_llama import eager_attention_forward
    except ImportError as error:
        raise Unavailable(f"transformers cannot be imported ({error})") from error

    class Eager(torch.nn.Module):
        num_key_value_groups = case.group

        def forward(self, q, k, v, mask=None):
            return eager_attention_forward(self, q, k, v, mask, scaling=1 / math.sqrt(case.dim))[0]
    return Eager().eval()
