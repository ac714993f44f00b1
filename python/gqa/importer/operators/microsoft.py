"""Shapes of the operators of com.microsoft, which the onnx package does not know.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

import contextlib

from onnx import TypeProto, defs, helper

DOMAIN = "com.microsoft"


@contextlib.contextmanager
def schemas():
    """While it is open, onnx's shape inference knows the operators here."""
    known = [name for name in _SHAPES if not defs.has(name, DOMAIN)]
    for name in known:
        defs.register_schema(_schema(name))
    try:
        yield
    finally:
        for name in known:
            defs.deregister_schema(name, 1, DOMAIN)


def _schema(name):
    many = {"param_option": defs.OpSchema.FormalParameterOption.Variadic, "is_homogeneous": False, "min_arity": 0}
    schema = defs.OpSchema(name, DOMAIN, 1, inputs=[defs.OpSchema.FormalParameter("inputs", "T", **many)],
                           outputs=[defs.OpSchema.FormalParameter("outputs", "T", **many)],
                           type_constraints=[("T", ["tensor(float)"], "not looked at by shape inference")])
    schema.set_type_and_shape_inference_function(lambda context: _SHAPES[name](_Node(context)))
    return schema


class _Node:
    """Sizes of inputs (ints, names, or None) and a way to set those of results."""

    def __init__(self, context):
        self._context = context

    def attribute(self, name):
        attribute = self._context.get_attribute(name)
        return attribute.i if attribute else 0

    def ints(self, name):
        attribute = self._context.get_attribute(name)
        return list(attribute.ints) if attribute else []

    def sizes(self, place):
        if place >= self._context.get_num_inputs() or not self._context.has_input(place):
            return None
        kind = self._context.get_input_type(place)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.tensor_type.shape.dim]

    def set(self, place, sizes, like=0):
        if place >= self._context.get_num_outputs() or sizes is None:
            return
        kind = TypeProto()
        kind.tensor_type.elem_type = self._context.get_input_type(like).tensor_type.elem_type
        kind.tensor_type.shape.SetInParent()
        for size in sizes:
            dim = kind.tensor_type.shape.dim.add()
            if isinstance(size, int):
                dim.dim_value = size
            elif size:
                dim.dim_param = size
        self._context.set_output_type(place, kind)


def _plus(a, b):
    return a + b if isinstance(a, int) and isinstance(b, int) else None


def _grouped(node):
    query, past = node.sizes(0), node.sizes(3)
    if not query or not isinstance(query[2], int):
        return
    heads, shared = node.attribute("num_heads"), node.attribute("kv_num_heads")
    size = query[2] // (heads if node.sizes(1) else heads + 2 * shared)
    node.set(0, [query[0], query[1], heads * size])
    length = None if past else query[1]  # the cache's own length, or that of cache and new tokens: known at run time
    for place in (1, 2):
        node.set(place, [query[0], shared, length, size])


def _multihead(node):
    query, key, value, past = (node.sizes(place) for place in (0, 1, 2, 6))
    if not query:
        return
    heads, batch, length = node.attribute("num_heads"), query[0], query[1]
    if len(query) == 5 or key and len(key) == 5:
        size, keys = (query[4], length) if len(query) == 5 else (key[4], key[1])
        features = heads * size if isinstance(size, int) else None
    elif value and len(value) == 4:
        size, keys = value[3], value[2]
        features = heads * size if isinstance(size, int) else None
    elif value:
        features, keys = value[2], value[1]
        size = features // heads if isinstance(features, int) else None
    else:
        return
    node.set(0, [batch, length, features])
    total = _plus(past[2], keys) if past else keys
    key_size = query[2] // heads if len(query) == 3 and isinstance(query[2], int) else size
    node.set(1, [batch, heads, total, key_size])
    node.set(2, [batch, heads, total, size])


def _packed(node):
    x, weights, past = node.sizes(0), node.sizes(1), node.sizes(4)
    if not x or not weights:
        return
    hidden = node.ints("qkv_hidden_sizes") or ([weights[1] // 3] * 3 if isinstance(weights[1], int) else [None] * 3)
    node.set(0, [x[0], x[1], hidden[2]])
    heads = node.attribute("num_heads")
    size = hidden[2] // heads if isinstance(hidden[2], int) and heads else None
    node.set(1, [2, x[0], heads, _plus(past[3], x[1]) if past else x[1], size])


def _same(node):
    node.set(0, node.sizes(0))


def _skip(node):
    node.set(0, node.sizes(0))
    node.set(3, node.sizes(0))


_SHAPES = {"GroupQueryAttention": _grouped, "MultiHeadAttention": _multihead, "Attention": _packed, "RotaryEmbedding": _same,
           "SimplifiedLayerNormalization": _same, "SkipSimplifiedLayerNormalization": _skip, "SkipLayerNormalization": _skip,
           "BiasGelu": _same}


def adopt(model):
    """onnxruntime writes some of these operators in ONNX's own domain, where there are none: they move here."""
    strays = [node for node in model.graph.node
              if node.domain in ("", "ai.onnx") and node.op_type in _SHAPES and not defs.has(node.op_type)]
    for node in strays:
        node.domain = DOMAIN
    if strays and not any(entry.domain == DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
