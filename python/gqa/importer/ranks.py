"""What is chosen among elements, and in which order: sort, topk and histograms by comparisons and sums, which stock MLIR has."""

import math

import torch

# Elements whose ranks are counted, each beside all others; and those that are chosen of more, a pass over all of them for each.
MAX_RANKED, MAX_CHOSEN = 8192, 64


def topk(x, k, dim=-1, largest=True, sorted=True):  # noqa: A002 - the operation's own name
    """Of a few elements by their ranks, of many one after the other: a mixture of experts chooses among some, decoding among all
    words. Of equal ones the first one comes first; NaN is larger than all, as in torch."""
    if x.dim() == 0 or not isinstance(x.shape[dim], int):
        return NotImplemented
    x, n = x.movedim(dim, -1), x.shape[dim]
    if n <= MAX_RANKED:
        indices = _places_of_ranks(x, largest)[..., :k]
    elif k <= MAX_CHOSEN:
        indices = _choose(x, k, largest)
    else:
        return NotImplemented
    return torch.gather(x, -1, indices).movedim(-1, dim), indices.movedim(-1, dim)


def sort(x, dim=-1, descending=False):
    """By ranks. Beyond MAX_RANKED elements it stays, and cannot be imported."""
    return sort_stable(x, stable=True, dim=dim, descending=descending)


def sort_stable(x, *, stable, dim=-1, descending=False):
    if x.dim() == 0 or not isinstance(x.shape[dim], int) or x.shape[dim] > MAX_RANKED:
        return NotImplemented
    x = x.movedim(dim, -1)
    indices = _places_of_ranks(x, descending)
    return torch.gather(x, -1, indices).movedim(-1, dim), indices.movedim(-1, dim)


def _places_of_ranks(x, descending):
    """Which element is the first one along the last dimension, which the second, and so on."""
    place = torch.arange(x.shape[-1], device=x.device)
    one, other = x.unsqueeze(-1), x.unsqueeze(-2)
    is_behind = place.unsqueeze(0) < place.unsqueeze(1)
    is_in_front = _comes_before(other, one, descending) | (~_comes_before(one, other, descending) & is_behind)
    rank = is_in_front.to(torch.int64).sum(-1)
    return torch.where(rank.unsqueeze(-2) == place.unsqueeze(-1), place, 0).sum(-1)


def _comes_before(a, b, descending):
    before = a > b if descending else a < b
    if not a.is_floating_point():
        return before
    a, b = a != a, b != b
    return before | (a & ~b if descending else b & ~a)


def _choose(x, k, largest):
    place = torch.arange(x.shape[-1], device=x.device)
    limits = torch.finfo(x.dtype) if x.is_floating_point() else torch.iinfo(x.dtype)
    worst = (-math.inf if largest else math.inf) if x.is_floating_point() else (limits.min if largest else limits.max)
    is_free = torch.ones_like(x, dtype=torch.bool)
    chosen = []
    for _ in range(k):
        left = torch.where(is_free, x, worst)
        best = left.amax(-1, keepdim=True) if largest else left.amin(-1, keepdim=True)
        is_best = is_free & ((x == best) | ((x != x) & (best != best)))
        chosen.append(torch.where(is_best, place, x.shape[-1]).amin(-1, keepdim=True))
        is_free = is_free & (place != chosen[-1])
    return torch.cat(chosen, -1)


def histc(x, bins=100, min=0, max=0):  # noqa: A002 - the operation's own names
    """How many elements are in each of the bins, of which the last one has its upper end."""
    if not min < max:
        return NotImplemented  # the elements' own bounds
    bin_of = ((x.reshape(-1, 1) - min) / (max - min) * bins).to(torch.int64).clamp(max=bins - 1)
    is_inside = ((x >= min) & (x <= max)).reshape(-1, 1)
    return (is_inside & (bin_of == torch.arange(bins, device=x.device))).to(x.dtype).sum(0)
