"""Which components of a head a rotary embedding turns together, found by turning the unit vectors.

`half`: component i with i + R/2; `interleaved`: 2 i with 2 i + 1; partial: only the first R components, the others stay.
A map that may stand between K and the query must commute with every such rotation: for each pair one complex number,
for the components that stay any matrix.
"""

import dataclasses
import sys

import torch

from .errors import Unconvertible


@dataclasses.dataclass(frozen=True)
class Rotary:
    """Components `first[f]` and `second[f]` are turned together, as a complex number; `plain` are not turned."""

    first: tuple = ()
    second: tuple = ()
    plain: tuple = ()

    @classmethod
    def none(cls, dim):
        return cls(plain=tuple(range(dim)))

    @property
    def kind(self):
        if not self.first:
            return "none"
        kind = "half" if self.second[0] - self.first[0] != 1 or len(self.first) == 1 else "interleaved"
        return f"{kind}, {2 * len(self.first)} of {2 * len(self.first) + len(self.plain)}" if self.plain else kind


def find(attention, position_embeddings, dim):
    """The Rotary of an attention module that is called with `position_embeddings`, (cos, sin), or None for no rotation.

    Raises Unconvertible where the module's own rotation cannot be called, or is not one of pairs.
    """
    if position_embeddings is None:
        return Rotary.none(dim)
    rotate = getattr(sys.modules[type(attention).__module__], "apply_rotary_pos_emb", None)
    if rotate is None:
        raise Unconvertible(f"{type(attention).__name__} gets rotary angles, but its module has no apply_rotary_pos_emb to try "
                            "them with; only rotations found that way are understood")
    shape = position_embeddings[0][:1, -1:].double()
    return _pairs(_turned(rotate, torch.zeros_like(shape), torch.ones_like(shape), dim))  # a quarter turn of every frequency


def _turned(rotate, cos, sin, dim):
    """dim x dim: row i is what becomes of unit vector i."""
    for width in dict.fromkeys((dim, cos.shape[-1], 2 * cos.shape[-1])):  # some modules cut off the part that stays themselves
        if width > dim:
            continue
        units = torch.eye(width, dtype=torch.float64, device=cos.device)[None, :, None]
        try:
            turned = rotate(units, units, cos, sin)[0][0, :, 0]
        except (RuntimeError, TypeError, ValueError, IndexError):
            continue
        if turned.shape == (width, width):
            return torch.block_diag(turned.double(), torch.eye(dim - width, dtype=torch.float64, device=cos.device))
    raise Unconvertible(f"apply_rotary_pos_emb does not take heads of {dim} with angles of {cos.shape[-1]}")


def _pairs(turned):
    first, second, plain = [], [], []
    mixes = turned.abs() > 1e-6
    for i, row in enumerate(mixes.tolist()):
        others = [j for j, mixed in enumerate(row) if mixed and j != i]
        if len(others) > 1:
            raise Unconvertible(f"the rotary embedding mixes component {i} of a head with {others}, not with one other")
        if not others:
            plain.append(i)
        elif others[0] > i:
            first.append(i)
            second.append(others[0])
    return Rotary(tuple(first), tuple(second), tuple(plain))
