"""`torch.compile(model, backend="gqa")`: attention by gqa, everything else by Inductor.

    import gqa.torch
    compiled = torch.compile(model, backend="gqa")

Each call of `torch.nn.functional.scaled_dot_product_attention` becomes `torch.ops.gqa.attention`; keys and values that were
repeated for it are read as they are. What is left to the other compiler, and why, is a warning. The option `backend` names
that compiler, or is it: `torch.compile(model, backend="gqa", options={"backend": "aot_eager"})`.
"""

import operator
import warnings

import torch
from torch._dynamo import lookup_backend, register_backend
from torch.nn import functional

SOFTMAXES = (torch.softmax, functional.softmax, torch.nn.functional.gumbel_softmax)


@register_backend(name="gqa")
def compile(graph_module, example_inputs, *, options=None):
    """A backend of torch.compile. options: {"backend": the compiler of the rest, or its name}."""
    options = dict(options or {})
    inner = options.pop("backend", "inductor")
    if options:
        raise ValueError(f"backend='gqa' has no option {', '.join(map(repr, options))}; it has 'backend'")
    left = replace_attention(graph_module)
    if left:
        warnings.warn("gqa leaves to the other compiler: " + "; ".join(left), stacklevel=2)
    return (inner if callable(inner) else lookup_backend(inner))(graph_module, example_inputs)


def replace_attention(graph_module):
    """Replaces the calls of attention in a graph of torch.compile, in place. Returns what was left, each with its reason."""
    left = []
    for node in list(graph_module.graph.nodes):
        if node.op != "call_function":
            continue
        if node.target is functional.scaled_dot_product_attention:
            reason = _replace(graph_module.graph, node)
            if reason:
                left.append(f"{node.name}: {reason}")
        elif node.target in SOFTMAXES:
            left.append(f"{node.name}: a softmax, which may be an attention spelled out; export the model and use gqa.importer, "
                        "or attn_implementation='sdpa'")
    graph_module.graph.lint()
    graph_module.recompile()
    return left


def _replace(graph, node):
    """Replaces one call; a reason if it cannot be."""
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
    given = dict(zip(names, node.args)) | node.kwargs
    q, k, v, mask = (given.get(name) for name in names[:4])
    if isinstance(given.get("dropout_p", 0.0), torch.fx.Node) or given.get("dropout_p", 0.0) != 0:
        return "dropout is not supported"
    if any(_value(x).ndim != 4 for x in (q, k, v)):
        return f"q, k, v have {', '.join(str(_value(x).ndim) for x in (q, k, v))} dimensions, expected 4"
    if isinstance(given.get("is_causal", False), torch.fx.Node):
        return "is_causal is not known"
    options = {"causal": bool(given.get("is_causal", False))}
    if options["causal"]:
        options["offset"] = 0
    if given.get("scale") is not None:
        options["scale"] = given["scale"]
    if mask is not None:
        options["mask" if _value(mask).dtype == torch.bool else "bias"] = mask
    if not _value(q).shape[0] == _value(k).shape[0] == _value(v).shape[0]:
        return "q, k, v have different batch sizes"
    shared = _shared(k), _shared(v)
    if _value(shared[0]).shape[1] != _value(shared[1]).shape[1]:  # one of them alone is repeated
        shared = k, v
    with graph.inserting_before(node):
        result = graph.call_function(torch.ops.gqa.attention.default, (q, *shared), options)
        output = graph.call_function(operator.getitem, (result, 0))
    output.meta = dict(node.meta)
    node.replace_all_uses_with(output)
    graph.erase_node(node)
    return None


def _value(node):
    return node.meta["example_value"]


def _shared(node):
    """What a node repeats per group of query heads: B x Hkv x S x D of B x (Hkv G) x S x D; else the node itself."""
    source = _interleaved(node) or _expanded(node)
    return node if source is None else source


def _interleaved(node):
    """x.repeat_interleave(G, dim=1)."""
    if node.target in ("repeat_interleave", torch.repeat_interleave):
        repeats, dim, *_ = *node.args[1:], None, None
        repeats, dim = node.kwargs.get("repeats", repeats), node.kwargs.get("dim", dim)
        if isinstance(repeats, int) and dim in (1, -3):
            return node.args[0]
    return None


def _expanded(node):
    """x[:, :, None].expand(B, Hkv, G, S, D).reshape(B, Hkv G, S, D), as far as the sizes prove it."""
    if node.target not in ("reshape", "view", "flatten", torch.reshape, torch.flatten):
        return None
    wide = node.args[0]
    if wide.target not in ("expand", torch.Tensor.expand, torch.broadcast_to):
        return None
    narrow = wide.args[0]
    is_new_dim = narrow.target in ("unsqueeze", torch.unsqueeze, operator.getitem)
    if not is_new_dim or _value(narrow).ndim != 5 or _value(narrow).shape[2] != 1:
        return None
    source, out = _value(narrow.args[0]), _value(node)
    batch, heads, group, tokens, dim = _value(wide).shape
    fits = source.ndim == 4 and tuple(source.shape) == (batch, heads, tokens, dim) and \
        tuple(out.shape) == (batch, heads * group, tokens, dim)
    if not fits or (narrow.target is operator.getitem and not _adds_third(narrow.args[1])):
        return None
    return narrow.args[0]


def _adds_third(index):
    """x[:, :, None], with whole slices or an ellipsis behind it."""
    whole = slice(None, None, None)
    return isinstance(index, tuple) and index[:3] == (whole, whole, None) and \
        all(i == whole or i is Ellipsis for i in index[3:])
