"""`torch.ops.gqa.attention`: what torch asks of an operator, gradients against the definition, compilation and export."""

import math

import pytest
import torch

import gqa
import gqa.torch
from gqa.torch import definition

generator = torch.Generator().manual_seed(0)


def normal(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def heads(queries=6, keys=9, dtype=torch.float32, batch=2, dim=16):
    return normal(batch, 4, queries, dim, dtype=dtype), normal(batch, 2, keys, dim, dtype=dtype), normal(batch, 2, keys, 24, dtype=dtype)


CASES = {
    "plain": {},
    "causal": dict(causal=True, offset=3),
    "window": dict(causal=True, offset=3, window=[2, -1]),
    "offsets": dict(causal=True, offsets=torch.tensor([3, 1])),
    "softcap": dict(softcap=5.0, scale=0.5),
    "mask": dict(mask=torch.rand(6, 9, generator=generator) < 0.6),
    "bias": dict(bias=normal(4, 1, 9)),
    "kv_len": dict(kv_len=torch.tensor([4, 9])),
    "sinks": dict(sinks=normal(4)),
    "dead": dict(kv_len=torch.tensor([0, 5]), dead_row="uniform"),
    "dead_mean": dict(mask=torch.tensor([False] * 9), kv_len=torch.tensor([3, 5]), dead_row="uniform"),
}


@pytest.mark.parametrize("name", CASES)
def test_opcheck(name):
    options = {n: x.clone().requires_grad_() if n in ("bias", "sinks") else x for n, x in CASES[name].items()}
    torch.library.opcheck(torch.ops.gqa.attention, tuple(x.requires_grad_() for x in heads()), options)


@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients_are_the_definition_s(name):
    tensors = heads(dtype=torch.float64)
    options = {n: x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for n, x in CASES[name].items()}
    more = [n for n in ("bias", "sinks") if n in options]
    weight = normal(2, 4, 6, 24, dtype=torch.float64), normal(2, 4, 6, dtype=torch.float64)
    found = []
    for function in (torch.ops.gqa.attention, definition):
        leaves = [x.clone().requires_grad_() for x in (*tensors, *(options[n] for n in more))]
        output, lse = function(*leaves[:3], **{**options, **dict(zip(more, leaves[3:]))})
        loss = (output * weight[0]).sum() + torch.where(lse.isfinite(), lse * weight[1], 0).sum()
        found.append((output, lse, *torch.autograd.grad(loss, leaves)))
    for ours, theirs in zip(*found):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    leaves = [x.requires_grad_() for x in heads(queries=3, keys=4, dim=4, dtype=torch.float64)]
    bias = normal(3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda q, k, v, b: torch.ops.gqa.attention(q, k, v, bias=b, softcap=3.0, causal=True, offset=1),
                                    (*leaves, bias))


def test_gradients_of_gradients_are_those_of_finite_differences():
    leaves = [x.requires_grad_() for x in heads(queries=2, keys=3, dim=4, batch=1, dtype=torch.float64)]
    bias = normal(2, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda q, k, v, b: torch.ops.gqa.attention(q, k, v, bias=b, causal=True, offset=1),
                                        (*leaves, bias))


def test_gradients_of_gradients_where_one_tensor_is_two_arguments():
    x, found = normal(1, 2, 3, 4, dtype=torch.float64).requires_grad_(), []
    for function in (torch.ops.gqa.attention, definition):
        (first,) = torch.autograd.grad(function(x, x, x)[0].square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum() + x.sum(), x))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [dict(kv_len=torch.tensor([4, 4])), dict(mask=torch.arange(9) < 4), dict(causal=True, offset=-2)])
def test_what_nobody_sees_is_in_no_gradient(options):
    q, k, v = (x.requires_grad_() for x in heads())
    with torch.no_grad():
        k[:, :, 4:], v[:, :, 4:] = math.nan, math.nan
    output, lse = torch.ops.gqa.attention(q, k, v, **options)
    (output.sum() + lse.masked_fill(lse == -math.inf, 0).sum()).backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_types(dtype):
    tensors = heads(queries=64, keys=64, dtype=dtype)
    output, lse = torch.ops.gqa.attention(*tensors, causal=True)
    expected, expected_lse = definition(*tensors, causal=True)
    assert output.dtype == dtype and lse.dtype == torch.float32
    torch.testing.assert_close(output, expected, rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(lse, expected_lse, rtol=1e-3, atol=1e-3)


class Block(torch.nn.Module):
    """Attention between two projections, with a number of tokens that the compiler does not know."""

    def __init__(self):
        super().__init__()
        self.q, self.kv, self.o = torch.nn.Linear(32, 64), torch.nn.Linear(32, 64), torch.nn.Linear(64, 32)

    def forward(self, x):
        q = self.q(x).unflatten(-1, (4, 16)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, 2, 16)).permute(2, 0, 3, 1, 4)
        output, _ = torch.ops.gqa.attention(q, k, v, causal=True)
        return self.o(output.transpose(1, 2).flatten(-2))


def test_compiles_and_trains_without_graph_breaks():
    torch.manual_seed(0)
    block = Block()
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True, dynamic=True)
    for tokens in (5, 8):
        x = normal(2, tokens, 32)
        torch.testing.assert_close(compiled(x), block(x), rtol=1e-5, atol=1e-5)
        compiled(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())


def test_exports_with_dynamic_tokens():
    block = Block().eval()
    tokens = torch.export.Dim("tokens", min=2, max=64)
    program = torch.export.export(block, (normal(2, 5, 32),), dynamic_shapes=({1: tokens},))
    assert any(node.target is torch.ops.gqa.attention.default for node in program.graph.nodes)
    x = normal(2, 11, 32)
    torch.testing.assert_close(program.module()(x), block(x), rtol=1e-5, atol=1e-5)


def test_messages():
    q, k, v = heads()
    with pytest.raises(ValueError, match="q has 4 heads and k has 3: expected a multiple"):
        torch.ops.gqa.attention(q, k[:, :1].expand(2, 3, 9, 16), v[:, :1].expand(2, 3, 9, 24))
    with pytest.raises(ValueError, match="needs offset"):
        torch.ops.gqa.attention(q, k, v, causal=True)
