"""Images made smaller or larger without aliasing, as products with what each new row, and each new column, takes of the old ones."""

import torch


def bilinear(x, size, align_corners, scale_h=None, scale_w=None):
    return _resize(x, size, align_corners, (scale_h, scale_w), _triangle)


def bicubic(x, size, align_corners, scale_h=None, scale_w=None):
    return _resize(x, size, align_corners, (scale_h, scale_w), _cubic)


def _resize(x, size, align_corners, factors, kernel):
    if not all(isinstance(n, int) for n in (*size, *x.shape[-2:])):
        return NotImplemented
    rows, columns = (_weights(old, new, align_corners, factor, kernel, x.device)
                     for old, new, factor in zip(x.shape[-2:], size, factors))
    wide = x if x.dtype == torch.float64 else x.float()
    return (rows.to(wide.dtype) @ wide @ columns.to(wide.dtype).transpose(0, 1)).to(x.dtype)


def _weights(old, new, align_corners, factor, kernel, device):
    """Of each new row, how much it takes of each old one: the kernel, as wide as a new row where these are wider, around its middle."""
    if align_corners:
        scale = (old - 1) / (new - 1) if new > 1 else 0.0
    else:
        scale = 1 / factor if factor else old / new
    middle = (torch.arange(new, device=device, dtype=torch.float64) + 0.5) * scale
    place = torch.arange(old, device=device, dtype=torch.float64) + 0.5
    weights = kernel((place.unsqueeze(0) - middle.unsqueeze(1)).abs() / max(scale, 1.0))
    return weights / weights.sum(1, keepdim=True)


def _triangle(x):
    return (1 - x).clamp(min=0)


def _cubic(x):
    """Keys' kernel with a = -0.5, as in PIL."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
