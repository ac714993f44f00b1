"""Arithmetic on types of numbers for which torch-mlir has none: powers and bounds of integers, and complex numbers."""

import torch


def power(x, exponent):
    """Of integers, which torch-mlir has no power of: as products, or as a power of floats."""
    if x.is_floating_point() or x.is_complex():
        return NotImplemented
    if not isinstance(exponent, int):
        return torch.pow(x.to(torch.get_default_dtype()), exponent)
    if exponent < 0:
        return NotImplemented
    x = x.to(torch.int64) if x.dtype == torch.bool else x
    result = torch.ones_like(x)
    while exponent:
        result = result * x if exponent & 1 else result
        x, exponent = x * x, exponent >> 1
    return result


def clamp(x, low=None, high=None):
    """Integers between bounds that are floats are floats."""
    if x.is_floating_point() or not any(isinstance(bound, float) for bound in (low, high)):
        return NotImplemented
    return torch.clamp(x.to(torch.get_default_dtype()), low, high)


def mul(x, factor):
    """A tensor of complex numbers times a real number; torch-mlir has no such product."""
    if not isinstance(factor, (int, float)) or not x.is_complex():
        return NotImplemented
    return torch.view_as_complex(torch.view_as_real(x) * factor)


def magnitude(x):
    """Of complex numbers; of others torch-mlir has it."""
    if not x.is_complex():
        return NotImplemented
    parts = torch.view_as_real(x)
    return (parts * parts).sum(-1).sqrt()


def to_copy(x, *, dtype=None, **where):
    """Numbers as complex ones."""
    if dtype is None or not dtype.is_complex or x.is_complex():
        return NotImplemented
    x = x.to(dtype.to_real())
    return torch.view_as_complex(torch.stack([x, torch.zeros_like(x)], -1))
