"""A decode step of a Llama, from the token to the logits, with a static KV cache: the torch module, and its linalg text by the
importer. Weights are parameters, random ones where the step runs; the sizes of Llama 3 8B by default.

The module's mathematics is Hugging Face's: norms and angles in f32, keys and values written by `index_copy_` at the position,
which is an input, attention over the whole cache with a mask of what is seen.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode


@dataclasses.dataclass(frozen=True)
class Sizes:
    layers: int = 32
    hidden: int = 4096
    heads: int = 32
    kv_heads: int = 8
    dim: int = 128
    inner: int = 14336
    words: int = 128256
    keys: int = 8192
    dtype: torch.dtype = torch.bfloat16

    @property
    def weight_bytes(self):
        """What a step reads of the parameters: all but the embedding's other rows."""
        width = (self.heads + 2 * self.kv_heads) * self.dim
        layer = self.hidden * (width + self.heads * self.dim + 3 * self.inner + 2)
        return (self.layers * layer + self.hidden * (self.words + 2)) * self.dtype.itemsize

    def cache_bytes(self, seen):
        """What a step reads of the caches where it sees `seen` keys."""
        return 2 * self.layers * self.kv_heads * seen * self.dim * self.dtype.itemsize


class Norm(torch.nn.Module):
    def __init__(self, sizes, epsilon=1e-5):
        super().__init__()
        self.weight, self.epsilon = torch.nn.Parameter(torch.ones(sizes.hidden, dtype=sizes.dtype)), epsilon

    def forward(self, x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight * wide.to(x.dtype)


class Block(torch.nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes

        def linear(inputs, outputs):
            return torch.nn.Linear(inputs, outputs, bias=False, dtype=sizes.dtype)
        width, narrow = sizes.heads * sizes.dim, sizes.kv_heads * sizes.dim
        self.before, self.between = Norm(sizes), Norm(sizes)
        self.q, self.k, self.v = linear(sizes.hidden, width), linear(sizes.hidden, narrow), linear(sizes.hidden, narrow)
        self.out = linear(width, sizes.hidden)
        self.gate, self.up = linear(sizes.hidden, sizes.inner), linear(sizes.hidden, sizes.inner)
        self.down = linear(sizes.inner, sizes.hidden)
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(1, sizes.kv_heads, sizes.keys, sizes.dim, dtype=sizes.dtype))

    def forward(self, x, at, cos, sin, seen):
        normal = self.before(x)
        q, k, v = (project(normal).view(1, 1, -1, self.sizes.dim).transpose(1, 2) for project in (self.q, self.k, self.v))
        self.keys.index_copy_(2, at, rotate(k, cos, sin))
        self.values.index_copy_(2, at, v)
        attended = F.scaled_dot_product_attention(rotate(q, cos, sin), self.keys, self.values, attn_mask=seen, enable_gqa=True)
        x = x + self.out(attended.transpose(1, 2).reshape(1, 1, -1))
        normal = self.between(x)
        return x + self.down(F.silu(self.gate(normal)) * self.up(normal))


class Step(torch.nn.Module):
    """forward(token: int64[1, 1], at: int64[1]) -> logits[1, words]; `at` is the token's place in the caches."""

    def __init__(self, sizes, theta=500000.0):
        super().__init__()
        self.sizes = sizes
        self.embedding = torch.nn.Embedding(sizes.words, sizes.hidden, dtype=sizes.dtype)
        self.blocks = torch.nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.last = Norm(sizes)
        self.head = torch.nn.Linear(sizes.hidden, sizes.words, bias=False, dtype=sizes.dtype)
        self.theta = theta

    def forward(self, token, at):
        dim, device = self.sizes.dim, token.device
        frequencies = torch.exp(torch.arange(0, dim, 2, device=device).float() * (-math.log(self.theta) / dim))
        angles = at.float()[:, None] * frequencies
        angles = torch.cat((angles, angles), dim=-1)[None, None]
        seen = (torch.arange(self.sizes.keys, device=device)[None, :] <= at[:, None])[None, None]
        x = self.embedding(token)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for block in self.blocks:
            x = block(x, at, cos, sin, seen)
        return self.head(self.last(x))[:, 0]


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def text_of(sizes):
    """The step as linalg: token, at, the caches, each of which becomes a result, and the parameters; no value is made of any."""
    from gqa.importer import linalg_of_program

    with FakeTensorMode():  # nobody has the memory for what is only looked at
        program = torch.export.export(Step(sizes).eval(), (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)))
    return linalg_of_program(program, inline_weights=False)
