"""Discrete Fourier transforms, as products with a matrix of roots of one for each dimension: of few numbers, as models have them."""

import math

import torch

# Of a dimension: beyond, the matrix would be larger than the model.
MAX_SIZE = 4096


def of_complex(x, dims, normalization, forward):
    if not _are_known(x, dims):
        return NotImplemented
    parts = torch.view_as_real(x)
    return _transform(parts[..., 0], parts[..., 1], dims, normalization, forward)


def of_real(x, dims, normalization, onesided):
    if not _are_known(x, dims):
        return NotImplemented
    result = _transform(x, torch.zeros_like(x), dims, normalization, True)
    return result.narrow(dims[-1], 0, x.shape[dims[-1]] // 2 + 1) if onesided else result


def _are_known(x, dims):
    return all(isinstance(x.shape[dim], int) and x.shape[dim] <= MAX_SIZE for dim in dims)


def _transform(real, imaginary, dims, normalization, forward):
    """normalization: 0 for none, 1 by the root of the number of elements, 2 by that number."""
    for dim in dims:
        n = real.shape[dim]
        place = torch.arange(n, device=real.device)
        angle = (place.unsqueeze(0) * place.unsqueeze(1) % n).to(torch.float64) * (2 * math.pi / n)
        cosine, sine = angle.cos().to(real.dtype), angle.sin().to(real.dtype)
        sine = -sine if forward else sine
        real, imaginary = real.movedim(dim, -1), imaginary.movedim(dim, -1)
        real, imaginary = real @ cosine - imaginary @ sine, real @ sine + imaginary @ cosine
        real, imaginary = real.movedim(-1, dim), imaginary.movedim(-1, dim)
    count = math.prod(real.shape[dim] for dim in dims)
    factor = {0: 1.0, 1: count ** -0.5, 2: 1 / count}[normalization]
    return torch.view_as_complex(torch.stack([real * factor, imaginary * factor], -1))
