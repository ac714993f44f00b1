"""The options of `gqa.attention`: what each may be, and messages that name the one that is something else."""

import operator

import numpy as np

from ._arrays import as_array, contiguous, device_of, element, is_native, is_torch, without_copies

FLOATS = ("f16", "bf16", "f32", "f64")


def check_layout(layout):
    if not isinstance(layout, str) or sorted(layout) != sorted("bhsd"):
        raise ValueError(f"layout is {layout!r}, expected an order of the letters b, h, s, d, such as 'bhsd' or 'bshd'")


def check_heads(arrays, layout):
    """Sizes by letter (B, Hq, Hkv, Sq, Skv, Dk, Dv) and the element type; names the argument that does not fit."""
    by_letter = {}
    for name, array in arrays.items():
        if array.ndim != 4:
            raise ValueError(f"{name} has {array.ndim} dimensions, expected 4 ({', '.join(layout)})")
        by_letter[name] = {letter: int(array.shape[layout.index(letter)]) for letter in "bhsd"}
    kinds = {name: element(array, name, FLOATS) for name, array in arrays.items()}
    for name in ("k", "v"):
        if kinds[name] != kinds["q"]:
            raise TypeError(f"{name} has elements of type {kinds[name]}, expected {kinds['q']} as q has")
        if by_letter[name]["b"] != by_letter["q"]["b"]:
            raise ValueError(f"{name} has batch size {by_letter[name]['b']}, expected {by_letter['q']['b']} as q has")
    q, k, v = by_letter["q"], by_letter["k"], by_letter["v"]
    for letter, what in (("h", "heads"), ("s", "keys")):
        if v[letter] != k[letter]:
            raise ValueError(f"v has {v[letter]} {what}, expected {k[letter]} as k has")
    if k["d"] != q["d"]:
        raise ValueError(f"k has head dimension {k['d']}, expected {q['d']} as q has")
    if k["h"] == 0 or q["h"] % k["h"]:
        raise ValueError(f"q has {q['h']} heads and k has {k['h']}: expected a multiple")
    sizes = {"B": q["b"], "Hq": q["h"], "Hkv": k["h"], "Sq": q["s"], "Skv": k["s"], "Dk": q["d"], "Dv": v["d"]}
    return sizes, kinds["q"]


def region_of(score, mask, accumulator, device):
    """(the mask if it is a tensor, the score region of what are functions)."""
    from ._score import Tracer, trace
    if isinstance(mask, Tracer) and score is None:
        return None, mask.region(accumulator, device)
    functions = []
    if score is not None:
        if not callable(score):
            raise TypeError(f"score is of type {type(score).__name__}, expected a function of (s, b, h, i, j)")
        functions.append(("score", score))
    mask_mod = getattr(mask, "mask_mod", mask)
    if callable(mask_mod):
        functions.append(("mask", mask_mod))
        mask = None
    return mask, trace(functions, accumulator, device)


def dead_row_of(value):
    if value not in ("zero", "nan", "uniform"):
        raise ValueError(f"dead_row is {value!r}, expected 'zero', 'nan' or 'uniform'")
    return value


def flag(value, name):
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected a bool")
    return bool(value)


def _number(value, name, kind):
    """A number in the precision of scores, f32 (f64 for f64); a tensor of one element counts as well."""
    try:
        array = np.asarray(float(None if isinstance(value, (str, bytes)) else value), np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise TypeError(f"{name} is {value!r}, expected a number") from None
    with np.errstate(over="ignore"):
        return array if kind == "f64" else array.astype(np.float32)


def softcap_of(softcap, kind):
    if softcap is None:
        return None
    number = _number(softcap, "softcap", kind)
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"softcap is {softcap}, expected a number that is positive and finite as {'f64' if kind == 'f64' else 'f32'}")
    return float(softcap)


_FARTHEST = 2 ** 60  # what the operation's window is below


def window_of(window, causal):
    """(left, right), or None."""
    if window is None:
        return None
    expected = f"window is {window!r}, expected a number of keys, or a pair (left, right) of -1 (all) or more"
    is_pair = isinstance(window, (tuple, list))
    try:
        numbers = [operator.index(n) for n in (window if is_pair else [window]) if not isinstance(n, bool)]
    except TypeError:
        raise ValueError(expected) from None
    if len(numbers) != (2 if is_pair else 1) or not all(-1 <= n < _FARTHEST for n in numbers):
        raise ValueError(expected)
    if is_pair:
        return tuple(numbers)
    if numbers[0] < 1:
        raise ValueError(f"window is {window}, expected 1 or more keys, or a pair (left, right)")
    return numbers[0] - 1, -1 if causal else 0


def operands_of(signature, device, offset, scale, mask, bias, kv_len, sinks):
    """The optional operands by name, in the order of the function's arguments; notes their types in the signature."""
    sizes, operands = signature.sizes, {}

    def add(name, array, kind):
        operands[name] = array
        signature.operands[name] = (kind, tuple(int(n) for n in array.shape))

    if mask is not None:
        array = as_array(mask, "mask", device)
        if str(array.dtype).removeprefix("torch.") != "bool":
            raise TypeError(f"mask has elements of type {array.dtype}, expected bool (true keeps); "
                            "a mask that is added to the scores is the argument bias")
        add("mask", _broadcastable(array, "mask", sizes), "i1")
    if bias is not None:
        array = as_array(bias, "bias", device)
        kind = element(array, "bias", FLOATS)
        add("bias", _broadcastable(array, "bias", sizes), kind)
    if kv_len is not None:
        add("kv_len", *_per_batch(kv_len, "kv_len", sizes, device, most=sizes["Skv"]))
    offset = _offset(signature, offset)
    if offset is not None:
        add("offset", *_per_batch(offset, "offset", sizes, device))
    if sinks is not None:
        array = contiguous(as_array(sinks, "sinks", device))
        if tuple(array.shape) != (sizes["Hq"],):
            raise ValueError(f"sinks has shape {_shape(array)}, expected {sizes['Hq']} as q has heads")
        add("sinks", array, element(array, "sinks", FLOATS))
    if scale is not None:
        array = _number(scale, "scale", signature.kind)
        if not np.isfinite(array):
            raise ValueError(f"scale is {scale!r}, expected a number that is finite as {signature.accumulator()}")
        add("scale", array, "f64" if signature.kind == "f64" else "f32")
    return operands


def _offset(signature, offset):
    if not (signature.causal or signature.window):
        return None  # says where queries stand, and nothing asks
    queries, keys = signature.sizes["Sq"], signature.sizes["Skv"]
    if offset is None and queries != keys:
        what = "causal" if signature.causal else "window"
        raise ValueError(f"{what} with Sq = {queries} and Skv = {keys} needs offset: 0 aligns top-left (torch, JAX), "
                         f"Skv - Sq = {keys - queries} bottom-right (FlashAttention, a KV cache)")
    return 0 if offset is None else offset


def _per_batch(value, name, sizes, device, most=None):
    """One integer, or one per batch, as an i64 array and its type; on the CPU or on `device`.

    On the CPU each has to be within 0 and `most`, if that is given; on a GPU the kernel takes the nearest that is.
    """
    if hasattr(value, "__dlpack__"):
        array = as_array(value, name, device if device_of(value) == device else "cpu")
    else:
        array = _as_numpy(value, name)
    if is_torch(array) and array.device.type == "cpu":
        array = array.numpy()
    array = _as_int64(array, name)
    if array.ndim != 1 or array.shape[0] not in (1, sizes["B"]):
        raise ValueError(f"{name} has shape {_shape(array)}, expected one number or one per batch ({sizes['B']})")
    if most is not None and isinstance(array, np.ndarray) and ((array < 0) | (array > most)).any():
        raise ValueError(f"{name} is {value}, expected numbers within 0 and Skv = {most}")
    return array, "i64"


def _as_numpy(value, name):
    """A Python number, or a list of them."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is {value!r}, expected one number or one per batch ({error})") from None
    return array if array.size else array.astype(np.int64)


def _as_int64(array, name):
    """Integers as i64, at least one dimension, where they are: reading them from a GPU would wait for it."""
    kind = str(array.dtype).removeprefix("torch.")
    if "int" not in kind or kind == "uint64" or (is_native(array) and kind != "int64"):
        raise TypeError(f"{name} has elements of type {kind}, expected {'int64' if is_native(array) else 'integers that fit int64'}")
    if is_native(array):
        return array
    if is_torch(array):
        return (array.reshape(1) if array.ndim == 0 else array).long().contiguous()
    return np.ascontiguousarray(array.reshape(-1) if array.ndim == 0 else array, np.int64)


def _broadcastable(array, name, sizes):
    full = (sizes["B"], sizes["Hq"], sizes["Sq"], sizes["Skv"])
    fits = array.ndim <= 4 and all(n in (1, want) for n, want in zip(reversed(array.shape), reversed(full)))
    if not fits:
        raise ValueError(f"{name} has shape {_shape(array)}, which does not broadcast to B x Hq x Sq x Skv = "
                         + " x ".join(map(str, full)))
    return without_copies(array)


def _shape(array):
    return "x".join(str(n) for n in array.shape) or "()"
