"""An ONNX model as a module of torch-mlir's `torch` dialect, with its larger initializers as trailing arguments."""

import os

import numpy as np
import onnx
import onnx.external_data_helper
import onnx.inliner
import torch
from onnx import TensorProto, helper, numpy_helper

from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import onnx_importer

from .dialect import as_calls
from .errors import ImportFailure, first_line
from .fold import fold
from .module import TorchModule
from .operators import keep_attention, microsoft
from .scatter import replace_scatter

# Smaller initializers are shapes, axes and scales, which torch-mlir's patterns want to see as constants.
_SMALLEST_WEIGHT = 128
_HIDES = -1e4  # a mask's fill is this or less
_LARGEST_MASK = 1 << 22  # elements that may stand in the text
_ROUNDS = 4  # of folding: each may make the shapes known that the next one reads


def import_onnx(model, path, inline_weights=False):
    """An onnx.ModelProto, which is changed, as a TorchModule; `path` names it in messages."""
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    weights = {} if inline_weights else _weights_as_inputs(model.graph)
    model = _folded(keep_attention(_with_gelu_inlined(model), lambda m: _with_shapes(m, path)), path)
    _replace_cumsum(model.graph)
    replace_scatter(model.graph)
    _keep_equality(model, path)
    model.graph.name = "main"
    context = ir.Context()
    torch_dialect.register_dialect(context)
    info = onnx_importer.ModelInfo(_with_shapes(model, path))
    module = info.create_module(context=context)
    try:
        onnx_importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
    except (onnx_importer.OnnxImportError, AssertionError, KeyError, NotImplementedError, ValueError) as error:
        raise ImportFailure(f"{path}: torch-mlir cannot read this model: {error}") from error
    as_calls(module)
    return TorchModule(module, "torch-onnx-to-torch-backend-pipeline", {}, weights)


def load(path):
    """The ModelProto in a file, with what it keeps in others. Raises ImportFailure if it is not a valid model."""
    try:
        model = onnx.load(path, load_external_data=False)
        microsoft.adopt(model)
        onnx.checker.check_model(_without_files(model))
        onnx.external_data_helper.load_external_data_for_model(model, os.path.dirname(path))
    except Exception as error:  # protobuf's and the checker's own errors
        raise ImportFailure(f"{path}: not a valid ONNX model ({first_line(error)})") from error
    return model


def _without_files(model):
    """The model with nothing in the place of initializers in other files: the checker takes no more than 2 GiB."""
    alone = onnx.ModelProto()
    alone.CopyFrom(model)
    for graph in _graphs(alone.graph):
        for init in graph.initializer:
            if onnx.external_data_helper.uses_external_data(init):
                init.CopyFrom(TensorProto(name=init.name, data_type=init.data_type, dims=[0]))
    return alone


def _graphs(graph):
    """A graph and those of its branches and loops."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else attribute.graphs):
                yield from _graphs(inner)


def _with_gelu_inlined(model):
    """By the standard's own definition: torch-mlir's of the one by tanh has a constant of four digits."""
    if not any(node.op_type == "Gelu" for graph in _graphs(model.graph) for node in graph.node):
        return model
    return onnx.inliner.inline_selected_functions(model, [("", "Gelu")], inline_schema_functions=True)


def _with_shapes(model, path):
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise ImportFailure(f"{path}: shapes cannot be inferred ({first_line(error)})") from error


def _folded(model, path):
    """The model without arithmetic on known sizes."""
    for _ in range(_ROUNDS):
        if not fold(model, _with_shapes(model, path)):
            break
    return model


def _weights_as_inputs(graph):
    """Moves initializers that are weights behind the inputs; returns them as tensors by name."""
    weights, keep = {}, []
    listed = {value.name for value in graph.input}
    for init in graph.initializer:
        array = numpy_helper.to_array(init)
        inline = array.size < _SMALLEST_WEIGHT or init.data_type not in _FLOATS or _is_mask(array)
        if inline or init.name in listed:
            keep.append(init)
            continue
        graph.input.append(helper.make_tensor_value_info(init.name, init.data_type, init.dims))
        weights[init.name] = _tensor(array)
    del graph.initializer[:]
    graph.initializer.extend(keep)
    return weights


def _is_mask(array):
    """Zeros and numbers that hide: a mask that constant folding left. The compiler reads its pattern; no weight is like it."""
    if array.ndim < 2 or array.size > _LARGEST_MASK:
        return False
    hides = array.astype(np.float64) <= _HIDES
    return bool(hides.any() and ((array == 0) | hides).all())


_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}


def _tensor(array):
    if array.dtype.name == "bfloat16":  # ml_dtypes' type, which torch does not read
        return torch.from_numpy(np.array(array).view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(np.array(array))


def _keep_equality(model, path):
    """A float is equal to itself if it is no larger, which of NaN it is not: torch-mlir takes `Equal(x, x)` for true."""
    found = [node for node in model.graph.node if node.op_type == "Equal" and node.input[0] == node.input[1]]
    if not found:
        return
    graph = _with_shapes(model, path).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.input]}
    for node in found:
        if kinds.get(node.input[0]) in _FLOATS:
            node.op_type = "LessOrEqual"


def _replace_cumsum(graph):
    """CumSum over one axis as a masked sum: torch-mlir makes `tm_tensor.scan` of the original."""
    ranks = _ranks(graph)
    constants = {init.name: numpy_helper.to_array(init) for init in graph.initializer}
    constants |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in graph.node
                  if node.op_type == "Constant" and node.attribute[0].name == "value"}
    nodes = []
    for node in graph.node:
        axis = constants.get(node.input[1]) if node.op_type == "CumSum" else None
        plain = not any(a.i for a in node.attribute) if node.op_type == "CumSum" else False
        if axis is None or not plain or node.input[0] not in ranks:
            nodes.append(node)
            continue
        rank = ranks[node.input[0]]
        nodes += _masked_sum(graph, node.input[0], node.output[0], int(axis.reshape(-1)[0]) % rank, rank)
    del graph.node[:]
    graph.node.extend(nodes)


def _ranks(graph):
    """Ranks of the values whose type is known."""
    try:
        graph = onnx.shape_inference.infer_shapes(helper.make_model(graph)).graph
    except Exception:  # reported with its reason later, when the whole model is inferred
        pass
    values = list(graph.value_info) + list(graph.input) + list(graph.output)
    return {v.name: len(v.type.tensor_type.shape.dim) for v in values if v.type.tensor_type.HasField("shape")}


def _masked_sum(graph, x, y, axis, rank):
    """y[.., i, ..] = sum over j of x[.., j, ..] where j <= i, with i along `axis` and j along a new axis behind it."""
    def name(suffix):
        return f"{y}_{suffix}"

    def constant(suffix, value):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name(suffix)))
        return name(suffix)

    def node(kind, inputs, suffix, **attributes):
        result = y if suffix is None else name(suffix)
        return helper.make_node(kind, inputs, [result], name=result, **attributes)

    zero, one = constant("zero", 0), constant("one", 1)
    row_shape = [1] * (rank + 1)
    row_shape[axis] = -1
    column_shape = [1] * (rank + 1)
    column_shape[axis + 1] = -1
    return [
        node("Shape", [x], "shape", start=axis, end=axis + 1),
        node("Squeeze", [name("shape"), constant("first", [0])], "size"),
        node("Range", [zero, name("size"), one], "range"),
        node("Reshape", [name("range"), constant("rows", row_shape)], "row"),
        node("Reshape", [name("range"), constant("columns", column_shape)], "column"),
        node("LessOrEqual", [name("column"), name("row")], "upto"),
        node("Unsqueeze", [x, constant("axis", [axis])], "values"),
        node("Sub", [name("values"), name("values")], "nothing"),
        node("Where", [name("upto"), name("values"), name("nothing")], "seen"),
        node("ReduceSum", [name("seen"), constant("along", [axis + 1])], None, keepdims=0),
    ]
