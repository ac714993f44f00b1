"""Models whose attention modules have been replaced: how they are built again from a checkpoint, and how they attend.

Where an architecture has `num_key_value_heads`, a converted model is a stock checkpoint and nothing here is used. Others
become a subclass of their class, which after building the stock model makes the projections of K and V smaller, as
the configuration's `gqa_kv_heads` says; so save_pretrained and from_pretrained work as they are.
"""

import functools

import torch

from . import sites

EAGER = "gqa_eager"  # eager attention for modules that share KV heads; Hugging Face's own expects as many as query heads


def eager(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
    """Attention with weights, in the way of Hugging Face's eager functions: B x H x S x D in, B x S x H x D out."""
    groups = query.shape[1] // key.shape[1]
    key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
    weights = torch.nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2), weights


def register():
    """Makes EAGER known to Hugging Face, with the masks of its own eager attention."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(EAGER, eager)
    AttentionMaskInterface.register(EAGER, eager_mask)


class SharedKV:
    """Comes before a model class: builds the stock model, then makes room for as many KV heads as the configuration says."""

    def __init__(self, config, *args, **kwargs):
        register()
        super().__init__(config, *args, **kwargs)
        for site, kv_heads in zip(sites.find(self), config.gqa_kv_heads, strict=True):
            site.resize(kv_heads)
        use_shared_attention(self.config)

    def __reduce_ex__(self, protocol):
        """Copies and pickles: the class is made again from its base, as no module has it by name."""
        return _empty, (type(self).__bases__[1],), self.__dict__


def _empty(base):
    model_class = shared_class(base)
    return model_class.__new__(model_class)


def use_shared_attention(config):
    """Eager attention of architectures that know no groups becomes ours, which does."""
    if _counts(config) is None and config._attn_implementation == "eager":
        config._attn_implementation = EAGER


@functools.cache
def shared_class(base):
    """The subclass of `base`, a Hugging Face model class, for models with fewer KV heads.

    Its qualified name is the base's: by that Hugging Face finds which of a model's layers give hidden states and attentions.
    """
    if issubclass(base, SharedKV):
        return base
    members = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    return type(f"{SharedKV.__name__}{base.__name__}", (SharedKV, base), members)


def configurations(model, found):
    """Those that the model and its attention modules read, each once."""
    owners = [model, *(site.attention for site in found)]
    return list({id(owner.config): owner.config for owner in owners if hasattr(owner, "config")}.values())


def _counts(config):
    """The name of the number of KV heads in a configuration, or None if its architecture has as many as query heads."""
    if not getattr(config, "new_decoder_architecture", True):
        return None  # an older Falcon: the number is there, and not used
    return next((name for name in sites.KV_COUNTS if hasattr(config, name)), None)


def prepare(model, found):
    """Before the first attention gets fewer KV heads."""
    register()
    for config in configurations(model, found):
        use_shared_attention(config)


def finish(model, found):
    """Writes the numbers of KV heads into the configuration; the model's class changes where no stock class could hold them."""
    counts, configs = [site.kv_heads for site in found], configurations(model, found)
    stock = not isinstance(model, SharedKV) and len(set(counts)) == 1
    if stock and all(map(_counts, configs)):
        for config in configs:
            setattr(config, _counts(config), counts[0])
    else:
        model.config.gqa_kv_heads = counts
        model.__class__ = shared_class(type(model))


def class_of(config, path):
    """The class of the model in the folder `path`, which has this configuration."""
    import transformers

    name = (getattr(config, "architectures", None) or [""])[0]
    base = getattr(transformers, name.removeprefix(SharedKV.__name__), None)
    if base is None:
        raise ValueError(f"path: {path} has the configuration of '{name}', expected a model class of transformers")
    return shared_class(base) if hasattr(config, "gqa_kv_heads") else base


def load(path, **keywords):
    """A model that `gqa.convert` has converted and `save_pretrained` has written, or any other stock checkpoint.

    path: the folder. keywords: those of Hugging Face's `from_pretrained`. Raises ValueError if the configuration names no
    model class of transformers.
    """
    import transformers

    return class_of(transformers.AutoConfig.from_pretrained(path), path).from_pretrained(path, **keywords)
