"""The example inputs of a program and what the framework computes from them, for `gqa-run --inputs` and `--expect`."""

import copy

import numpy as np
import torch
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils import _pytree as pytree

from .errors import ImportFailure
from .fx import MUTATIONS


def save_example(program, signature, path):
    """Writes arg0, ... (inputs, then mutated buffers) and out0, ... (new buffers and inputs, then results) of `program`.

    `signature` is that of the decomposed program: before decomposition mutations are ordinary operations.
    """
    if program.example_inputs is None:
        raise ImportFailure("--save-example: the program was saved without example inputs")
    args, kwargs = copy.deepcopy(program.example_inputs)
    module = program.module()
    buffers = dict(module.named_buffers())
    mutated = set(signature.buffers_to_mutate.values())
    variables = {(OutputKind.USER_INPUT_MUTATION, name): tensor
                 for name, tensor in zip(_tensor_inputs(signature), _tensors((args, kwargs)))}
    variables |= {(OutputKind.BUFFER_MUTATION, spec.target): buffers[spec.target] for spec in signature.input_specs
                  if spec.kind == InputKind.BUFFER and spec.target in mutated}
    before = [value.detach().clone() for value in variables.values()]
    with torch.no_grad():
        results = _tensors(module(*args, **kwargs))
    after = [variables[spec.kind, spec.target] for spec in signature.output_specs if spec.kind in MUTATIONS]
    arrays = {f"arg{i}": as_array(t) for i, t in enumerate(before)}
    arrays |= {f"out{i}": as_array(t) for i, t in enumerate(after + results)}
    try:
        np.savez(path, **arrays)
    except OSError as error:
        raise ImportFailure(f"{path}: cannot be written ({error.strerror or error})") from error


def _tensor_inputs(signature):
    return [spec.arg.name for spec in signature.input_specs
            if spec.kind == InputKind.USER_INPUT and not isinstance(spec.arg, ConstantArgument)]


def _tensors(tree):
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def as_array(tensor):
    """NumPy has no bfloat16: its bits are kept as uint16."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
