"""Fewer KV heads: `first` and `mean` (Ainslie et al. 2023), and `subspace`, the best that linear maps allow."""

import dataclasses

import torch

from . import parts, subspace
from .heads import Heads

METHODS = ("first", "mean", "subspace")


class Importance:
    """How much each direction of K and V matters to its readers, all query heads of one KV head together."""

    def __init__(self, heads, moment, rotary):
        """moment: `E[x x^T]` of the inputs with the 1 of the bias, (X + 1) x (X + 1)."""
        self.metric = subspace.root(moment)
        self.k_parts, self.v_parts = parts.cut(rotary), parts.whole(heads.v.shape[-1])
        self.k = heads.of_kv_head(heads.q.mT @ moment @ heads.q).sum(1)  # Hkv x Dk x Dk
        self.v = heads.of_kv_head(heads.o @ heads.o.mT).sum(1)  # Hkv x Dv x Dv


@dataclasses.dataclass(frozen=True)
class Kept:
    """What part of the energy of K and of V, as their readers see it, the shared heads keep: 0 to 1."""

    k: float
    v: float


def pool(heads, groups, importance, method):
    """(Heads with one KV head for each group, Kept). groups: lists of KV heads, equally long."""
    q, o_transposed = heads.of_kv_head(heads.q), heads.of_kv_head(heads.o.mT)  # readers: Hkv x queries x ... x D
    k, q, kept_k = _pooled(heads.k, q, groups, importance.k_parts, importance.k, importance.metric, method)
    v, o, kept_v = _pooled(heads.v, o_transposed, groups, importance.v_parts, importance.v, importance.metric, method)
    return Heads(q, k, v, o.mT, heads.o_bias), Kept(kept_k, kept_v)


def _pooled(projection, readers, groups, cuts, squares, metric, method):
    """(N shared heads, the readers with maps folded in, in the order of the groups, part of the energy that is kept)."""
    shared, folded = projection.new_empty(len(groups), *projection.shape[1:]), []
    lost = total = 0.0
    for group, head in zip(groups, shared):
        reader = readers[group].clone()
        for part in cuts:
            blocks, importance = part.blocks(projection[group]), part.importance(squares[group])
            if method == "subspace":
                common, maps, energies = subspace.best(blocks, importance, metric)
                part.fold(reader, maps)
                lost += energies[:, blocks.shape[-1]:].sum().item()
                total += energies.sum().item()
            else:
                common = blocks[:, 0] if method == "first" else blocks.mean(1)
                missed, all_of_it = subspace.missed(blocks, common, importance, metric)
                lost, total = lost + missed, total + all_of_it
            part.put(common, head)
        folded.append(reader)
    return shared, torch.cat(folded).flatten(0, 1), 1 - lost / total if total else 1.0
