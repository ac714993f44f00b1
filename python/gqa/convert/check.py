"""Whether heads can be shared in an attention, tried on one batch before anything is converted.

Maps and orders of heads must fold away, and the module's code must run with fewer KV heads than query heads.

What stands between a projection and its reader (a rotation of a form not understood, a norm, a clip, a bias of each
head) shows here as a result that changes, whatever the model's code looks like.
"""

import dataclasses

import torch

from . import parts, stream
from .errors import Unconvertible
from .heads import Heads

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


def folds(site, rotary, batch, number):
    """Raises Unconvertible if random maps that should fold away, or another order of heads, change what the attention does.

    Also if it does not run with fewer KV heads.
    """
    heads, hidden, call = site.read(), batch.original, batch.calls[number]
    before = stream.attention(site, hidden, call)[2][batch.rows]
    trials = ((_mapped(heads, rotary), "a map of K that its query takes back, and one of V that its output projection takes back"),
              (_reversed(heads), "another order of heads"))
    try:
        for trial, what in trials:
            site.write(trial)
            error = stream.relative(stream.attention(site, hidden, call)[2][batch.rows], before)
            if not error < TOLERANCE.get(before.dtype, 1e-3):
                raise Unconvertible(f"{site.name}: {what} changes the result by {error:.1e}; something between the projections "
                                    "and the scores treats heads differently, so that they cannot be shared")
        if site.kv_heads > 1:
            _shares(site, heads, batch, number)
    finally:
        site.write(heads)


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
