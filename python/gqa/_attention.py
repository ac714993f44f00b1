"""`gqa.attention`: one call of softmax attention, compiled once per signature."""

import functools
import math
import sys

import numpy as np

from . import _module
from ._arrays import (as_array, contiguous, device_of, element, in_memory_order, is_native, is_torch, like,
                      outputs_like, to_native, without_copies)
from ._signature import Signature

FLOATS = ("f16", "bf16", "f32", "f64")


def attention(q, k, v, *, causal=False, offset=None, window=None, softcap=None, scale=None, mask=None, bias=None,
              kv_len=None, sinks=None, score=None, dead_row="zero", return_lse=False, layout="bhsd"):
    """Softmax attention with shared key/value heads: query head h reads key/value head h // (Hq // Hkv).

    q, k, v: B x Hq x Sq x Dk, B x Hkv x Skv x Dk, B x Hkv x Skv x Dv, in the order of `layout` ("bshd": token-major),
      f16, bf16 (torch), f32 or f64, on the CPU or all on the same CUDA device, where further tensors are as well.
      Any framework with DLPack; transposed views are read in place.
    causal: key j is visible to query i if j <= i + offset.
    offset: an integer, or one per batch; where the first query stands among the keys. Needed for causal and window
      where Sq != Skv: 0 aligns top-left (torch, JAX), Skv - Sq bottom-right (FlashAttention, a KV cache).
    window: how many keys a query sees, its own included (Hugging Face's sliding_window), or a pair (left, right) of keys
      seen on each side, -1 for all (FlashAttention).
    softcap: scores become softcap * tanh(scores / softcap). scale: of q k^T, default 1 / sqrt(Dk).
    mask: boolean, true keeps. bias: added to the scores. Both broadcast to B x Hq x Sq x Skv. mask can be a function of
      (b, h, i, j), FlexAttention's mask_mod, or its BlockMask, of which the function counts.
    score: a function of (s, b, h, i, j) that changes a score, FlexAttention's score_mod, or returns (score, whether the key is
      seen). Written with the operators of Python and the functions of torch; tensors that it indexes are read in the kernel,
      at the nearest element where an index is out of bounds. Called on every call, once.
    kv_len: how many keys are in use, one number or one per batch. sinks: one logit per query head, without a value.
    dead_row: what a query that sees no key yields: "zero", "nan", or "uniform", the mean of V.
    return_lse: also return m + ln(l) of each query, B x Hq x Sq, f32 (f64 for f64).

    Returns the output B x Hq x Sq x Dv in `layout`, or (output, lse), in q's framework and on its device. On a CUDA device
    the kernels are queued in torch's current stream, else in the default stream.
    Raises TypeError and ValueError that name the argument. Gradients are not computed. Thread safe.
    """
    seen = None
    if offset is mask is bias is kv_len is sinks is scale is score is None:
        seen = _form(q, k, v, causal, window, softcap, dead_row, return_lse, layout)
        if found := _seen.get(seen):
            call, further = found
            try:
                results = call(q, k, v, *further)
                return tuple(results) if return_lse else results
            except ValueError:
                pass  # some size or type differs after all; what follows says which
    _check_layout(layout)
    given = {"q": q, "k": k, "v": v}
    device = device_of(q)
    if device != "cpu" and not device.startswith("cuda:"):
        raise ValueError(f"q is on {device}, expected cpu or a CUDA device")
    arrays = {name: as_array(value, name, device) for name, value in given.items()}
    sizes, kind = _check_heads(arrays, layout)
    signature = Signature(kind=kind, layout=layout, sizes=sizes, dead_row=_dead_row(dead_row), softcap=_positive(softcap),
                          causal=bool(causal), window=_window(window, causal), lse=bool(return_lse))
    for name in "qkv":
        arrays[name], signature.layouts[name] = in_memory_order(arrays[name], layout)
    if score is not None or callable(getattr(mask, "mask_mod", mask)):
        mask, signature.region = _region(score, mask, signature.accumulator(), device)
    arrays |= _options(signature, device, offset, scale, mask, bias, kv_len, sinks)
    if signature.region:
        arrays |= {f"capture{n}": array for n, (_, array, _) in enumerate(signature.region.captures)}
    function = _compiled(signature.text(), "cpu" if device == "cpu" else "cuda")
    outputs = outputs_like(arrays["q"], *signature.results())
    values = [to_native(array) for array in arrays.values()]
    results = outputs
    if outputs:
        function._call(*values, *outputs)
    else:
        results = function._run(*values)
    if seen is not None:
        _remember(seen, function._call, values[3:])
    output = like(results[0], q)
    return (output, like(results[1], q)) if return_lse else output


# What a call looked like -> the compiled function and its further arguments: such a call needs no further checks than those
# that the function makes itself. For plain calls only, since these are the ones whose own cost shows.
_seen = {}
_MOST_SEEN = 1024


def _form(q, k, v, causal, window, softcap, dead_row, return_lse, layout):
    """Everything that decides which function is called; None if that takes a closer look."""
    torch = sys.modules.get("torch")
    try:
        if torch is None:
            return None
        plain = torch.Tensor
        if not (type(q) is type(k) is type(v) is plain and q.is_cpu and _is_plain(q) and _is_plain(k) and _is_plain(v)):
            return None
        if layout == "bhsd":
            _, q_heads, queries, dim = q.shape
            _, heads, keys, value_dim = v.shape
        else:
            s, h, d = layout.index("s"), layout.index("h"), layout.index("d")
            q_heads, queries, dim, heads, keys, value_dim = (*map(q.shape.__getitem__, (h, s, d)),
                                                             *map(v.shape.__getitem__, (h, s, d)))
        form = (q_heads, heads, dim, value_dim, queries == 1, queries == keys, q.dtype, causal, window, softcap, dead_row,
                return_lse, layout)
        hash(form)  # a list as window cannot be
        return form
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def _is_plain(tensor):
    """Whether the compiled function reads it as it is; that it is where q is and of its type is for that to check."""
    return tensor.is_contiguous() and not tensor.requires_grad and not tensor.is_neg()


def _remember(form, call, further):
    torch = sys.modules["torch"]
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen[form] = call, tuple(torch.from_dlpack(value) for value in further)  # what plain calls have: an offset of 0


@functools.lru_cache(maxsize=512)
def _compiled(text, target):
    return _module.compile(text, target=target)


def _check_layout(layout):
    if not isinstance(layout, str) or sorted(layout) != sorted("bhsd"):
        raise ValueError(f"layout is {layout!r}, expected an order of the letters b, h, s, d, such as 'bhsd' or 'bshd'")


def _check_heads(arrays, layout):
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


def _region(score, mask, accumulator, device):
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


def _dead_row(value):
    if value not in ("zero", "nan", "uniform"):
        raise ValueError(f"dead_row is {value!r}, expected 'zero', 'nan' or 'uniform'")
    return value


def _positive(softcap):
    if softcap is not None and not (math.isfinite(softcap) and softcap > 0):
        raise ValueError(f"softcap is {softcap}, expected a positive number")
    return softcap


def _window(window, causal):
    """(left, right), or None."""
    if window is None:
        return None
    pair = (window - 1, -1 if causal else 0) if isinstance(window, int) else window
    if isinstance(window, int) and window < 1:
        raise ValueError(f"window is {window}, expected 1 or more keys, or a pair (left, right)")
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(n, int) and n >= -1 for n in pair):
        raise ValueError(f"window is {window!r}, expected a number of keys, or a pair (left, right) of -1 (all) or more")
    return tuple(pair)


def _options(signature, device, offset, scale, mask, bias, kv_len, sinks):
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
        add("kv_len", *_per_batch(kv_len, "kv_len", sizes, device))
    offset = _offset(signature, offset)
    if offset is not None:
        add("offset", *_per_batch(offset, "offset", sizes, device))
    if sinks is not None:
        array = contiguous(as_array(sinks, "sinks", device))
        if tuple(array.shape) != (sizes["Hq"],):
            raise ValueError(f"sinks has shape {_shape(array)}, expected {sizes['Hq']} as q has heads")
        add("sinks", array, element(array, "sinks", FLOATS))
    if scale is not None:
        array = np.array(scale, np.float64 if signature.kind == "f64" else np.float32)
        if array.ndim or not np.isfinite(array):
            raise ValueError(f"scale is {scale!r}, expected one finite number")
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


def _per_batch(value, name, sizes, device):
    """One integer, or one per batch, as an i64 array and its type; on the CPU or on `device`."""
    if hasattr(value, "__dlpack__"):
        array = as_array(value, name, device if device_of(value) == device else "cpu")
    else:
        array = np.asarray(value)
    if is_torch(array) and array.device.type == "cpu":
        array = array.numpy()
    array = _as_int64(array, name)
    if array.ndim != 1 or array.shape[0] not in (1, sizes["B"]):
        raise ValueError(f"{name} has shape {_shape(array)}, expected one number or one per batch ({sizes['B']})")
    return array, "i64"


def _as_int64(array, name):
    """Integers as i64, at least one dimension, where they are: reading them from a GPU would wait for it."""
    kind = str(array.dtype).removeprefix("torch.")
    if "int" not in kind or (is_native(array) and kind != "int64"):
        raise TypeError(f"{name} has elements of type {kind}, expected {'int64' if is_native(array) else 'integers'}")
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
