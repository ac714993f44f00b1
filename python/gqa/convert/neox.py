"""GPT-NeoX's attention (Pythia) with fewer KV heads than query heads."""

from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXAttention, apply_rotary_pos_emb

from .sharing import eager


class GroupedGPTNeoXAttention(GPTNeoXAttention):
    """Its layer `query_key_value` has q, k and v side by side, `split_size` features each, and its KV cache has Hkv heads."""

    split_size = ()

    def forward(self, hidden_states, attention_mask=None, layer_past=None, position_embeddings=None, **keywords):
        """B x S x X to (B x S x X, the weights of attention, if the function that attends gives them)."""
        parts = self.query_key_value(hidden_states).split(self.split_size, dim=-1)
        query, key, value = (part.unflatten(-1, (-1, self.head_size)).transpose(1, 2) for part in parts)
        query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
        if layer_past is not None:
            key, value = layer_past.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager)
        output, weights = attend(self, query, key, value, attention_mask, scaling=self.scaling,
                                 dropout=self.attention_dropout if self.training else 0.0, **keywords)
        return self.dense(output.flatten(-2)), weights
