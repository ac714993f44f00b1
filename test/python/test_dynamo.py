"""`torch.compile(backend="gqa")`: which calls become gqa's, that repeats are not read, and what is said of the rest."""

import warnings

import pytest
import torch
from torch.nn import functional

import gqa.torch
from test_transformers import models, tokens

generator = torch.Generator().manual_seed(0)


def heads(queries=6, keys=6):
    return [torch.randn(2, h, s, 16, generator=generator) for h, s in ((4, queries), (2, keys), (2, keys))]


def expanded(x):
    return x[:, :, None, :, :].expand(2, 2, 2, x.shape[2], 16).reshape(2, 4, x.shape[2], 16)


FUNCTIONS = {
    "expand": lambda q, k, v: functional.scaled_dot_product_attention(q, expanded(k), expanded(v), is_causal=True),
    "unsqueeze": lambda q, k, v: functional.scaled_dot_product_attention(
        q, *(x.unsqueeze(2).expand(-1, -1, 2, -1, -1).flatten(1, 2) for x in (k, v))),
    "interleave": lambda q, k, v: functional.scaled_dot_product_attention(
        q, k.repeat_interleave(2, dim=1), torch.repeat_interleave(v, 2, 1), scale=0.3),
    "grouped": lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
    "mask": lambda q, k, v: functional.scaled_dot_product_attention(
        q, k, v, torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(), enable_gqa=True),
    "bias": lambda q, k, v: functional.scaled_dot_product_attention(
        q, k, v, attn_mask=torch.arange(k.shape[2]).float()[None] * -0.1, enable_gqa=True),
}


def compiled(function, graphs, **options):
    """Compiled by gqa and a compiler that keeps the graph."""
    def keep(graph_module, _):
        graphs.append(graph_module)
        return graph_module
    torch._dynamo.reset()
    return torch.compile(function, backend="gqa", options={"backend": keep, **options}, fullgraph=True)


def calls(graph_module):
    return [node for node in graph_module.graph.nodes if node.target is torch.ops.gqa.attention.default]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_calls_of_attention(name):
    q, k, v = heads()
    graphs = []
    found = compiled(FUNCTIONS[name], graphs)(q, k, v)
    torch.testing.assert_close(found, FUNCTIONS[name](q, k, v), rtol=1e-5, atol=1e-5)
    (call,) = calls(graphs[0])
    assert [x.meta["example_value"].shape[1] for x in call.args[:3]] == [4, 2, 2]


def test_a_repeat_in_another_order_is_read_as_it_is():
    def tiled(q, k, v):
        return functional.scaled_dot_product_attention(q, *(x[:, None].expand(2, 2, 2, x.shape[2], 16).reshape(2, 4, -1, 16)
                                                            for x in (k, v)))
    q, k, v = heads()
    graphs = []
    torch.testing.assert_close(compiled(tiled, graphs)(q, k, v), tiled(q, k, v), rtol=1e-5, atol=1e-5)
    (call,) = calls(graphs[0])
    assert call.args[1].meta["example_value"].shape[1] == 4


def test_a_repeat_of_keys_alone_is_read_as_it_is():
    def keys_alone(q, k, v):
        return functional.scaled_dot_product_attention(q, k.repeat_interleave(2, dim=1), torch.cat((v, -v), dim=1))
    q, k, v = heads()
    graphs = []
    torch.testing.assert_close(compiled(keys_alone, graphs)(q, k, v), keys_alone(q, k, v), rtol=1e-5, atol=1e-5)
    assert len(calls(graphs[0])) == 1


@pytest.mark.parametrize("function, reason", [
    (lambda q, k, v: functional.scaled_dot_product_attention(q, k[:1], v[:1], enable_gqa=True), "different batch sizes"),
    (lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, dropout_p=0.1, enable_gqa=True), "dropout is not supported"),
    (lambda q, k, v: functional.scaled_dot_product_attention(q[:, 0], k[:, 0], v[:, 0]), "q, k, v have 3, 3, 3 dimensions"),
    (lambda q, k, v: torch.softmax(q @ expanded(k).mT, -1) @ expanded(v), "an attention spelled out"),
])
def test_what_is_left_is_said(function, reason):
    graphs = []
    with pytest.warns(UserWarning, match=reason):
        compiled(function, graphs)(*heads())
    assert not calls(graphs[0])


def test_options_are_checked():
    with pytest.raises(Exception, match="has no option 'fast'; it has 'backend'"):
        compiled(FUNCTIONS["grouped"], [], fast=True)(*heads())


def test_a_model_with_inductor():
    eager, _ = models("llama")
    eager.set_attn_implementation("sdpa")
    torch._dynamo.reset()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = torch.compile(eager, backend="gqa")(tokens()).logits
        expected = eager(tokens()).logits
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
