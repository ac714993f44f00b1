"""What a score function is called with: stand-ins for numbers, and for tensors that it indexes by them."""

import contextlib
import sys

from .functions import FUNCTIONS, apply


class Scalar:
    """Stands for a number of the region."""

    shape, ndim = (), 0
    __hash__ = object.__hash__

    def __init__(self, region, value, kind):
        self.region, self.value, self.kind = region, value, kind
        self.device = region.device

    @property
    def dtype(self):
        torch = sys.modules["torch"]
        return {"i1": torch.bool, "index": torch.int64, "f64": torch.float64}.get(self.kind, torch.float32)

    def __getattr__(self, name):
        if name in FUNCTIONS:
            return lambda *args, **kwargs: apply(self.region, name, (self, *args), kwargs)
        raise AttributeError(f"a traced number has no {name}")

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        region = next(a.region for a in _flat((args, kwargs)) if isinstance(a, (Scalar, Table)))
        return apply(region, function.__name__, args, kwargs or {})

    def __bool__(self):
        raise self.region.error("decides by a number that is known in the kernel only; use torch.where, or & | ~ for conditions")

    def __index__(self):
        raise self.region.error("uses a number that is known in the kernel only where Python needs an integer")

    def __float__(self):
        raise self.region.error("uses a number that is known in the kernel only where Python needs a float; use the functions of torch, not of math")

    __int__ = __index__


class Table:
    """A tensor of the caller, with indices for its first dimensions."""

    def __init__(self, region, tensor, indices=()):
        self.region, self.tensor, self.indices, self.rank = region, tensor, indices, tensor.ndim

    def __getitem__(self, index):
        given = index if isinstance(index, tuple) else (index,)
        for i in given:
            if isinstance(i, (slice, type(None), type(...), list)) or getattr(i, "ndim", 0):
                raise self.region.error("indexes a tensor by something else than numbers, which is not supported")
        indices = (*self.indices, *(self._wrapped(i, len(self.indices) + n) for n, i in enumerate(given)))
        if len(indices) > self.rank:
            raise self.region.error(f"uses {len(indices)} indices for a tensor of {self.rank} dimensions")
        return self.region.load(self.tensor, indices) if len(indices) == self.rank else \
            Table(self.region, self.tensor, indices)

    def _wrapped(self, index, dim):
        """Python counts negative numbers from the end."""
        return index + self.tensor.shape[dim] if isinstance(index, int) and index < 0 and dim < self.rank else index

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return Scalar.__torch_function__(function, types, args, kwargs)


def indexing():
    """While it is entered, tensors of torch can be indexed by traced numbers."""
    torch = sys.modules.get("torch")
    if torch is None:
        return contextlib.nullcontext()
    from torch.overrides import TorchFunctionMode

    class Indexing(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function is torch.Tensor.__getitem__:
                traced = [i for i in _flat(args[1]) if isinstance(i, Scalar)]
                if traced:
                    return Table(traced[0].region, args[0])[args[1]]
            return function(*args, **(kwargs or {}))

    return Indexing()


def _flat(values):
    if isinstance(values, dict):
        values = tuple(values.values())
    if isinstance(values, (tuple, list)):
        for value in values:
            yield from _flat(value)
    elif values is not None:
        yield values


def _operator(name):
    return lambda self, *others: apply(self.region, name, (self, *others), {})


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    setattr(Scalar, f"__{_name}__", _operator(_name))
    if f"r{_name}" in FUNCTIONS:
        setattr(Scalar, f"__r{_name}__", _operator(f"r{_name}"))
    else:  # the order does not matter
        setattr(Scalar, f"__r{_name}__", _operator(_name))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert"):
    setattr(Scalar, f"__{_name}__", _operator(_name))
