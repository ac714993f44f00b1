"""Reading and writing the projections of an attention module: separate linear layers, or one for q, k and v together."""

import torch
from torch import nn

from .errors import Unconvertible
from .heads import Heads, joined, split

try:
    from transformers.pytorch_utils import Conv1D
except ImportError:  # without transformers there are no such layers
    class Conv1D(nn.Module):
        pass


class Layer:
    """One linear layer, nn.Linear or Hugging Face's Conv1D (whose weight is transposed), as the attribute of a module."""

    def __init__(self, parent, attribute, name):
        self.parent, self.attribute, self.name = parent, attribute, name
        module = self.module
        if type(module) not in (nn.Linear, Conv1D):
            raise Unconvertible(f"{name} is a {type(module).__module__}.{type(module).__name__}, whose weight cannot be reached "
                                "as a matrix (expected nn.Linear or Conv1D); convert before quantising, wrapping or compiling")
        if not module.weight.dtype.is_floating_point:
            raise Unconvertible(f"{name} has weights of {module.weight.dtype}, expected a floating-point type")

    @property
    def module(self):
        return getattr(self.parent, self.attribute)

    @property
    def out_features(self):
        module = self.module
        return module.weight.shape[1] if isinstance(module, Conv1D) else module.weight.shape[0]

    def weight(self):
        """(weight, out x in, and bias or None) as they are."""
        module = self.module
        if module.weight.is_meta:
            raise Unconvertible(f"{self.name} has no weights (it is on the meta device); load the model first")
        weight = module.weight.detach()
        return weight.T if isinstance(module, Conv1D) else weight, None if module.bias is None else module.bias.detach()

    def set(self, weight, bias):
        """Stores `weight`, out x in, and `bias`, in the present dtype and device; a layer of another size replaces this one.

        Nothing is written to the old memory: it may be a checkpoint's, mapped from its file.
        """
        if weight.shape[0] != self.out_features:
            self.resize(weight.shape[0])
        module = self.module
        for parameter, value in ((module.weight, weight.T if isinstance(module, Conv1D) else weight), (module.bias, bias)):
            if parameter is not None:
                parameter.data = torch.empty_like(parameter, memory_format=torch.contiguous_format).copy_(value)

    def resize(self, out_features):
        """A new layer of that size with undefined values."""
        old = self.module
        with torch.device(old.weight.device):
            if isinstance(old, Conv1D):
                new = Conv1D(out_features, old.weight.shape[0])
            else:
                new = nn.Linear(old.weight.shape[1], out_features, bias=old.bias is not None)
        new = new.to(old.weight.dtype).requires_grad_(old.weight.requires_grad)
        setattr(self.parent, self.attribute, new.train(old.training))


class Separate:
    """q, k, v and o are layers of their own."""

    def __init__(self, q, k, v, o):
        self.q, self.k, self.v, self.o = q, k, v, o

    @property
    def reads(self):
        """The module whose input is the projections' input."""
        return self.q.module

    @property
    def writes(self):
        return self.o.module

    def sizes(self):
        """Output features of q, k and v."""
        return self.q.out_features, self.k.out_features, self.v.out_features

    def layers(self):
        return [self.q, self.k, self.v, self.o]

    def weights(self):
        return [self.q.weight(), self.k.weight(), self.v.weight()]

    def set(self, q, k, v):
        for layer, (weight, bias) in zip((self.q, self.k, self.v), (q, k, v)):
            layer.set(weight, bias)

    def resize(self, k, v):
        self.k.resize(k)
        self.v.resize(v)


class Fused:
    """One layer computes q, k and v side by side, and the module splits them by its attribute `split_size`."""

    def __init__(self, module, qkv, o):
        self.module, self.qkv, self.o = module, qkv, o

    @property
    def reads(self):
        return self.qkv.module

    @property
    def writes(self):
        return self.o.module

    def sizes(self):
        split_size = self.module.split_size
        return tuple(split_size) if isinstance(split_size, (list, tuple)) else (split_size,) * 3

    def layers(self):
        return [self.qkv, self.o]

    def weights(self):
        weight, bias = self.qkv.weight()
        biases = (None,) * 3 if bias is None else bias.split(self.sizes())
        return list(zip(weight.split(self.sizes()), biases))

    def set(self, q, k, v):
        weights, biases = zip(q, k, v)
        self.module.split_size = [len(weight) for weight in weights]  # torch splits by a list as well as by a number
        self.qkv.set(torch.cat(weights), torch.cat(biases))

    def resize(self, k, v):
        q = self.sizes()[0]
        self.module.split_size = [q, k, v]
        self.qkv.resize(q + k + v)


def read(projections, q_heads, kv_heads):
    """Heads, float64 copies."""
    q, k, v = (split(*pair, count) for pair, count in zip(projections.weights(), (q_heads, kv_heads, kv_heads)))
    weight, bias = projections.o.weight()
    o = weight.T.double().reshape(q_heads, -1, weight.shape[0]).clone()
    return Heads(q, k, v, o, o.new_zeros(o.shape[-1]) if bias is None else bias.double().clone())


def write(projections, heads):
    """Stores Heads, rounded to the model's type."""
    projections.set(joined(heads.q), joined(heads.k), joined(heads.v))
    projections.o.set(heads.o.flatten(0, 1).T, heads.o_bias)
