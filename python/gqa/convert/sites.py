"""Where a model's attentions are, found by the layers that they are made of and not by the model's name."""

import dataclasses
import re

from torch import nn

from . import projections
from .errors import Unconvertible
from .projections import Joint, Layer, Separate

QKV = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("q_lin", "k_lin", "v_lin"))
JOINT = ("c_attn", "qkv_proj", "query_key_value", "Wqkv", "qkv")
OUTPUT = ("o_proj", "out_proj", "out_lin", "c_proj", "dense", "Wo")
COUNTS = ("num_attention_heads", "num_heads", "n_heads", "n_head")
KV_COUNTS = ("num_key_value_heads", "num_kv_heads")
NORM = re.compile(r"(q|k|qk|query|key)_?(layer)?norm", re.IGNORECASE)
DIMS = ("head_dim", "attention_head_size", "head_size")


@dataclasses.dataclass
class Site:
    """One self-attention: its module, its layers, the block of the model that it is in, and its sizes."""

    name: str  # of the module in the model
    attention: nn.Module
    projections: Separate | Joint
    blocks: nn.ModuleList
    index: int  # of the block
    q_heads: int
    kv_heads: int
    dim: int

    @property
    def block(self):
        return self.blocks[self.index]

    def read(self):
        return projections.read(self.projections, self.q_heads, self.kv_heads)

    def write(self, heads):
        """Stores Heads with any number of KV heads, and tells the module."""
        projections.write(self.projections, heads)
        self._count(len(heads.k))

    def resize(self, kv_heads):
        """Makes room for `kv_heads`, without values: a checkpoint follows."""
        _, k, v = self.projections.sizes()
        self.projections.resize(k // self.kv_heads * kv_heads, v // self.kv_heads * kv_heads)
        self._count(kv_heads)

    def _count(self, kv_heads):
        self.kv_heads = kv_heads
        # Hugging Face's attention functions read this one from any module; the other is kept by some.
        self.attention.num_key_value_groups = self.q_heads // kv_heads
        for name in KV_COUNTS:
            if hasattr(self.attention, name):
                setattr(self.attention, name, kv_heads)

    @property
    def element_size(self):
        return self.projections.o.module.weight.element_size()

    def kv_bytes(self, kv_heads=None):
        """Bytes of K and V for one token."""
        _, k, v = self.projections.sizes()
        return (k + v) // self.kv_heads * (kv_heads or self.kv_heads) * self.element_size


def find(model):
    """The Sites of `model`, in order. Raises Unconvertible if there is none, or one that cannot be converted."""
    modules = dict(model.named_modules())
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise Unconvertible(f"{type(model).__name__} is an encoder and a decoder with cross-attention; only models of "
                            "self-attention are converted")
    found = []
    for name, module in modules.items():
        layers = _layers(name, module, modules)
        if layers:
            _understood(name, module, layers)
            found.append(_site(name, module, layers, modules))
    if not found:
        expected = ", ".join("/".join(names) for names in QKV)
        raise Unconvertible(f"{type(model).__name__} has no attention that is understood: expected modules with layers {expected}, "
                            f"or with one for all three ({', '.join(JOINT)}), and an output projection")
    if not hasattr(model, "config"):
        raise Unconvertible(f"{type(model).__name__} is no Hugging Face model, it has no config; convert the one in it, which "
                            f"{found[0].name} belongs to")
    if len({(site.blocks, site.index) for site in found}) < len(found):
        raise Unconvertible(f"{type(model).__name__} has blocks with two attentions, such as {found[1].name}")
    blocks = found[0].blocks
    if any(site.blocks is not blocks for site in found):
        raise Unconvertible(f"{type(model).__name__} has several lists of blocks with attention")
    if len(set(blocks)) < len(blocks):
        raise Unconvertible(f"{type(model).__name__} runs the same block several times, whose inputs differ; only blocks that "
                            "are run once can be converted one by one")
    return found


def _layers(name, module, modules):
    """Separate or Joint, or None if the module is no attention."""
    for names in QKV:
        if all(isinstance(getattr(module, each, None), nn.Module) for each in names):
            q, k, v = (Layer(module, each, f"{name}.{each}") for each in names)
            return Separate(q, k, v, _output(name, module, modules))
    for each in JOINT:
        if isinstance(getattr(module, each, None), nn.Module):
            return Joint(module, Layer(module, each, f"{name}.{each}"), _output(name, module, modules), _q_heads(module))
    return None


def _output(name, module, modules):
    """The output projection: in the module, or in the `output` beside it (BERT)."""
    parent = name.rpartition(".")[0]
    places = [(module, name, each) for each in OUTPUT]
    beside = modules.get(f"{parent}.output")
    if beside is not None:
        places.append((beside, f"{parent}.output", "dense"))
    for owner, path, attribute in places:
        if isinstance(getattr(owner, attribute, None), nn.Module):
            return Layer(owner, attribute, f"{path}.{attribute}")
    raise Unconvertible(f"{name} has projections for q, k and v, but no output projection was found "
                        f"(expected {', '.join(OUTPUT)}, or output.dense beside it)")


def _understood(name, module, layers):
    """Raises for whatever else has weights in there: it would have to be converted too."""
    known = {id(parameter) for layer in layers.layers() for parameter in layer.module.parameters()}
    for path, parameter in module.named_parameters():
        if id(parameter) in known:
            continue
        if NORM.match(path):
            raise Unconvertible(f"{name}.{path}: a norm between projection and score is not linear, so that no map of heads "
                                "folds through it; such a model needs training to share KV heads")
        raise Unconvertible(f"{name}.{path}: what this parameter does to the heads is not known")
    if getattr(getattr(module, "config", None), "clip_qkv", None) is not None:
        raise Unconvertible(f"{name}: clip_qkv cuts q, k and v off between projection and score, which is not linear")


def _site(name, module, layers, modules):
    q_width, k_width, v_width = layers.sizes()
    q_heads = _q_heads(module)
    if not q_heads or q_width % q_heads:
        raise Unconvertible(f"{name}: {q_width} query features, but {q_heads} heads")
    dim = _first(module, DIMS) or q_width // q_heads
    kv_heads = k_width // dim
    if q_width != q_heads * dim or kv_heads < 1 or k_width % dim or q_heads % kv_heads or v_width % kv_heads:
        raise Unconvertible(f"{name}: {q_heads} query heads of {dim} do not fit projections of {q_width} (q), {k_width} (k) "
                            f"and {v_width} (v) features")
    blocks, index = _block(name, modules)
    return Site(name, module, layers, blocks, index, q_heads, kv_heads, dim)


def _q_heads(module):
    return _first(module, COUNTS) or _first(getattr(module, "config", None), COUNTS)


def _first(owner, names):
    return next((value for name in names if isinstance(value := getattr(owner, name, None), int)), None)


def _block(name, modules):
    """The innermost module list that the attention is in, and where in it."""
    path = name.split(".")
    for end in range(len(path) - 1, 0, -1):
        blocks = modules.get(".".join(path[:end]))
        if isinstance(blocks, nn.ModuleList):
            return blocks, int(path[end])
    raise Unconvertible(f"{name} is in no list of blocks (nn.ModuleList), so that it cannot be run alone")
