"""An exported torch program as a module of torch-mlir's `torch` dialect, with parameters as trailing arguments."""

import dataclasses
import re

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.export.graph_signature import ConstantArgument, ExportGraphSignature, InputKind, OutputKind

from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.extras import fx_importer

from .equality import keep_equality
from .errors import ImportFailure, first_line
from .module import TorchModule, dense
from .unsigned import widen_bytes
from .views import KEPT, merge_by_name

aten = torch.ops.aten


def import_program(program, inline_weights=False):
    """`program` must be decomposed. Mutated buffers (a static KV cache) become arguments after the inputs, and their new
    values the first results, which are written over them, as over inputs that the model writes to; other buffers and constants
    stay inside as dense constants."""
    program = _without_assertions(program)
    merge_by_name(program.graph)
    keep_equality(program.graph)
    widen_bytes(program.graph)
    _name_bounds_of_sizes(program.graph)
    signature, state, weights, donated = _functional_signature(program, inline_weights)
    program._graph_signature = signature
    data_dependent = _data_dependent(program.graph)
    context = ir.Context()
    torch_dialect.register_dialect(context)
    importer = fx_importer.FxImporter(context=context, hooks=_InlineConstants())
    try:
        importer.import_program(program, func_name="main")
    except (AssertionError, NotImplementedError, TypeError, ValueError, KeyError) as error:
        raise ImportFailure(f"torch-mlir cannot read the exported program: {first_line(error)}") from error
    pipeline = f"torchdynamo-export-to-torch-backend-pipeline{{backend-legal-ops={KEPT}}}"
    return TorchModule(importer.module, pipeline, state, weights, donated, data_dependent)


def _name_bounds_of_sizes(graph):
    """The larger and the smaller of two sizes by operations that torch-mlir knows."""
    for node in graph.nodes:
        node.target = {torch.sym_max: torch.ops.prim.max.int, torch.sym_min: torch.ops.prim.min.int}.get(node.target, node.target)


def _data_dependent(graph):
    """Where a size depends on the numbers in a tensor, or "": `file.py:12: ...`, for the message if the lowering fails."""
    for node in graph.nodes:
        cause = _cause_of_size(node)
        if cause:
            frames = re.findall(r'File "([^"\n]+)", line (\d+)', node.meta.get("stack_trace") or "")
            place = f"{frames[-1][0]}:{frames[-1][1]}: " if frames else ""
            return (f"{place}{cause}, and sizes depend on it, which a graph cannot say; "
                    "compute with all elements and masks, or run this part outside")
    return ""


def _cause_of_size(node):
    if node.target is aten._local_scalar_dense.default and node.users:
        return "a number is read out of a tensor (.item() or .tolist())"
    masks = node.args[1] if node.target is aten.index.Tensor else []
    if node.target is aten.nonzero.default or any(mask is not None and mask.meta["val"].dtype == torch.bool for mask in masks):
        return "elements are chosen by a mask (x[mask], nonzero or masked_select)"
    return ""


MUTATIONS = (OutputKind.BUFFER_MUTATION, OutputKind.USER_INPUT_MUTATION)


def _without_assertions(program):
    """Run-time checks of torch.export have no meaning in the compiled graph: its types carry the shapes."""
    graph = program.graph
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and "assert" in str(node.target) and not node.users:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    return program


def _functional_signature(program, inline_weights):
    """The signature in which everything that is not inline is an argument: inputs, mutated buffers, parameters.

    Parameters that share one storage (tied embeddings) become one argument: the first name is the one that stays.
    """
    old = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    mutated = set(old.buffers_to_mutate.values())
    inputs, states, parameters, inside = [], [], [], []
    state, weights, seen = {}, {}, {}
    for spec in old.input_specs:
        node = placeholders[spec.arg.name]
        if spec.kind == InputKind.USER_INPUT:
            (inside if isinstance(spec.arg, ConstantArgument) else inputs).append(spec)
        elif not node.users and spec.target not in mutated:
            inside.append(spec)  # not read: neither an argument nor a constant comes of it
        elif spec.kind == InputKind.BUFFER and spec.target in mutated:
            state[spec.target] = _value(program, spec)
            states.append(_as_input(spec))
        elif spec.kind == InputKind.PARAMETER and not inline_weights:
            value = _value(program, spec)
            has_memory = value.numel() and value.device.type != "meta" and not isinstance(value, FakeTensor)
            key = (value.data_ptr(), value.dtype, tuple(value.shape), value.stride()) if has_memory else spec.target
            if key in seen:
                node.replace_all_uses_with(seen[key])
                inside.append(spec)
                continue
            seen[key] = node
            weights[spec.target] = value
            parameters.append(_as_input(spec))
        else:
            inside.append(spec)
    outputs = [dataclasses.replace(spec, kind=OutputKind.USER_OUTPUT, target=None)
               if spec.kind in MUTATIONS else spec for spec in old.output_specs]
    places = {spec.arg.name: place for place, spec in enumerate(inputs + states)}
    changed = {spec.target: spec.arg.name for spec in old.input_specs if spec.target in mutated}
    donated = {places[changed[spec.target] if spec.kind == OutputKind.BUFFER_MUTATION else spec.target]: result
               for result, spec in enumerate(old.output_specs) if spec.kind in MUTATIONS}
    return ExportGraphSignature(inputs + states + parameters + inside, outputs), state, weights, donated


def _as_input(spec):
    return dataclasses.replace(spec, kind=InputKind.USER_INPUT, target=None, persistent=None)


def _value(program, spec):
    """Non-persistent buffers are kept among the constants, everything else in the state dictionary."""
    value = program.state_dict.get(spec.target)
    return (program.constants[spec.target] if value is None else value).detach()


class _InlineConstants(fx_importer.FxImporterHooks):
    """Constants as `dense<...>` attributes, which folders can read, in place of resources, which they cannot."""

    def resolve_literal(self, importer, literal, info):
        if not isinstance(literal, torch.Tensor):
            return None
        kind = importer._cc.tensor_to_vtensor_type(literal)
        with importer._c, ir.Location.unknown():
            attribute = dense(bits(literal), str(literal.dtype).removeprefix("torch."))
            return ir.Operation.create("torch.vtensor.literal", results=[kind], attributes={"value": attribute}).result


def bits(tensor):
    """The elements as a NumPy array: of bfloat16 and floats of 8 bits, which NumPy lacks, their bits as unsigned integers."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype.is_floating_point and tensor.dtype.itemsize == 1:
        return tensor.view(torch.uint8).numpy()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
