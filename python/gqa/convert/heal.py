"""Healing: the output projection is fitted again to what it now gets, by least squares on the calibration data."""

import torch

from . import stream, subspace

PULL = 1e-3  # towards the folded weights, as a part of the mean squared input


def output_projection(site, batches, goals, number):
    """Changes the output projection of `site` so that it comes closest to the goals' targets.

    With its inputs z and targets t of each token, W minimises `sum |[z 1] W - t|^2 + pull |W - W_now|^2`. A projection
    without a bias gets none.
    """
    weight, bias = site.projections.o.weight()
    now = torch.cat([weight.T, bias[None]]).double() if bias is not None else weight.T.double()
    products = now.new_zeros(len(now), len(now))
    misses = torch.zeros_like(now)
    for batch, goal in zip(batches, goals):
        _, z, output = stream.attention(site, batch.converted, batch.calls[number])
        z = z[batch.rows].double()
        if bias is not None:
            z = torch.cat([z, z.new_ones(len(z), 1)], 1)
        products += z.T @ z
        misses += z.T @ (goal.target.double() - output[batch.rows].double())
    healed = now + torch.linalg.solve(subspace.ridged(products, PULL), misses)
    site.projections.o.set(*((healed[:-1].T, healed[-1]) if bias is not None else (healed.T, None)))
