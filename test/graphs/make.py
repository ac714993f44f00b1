"""Makes the graphs of this folder: build/venv/bin/python test/graphs/make.py [NAME...]

Each case is a function that returns (module, example arguments); the importer writes NAME.mlir, NAME.safetensors and
NAME.npz (arg0, ... and what PyTorch computed: out0, ...). `cases.json` has what is known about each one's attentions.
Models are Hugging Face's own, from a configuration, with seeded weights: nothing is downloaded.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn

HEADS, KV_HEADS, WIDTH = 6, 2, 8
TINY = dict(hidden_size=24, intermediate_size=16, num_hidden_layers=1, vocab_size=16, max_position_embeddings=32,
            num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, head_dim=WIDTH, rope_theta=10000.0)
SHARED = {"status": "raised", "q_heads": HEADS, "kv_heads": KV_HEADS, "head_dim": WIDTH, "v_head_dim": WIDTH}


def seeded(module):
    """Weights large enough that a softmax is far from uniform, on a coarse grid so that files stay small."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            spread = 1.5 / parameter.shape[-1] ** 0.5 if parameter.dim() > 1 else 0.2
            noise = torch.randn(parameter.shape, generator=generator) * spread
            parameter.copy_(torch.round((noise if parameter.dim() > 1 else 1 + noise) * 64) / 64)
    return module.eval()


def randn(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def llama(implementation):
    from transformers import LlamaConfig, LlamaForCausalLM

    return seeded(LlamaForCausalLM(LlamaConfig(**TINY, attn_implementation=implementation)))


class Prefill(nn.Module):
    """Token ids to logits; transformers derives the positions and a packed-sequence mask itself."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False).logits


class Decode(nn.Module):
    """One more token: past keys and values in, logits and the longer cache out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, keys, values):
        from transformers import DynamicCache

        cache = DynamicCache(config=self.model.config)
        cache.update(keys, values, 0)
        logits = self.model(input_ids=ids, past_key_values=cache, use_cache=True).logits
        return logits, cache.layers[0].keys, cache.layers[0].values


class Einsum(nn.Module):
    """Grouped queries without a repeat: the group is a dimension of the einsum."""

    def forward(self, q, k, v):
        batch, heads, length, width = q.shape
        q = q.view(batch, k.shape[1], heads // k.shape[1], length, width)
        scores = torch.einsum("bhgqd,bhkd->bhgqk", q, k) * width ** -0.5
        output = torch.einsum("bhgqk,bhkd->bhgqd", torch.softmax(scores, -1), v)
        return output.reshape(batch, heads, length, v.shape[-1])


class SoftmaxOverQueries(nn.Module):
    """Looks like attention, but normalises over the queries."""

    def forward(self, q, k, v):
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        return torch.softmax(scores, -2) @ v


def ids(*shape):
    return torch.randint(0, TINY["vocab_size"], shape, generator=torch.Generator().manual_seed(5))


def heads(batch, queries, keys, width=WIDTH):
    return (randn(batch, HEADS, queries, WIDTH, seed=2), randn(batch, KV_HEADS, keys, WIDTH, seed=3),
            randn(batch, KV_HEADS, keys, width, seed=4))


def llama_prefill_eager():
    return Prefill(llama("eager")), (ids(2, 5),)


def llama_prefill_sdpa():
    return Prefill(llama("sdpa")), (ids(2, 5),)


def llama_decode_concat():
    past = (randn(2, KV_HEADS, 4, WIDTH, seed=6), randn(2, KV_HEADS, 4, WIDTH, seed=7))
    return Decode(llama("eager")), (ids(2, 1), *past)


def einsum_grouped():
    return Einsum(), heads(2, 5, 7, width=12)


def negative_softmax_axis():
    return SoftmaxOverQueries(), heads(2, 5, 5)


# What `gqa-opt --gqa-simplify="report=..."` must say of each attention; an empty list: nothing may be raised.
CASES = {
    "llama_prefill_eager": [{**SHARED, "causal": True, "rotary": "half"}],
    "llama_prefill_sdpa": [{**SHARED, "causal": True, "rotary": "half"}],
    "llama_decode_concat": [{**SHARED, "rotary": "half", "cache": "concat"}],
    "einsum_grouped": [{**SHARED, "v_head_dim": 12, "causal": False, "rotary": "none"}],
    "negative_softmax_axis": [],
}


def main(names):
    from gqa.importer import import_model

    folder = pathlib.Path(__file__).parent
    for name in names or CASES:
        import_model(f"{__file__}:{name}", folder / f"{name}.mlir", example=folder / f"{name}.npz")
        print(name, sum(path.stat().st_size for path in folder.glob(f"{name}.*")), "bytes")
    (folder / "cases.json").write_text(json.dumps(CASES, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
