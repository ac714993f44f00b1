"""Healing: the output projection is fitted again to what it now gets, by least squares on the calibration data.

A few hundred sentences do not determine a projection, and a fit that is free to follow them does harm on others. So it is
pulled towards the weights that it has, and how strongly is decided by cross-validation: sequences are dealt out to folds, and
the fit without a fold is judged on that fold. Those fits also take the calibration data through the block, each sequence by
the one that has not seen it; otherwise the layers behind would be fitted to a stream that is better than it will ever be
again. Moments are sums over the folds, so that all of this takes no more passes through the model than one fit.
"""

import contextlib
import dataclasses

import torch

from . import stream, subspace

FOLDS = 4
PULLS = tuple(10 ** (power / 2) for power in range(-6, 3))  # candidates, as parts of the mean squared input
UNJUDGED = 1.0  # the pull where a single sequence leaves nothing to judge by


@dataclasses.dataclass
class Fit:
    """An output projection fitted to all calibration data, which the module has now, and to all but each fold."""

    pull: float | None  # None: nothing judged better than to leave it
    folds: torch.Tensor  # F x inputs x Y; inputs are features, and a 1 if there is a bias. F is 0 where nothing was left out
    writes: torch.nn.Module

    @contextlib.contextmanager
    def without(self, batch):
        """In this context each sequence of `batch` is projected by the fit that has not seen it."""
        def project(_, args, output):
            inputs = _with_one(args[0], self.folds.shape[1])
            for fold, sequences in _folds(batch, len(self.folds)):
                output[sequences] = (inputs[sequences] @ self.folds[fold].to(inputs.dtype)).to(output.dtype)
            return output

        if not len(self.folds):
            yield
            return
        handle = self.writes.register_forward_hook(project)
        try:
            yield
        finally:
            handle.remove()


def output_projection(site, batches, goals, number):
    """Changes the output projection of `site` so that it comes closest to the goals' targets, and returns the Fit.

    With its inputs z and targets t of each token, W minimises `sum |[z 1] W - t|^2 + pull mean(z^2) |W - W_now|^2`. A
    projection without a bias gets none.
    """
    weight, bias = site.projections.o.weight()
    now = torch.cat([weight.T, bias[None]]).double() if bias is not None else weight.T.double()
    moments = _moments(site, batches, goals, number, now)
    best, changes = _judged(*moments) if len(moments[0]) > 1 else (UNJUDGED, now.new_zeros(0, *now.shape))
    products, misses = (each.sum(0) for each in moments[:2])
    healed = now if best is None else now + torch.linalg.solve(subspace.ridged(products, best), misses)
    site.projections.o.set(*((healed[:-1].T, healed[-1]) if bias is not None else (healed.T, None)))
    return Fit(best, now + changes, site.projections.writes)


def _with_one(inputs, width):
    return inputs if inputs.shape[-1] == width else torch.cat([inputs, inputs.new_ones(*inputs.shape[:-1], 1)], -1)


def _folds(batch, count):
    """(fold, which sequences of the batch are in it) for each fold that has some there."""
    numbers = (torch.arange(len(batch.rows)) + batch.first) % count
    return [(fold, numbers == fold) for fold in numbers.unique().tolist()]


def _moments(site, batches, goals, number, now):
    """For each fold `sum z^T z`, `sum z^T miss` and `sum |miss|^2`, where a miss is the target less the present output."""
    count = min(FOLDS, sum(len(batch.rows) for batch in batches))
    products, misses = now.new_zeros(count, len(now), len(now)), now.new_zeros(count, *now.shape)
    sizes = now.new_zeros(count)
    for batch, goal in zip(batches, goals):
        _, z, output = stream.attention(site, batch.converted, batch.calls[number])
        wanted = torch.zeros_like(output)
        wanted[batch.rows] = goal.target
        for fold, sequences in _folds(batch, count):
            rows = batch.rows & sequences[:, None].to(batch.rows.device)
            each, missed = _with_one(z[rows].double(), len(now)), wanted[rows].double() - output[rows].double()
            products[fold] += each.T @ each
            misses[fold] += each.T @ missed
            sizes[fold] += missed.square().sum()
    return products, misses, sizes


def _judged(products, misses, sizes):
    """(the best of PULLS, or None if to change nothing is better; the changes of W without each fold, F x inputs x Y)."""
    changes = [_changes(products.sum(0) - product, misses.sum(0) - miss) for product, miss in zip(products, misses)]
    errors = {None: sizes.sum().item()}
    for pull in PULLS:
        tried = torch.stack([change(pull) for change in changes])
        errors[pull] = (sizes.sum() + (tried * (products @ tried)).sum() - 2 * (tried * misses).sum()).item()
    best = min(errors, key=errors.get)
    return best, torch.zeros_like(misses) if best is None else torch.stack([change(best) for change in changes])


def _changes(products, misses):
    """The function that gives the change of W for a pull."""
    values, vectors = torch.linalg.eigh(products)
    turned, mean = vectors.T @ misses, values.mean().clamp_min(subspace.FLOOR)
    return lambda pull: vectors @ (turned / (values.clamp_min(0) + pull * mean)[:, None])
