"""Which KV heads share: neighbours, or those that lose least by it."""

import itertools
import random

import torch

from . import subspace

GROUPINGS = ("adjacent", "search")
STARTS = 24  # of the local search: the neighbours, and random ones
GAIN = 1e-9  # an exchange that gains less is rounding


def adjacent(heads, count):
    """`count` lists of neighbours."""
    size = heads // count
    return [list(range(first, first + size)) for first in range(0, heads, size)]


def search(projections, count, seed=0):
    """`count` equally large groups with little loss.

    projections: for K and for V, (heads H x X x D, parts, squares, metric). The loss of a group is that of `subspace`, of K and
    of V each as a part of its energy. Two heads are exchanged while that lowers the losses of all pairs that share, from
    several starts; of what that finds, the groups with the least loss are taken. (Losses of
    whole groups in every step hardly found better ones on a real model, and take far longer.)
    """
    total = len(projections[0][0])
    if count in (1, total):
        return adjacent(total, count)
    grams = [gram for each in projections for gram in _grams(*each)]
    pairs = {pair: sum(_lost(gram, width, pair) for gram, width in grams) for pair in itertools.combinations(range(total), 2)}
    chance = random.Random(seed)
    starts = [adjacent(total, count)] + [_shuffled(chance, total, count) for _ in range(STARTS - 1)]
    found = {_improved(_ordered(start), pairs) for start in starts} | {_ordered(adjacent(total, count))}
    best = min(sorted(found), key=lambda groups: sum(_lost(gram, width, group) for gram, width in grams for group in groups))
    return [list(group) for group in best]


def _ordered(groups):
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def _grams(projection, cuts, squares, metric):
    """For each part the products of all weighted columns of all heads, F x (H d) x (H d), as parts of the energy; and d."""
    found = []
    for part in cuts:
        blocks = part.blocks(projection)
        y, _ = subspace.square_root(part.importance(squares))
        columns = metric.to(blocks.dtype) @ subspace.side_by_side(blocks @ y)
        found.append((columns.mH @ columns, blocks.shape[-1]))
    energy = sum(gram.diagonal(dim1=-2, dim2=-1).real.sum() for gram, _ in found).clamp_min(subspace.FLOOR)
    return [(gram / energy, width) for gram, width in found]


def _lost(gram, width, group):
    """What is left of the group's energy without the leading `width` directions."""
    rows = torch.tensor([head * width + i for head in group for i in range(width)])
    values = torch.linalg.eigvalsh(gram[:, rows][:, :, rows])
    return values[:, :-width].clamp_min(0).sum().item()


def _shuffled(chance, total, count):
    heads = chance.sample(range(total), total)
    return [heads[i::count] for i in range(count)]


def _improved(groups, pairs):
    """Exchanges two heads of two groups as long as that lowers the sum over pairs in one group."""
    while (better := _exchange(groups, pairs)) is not None:
        groups = better
    return groups


def _exchange(groups, pairs):
    def ties(head, group, without):
        return sum(pairs[min(head, other), max(head, other)] for other in group if other not in (head, without))

    for one, other in itertools.combinations(groups, 2):
        for mine, theirs in itertools.product(one, other):
            now = ties(mine, one, None) + ties(theirs, other, None)
            if ties(theirs, one, mine) + ties(mine, other, theirs) < now - GAIN:
                changed = ({*one} - {mine} | {theirs}, {*other} - {theirs} | {mine})
                return _ordered([*changed, *(group for group in groups if group not in (one, other))])
    return None
