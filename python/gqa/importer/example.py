"""The example inputs of a program and what the framework computes from them, for `gqa-run --inputs` and `--expect`."""

import numpy as np
import torch
from torch.utils import _pytree as pytree

from .errors import ImportFailure


def save_example(program, signature, path):
    """Writes arg0, ... (inputs, then mutated buffers) and out0, ... (new buffers, then results) of `program`.

    `signature` is that of the decomposed program: before decomposition mutations are ordinary operations.
    """
    if program.example_inputs is None:
        raise ImportFailure("--save-example: the program was saved without example inputs")
    args, kwargs = program.example_inputs
    inputs = _tensors((args, kwargs))
    mutated = list(signature.buffers_to_mutate.values())
    module = program.module()
    buffers = dict(module.named_buffers())
    before = [buffers[name].detach().clone() for name in mutated]
    with torch.no_grad():
        results = _tensors(module(*args, **kwargs))
    after = [buffers[name].detach() for name in mutated]
    arrays = {f"arg{i}": as_array(t) for i, t in enumerate(inputs + before)}
    arrays |= {f"out{i}": as_array(t) for i, t in enumerate(after + results)}
    try:
        np.savez(path, **arrays)
    except OSError as error:
        raise ImportFailure(f"{path}: cannot be written ({error.strerror or error})") from error


def _tensors(tree):
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def as_array(tensor):
    """NumPy has no bfloat16: its bits are kept as uint16."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
