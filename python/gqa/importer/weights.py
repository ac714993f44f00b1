"""The sidecar file of parameters, and the lines that say what a module takes and returns."""

import os
import pathlib

from .errors import ImportFailure


def write_sidecar(weights, path):
    """Writes `weights` (torch tensors by name) to `path`, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path = pathlib.Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: value.cpu().contiguous().clone() for name, value in weights.items()}, partial)
        os.chmod(partial, 0o644)  # safetensors creates files that only their owner may read
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        raise ImportFailure(f"{path}: cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)


def describe(types, torch_module, results):
    """Lines for the user: each input, each weight, each result, and the sums."""
    state, weights = torch_module.state, torch_module.weights
    plain = len(types) - len(state) - len(weights)
    lines = [f"arg{i}: {kind}" for i, kind in enumerate(types[:plain])]
    lines += [f"arg{plain + i}: {kind} (state {name})" for i, (name, kind) in enumerate(zip(state, types[plain:]))]
    lines += [f"param {name}: {kind}, {human(size(weights[name]))}"
              for name, kind in zip(weights, types[plain + len(state):])]
    over = {result: f" (written over arg{argument})" for argument, result in torch_module.donated.items()}
    lines += [f"out{i}: {kind}{over.get(i, '')}" for i, kind in enumerate(results)]
    total = sum(size(value) for value in weights.values())
    return lines + [f"{plain + len(state)} inputs, {len(weights)} parameters of {human(total)}, {len(results)} results"]


def size(tensor):
    return tensor.numel() * tensor.element_size()


def human(count):
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
