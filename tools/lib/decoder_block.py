"""The decoder block of quickstart: one layer of a Hugging Face Llama, decoding one token against a KV cache.

Random weights from a seed, nothing is downloaded. 32 query heads share 8 key/value heads, as in Llama 3; the widths are
smaller, so that a machine with two cores answers in seconds.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import DynamicCache, LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

PAST = 1023  # tokens in the cache
CONFIG = dict(hidden_size=1024, intermediate_size=2816, num_attention_heads=32, num_key_value_heads=8, head_dim=64,
              num_hidden_layers=1, max_position_embeddings=4096, rope_theta=500000.0)


class DecoderBlock(torch.nn.Module):
    """(hidden, past keys, past values) -> (hidden, keys, values), with the new token appended to the cache."""

    def __init__(self):
        super().__init__()
        self.config = LlamaConfig(**CONFIG, attn_implementation="sdpa")
        self.layer = LlamaDecoderLayer(self.config, layer_idx=0)
        self.rotary = LlamaRotaryEmbedding(self.config)

    def forward(self, hidden, keys, values):
        cache = DynamicCache(config=self.config)
        cache.update(keys, values, 0)
        position = torch.tensor([[keys.shape[2]]])
        hidden = self.layer(hidden, position_ids=position, past_key_values=cache, use_cache=True,
                            position_embeddings=self.rotary(hidden, position))
        return hidden, cache.layers[0].keys, cache.layers[0].values


def build():
    """What the importer asks for: the module and its example arguments."""
    torch.manual_seed(0)
    heads, width = CONFIG["num_key_value_heads"], CONFIG["head_dim"]
    block = DecoderBlock().eval()
    return block, (torch.randn(1, 1, CONFIG["hidden_size"]), torch.randn(1, heads, PAST, width), torch.randn(1, heads, PAST, width))
