"""`torch.ops.gqa.attention`: `gqa.attention` as an operator that torch.compile, torch.export and autograd know.

    import gqa.torch
    output, lse = torch.ops.gqa.attention(q, k, v, causal=True)

The arguments are those of `gqa.attention` as far as operators can have them: `offset` is an integer, `offsets` and `kv_len`
are tensors with one number or one per batch, `window` a list [left, right] of keys on each side. `lse` is always computed.
Gradients of q, k, v, bias and sinks are those of the definition, written with torch's own operators: right, but with the
memory and the time of unfused attention.
"""

import math
from collections.abc import Sequence

import torch

from ._attention import attention as _attention

__all__ = ["attention"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@torch.library.custom_op("gqa::attention", mutates_args=())
def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None,
              bias: torch.Tensor | None = None, sinks: torch.Tensor | None = None, kv_len: torch.Tensor | None = None,
              offsets: torch.Tensor | None = None, causal: bool = False, offset: int | None = None,
              window: Sequence[int] | None = None, softcap: float | None = None, scale: float | None = None,
              dead_row: str = "zero") -> tuple[torch.Tensor, torch.Tensor]:
    """(output B x Hq x Sq x Dv in q's dtype, lse B x Hq x Sq in f32, f64 for f64)."""
    if offset is not None and offsets is not None:
        raise ValueError("offset and offsets are given, expected one of them")
    with torch.no_grad():
        return _attention(q, k, v, causal=causal, offset=offset if offsets is None else offsets,
                          window=None if window is None else tuple(window), softcap=softcap, scale=scale, mask=mask,
                          bias=bias, kv_len=kv_len, sinks=sinks, dead_row=dead_row, return_lse=True)


@attention.register_fake
def _(q, k, v, *options, **more):
    _check_shapes(q, k, v)
    batch, heads, queries, _ = q.shape
    lse = torch.float64 if q.dtype == torch.float64 else torch.float32
    return q.new_empty(batch, heads, queries, v.shape[3]), q.new_empty(batch, heads, queries, dtype=lse)


def _check_shapes(q, k, v):
    """What the operator says when it runs, said when it is traced; sizes may be symbols."""
    require, require_type = torch._check_value, torch._check_type
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        require(tensor.ndim == 4, lambda: f"{name} has {tensor.ndim} dimensions, expected 4 (b, h, s, d)")
        require(tensor.device == q.device, lambda: f"{name} is on {tensor.device}, expected {q.device}")
        require_type(tensor.dtype == q.dtype, lambda: f"{name} has elements of type {tensor.dtype}, expected {q.dtype} as q has")
        require(tensor.shape[0] == q.shape[0], lambda: f"{name} has batch size {tensor.shape[0]}, expected {q.shape[0]} as q has")
    require_type(q.dtype in FLOATS, lambda: f"q has elements of type {q.dtype}, expected {' or '.join(map(str, FLOATS))}")
    require(v.shape[1] == k.shape[1], lambda: f"v has {v.shape[1]} heads, expected {k.shape[1]} as k has")
    require(v.shape[2] == k.shape[2], lambda: f"v has {v.shape[2]} keys, expected {k.shape[2]} as k has")
    require(k.shape[3] == q.shape[3], lambda: f"k has head dimension {k.shape[3]}, expected {q.shape[3]} as q has")
    require(k.shape[1] != 0, lambda: f"q has {q.shape[1]} heads and k has 0: expected a multiple")
    require(q.shape[1] % k.shape[1] == 0, lambda: f"q has {q.shape[1]} heads and k has {k.shape[1]}: expected a multiple")


def definition(q, k, v, mask=None, bias=None, sinks=None, kv_len=None, offsets=None, causal=False, offset=None, window=None,
               softcap=None, scale=None, dead_row="zero"):
    """What the operator computes, by torch's operators alone, in f32 (f64 for f64): (output, lse)."""
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    group, keys = q.shape[1] // k.shape[1], k.shape[2]
    wide_k, wide_v = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    seen, used = _visible(q, keys, causal, offset if offsets is None else offsets, window, mask, kv_len)
    # The gradient of q is a sum over all keys, and what stands where nobody looks may be NaN.
    wide_k = wide_k.masked_fill(~seen.any(-2, keepdim=True).mT, 0)
    s = q.to(wide) @ wide_k.mT * (1 / math.sqrt(q.shape[3]) if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias
    s = s.masked_fill(~seen, -math.inf)
    every = s if sinks is None else torch.cat([s, sinks.to(wide).view(1, -1, 1, 1).expand(*s.shape[:3], 1)], dim=-1)
    dead = (every == -math.inf).all(-1, keepdim=True)
    lse = torch.logsumexp(every.masked_fill(dead, 0), -1, keepdim=True)
    p = torch.exp(s - lse).masked_fill(~seen | dead, 0)
    output = p @ wide_v
    hidden = dead & (sinks is None)
    if dead_row == "uniform":
        count = used.sum(-1, keepdim=True).clamp(min=1)
        output = torch.where(hidden, (used.to(wide) / count).expand(*s.shape[:2], 1, keys) @ wide_v, output)
    elif dead_row == "nan":
        output = output.masked_fill(hidden, math.nan)
    return output.to(q.dtype), lse.masked_fill(dead, -math.inf).squeeze(-1)


def _visible(q, keys, causal, offset, window, mask, kv_len):
    """(which keys each query sees, which keys are in use), as tensors that broadcast to B x Hq x Sq x Skv."""
    place = torch.arange(q.shape[2], device=q.device).view(1, 1, -1, 1)
    if isinstance(offset, torch.Tensor):
        offset = offset.to(q.device).view(-1, 1, 1, 1)
    place = place + (0 if offset is None else offset)
    key = torch.arange(keys, device=q.device).view(1, 1, 1, -1)
    used = torch.ones_like(key, dtype=torch.bool)
    if kv_len is not None:
        used = key < kv_len.to(q.device).view(-1, 1, 1, 1)
    seen = used.expand(*torch.broadcast_shapes(used.shape, place.shape))
    if causal:
        seen = seen & (key <= place)
    if window is not None:
        left, right = window
        seen = seen if left < 0 else seen & (place - left <= key)
        seen = seen if right < 0 else seen & (key <= place + right)
    return (seen if mask is None else seen & mask), used


NAMES = ("q", "k", "v", "mask", "bias", "sinks", "kv_len", "offsets")
DIFFERENTIABLE = ("q", "k", "v", "bias", "sinks")


def _save(ctx, inputs, output):
    ctx.count = len(inputs)  # defaults at the end are left out
    ctx.save_for_backward(*inputs[:len(NAMES)])
    ctx.options = inputs[len(NAMES):]


def _backward(ctx, output_gradient, lse_gradient):
    tensors = dict(zip(NAMES, ctx.saved_tensors))
    needed = {name for name, need in zip(NAMES, ctx.needs_input_grad) if need}
    again = torch.is_grad_enabled()  # gradients are wanted of the gradients (create_graph)
    # Views, as one tensor may be several arguments.
    leaves = {name: x.view_as(x) if again else x.detach().requires_grad_() for name, x in tensors.items()
              if name in needed and name in DIFFERENTIABLE}
    with torch.enable_grad():
        results = definition(*{**tensors, **leaves}.values(), *ctx.options)
        gradients = torch.autograd.grad(results, list(leaves.values()), [output_gradient, lse_gradient], create_graph=again)
    found = dict(zip(leaves, gradients))
    return tuple(found.get(name) for name in NAMES[:ctx.count]) + (None,) * len(ctx.options)


attention.register_autograd(_backward, setup_context=_save)

from . import dynamo  # noqa: E402,F401: torch.compile(backend="gqa")
