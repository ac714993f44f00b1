"""FlexAttention's functions, as they are: each is traced into the kernel, and what it hides is skipped block by block."""

import torch
from torch.nn.attention.flex_attention import flex_attention

import gqa

B, HQ, HKV, S, D = 2, 8, 2, 96, 64
q, k, v = torch.randn(B, HQ, S, D), torch.randn(B, HKV, S, D), torch.randn(B, HKV, S, D)
document = torch.arange(S).expand(B, S) // 40
slopes = 2 ** -torch.arange(1, HQ + 1)
table = torch.randn(HQ, 2 * S)

MASKS = {
    "causal": lambda b, h, i, j: i >= j,
    "sliding window": lambda b, h, i, j: (i >= j) & (i - j < 17),
    "prefix LM": lambda b, h, i, j: (j < 30) | (i >= j),
    "documents": lambda b, h, i, j: document[b, i] == document[b, j],
}
SCORES = {
    "ALiBi": lambda s, b, h, i, j: s + slopes[h] * (j - i),
    "relative position": lambda s, b, h, i, j: s + table[h, i - j + S],
    "softcap": lambda s, b, h, i, j: 20 * torch.tanh(s / 20),
}

for name, mask in MASKS.items():
    def as_score(s, b, h, i, j, mask=mask):
        return torch.where(mask(b, h, i, j), s, -float("inf"))
    torch.testing.assert_close(gqa.attention(q, k, v, mask=mask), flex_attention(q, k, v, score_mod=as_score, enable_gqa=True),
                               rtol=1e-4, atol=1e-4, msg=name)
for name, score in SCORES.items():
    torch.testing.assert_close(gqa.attention(q, k, v, score=score), flex_attention(q, k, v, score_mod=score, enable_gqa=True),
                               rtol=1e-4, atol=1e-4, msg=name)
