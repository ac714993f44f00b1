"""What the compiler finds in a model, and what it leaves as it is and why."""

import torch

import gqa


class Attention(torch.nn.Module):
    def forward(self, q, k, v):
        k, v = k.repeat_interleave(4, dim=1), v.repeat_interleave(4, dim=1)
        return torch.softmax(q @ k.mT / 8, dim=-1) @ v


told = gqa.explain(Attention(), (torch.randn(1, 8, 16, 64), torch.randn(1, 2, 16, 64), torch.randn(1, 2, 16, 64)))
print(told)
(attention,) = told.raised
assert attention["q_heads"] == 8 and attention["kv_heads"] == 2 and not told.declined
