"""Score functions as score regions: a Python function of (s, b, h, i, j) is called once, with stand-ins for the numbers
that note what is computed of them.

The functions are those of FlexAttention: a score_mod takes the score and the four indices and returns the new score, a
mask_mod takes the indices alone and returns whether the key is seen; a function of five may also return (score, seen).
Integers are 64 bits wide, floats have the type of the scores (f32; f64 for f64 attention).
"""

import inspect

from .functions import FUNCTIONS
from .region import Region
from .standins import Scalar, indexing

__all__ = ["FUNCTIONS", "Tracer", "trace"]


class Tracer:
    """A function of (b, h, i, j), given as mask, that serves several calls and is traced once."""

    def __init__(self, function):
        self.function, self._regions = function, {}

    def __call__(self, *indices):
        return self.function(*indices)

    def region(self, accumulator, device):
        key = accumulator, device
        if key not in self._regions:
            self._regions[key] = trace([("mask", self.function)], accumulator, device)
        return self._regions[key]

    def dense(self, sizes, device):
        """The values of the function as a tensor B x H x Sq x Skv of torch; a size of 1 stands for all."""
        import torch
        places = [torch.arange(n, device=device).view([-1 if d == e else 1 for e in range(4)]) for d, n in enumerate(sizes)]
        return self.function(*places).expand(*sizes)


def trace(functions, accumulator, device="cpu"):
    """A `Region` that applies each function to what the one before left; None without functions.

    functions: (argument name, function) pairs. Raises TypeError naming the argument for what a region cannot express.
    """
    if not functions:
        return None
    region = Region(accumulator, device)
    score, seen = Scalar(region, "%s", accumulator), None
    indices = [Scalar(region, f"%{name}", "index") for name in "bhij"]
    for name, function in functions:
        region.argument = name
        score, condition = _called(region, function, score, indices)
        if condition is not None:
            seen = condition if seen is None else seen & condition
    region.finish([score] if seen is None else [score, seen])
    return region


def _called(region, function, score, indices):
    """(new score, whether the key is seen or None) as a function says it."""
    count = _parameters(region, function)
    with indexing():
        try:
            returned = function(score, *indices) if count == 5 else function(*indices)
        except IndexError as error:  # NumPy does not let stand-ins be indices
            raise region.error(f"cannot be traced: {error}; an array of NumPy is indexed as "
                               "torch.from_numpy(array)[h]") from error
    if count == 4:
        returned = score, returned
    elif not isinstance(returned, tuple):
        returned = returned, None
    if len(returned) != 2:
        raise region.error(f"returned {len(returned)} values, expected the score, or the score and whether the key is seen")
    new, seen = returned
    return region.cast(new, region.accumulator), None if seen is None else region.cast(seen, "i1")


def _parameters(region, function):
    """5 for a function of a score, 4 for one of the indices alone."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise region.error(f"is a {type(function).__name__} whose parameters are not known; "
                           "wrap it in a function of (s, b, h, i, j)") from None
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if len(needed) not in (4, 5):
        raise region.error(f"takes {len(needed)} arguments, expected (s, b, h, i, j) for a score, or (b, h, i, j) for a mask")
    return len(needed)
