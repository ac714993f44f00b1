"""ONNX's ScatterND and ScatterElements, as a decoding step writes its cache, as one select for each new row.

A recogniser sees of these what a decoding step appends; other forms of them become loops over rows (`loops.py`).
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .decompositions import MAX_ROWS_AS_SELECTS


def replace_scatter(graph):
    """Rewrites the nodes whose shapes are known well enough."""
    if not any(node.op_type in _FORMS for node in graph.node):
        return
    shapes = _shapes(graph)
    nodes = []
    for node in graph.node:
        form = _FORMS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        nodes += (form(graph, node, shapes) if form else None) or [node]
    del graph.node[:]
    graph.node.extend(nodes)


def _scatter_elements(graph, node, shapes):
    """y[.., indices[.., r, ..], ..] = updates[.., r, ..], in all places of the other dimensions."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    x, indices, updates = (shapes.get(name) for name in node.input[:3])
    if attributes.get("reduction", b"none") != b"none" or not x or not indices or not updates:
        return None
    axis = attributes.get("axis", 0) % len(x)
    alike = all(a == b == c and a is not None for d, (a, b, c) in enumerate(zip(x, indices, updates)) if d != axis)
    return _selects(graph, node, x, axis, indices[axis]) if alike else None


def _scatter_nd(graph, node, shapes):
    """y[indices[r, 0]] = updates[r]."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    x, indices = (shapes.get(name) for name in node.input[:2])
    if attributes.get("reduction", b"none") != b"none" or not x or not indices or len(indices) != 2 or indices[1] != 1:
        return None
    return _selects(graph, node, x, 0, indices[0])


def _selects(graph, node, shape, axis, rows):
    """x where no row is written; the last of several rows in one place stays."""
    if rows is None or rows > MAX_ROWS_AS_SELECTS or shape[axis] is None:
        return None
    x, indices, updates = node.input[:3]
    y = node.output[0]
    count = 0

    def constant(value):
        nonlocal count
        count += 1
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), f"{y}_value{count}"))
        return f"{y}_value{count}"

    def add(kind, *inputs, name=None):
        nonlocal count
        count += 1
        result = name or f"{y}_part{count}"
        nodes.append(helper.make_node(kind, list(inputs), [result], name=result))
        return result

    nodes = []
    along = [1] * len(shape)
    along[axis] = shape[axis]
    position = constant(np.arange(shape[axis]).reshape(along))
    wide = add("Cast", indices)
    nodes[-1].attribute.append(helper.make_attribute("to", onnx.TensorProto.INT64))
    wide = add("Where", add("Less", wide, constant(0)), add("Add", wide, constant(shape[axis])), wide)
    for row in range(rows):
        first, behind, axes = constant([row]), constant([row + 1]), constant([axis])
        index, update = (add("Slice", value, first, behind, axes) for value in (wide, updates))
        if node.op_type == "ScatterND":
            index = add("Reshape", index, constant([1] * len(shape)))
        x = add("Where", add("Equal", position, index), update, x, name=y if row == rows - 1 else None)
    return nodes if rows else [helper.make_node("Identity", [x], [y], name=y)]


def _shapes(graph):
    """Sizes by the name of the value, None for those that are not known."""
    try:
        graph = onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph
    except Exception:  # reported with its reason later, when the whole model is inferred
        pass
    shapes = {init.name: list(init.dims) for init in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape"):
            shapes[value.name] = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    return shapes


_FORMS = {"ScatterElements": _scatter_elements, "ScatterND": _scatter_nd}
