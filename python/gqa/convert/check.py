"""Whether heads can be shared in an attention, tried on one batch before anything is converted.

Maps and orders of heads must fold away, and the module's code must run with fewer KV heads than query heads.

What stands between a projection and its reader (a rotation of a form not understood, a norm, a clip, a bias of each
head) shows here as a result that changes, whatever the model's code looks like.
"""

import dataclasses

import torch

from . import parts, projections, regrouped, stream
from .errors import Unconvertible
from .heads import Heads

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


def order(site, rotary, batch):
    """Finds the projections.Order of a layer that computes q, k and v together: the one in which maps of heads fold away.

    Maps of V show any other, whatever the scores are. batch: any hidden states do. Raises Unconvertible if there is none.
    """
    layers = site.projections
    if not isinstance(layers, projections.Joint) or regrouped.form(site.attention):
        return
    reasons = []
    for layers.order in projections.Order:
        if (reason := _unfolded(site, rotary, batch, site.index)) is None:
            return
        reasons.append(f"{layers.order.value}: {reason}")
    raise Unconvertible(f"{layers.qkv.name} has q, k and v in one layer, in an order that is not known ({'; '.join(reasons)})")


def finite(projection):
    """Raises Unconvertible if one of a layer's parameters has numbers that linear algebra cannot do anything with."""
    for name, parameter in projection.module.named_parameters():
        if count := int((~parameter.detach().isfinite()).sum()):
            raise Unconvertible(f"{projection.name}.{name} has {count} of {parameter.numel()} numbers that are NaN or infinite; the "
                                "checkpoint is damaged, or was saved in the middle of a training that diverged")


def folds(site, rotary, batch, number, reorders):
    """Raises Unconvertible if random maps that should fold away change what the attention does.

    Also if another order of heads does, and the grouping `reorders` them; and if it does not run with fewer KV heads.
    """
    if (reason := _unfolded(site, rotary, batch, number)) is not None:
        raise Unconvertible(f"{site.name}: {reason}; something between the projections and the scores treats heads differently, "
                            "so that they cannot be shared")
    if site.kv_heads == 1:
        return
    heads = site.read()
    try:
        if reorders and (error := _changed(site, _reversed(heads), batch, number)) is not None:
            raise Unconvertible(f"{site.name}: another order of heads changes the result by {error:.1e}; each has something of "
                                "its own beside its projections, such as an ALiBi slope: use groups='adjacent', which keeps "
                                "the order")
        _shares(site, heads, batch, number)
    finally:
        site.write(heads)


def _unfolded(site, rotary, batch, number):
    """What changes the result although it should fold away, or None."""
    heads = site.read()
    try:
        error = _changed(site, _mapped(heads, rotary), batch, number)
    finally:
        site.write(heads)
    if error is None:
        return None
    return ("a map of K that its query takes back, and one of V that its output projection takes back changes the result by "
            f"{error:.1e}")


def _changed(site, trial, batch, number):
    """The relative change of the attention's output with `trial`, which stays, instead of what it has; None: rounding."""
    before = stream.attention(site, batch.original, batch.calls[number])[2][batch.rows]
    if not before.isfinite().all():
        raise Unconvertible(f"{site.name}: it computes NaN or infinity, before anything is changed; weights in front of it, or the "
                            "calibration data, have such numbers, or the model's type of numbers is too narrow")
    site.write(trial)
    error = stream.relative(stream.attention(site, batch.original, batch.calls[number])[2][batch.rows], before)
    return None if error < TOLERANCE.get(before.dtype, 1e-3) else error


def _shares(site, heads, batch, number):
    """Raises Unconvertible if the module, given one KV head, does not do what it does with copies of it."""
    one = dataclasses.replace(heads, k=heads.k[:1], v=heads.v[:1])
    same = [0] * len(heads.k)
    results = []
    try:
        for trial in (dataclasses.replace(heads, k=heads.k[same], v=heads.v[same]), one):
            site.write(trial)
            results.append(stream.attention(site, batch.original, batch.calls[number])[2][batch.rows])
    except (RuntimeError, ValueError, IndexError) as error:
        raise Unconvertible(f"{site.name}: the code of {type(site.attention).__name__} does not run with fewer KV heads than query "
                            f"heads ({(str(error).splitlines() or [type(error).__name__])[0]})") from error
    wanted, found = results
    if not stream.relative(found, wanted) < TOLERANCE.get(found.dtype, 1e-3):
        raise Unconvertible(f"{site.name}: the code of {type(site.attention).__name__} takes one KV head for something else than "
                            "copies of it")


def _mapped(heads, rotary):
    """The same function of other matrices, if the rotation is as we think."""
    generator = torch.Generator().manual_seed(0)
    k, q = _both(heads.k, heads.of_kv_head(heads.q), parts.cut(rotary), generator)
    v, o = _both(heads.v, heads.of_kv_head(heads.o.mT), parts.whole(heads.v.shape[-1]), generator)
    return Heads(q.flatten(0, 1), k, v, o.flatten(0, 1).mT, heads.o_bias)


def _both(projection, readers, cuts, generator):
    """(the projection times a random map for each head, the readers times its inverse)."""
    projection, readers = projection.clone(), readers.clone()
    for part in cuts:
        blocks = part.blocks(projection)
        maps = torch.randn(*blocks.shape[:2], *blocks.shape[-1:] * 2, generator=generator, dtype=blocks.dtype).to(blocks.device)
        unitary, _ = torch.linalg.qr(maps)
        for head, shared in enumerate((blocks @ (2 * unitary)).unbind(1)):
            part.put(shared, projection[head])
        part.fold(readers, unitary.mH / 2)
    return projection, readers


def _reversed(heads):
    q, o = (heads.of_kv_head(each).flip(0).flatten(0, 1) for each in (heads.q, heads.o))
    return Heads(q, heads.k.flip(0), heads.v.flip(0), o, heads.o_bias)
