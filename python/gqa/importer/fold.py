"""Arithmetic on sizes that are known, done before torch-mlir sees it: it crashes on sizes of a split that are computed."""

import math

import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

_LARGEST = 64  # elements of a result: sizes, axes and factors, no tables
_NEVER = {"Constant", "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
          "Dropout", "Optional", "OptionalGetElement", "OptionalHasElement"}


def fold(model, inferred):
    """Replaces nodes of `model` whose results follow from constants and from the shapes in `inferred` by initializers.

    Returns whether there were any; shapes that depend on them may be known then.
    """
    graph = model.graph
    constants = {init.name: init for init in graph.initializer if init.name not in {value.name for value in graph.input}}
    constants |= {node.output[0]: a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute
                  if a.name == "value"}
    shapes = {value.name: value.type.tensor_type.shape for value in [*inferred.graph.value_info, *inferred.graph.input]
              if value.type.tensor_type.HasField("shape")}
    results = {value.name for value in graph.output}
    kept = []
    for node in graph.node:
        tensor = None if results & set(node.output) else _value(node, constants, shapes, model.opset_import)
        if tensor is None:
            kept.append(node)
        else:
            constants[node.output[0]] = tensor
            graph.initializer.append(tensor)
    folded = len(kept) < len(graph.node)
    del graph.node[:]
    graph.node.extend(kept)
    return folded


def _value(node, constants, shapes, opsets):
    """The result of a node as a TensorProto, or None if it is not known here, or large."""
    if node.domain not in ("", "ai.onnx") or len(node.output) != 1 or node.op_type in _NEVER:
        return None
    if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
        return None
    if node.op_type == "Shape":
        return _shape(node, shapes.get(node.input[0]))
    inputs = {name: constants.get(name) for name in node.input if name}
    if not inputs or any(tensor is None or math.prod(tensor.dims) > _LARGEST for tensor in inputs.values()):
        return None
    if node.output[0] in shapes and math.prod(dim.dim_value for dim in shapes[node.output[0]].dim) > _LARGEST:
        return None  # a table of few sizes, such as a mask of all pairs of tokens, is not even computed
    try:
        result = ReferenceEvaluator(_alone(node, inputs, opsets)).run(
            None, {name: numpy_helper.to_array(tensor) for name, tensor in inputs.items()})[0]
    except Exception:  # what the reference cannot compute stays as it is
        return None
    return numpy_helper.from_array(result, node.output[0]) if result.size <= _LARGEST else None


def _alone(node, inputs, opsets):
    """A model of one node."""
    values = [onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims) for name, tensor in inputs.items()]
    result = onnx.helper.make_value_info(node.output[0], onnx.TypeProto())
    return onnx.helper.make_model(onnx.helper.make_graph([node], "alone", values, [result]), opset_imports=opsets)


def _shape(node, shape):
    if shape is None:
        return None
    attributes = {a.name: a.i for a in node.attribute}
    dims = list(shape.dim)[attributes.get("start", 0):attributes.get("end", len(shape.dim))]
    if any(not dim.HasField("dim_value") for dim in dims):
        return None
    return onnx.helper.make_tensor(node.output[0], onnx.TensorProto.INT64, [len(dims)], [dim.dim_value for dim in dims])
