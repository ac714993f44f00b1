"""Sums and extremes over the positions up to each one, as selections and reductions: torch-mlir makes `tm_tensor.scan` of some."""

import math

import torch

# Of numbers that are summed up one after the other.
BLOCK = 128


def cumsum(x, dim, *, dtype=None):
    """A sum over the positions up to each one."""
    if x.dim() == 0:
        return x.to(dtype) if dtype else x
    x = x.to(dtype or (x.dtype if x.is_floating_point() else torch.int64)).movedim(dim, -1)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    return _running_sum(wide).to(x.dtype).movedim(-1, dim)


def _running_sum(x):
    """Over the last dimension: few numbers each by themselves, many in blocks, to which the sum of those in front is added."""
    n = x.shape[-1]
    if not isinstance(n, int) or n <= 2 * BLOCK:
        position = torch.arange(n, device=x.device)
        upto = position.unsqueeze(0) <= position.unsqueeze(1)
        return torch.where(upto, x.unsqueeze(-2), 0).sum(-1)
    blocks = -(-n // BLOCK)
    padded = torch.constant_pad_nd(x, (0, blocks * BLOCK - n)).reshape([*x.shape[:-1], blocks, BLOCK])
    within = _running_sum(padded)
    in_front = torch.constant_pad_nd(_running_sum(within[..., -1])[..., :-1], (1, 0))
    return (within + in_front.unsqueeze(-1)).reshape([*x.shape[:-1], blocks * BLOCK])[..., :n]


def cummax(x, dim):
    return _running_extreme(x, dim, torch.amax, -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min)


def cummin(x, dim):
    return _running_extreme(x, dim, torch.amin, math.inf if x.is_floating_point() else torch.iinfo(x.dtype).max)


def _running_extreme(x, dim, extreme, least):
    """And where it was last met; from a NaN on it is NaN."""
    if x.dim() == 0:
        return x.clone(), torch.zeros_like(x, dtype=torch.int64)
    x = x.movedim(dim, -1)
    position = torch.arange(x.shape[-1], device=x.device)
    upto, each = position.unsqueeze(0) <= position.unsqueeze(1), x.unsqueeze(-2)
    found = extreme(torch.where(upto, each, least), -1)
    is_met = (each == found.unsqueeze(-1)) | ((each != each) & (found != found).unsqueeze(-1))
    place = torch.where(upto & is_met, position, -1).amax(-1)
    return found.movedim(-1, dim), place.movedim(-1, dim)
