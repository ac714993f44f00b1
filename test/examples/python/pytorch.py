"""In PyTorch: an operator with gradients, and a backend of torch.compile."""

import torch
from torch.nn import functional

import gqa.torch  # noqa: F401: makes the operator and the backend known

q = torch.randn(1, 8, 32, 64, requires_grad=True)
k, v = torch.randn(2, 1, 2, 32, 64)
o, lse = torch.ops.gqa.attention(q, k, v, causal=True)
o.square().sum().backward()
assert q.grad.isfinite().all()


def block(q, k, v):
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).relu()


# The rest goes to Inductor unless another backend is named.
fast = torch.compile(block, backend="gqa", options={"backend": "eager"})
with torch.no_grad():
    torch.testing.assert_close(fast(q, k, v), block(q, k, v), rtol=1e-4, atol=1e-4)
