"""ONNX operators of attention that become operations of the `gqa` dialect, with their exact semantics.

Each is replaced by standard operators and nodes of the domain `gqa`, one for each operation of the dialect. torch-mlir
lowers the former; `..dialect` carries the latter past it as calls.
"""

import onnx
from onnx import helper

from . import grouped, microsoft, multihead, packed, rotary, standard
from .builder import DOMAIN, Operator, Type, type_of

REWRITES = {
    ("", "Attention"): standard.rewrite,
    ("", "RotaryEmbedding"): rotary.rewrite_standard,
    (microsoft.DOMAIN, "GroupQueryAttention"): grouped.rewrite,
    (microsoft.DOMAIN, "MultiHeadAttention"): multihead.rewrite,
    (microsoft.DOMAIN, "Attention"): packed.rewrite,
    (microsoft.DOMAIN, "RotaryEmbedding"): rotary.rewrite_microsoft,
}


def keep_attention(model):
    """The model with these operators replaced. Raises ImportFailure for what is not supported, naming the node."""
    if not any((_domain(node), node.op_type) in REWRITES for node in model.graph.node):
        return model
    with microsoft.schemas():
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    types = _types(inferred.graph)
    constants = _constants(model.graph)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    nodes = []
    for node in model.graph.node:
        rewrite = REWRITES.get((_domain(node), node.op_type))
        if not rewrite:
            nodes.append(node)
            continue
        operator = Operator(node, types, constants, opset)
        rewrite(operator)
        nodes += operator.nodes
        model.graph.initializer.extend(operator.initializers)
        made = {value.name for value in operator.values}
        _replace(model.graph.value_info, [v for v in model.graph.value_info if v.name not in made] + operator.values)
    _replace(model.graph.node, nodes)
    if not any(entry.domain == DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model


def _domain(node):
    return "" if node.domain == "ai.onnx" else node.domain


def _types(graph):
    known = {v.name: type_of(v) for v in [*graph.value_info, *graph.input, *graph.output]}
    known |= {init.name: Type(init.data_type, tuple(init.dims)) for init in graph.initializer}
    return {name: kind for name, kind in known.items() if kind}


def _constants(graph):
    constants = {init.name: init for init in graph.initializer}
    constants |= {node.output[0]: a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute
                  if a.name == "value"}
    return constants


def _replace(field, values):
    values = list(values)
    del field[:]
    field.extend(values)
