"""`gqa.attention`: one call of softmax attention, compiled once per signature."""

import functools
import sys

from . import _module
from ._arrays import as_array, device_of, in_memory_order, like, outputs_like, to_native
from ._graph import recording, refuse_host
from ._options import check_heads, check_layout, dead_row_of, flag, operands_of, region_of, softcap_of, window_of
from ._out import outputs_of
from ._signature import Signature, is_step


def attention(q, k, v, *, causal=False, offset=None, window=None, softcap=None, scale=None, mask=None, bias=None,
              kv_len=None, sinks=None, score=None, dead_row="zero", return_lse=False, layout="bhsd", out=None):
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
    kv_len: how many keys are in use, 0 to Skv, one number or one per batch. sinks: one logit per query head, without a value.
    dead_row: what a query that sees no key yields: "zero", "nan", or "uniform", the mean of V.
    return_lse: also return m + ln(l) of each query, B x Hq x Sq, f32 (f64 for f64).
    out: memory for the output, or with return_lse a pair of it and lse's: contiguous tensors of torch or NumPy of the results'
      shapes, on q's device, that share no memory with an argument. It is what is returned.

    Returns the output B x Hq x Sq x Dv in `layout`, or (output, lse), in q's framework and on its device. On a CUDA device
    the kernels are queued in torch's current stream, else in the default stream. While that stream is captured into a CUDA
    graph (`gqa.capture`, `torch.cuda.graph`) nothing waits: numbers are those of the capture, and so is where tensors are,
    `out` included, which only torch can do without. Of the host, masks and the like are refused, and more than 256 bytes.
    Raises TypeError and ValueError that name the argument. Gradients are not computed. Thread safe.
    """
    if recording and device_of(q) == "cpu":
        refuse_host("q is")
    seen = None
    if offset is bias is kv_len is sinks is score is out is None:
        seen = _form(q, k, v, mask, causal, window, softcap, scale, dead_row, return_lse, layout)
        if found := _seen.get(seen):
            call, further = found
            try:
                results = call(q, k, v, *further) if mask is None else call(q, k, v, mask, *further)
                return tuple(results) if return_lse else results
            except (RuntimeError, ValueError):  # RuntimeError: of torch's DLPack, as for a tensor on meta
                pass  # something differs after all; what follows says what
    check_layout(layout)
    given = {"q": q, "k": k, "v": v}
    device = device_of(q)
    if device != "cpu" and not device.startswith("cuda:"):
        raise ValueError(f"q is on {device}, expected cpu or a CUDA device")
    arrays = {name: as_array(value, name, device) for name, value in given.items()}
    sizes, kind = check_heads(arrays, layout)
    signature = Signature(kind=kind, layout=layout, sizes=sizes, dead_row=dead_row_of(dead_row),
                          softcap=softcap_of(softcap, kind), causal=flag(causal, "causal"), window=window_of(window, causal),
                          lse=flag(return_lse, "return_lse"))
    for name in "qkv":
        arrays[name], signature.layouts[name] = in_memory_order(arrays[name], layout)
    if score is not None or callable(getattr(mask, "mask_mod", mask)):
        mask, signature.region = region_of(score, mask, signature.accumulator(), device)
    arrays |= operands_of(signature, device, offset, scale, mask, bias, kv_len, sinks)
    if signature.region:
        arrays |= {f"capture{n}": array for n, (_, array, _) in enumerate(signature.region.captures)}
    function = _compiled(signature.text(), "cpu" if device == "cpu" else "cuda")
    outputs = outputs_like(arrays["q"], *signature.results()) if out is None else outputs_of(out, signature, arrays, device)
    values = [to_native(array) for array in arrays.values()]
    results = outputs
    if outputs:
        function._call(*values, *outputs)
    else:
        results = function._run(*values)
    if seen is not None:
        _remember(seen, function._call, values[3 + (mask is not None):])
    if out is not None:
        return out
    output = like(results[0], q)
    return (output, like(results[1], q)) if return_lse else output


# What a call looked like -> the compiled function and its further arguments: such a call needs no further checks than those
# that the function makes itself. For plain calls only, since these are the ones whose own cost shows.
_seen = {}
_MOST_SEEN = 1024


def _form(q, k, v, mask, causal, window, softcap, scale, dead_row, return_lse, layout):
    """Everything that decides which function is called; None if that takes a closer look."""
    torch = sys.modules.get("torch")
    try:
        if torch is None or not (scale is None or type(scale) in (float, int)) or not type(causal) is type(return_lse) is bool:
            return None
        plain = torch.Tensor
        if not (type(q) is type(k) is type(v) is plain and type(layout) is type(dead_row) is str):
            return None
        # Whether the compiled function reads them as they are; that k and v are where q is and of its type is for that to check.
        if (not (q.is_cpu and q.is_contiguous() and k.is_contiguous() and v.is_contiguous())
                or q.requires_grad or k.requires_grad or v.requires_grad or q.is_neg() or k.is_neg() or v.is_neg()):
            return None
        if layout == "bhsd":
            batch, q_heads, queries, dim = q.shape
            _, heads, keys, value_dim = v.shape
        else:
            b, s, h, d = map(layout.index, "bshd")
            batch, q_heads, queries, dim, heads, keys, value_dim = (*map(q.shape.__getitem__, (b, h, s, d)),
                                                                    *map(v.shape.__getitem__, (h, s, d)))
        repeats = None
        if mask is not None:
            if not (type(mask) is plain and mask.dtype is torch.bool and mask.is_cpu and mask.is_contiguous()):
                return None
            repeats = tuple(n == 1 for n in mask.shape)
            if not all(n in (1, want) for n, want in zip(mask.shape, (batch, q_heads, queries, keys), strict=True)):
                return None
        # As text, since numbers of other types are equal, 4.0 to 4, and not all are allowed.
        reach = window if window is None else repr(window)
        cap = softcap if softcap is None else repr(softcap)
        few = queries if is_step(queries, keys, q_heads, heads) else None
        return (q_heads, heads, dim, value_dim, few, queries == keys, q.dtype, causal, reach, cap, scale, dead_row,
                return_lse, layout, repeats)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):  # a nested tensor has no shape
        return None


def _remember(form, call, further):
    torch = sys.modules["torch"]
    if len(_seen) >= _MOST_SEEN:
        _seen.clear()
    _seen[form] = call, tuple(torch.from_dlpack(value) for value in further)  # of plain calls: an offset of 0, scale


@functools.lru_cache(maxsize=512)
def _compiled(text, target):
    return _module.compile(text, target=target)
