"""What is chosen among elements, and in which order: sort, topk and histograms by comparisons and sums, which stock MLIR has."""

import math

import torch

# Elements whose ranks are counted, each beside all others; those that are sorted in blocks, such as all words of a vocabulary; and
# those that are chosen of so many, a pass over all of them for each.
MAX_RANKED, MAX_SORTED, MAX_CHOSEN = 8192, 1 << 18, 64


def topk(x, k, dim=-1, largest=True, sorted=True):  # noqa: A002 - the operation's own name
    """Of a few elements by their ranks, of many one after the other: a mixture of experts chooses among some, decoding among all
    words. Of equal ones the first one comes first; NaN is larger than all, as in torch."""
    if x.dim() == 0:
        return NotImplemented
    x, n = x.movedim(dim, -1), x.shape[dim]
    if _is_beyond(n, MAX_RANKED) and k <= MAX_CHOSEN:
        indices = _choose(x, k, largest)
    elif _is_beyond(n, MAX_SORTED):
        return NotImplemented
    else:
        indices = _places_of_ranks(x, largest)[..., :k]
    return torch.gather(x, -1, indices).movedim(-1, dim), indices.movedim(-1, dim)


def sort(x, dim=-1, descending=False):
    """By ranks. Beyond MAX_SORTED elements it stays, and cannot be imported."""
    return sort_stable(x, stable=True, dim=dim, descending=descending)


def sort_stable(x, *, stable, dim=-1, descending=False):
    if x.dim() == 0 or _is_beyond(x.shape[dim], MAX_SORTED):
        return NotImplemented
    x = x.movedim(dim, -1)
    indices = _places_of_ranks(x, descending)
    return torch.gather(x, -1, indices).movedim(-1, dim), indices.movedim(-1, dim)


def _is_beyond(n, most):
    """Of sizes that vary none is: those are the tokens of a call."""
    return isinstance(n, int) and n > most


def _places_of_ranks(x, descending):
    """Which element is the first one along the last dimension, which the second, and so on."""
    place = torch.arange(x.shape[-1], device=x.device)
    if _is_beyond(x.shape[-1], MAX_RANKED):
        rank = _ranks_in_blocks(x, descending)
        return torch.zeros_like(rank).scatter(-1, rank, place.expand_as(rank).contiguous())
    rank = _ranks(x, descending)
    return torch.where(rank.unsqueeze(-2) == place.unsqueeze(-1), place, 0).sum(-1)


def _ranks(x, descending):
    """How many elements come before each one, each beside all others."""
    place = torch.arange(x.shape[-1], device=x.device)
    one, other = x.unsqueeze(-1), x.unsqueeze(-2)
    is_behind = place.unsqueeze(0) < place.unsqueeze(1)
    is_in_front = _comes_before(other, one, descending) | (~_comes_before(one, other, descending) & is_behind)
    return is_in_front.to(torch.int64).sum(-1)


def _ranks_in_blocks(x, descending):
    """The same of many: blocks are sorted, and in each a binary search finds how many of its elements come before."""
    n, lead = x.shape[-1], x.shape[:-1]
    size = 1024 if n <= 65536 else 4096
    count = -(-n // size)
    blocks = torch.constant_pad_nd(x, (0, count * size - n), _last_of(x.dtype, descending)).reshape([*lead, count, size])
    own = _ranks(blocks, descending)
    in_order = torch.zeros_like(blocks).scatter(-1, own, blocks).flatten(-2)
    one = blocks.flatten(-2).unsqueeze(-1)
    block = torch.arange(count, device=x.device)
    home = torch.arange(count * size, device=x.device).unsqueeze(-1) // size
    found = torch.zeros([*lead, count * size, count], dtype=torch.int64, device=x.device)
    steps = [1 << k for k in reversed(range(size.bit_length() - 1))]
    for step in [*steps, 1]:
        probed = in_order.gather(-1, (found + (block * size + step - 1)).flatten(-2)).reshape(found.shape)
        is_before = _comes_before(probed, one, descending) | (~_comes_before(one, probed, descending) & (block < home))
        found = torch.where(is_before, found + step, found)
    return torch.where(block == home, own.flatten(-2).unsqueeze(-1), found).sum(-1)[..., :n]


def _last_of(dtype, descending):
    """A number that no other one comes behind."""
    if dtype.is_floating_point:
        return -math.inf if descending else math.nan
    limits = torch.iinfo(dtype)
    return limits.min if descending else limits.max


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
        is_eligible = is_free
        if not largest and x.is_floating_point():  # NaN only when nothing else is left
            is_number = is_free & (x == x)
            is_eligible = torch.where(is_number.any(-1, keepdim=True), is_number, is_free)
        left = torch.where(is_eligible, x, worst)
        best = left.amax(-1, keepdim=True) if largest else left.amin(-1, keepdim=True)
        is_best = is_eligible & ((x == best) | ((x != x) & (best != best)))
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


def searchsorted(sequence, x, *, out_int32=False, right=False, side=None, sorter=None):
    """How many numbers of the sequence, which is sorted, are in front of each."""
    if sorter is not None:
        sequence = sequence.gather(-1, sorter)
    one, other = x.unsqueeze(-1), sequence if sequence.dim() == 1 else sequence.unsqueeze(-2)
    is_in_front = other <= one if right or side == "right" else other < one
    return is_in_front.to(torch.int64).sum(-1).to(torch.int32 if out_int32 else torch.int64)
