"""Small models with random weights for the tests of `gqa.convert`, and ways to make their heads alike."""

import torch
import transformers
from transformers import (BertConfig, BertModel, CohereConfig, DistilBertConfig, GPT2Config, GPT2LMHeadModel, LlamaConfig,
                          LlamaForCausalLM, MistralConfig, MistralForCausalLM, PhiConfig, PhiForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM)

from gqa.convert import conversion, sites

WIDTH, HEADS, LAYERS, VOCABULARY = 48, 6, 2, 97
COMMON = dict(vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=LAYERS,
              num_attention_heads=HEADS, max_position_embeddings=64)
TOKENS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=None)

BUILDERS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**COMMON, **TOKENS)),
    "llama-bias": lambda: LlamaForCausalLM(LlamaConfig(**COMMON, **TOKENS, attention_bias=True)),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**COMMON, **TOKENS, num_key_value_heads=HEADS, sliding_window=8)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**COMMON, **TOKENS, num_key_value_heads=HEADS)),
    "phi-partial": lambda: PhiForCausalLM(PhiConfig(**COMMON, **TOKENS, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})),
    "cohere-interleaved": lambda: transformers.CohereForCausalLM(CohereConfig(**COMMON, **TOKENS)),
    "bert": lambda: BertModel(BertConfig(**COMMON)),
    "distilbert": lambda: transformers.DistilBertModel(DistilBertConfig(
        vocab_size=VOCABULARY, dim=WIDTH, hidden_dim=64, n_layers=LAYERS, n_heads=HEADS, max_position_embeddings=64)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, n_positions=64,
                                               bos_token_id=1, eos_token_id=None, pad_token_id=0)),
}
# q, k and v in one layer, in either order: side by side, or head by head.
BUILDERS |= {
    "phi3": lambda: transformers.Phi3ForCausalLM(transformers.Phi3Config(**COMMON, **TOKENS)),
    "falcon": lambda: transformers.FalconForCausalLM(transformers.FalconConfig(
        **COMMON, **TOKENS, new_decoder_architecture=True, num_kv_heads=HEADS, bias=True)),
    "falcon-old": lambda: transformers.FalconForCausalLM(transformers.FalconConfig(
        **COMMON, **TOKENS, multi_query=False, parallel_attn=False, bias=True)),
    "neox": lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**COMMON, **TOKENS, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5})),
}
# Tried once each: heads wider than the model, soft caps and windows, experts, and no text at all.
MORE = {
    "gemma2": lambda: transformers.Gemma2ForCausalLM(transformers.Gemma2Config(
        **COMMON, **TOKENS, num_key_value_heads=HEADS, head_dim=16, sliding_window=8)),
    "starcoder2": lambda: transformers.Starcoder2ForCausalLM(transformers.Starcoder2Config(
        **COMMON, **TOKENS, num_key_value_heads=HEADS)),
    "mixtral": lambda: transformers.MixtralForCausalLM(transformers.MixtralConfig(
        **COMMON, **TOKENS, num_key_value_heads=HEADS, num_local_experts=2)),
    "roberta": lambda: transformers.RobertaModel(transformers.RobertaConfig(**COMMON, pad_token_id=0)),
    "falcon-alibi": lambda: transformers.FalconForCausalLM(transformers.FalconConfig(
        **COMMON, **TOKENS, multi_query=False, alibi=True, bias=True)),
    "glm": lambda: transformers.GlmForCausalLM(transformers.GlmConfig(
        **COMMON, **TOKENS, num_key_value_heads=HEADS, head_dim=8, attention_bias=True)),
    "vit": lambda: transformers.ViTModel(transformers.ViTConfig(
        hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=LAYERS, num_attention_heads=HEADS, image_size=16, patch_size=4)),
}
STOCK = ("llama", "llama-bias", "mistral", "qwen2", "phi-partial", "cohere-interleaved", "phi3", "falcon")
CAUSAL = (*STOCK, "gpt2", "falcon-old", "neox")


def build(name, seed=0):
    """A model in evaluation mode whose biases and norms are random as well, and whose scores are far from uniform."""
    torch.manual_seed(seed)
    model = (BUILDERS | MORE)[name]().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if parameter.ndim == 1:
                noise = 0.3 * torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise if path.endswith("bias") else 1 + noise)
            else:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * (1.0 if parameter.shape[0] == VOCABULARY else 0.2))
    return model


def batches(count=4, size=4, length=14, seed=1):
    """Token ids with padding on the right."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        ids = torch.randint(2, VOCABULARY, (size, length), generator=generator)
        lengths = torch.randint(length // 2, length + 1, (size,), generator=generator)
        mask = (torch.arange(length)[None] < lengths[:, None]).long()
        found.append({"input_ids": ids * mask, "attention_mask": mask})
    return found


@torch.no_grad()
def outputs(model, data):
    """The first result on the tokens that are not padding, of all batches."""
    return torch.cat([model(**batch)[0][batch["attention_mask"].bool()] for batch in data])


def error(found, wanted):
    """Relative to the largest value."""
    return ((found - wanted).abs().max() / wanted.abs().max()).item()


def change_heads(model, change):
    """`change(heads, site)` gives the Heads that each attention shall have instead."""
    for site, _ in settled(model):
        site.write(change(site.read(), site))
    return model


def settled(model):
    """(site, Rotary) of each attention, its heads in the order that the module's code gives them."""
    found = sites.find(model)
    with conversion._evaluating(model), torch.no_grad():
        recorded = conversion._record(model, found, batches(1))
        return [(site, conversion._rotary(site, recorded)) for site in found]


def parameters(model):
    return {name: value.clone() for name, value in model.state_dict().items()}
