"""A projection cut into parts whose maps do not mix: components that no rotation touches, and rotated pairs.

Each part shows its heads as blocks (F x H x X x d, for each of F alone, see subspace.py), and folds maps into a reader.
"""

import torch

from .rotary import Rotary


class Plain:
    """Components that may be mixed freely: F = 1, d of them."""

    def __init__(self, components):
        self.components = list(components)

    def blocks(self, heads):
        """heads: H x X x D."""
        return heads[..., self.components][None]

    def importance(self, squares):
        """squares: H x D x D."""
        return squares[:, self.components][:, :, self.components][None]

    def put(self, shared, heads):
        """Writes S, 1 x X x d, into its components of `heads`, X x D."""
        heads[:, self.components] = shared[0]

    def fold(self, reader, maps):
        """reader: G x ... x D, becomes `reader M_h^T`; maps: 1 x G x d x d."""
        reader[..., self.components] = reader[..., self.components] @ maps[0].mT[:, None]


class Pairs:
    """Pairs that a rotary embedding turns, each a complex number: F pairs, d = 1."""

    def __init__(self, rotary):
        self.first, self.second = list(rotary.first), list(rotary.second)

    def _complex(self, heads):
        return torch.complex(heads[..., self.first], heads[..., self.second])

    def blocks(self, heads):
        return self._complex(heads).permute(2, 0, 1)[..., None]

    def importance(self, squares):
        """Over all angles, what a pair's error costs is its query's size, whatever its direction."""
        diagonal = squares.diagonal(dim1=-2, dim2=-1)
        return (diagonal[:, self.first] + diagonal[:, self.second]).T[..., None, None].to(torch.complex128)

    def put(self, shared, heads):
        heads[:, self.first], heads[:, self.second] = shared[..., 0].real.T, shared[..., 0].imag.T

    def fold(self, reader, maps):
        """A score is the real part of `conj(q) k`: what multiplied k multiplies q as its conjugate."""
        turned = self._complex(reader) * maps[..., 0, 0].conj().T[:, None, None]
        reader[..., self.first], reader[..., self.second] = turned.real, turned.imag


def cut(rotary):
    """The parts of a projection that `rotary` turns."""
    return ([Plain(rotary.plain)] if rotary.plain else []) + ([Pairs(rotary)] if rotary.first else [])


def whole(width):
    return cut(Rotary.none(width))
