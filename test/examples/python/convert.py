"""A multi-head model made grouped: fewer key/value heads, a smaller cache, and what it costs, measured."""

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

import gqa

torch.manual_seed(0)
config = LlamaConfig(vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                     num_key_value_heads=4)
model = AutoModelForCausalLM.from_config(config).eval()  # or from_pretrained(path)
batches = [{"input_ids": torch.randint(2, 97, (4, 20))} for _ in range(8)]  # text that the model was made for
new = gqa.convert(model, kv_heads=2, method="subspace", calibration=batches, heal=True)
print(new.conversion_report)
assert new.config.num_key_value_heads == 2 and model.config.num_key_value_heads == 4  # the model itself is as it was
with torch.no_grad():
    near, far = new(**batches[0]).logits, gqa.convert(model, kv_heads=2, method="first")(**batches[0]).logits
    exact = model(**batches[0]).logits
assert (near - exact).norm() < (far - exact).norm()
