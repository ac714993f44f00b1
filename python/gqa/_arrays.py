"""Arrays of any framework as DLPack tensors with a known layout, and results back in the caller's framework."""

import sys

import numpy as np
import tvm_ffi

ELEMENTS = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64", "bool": "i1", "int8": "i8",
            "int16": "i16", "int32": "i32", "int64": "i64"}


def is_torch(array):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def is_native(array):
    """Whether it is on a GPU and of no framework: then it is a contiguous tvm_ffi.Tensor, and stays as it is."""
    return isinstance(array, tvm_ffi.Tensor)


def device_of(value):
    """"cpu" or "cuda:N": where the memory of a tensor is. What says nothing is on the CPU."""
    if is_torch(value):
        return "cpu" if value.device.type == "cpu" else str(value.device)
    kind, index = getattr(value, "__dlpack_device__", lambda: (1, 0))()
    return f"cuda:{index}" if kind == 2 else "cpu" if kind in (1, 3) else f"device type {int(kind)}:{index}"


def is_ready(value):
    """Whether the compiled function takes it as it is: what most arguments are, told without the steps below."""
    torch = sys.modules.get("torch")
    return (torch is not None and type(value) is torch.Tensor and value.is_cpu and value.layout is torch.strided and not value.is_nested
            and value.is_contiguous() and not value.requires_grad and not value.is_neg())


def as_array(value, name, device="cpu"):
    """A tensor on `device` that shares memory with `value` where that is possible.

    On the CPU a torch.Tensor or numpy.ndarray, on a GPU a torch.Tensor or tvm_ffi.Tensor.
    """
    found = device_of(value)
    if found != device:
        raise ValueError(f"{name} is on {found}, expected {device}")
    if is_torch(value):
        if value.is_nested or value.layout is not sys.modules["torch"].strided:
            kind = "nested" if value.is_nested else str(value.layout).removeprefix("torch.")
            raise TypeError(f"{name} is a tensor of layout {kind}, expected a dense one")
        if value.requires_grad and sys.modules["torch"].is_grad_enabled():
            raise ValueError(f"{name} requires a gradient, which is not computed here; use torch.no_grad() or {name}.detach(), or where "
                             "gradients are wanted torch.ops.gqa.attention (import gqa.torch)")
        return value.detach()
    if device != "cpu":
        return _on_gpu(value, name)
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    if not hasattr(value, "__dlpack__"):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected a tensor (torch, NumPy, or anything with __dlpack__)")
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, ValueError, TypeError) as error:
        raise TypeError(f"{name} of type {type(value).__name__} cannot be read on the CPU through DLPack: {error}") from error


def _on_gpu(value, name):
    array = value if is_native(value) else tvm_ffi.from_dlpack(value)
    if not array.is_contiguous():
        raise ValueError(f"{name} is not contiguous, as tensors on a GPU have to be (those of torch excepted)")
    return array


def element(array, name, allowed):
    """The MLIR element type of `array`, one of `allowed`; TypeError otherwise."""
    found = str(array.dtype).removeprefix("torch.")
    kind = ELEMENTS.get(found)
    narrow = is_torch(array) or is_native(array)  # NumPy has no bf16
    if kind not in allowed or (kind == "bf16" and not narrow):
        names = [n for n, k in ELEMENTS.items() if k in allowed and (k != "bf16" or narrow)]
        raise TypeError(f"{name} has elements of type {found}, expected {' or '.join(names)}")
    return kind


def permuted(array, order):
    return array.permute(order) if is_torch(array) else array.transpose(order)


def is_contiguous(array):
    return array.flags.c_contiguous if isinstance(array, np.ndarray) else array.is_contiguous()


def contiguous(array):
    if is_native(array):
        return array
    # ascontiguousarray would give a scalar a dimension.
    return array.contiguous() if is_torch(array) else np.asarray(array, order="C")


def strides(array):
    return array.stride() if is_torch(array) else array.strides


def in_memory_order(array, layout):
    """A contiguous array and the layout that names its dimensions: a transposed view costs no copy."""
    if is_contiguous(array) or 0 in array.shape:
        return contiguous(array), layout
    steps = strides(array)
    order = sorted(range(array.ndim), key=lambda d: (-steps[d], d))
    view = permuted(array, order)
    if is_contiguous(view):
        return view, "".join(layout[d] for d in order)
    return contiguous(array), layout


def without_copies(array):
    """Dimensions that a broadcast made (stride 0) are 1 again."""
    if is_native(array):
        return array
    index = tuple(slice(0, 1) if step == 0 and n > 1 else slice(None) for step, n in zip(strides(array), array.shape))
    return contiguous(array[index] if index else array)


def to_native(array):
    """What the compiled function takes. Torch tensors it reads, and then returns, as they are: a few microseconds less."""
    if is_torch(array):
        return array.resolve_neg()
    if is_native(array):
        return array
    if not array.flags.writeable or not array.flags.aligned:
        array = array.copy()  # DLPack cannot say "read only" to every consumer, and NumPy refuses to pretend
    return tvm_ffi.from_dlpack(array)


def outputs_like(example, shapes, kinds):
    """Memory for results where the framework of `example` would put them, or none: then the callee allocates.

    On a GPU torch has an allocator of its own, which knows its streams.
    """
    if not is_torch(example) or example.device.type == "cpu":
        return []
    torch = sys.modules["torch"]
    names = {kind: name for name, kind in ELEMENTS.items()}
    return [torch.empty(shape, dtype=getattr(torch, names[kind]), device=example.device)
            for shape, kind in zip(shapes, kinds)]


def like(result, example):
    """A result (tvm_ffi.Tensor, or torch's) in the framework that `example` came from."""
    if is_torch(example):
        return result if is_torch(result) else sys.modules["torch"].from_dlpack(result)
    if isinstance(example, np.ndarray):
        return np.from_dlpack(result)
    package = sys.modules.get(type(example).__module__.partition(".")[0])
    for namespace in (package, getattr(package, "numpy", None)):  # CuPy has it at the top, JAX in jax.numpy
        if hasattr(namespace, "from_dlpack"):
            return namespace.from_dlpack(result)
    return result
