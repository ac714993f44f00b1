"""Hugging Face models with attn_implementation="gqa": the tokens and the numbers of attn_implementation="eager"."""

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

import gqa.transformers

SIZES = dict(vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=16, max_position_embeddings=256, pad_token_id=0, bos_token_id=1, eos_token_id=None)
FAMILIES = {
    "llama": {},
    "mistral": dict(sliding_window=12),
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": dict(sliding_window=12, query_pre_attn_scalar=16),
    "gemma3_text": dict(sliding_window=12, query_pre_attn_scalar=16, layer_types=["sliding_attention", "full_attention"]),
    "gpt_oss": dict(sliding_window=12, num_local_experts=2, num_experts_per_tok=1,
                    layer_types=["sliding_attention", "full_attention"]),
    "phi3": {},
    "cohere2": dict(sliding_window=12, layer_types=["sliding_attention", "full_attention"]),
    "starcoder2": dict(sliding_window=12),
    "olmo2": {},
    "granite": {},
    "smollm3": {},
    "glm4": {},
    "gpt_neox": {},
    "mixtral": dict(num_local_experts=2, num_experts_per_tok=1),
    "gpt2": {},
    "deepseek_v32": dict(num_key_value_heads=4, head_dim=8, q_lora_rank=24, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=16,
                         v_head_dim=16, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, n_group=2, topk_group=1,
                         first_k_dense_replace=1, index_n_heads=2, index_head_dim=16, index_topk=8),  # chooses among the seen keys
    "doge": {},  # its mask has numbers of each head's
}
ENCODERS = {"bert": {}, "modernbert": dict(local_attention=8, global_attn_every_n_layers=2), "roberta": {}, "vit": dict(image_size=32, patch_size=8)}


def models(family, cls=AutoModelForCausalLM, **more):
    """The model with attention by definition, and with ours; random weights, far enough from 0 for attention to matter."""
    config = AutoConfig.for_model(family, **{**SIZES, **more})
    torch.manual_seed(0)
    eager = cls.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in eager.named_parameters():
            if "q_proj" in name or "k_proj" in name or "qkv" in name or "query" in name or "key" in name:
                parameter.mul_(8)
    ours = cls.from_config(config, attn_implementation="gqa").eval()
    ours.load_state_dict(eager.state_dict())
    assert ours.config._attn_implementation == "gqa"
    return eager, ours


def tokens(batch=2, count=20):
    return torch.randint(2, 97, (batch, count), generator=torch.Generator().manual_seed(1))


def padded(batch=2, count=20, left=7):
    mask = torch.ones(batch, count, dtype=torch.long)
    mask[0, :left] = 0
    return mask


@pytest.mark.parametrize("padding", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("family", FAMILIES)
def test_generates_the_same_tokens(family, padding):
    eager, ours = models(family, **FAMILIES[family])
    prompt, mask = tokens(), padded() if padding else torch.ones(2, 20, dtype=torch.long)
    made = [model.generate(prompt, attention_mask=mask, max_new_tokens=32, do_sample=False, output_logits=True,
                           return_dict_in_generate=True) for model in (eager, ours)]
    assert made[0].sequences.shape[1] == 52
    for ours_, eagers in zip(made[1].logits, made[0].logits):
        torch.testing.assert_close(ours_, eagers, rtol=1e-3, atol=1e-4)
    assert torch.equal(made[0].sequences, made[1].sequences)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2", "deepseek_v32", "doge"])
def test_static_cache(family):
    eager, ours = models(family, **FAMILIES[family])
    made = [model.generate(tokens(), attention_mask=padded(), max_new_tokens=16, do_sample=False, cache_implementation="static",
                           disable_compile=True) for model in (eager, ours)]
    assert torch.equal(*made)


@pytest.mark.parametrize("family", ENCODERS)
def test_encoders(family):
    eager, ours = models(family, AutoModel, **ENCODERS[family])
    inputs = dict(pixel_values=torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))) if family == "vit" else \
        dict(input_ids=tokens(), attention_mask=padded(left=0).index_fill(1, torch.arange(15, 20), 0))
    with torch.no_grad():
        found, expected = (model(**inputs).last_hidden_state for model in (ours, eager))
    kept = slice(None) if family == "vit" else slice(0, 15)
    torch.testing.assert_close(found[:, kept], expected[:, kept], rtol=1e-3, atol=1e-4)


def test_encoder_decoder():
    eager, ours = models("bart", AutoModel, d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                         decoder_attention_heads=4, encoder_ffn_dim=96, decoder_ffn_dim=96)
    inputs = dict(input_ids=tokens(), attention_mask=padded(left=0).index_fill(1, torch.arange(15, 20), 0),
                  decoder_input_ids=tokens(count=9))
    with torch.no_grad():
        found, expected = (model(**inputs).last_hidden_state for model in (ours, eager))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_a_step_that_sees_every_key_needs_no_mask():
    from transformers.masking_utils import sliding_window_causal_mask_function
    near, far = (dict(mask_function=sliding_window_causal_mask_function(window)) for window in (9, 8))
    assert gqa.transformers.mask(2, 1, 9, q_offset=8, **near) is None
    assert gqa.transformers.mask(2, 1, 9, q_offset=8, **far) is not None
    padding = torch.ones(2, 9, dtype=torch.bool)
    padding[0, 0] = False
    assert gqa.transformers.mask(2, 1, 9, q_offset=8, attention_mask=padding, **near) is not None
    assert gqa.transformers.mask(2, 2, 9, q_offset=7, **near) is not None


def test_a_step_over_a_padded_batch_has_its_mask_as_a_tensor():
    """Made once for all layers; as a function where most keys are hidden, so that kernels skip them."""
    padding = torch.ones(2, 9, dtype=torch.bool)
    padding[0, :3] = False
    made = gqa.transformers.mask(2, 1, 9, q_offset=8, attention_mask=padding)
    assert torch.equal(made.seen, padding.view(2, 1, 1, 9)) and made.seen.is_contiguous()
    padding[:, :7] = False
    assert gqa.transformers.mask(2, 1, 9, q_offset=8, attention_mask=padding).seen is None
    assert gqa.transformers.mask(2, 2, 9, q_offset=7, attention_mask=padding).seen is None


def test_one_kernel_serves_all_steps():
    from gqa._attention import _compiled
    _, ours = models("gemma2", **FAMILIES["gemma2"])
    ours.generate(tokens(), max_new_tokens=20, do_sample=False)
    misses = _compiled.cache_info().misses
    ours.generate(tokens(count=31), max_new_tokens=40, do_sample=False)
    assert _compiled.cache_info().misses == misses


def test_gradients():
    eager, ours = models("mistral", **FAMILIES["mistral"])
    losses = [model(input_ids=tokens(), attention_mask=padded(), labels=tokens()).loss for model in (eager, ours)]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-4)
    for loss in losses:
        loss.backward()
    for theirs, mine in zip(eager.parameters(), ours.parameters()):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-2, atol=1e-4)


def test_messages():
    _, ours = models("llama", attention_dropout=0.5)
    with pytest.raises(ValueError, match=r"has no dropout, .* model.eval\(\)"):
        ours.train()(tokens())
    mask = gqa.transformers.mask(1, 4, 4)
    assert repr(mask) == str(mask) == "<gqa.transformers.Mask 1x1x4x4>"


def test_a_model_looks_into_its_mask():
    """It finds a tensor of booleans, as with sdpa."""
    mask = gqa.transformers.mask(2, 3, 5, q_offset=2)
    seen = torch.ones(3, 5, dtype=torch.bool).tril(2).expand(2, 1, 3, 5)
    assert (mask.dtype, mask.ndim, mask.dim(), mask.size(), mask.size(-1)) == (torch.bool, 4, 4, seen.shape, 5)
    assert torch.equal(mask[:, 0, :, :4], seen[:, 0, :, :4]) and torch.equal(~mask, ~seen)
    odd = torch.arange(5) % 2 == 1
    assert torch.equal(mask & odd, seen & odd) and torch.equal(odd & mask, seen & odd)


def test_a_mask_that_has_to_be_there():
    """Nothing is hidden, but the model looks into it."""
    assert gqa.transformers.mask(1, 1, 9, q_offset=8) is None
    assert gqa.transformers.mask(1, 1, 9, q_offset=8, allow_is_causal_skip=False)[...].all()


@pytest.mark.parametrize("family", ["bloom", "mpt", "xglm"])
def test_models_with_an_attention_of_their_own(family):
    sizes = dict(n_head=4, n_heads=4, attention_heads=4, d_model=64, ffn_dim=96)
    _, ours = models(family, **sizes)
    with pytest.raises(TypeError, match="attention of its own, and needs attn_implementation='eager'"):
        ours(tokens())


@pytest.mark.parametrize("name", ["block_indices", "sinks"])
def test_what_is_not_known_is_not_left_out(name):
    q = torch.ones(1, 2, 3, 16)
    with pytest.raises(ValueError, match=f"'{name}' of Identity; the model needs attn_implementation='eager'"):
        gqa.transformers.attention_forward(torch.nn.Identity(), q, q, q, None, **{name: q})
