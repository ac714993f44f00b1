"""The example inputs of a program and what the framework computes from them, for `gqa-run --inputs` and `--expect`."""

import copy

import numpy as np
import torch
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils import _pytree as pytree

from .errors import ImportFailure, first_line
from .fx import MUTATIONS, bits


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
    try:
        with torch.no_grad():
            results = _tensors(module(*args, **kwargs))
    except Exception as error:  # whatever the model's operations raise
        raise ImportFailure(f"--save-example: the model cannot compute its example inputs "
                            f"({type(error).__name__}: {first_line(error)})") from error
    after = [variables[spec.kind, spec.target] for spec in signature.output_specs if spec.kind in MUTATIONS]
    arrays = {f"arg{i}": bits(t) for i, t in enumerate(before)}
    arrays |= {f"out{i}": bits(t) for i, t in enumerate(after + results)}
    try:
        np.savez(path, **arrays)
    except OSError as error:
        raise ImportFailure(f"{path}: cannot be written ({error.strerror or error})") from error


def _tensor_inputs(signature):
    return [spec.arg.name for spec in signature.input_specs
            if spec.kind == InputKind.USER_INPUT and not isinstance(spec.arg, ConstantArgument)]


def _tensors(tree):
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
