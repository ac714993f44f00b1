"""A Hugging Face model: padding, a sliding window and a cache, all by one kernel."""

import torch
from transformers import AutoModelForCausalLM, MistralConfig

import gqa.transformers  # noqa: F401: makes attn_implementation="gqa" known

config = MistralConfig(vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                       num_key_value_heads=2, sliding_window=12, pad_token_id=0, bos_token_id=1, eos_token_id=None)
model = AutoModelForCausalLM.from_config(config, attn_implementation="gqa").eval()  # or from_pretrained(path, ...)
prompt = torch.randint(2, 97, (2, 20))
padding = torch.ones_like(prompt)
padding[0, :7] = 0
tokens = model.generate(prompt, attention_mask=padding, max_new_tokens=8, do_sample=False)
model.set_attn_implementation("eager")
assert torch.equal(tokens, model.generate(prompt, attention_mask=padding, max_new_tokens=8, do_sample=False))
