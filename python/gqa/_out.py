"""The argument `out` of `gqa.attention`: memory of the caller that the results go to."""

import numpy as np
import tvm_ffi

from ._arrays import as_array, element, is_contiguous, is_native, is_torch


def outputs_of(out, signature, arrays, device):
    """What the compiled function takes for `out`: one tensor, or a pair with lse.

    Raises TypeError and ValueError where it is not memory for the results, or is an argument's as well.
    """
    names = ["out[0]", "out[1]"] if signature.lse else ["out"]
    given = out if signature.lse else [out]
    if not isinstance(given, (tuple, list)) or len(given) != len(names):
        raise TypeError(f"out is of type {type(out).__name__}, expected a pair (output, lse) as return_lse asks for both")
    taken = {name: _span(array) for name, array in arrays.items()}
    outputs = []
    for name, tensor, shape, kind in zip(names, given, *signature.results()):
        _check(name, tensor, shape, kind, device)
        span = _span(tensor)
        for other, place in taken.items():
            if span[0] < place[1] and place[0] < span[1]:
                raise ValueError(f"{name} shares memory with {other}, which is read while results are written")
        taken[name] = span
        outputs.append(tensor if is_torch(tensor) or is_native(tensor) else tvm_ffi.from_dlpack(tensor))
    return outputs


def _check(name, tensor, shape, kind, device):
    if not is_torch(tensor) and not is_native(tensor) and not isinstance(tensor, np.ndarray):
        raise TypeError(f"{name} is of type {type(tensor).__name__}, expected a tensor of torch, NumPy or tvm_ffi")
    array = as_array(tensor, name, device)
    element(array, name, (kind,))
    if tuple(array.shape) != shape:
        found, wanted = ("x".join(map(str, sizes)) for sizes in (array.shape, shape))
        raise ValueError(f"{name} has shape {found}, expected {wanted}")
    if not is_contiguous(array):
        raise ValueError(f"{name} is not contiguous, as memory for results has to be")
    if isinstance(array, np.ndarray) and not (array.flags.writeable and array.flags.aligned):
        raise ValueError(f"{name} is {'not aligned' if array.flags.writeable else 'read-only'}, as memory for results must not be")


def _span(array):
    """The addresses of a contiguous tensor, from and to; nothing where there is no telling."""
    if is_torch(array):
        return array.data_ptr(), array.data_ptr() + array.numel() * array.element_size()
    if isinstance(array, np.ndarray):
        return array.ctypes.data, array.ctypes.data + array.nbytes
    return 0, 0
