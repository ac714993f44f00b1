"""ONNX operators of attention that become operations of the `gqa` dialect, with their exact semantics, and a few that
onnxruntime puts beside them.

Each is replaced by standard operators and nodes of the domain `gqa`, one for each operation of the dialect. torch-mlir
lowers the former; `..dialect` carries the latter past it as calls.
"""

import onnx
from onnx import helper

from ..errors import ImportFailure
from . import companions, grouped, microsoft, multihead, packed, rotary, standard
from .builder import DOMAIN, Operator, Type, type_of

REWRITES = {
    ("", "Attention"): standard.rewrite,
    ("", "RotaryEmbedding"): rotary.rewrite_standard,
    (microsoft.DOMAIN, "GroupQueryAttention"): grouped.rewrite,
    (microsoft.DOMAIN, "MultiHeadAttention"): multihead.rewrite,
    (microsoft.DOMAIN, "Attention"): packed.rewrite,
    (microsoft.DOMAIN, "RotaryEmbedding"): rotary.rewrite_microsoft,
    (microsoft.DOMAIN, "SimplifiedLayerNormalization"): companions.rewrite_rms,
    (microsoft.DOMAIN, "SkipSimplifiedLayerNormalization"): companions.rewrite_skip_rms,
    (microsoft.DOMAIN, "SkipLayerNormalization"): companions.rewrite_skip,
    (microsoft.DOMAIN, "BiasGelu"): companions.rewrite_bias_gelu,
    (microsoft.DOMAIN, "FastGelu"): companions.rewrite_fast_gelu,
    (microsoft.DOMAIN, "QuickGelu"): companions.rewrite_quick_gelu,
}


def keep_attention(model, infer):
    """The model with these operators replaced. Raises ImportFailure for what is not supported, naming the node.

    `infer`: adds the types of values to a copy of a model.
    """
    _refuse_inside(model.graph)
    if not any(_key(node) in REWRITES for node in model.graph.node):
        return model
    with microsoft.schemas():
        types = _types(infer(model).graph)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    read = _names_read(model.graph)
    nodes, values = [], []
    for node in model.graph.node:
        rewrite = REWRITES.get(_key(node))
        if not rewrite:
            nodes.append(node)
            continue
        operator = Operator(node, types, read, opset)
        rewrite(operator)
        nodes += operator.nodes
        values += operator.values
        model.graph.initializer.extend(operator.initializers)
    _replace(model.graph.node, nodes)
    made = {value.name for value in values}
    _replace(model.graph.value_info, [v for v in model.graph.value_info if v.name not in made] + values)
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model


def _key(node):
    return "" if node.domain == "ai.onnx" else node.domain, node.op_type


def _refuse_inside(graph):
    """Fails for an operator in the body of a branch or a loop, where nothing is replaced."""
    for node in graph.node:
        for body in (a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH):
            for inner in body.node:
                if _key(inner) in REWRITES:
                    raise ImportFailure(f"node '{inner.name}' ({inner.op_type}) is in the body of node '{node.name}' "
                                        f"({node.op_type}); inside of branches and loops it is not supported: unroll them")
            _refuse_inside(body)


def _names_read(graph):
    """Values that are results, or inputs of a node, in bodies as well."""
    names = {value.name for value in graph.output}
    for node in graph.node:
        names.update(name for name in node.input if name)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                names |= _names_read(attribute.g)
    return names


def _types(graph):
    known = {v.name: type_of(v) for v in [*graph.value_info, *graph.input, *graph.output]}
    known |= {init.name: Type(init.data_type, tuple(init.dims)) for init in graph.initializer}
    return {name: kind for name, kind in known.items() if kind}


def _replace(field, values):
    values = list(values)
    del field[:]
    field.extend(values)
