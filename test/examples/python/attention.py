"""Attention with shared key/value heads, on tensors of torch and of NumPy."""

import numpy as np
import torch

import gqa

q = torch.randn(2, 32, 64, 128)  # batch x query heads x queries x head dimension
k, v = torch.randn(2, 2, 8, 64, 128)  # 8 key/value heads: query head h reads head h // 4
o = gqa.attention(q, k, v, causal=True)
assert o.shape == q.shape

# One step of decoding: a query against a cache of which 40 and 64 keys are in use.
step = gqa.attention(q[:, :, -1:], k, v, kv_len=torch.tensor([40, 64]))
assert step.shape == (2, 32, 1, 128)

# A sliding window of 16 keys, logits capped at +-50, and the log-sum-exp beside the output.
o, lse = gqa.attention(q, k, v, causal=True, window=16, softcap=50.0, return_lse=True)
assert lse.shape == (2, 32, 64)

# NumPy in, NumPy out; token-major tensors are read in place, and results go where they are wanted.
tokens = [np.ascontiguousarray(x.numpy().swapaxes(1, 2)) for x in (q, k, v)]
out = np.empty_like(tokens[0])
assert gqa.attention(*tokens, causal=True, layout="bshd", out=out) is out
