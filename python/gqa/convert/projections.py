"""Reading and writing the projections of an attention module: separate linear layers, or one for q, k and v together."""

import enum

import torch
from torch import nn

from . import regrouped
from .errors import Unconvertible
from .heads import Heads, joined, split

try:
    from transformers.pytorch_utils import Conv1D
except ImportError:  # without transformers there are no such layers
    class Conv1D(nn.Module):
        pass


def _is_linear(module):
    """nn.Linear and Conv1D, and what a model of transformers makes of nn.Linear (Falcon): trying shows whether it is one."""
    kind = type(module)
    return kind in (nn.Linear, Conv1D) or (issubclass(kind, nn.Linear) and kind.__module__.startswith("transformers.models."))


class Layer:
    """One linear layer, nn.Linear or Hugging Face's Conv1D (whose weight is transposed), as the attribute of a module."""

    def __init__(self, parent, attribute, name):
        self.parent, self.attribute, self.name = parent, attribute, name
        module = self.module
        if not _is_linear(module):
            raise Unconvertible(f"{name} is a {type(module).__module__}.{type(module).__name__}, whose weight cannot be reached "
                                "as a matrix (expected nn.Linear or Conv1D); convert before quantising, wrapping or compiling")
        if not module.weight.dtype.is_floating_point:
            raise Unconvertible(f"{name} has weights of {module.weight.dtype}, expected a floating-point type")

    @property
    def module(self):
        return getattr(self.parent, self.attribute)

    @property
    def in_features(self):
        return self.module.weight.shape[0 if isinstance(self.module, Conv1D) else 1]

    @property
    def out_features(self):
        return self.module.weight.shape[1 if isinstance(self.module, Conv1D) else 0]

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
                new = type(old)(old.weight.shape[1], out_features, bias=old.bias is not None)
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


class Order(enum.Enum):
    """How the features of q, k and v stand in one layer."""

    SIDE_BY_SIDE = "all of q, all of k, all of v"  # GPT-2, Phi-3
    GROUPED = "for each KV head its query heads, then k and v of it"  # Falcon, GPT-NeoX

    def positions(self, q_heads, kv_heads, dim):
        """Where in the layer's output features those of q, k and v are: all of q, then all of k, then all of v."""
        places = torch.arange((q_heads + 2 * kv_heads) * dim)
        if self is Order.SIDE_BY_SIDE:
            return places
        group = q_heads // kv_heads
        return torch.cat([part.flatten() for part in places.view(kv_heads, group + 2, dim).split([group, 1, 1], dim=1)])


class Joint:
    """One layer computes q, k and v together, in an Order that the module's code knows."""

    def __init__(self, module, qkv, o, q_heads):
        self.module, self.qkv, self.o, self.q_heads = module, qkv, o, q_heads
        self.order = Order.GROUPED if regrouped.form(module) else Order.SIDE_BY_SIDE  # until check.order has tried

    @property
    def reads(self):
        return self.qkv.module

    @property
    def writes(self):
        return self.o.module

    def sizes(self):
        q = self.o.in_features  # V is as wide as K where one layer computes both
        return q, *2 * ((self.qkv.out_features - q) // 2,)

    def layers(self):
        return [self.qkv, self.o]

    def _positions(self):
        q, k, _ = self.sizes()
        dim = q // self.q_heads
        return self.order.positions(self.q_heads, k // dim, dim)

    def weights(self):
        weight, bias = self.qkv.weight()
        places = self._positions().to(weight.device)
        biases = (None,) * 3 if bias is None else bias[places].split(self.sizes())
        return list(zip(weight[places].split(self.sizes()), biases))

    def set(self, q, k, v):
        self.resize(len(k[0]), len(v[0]))
        places = self._positions().argsort().to(q[0].device)
        weight, bias = (torch.cat(parts)[places] for parts in zip(q, k, v))
        self.qkv.set(weight, bias)

    def resize(self, k, v):
        if regrouped.adapt(self.module):
            self.order = Order.SIDE_BY_SIDE
        q = self.sizes()[0]
        if hasattr(self.module, "split_size"):
            self.module.split_size = [q, k, v]  # GPT-2's; torch splits by a list as well as by a number
        if self.qkv.out_features != q + k + v:
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
