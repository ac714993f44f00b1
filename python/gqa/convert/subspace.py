"""The best shared projection of a group of heads, when each head may have its own linear map of it.

Heads h of a group project x to `x W_h`. We look for one S and small maps M_h with `x W_h ~ x S M_h`; the maps are folded
into whatever reads the projection (the query projection for K, the output projection for V), so that they cost nothing.
With `C = E[x x^T]` and Y_h the square root of how much each direction of head h matters to its reader, the error is
`sum_h |C^(1/2) (W_h - S M_h) Y_h|^2`, and its least value is had from the leading singular vectors of the matrix
`[C^(1/2) W_1 Y_1, ..., C^(1/2) W_G Y_G]` (Eckart and Young 1936).

Everything works on complex matrices as well: a rotary embedding multiplies a pair of components, read as one complex
number, by a unit complex number, and the maps that commute with that are the complex numbers.
"""

import torch

NOTHING = 1e-12  # a singular value below this part of the largest is rounding
FLOOR = 1e-200  # of a mean diagonal: heads that are zero are no special case
RIDGE = 1e-6  # of the mean diagonal: directions that calibration data never has must not divide by zero


def ridged(moment, ridge=RIDGE):
    """A second moment (... x X x X) made positive definite."""
    size = moment.shape[-1]
    mean = moment.diagonal(dim1=-2, dim2=-1).real.mean(-1).clamp_min(FLOOR)
    return moment + (ridge * mean)[..., None, None] * torch.eye(size, dtype=moment.dtype, device=moment.device)


def root(moment):
    """R with `R^H R = moment`, upper triangular."""
    return torch.linalg.cholesky(ridged(moment), upper=True)


def square_root(matrix):
    """(Y, 1 / Y) with `Y Y = matrix`, Hermitian and positive."""
    values, vectors = torch.linalg.eigh(ridged(matrix))
    values = values.clamp_min(RIDGE * FLOOR).to(vectors.dtype)
    return tuple((vectors * scale[..., None, :]) @ vectors.mH for scale in (values.sqrt(), values.rsqrt()))


def side_by_side(blocks):
    """`... x G x X x d` as `... x X x G d`."""
    return blocks.transpose(-3, -2).flatten(-2)


def best(blocks, importance, metric):
    """(S, M, energy) for `blocks` (F x G x X x d), with `importance` (F x G x d x d) the squares of Y, for each of F alone.

    metric: `root` of C, X x X. S is F x X x d, as large as the blocks are on average; M is F x G x d x d; energy,
    F x (G d), has the squared singular values, of which the first d are kept.
    """
    count, width = blocks.shape[1], blocks.shape[3]
    metric = metric.to(blocks.dtype)
    y, y_inverse = square_root(importance)
    columns = side_by_side(blocks @ y)
    _, values, right = torch.linalg.svd(metric @ columns, full_matrices=False)
    kept, right = values[:, :width], right[:, :width, :]
    # S is a combination of the blocks themselves: no inverse of C, which calibration data may hardly determine.
    inverse = torch.where(kept > NOTHING * values[:, :1], 1 / kept, 0).to(blocks.dtype)
    shared = columns @ right.mH * inverse[:, None, :]
    maps = (kept[..., None] * right).unflatten(-1, (count, width)).transpose(1, 2) @ y_inverse
    scale = (energy(metric @ blocks).mean(1) / energy(metric @ shared).clamp_min(1e-300)).sqrt()
    scale = torch.where(scale > 0, scale, 1)
    return shared * scale[:, None, None], maps / scale[:, None, None, None], values.square()


def energy(matrices):
    """Squared Frobenius norms over the last two dimensions."""
    return matrices.abs().square().sum((-2, -1))


def missed(blocks, shared, importance, metric):
    """(energy that `shared`, F x X x d, misses when it replaces each of the blocks as it is; all energy of the blocks)."""
    y, _ = square_root(importance)
    metric = metric.to(blocks.dtype)
    return tuple(energy(metric @ each @ y).sum().item() for each in (blocks - shared[:, None], blocks))
