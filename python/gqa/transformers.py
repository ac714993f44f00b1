"""Hugging Face models with `attn_implementation="gqa"`.

    import gqa.transformers
    model = AutoModelForCausalLM.from_pretrained(path, attn_implementation="gqa")

Importing this registers the implementation and its masks. A model's mask stays what it is, a function of the positions of
query and key: kernels skip what it hides block by block, and no mask tensor is made. Inference only: with gradients the
attention is `torch.ops.gqa.attention`'s, which needs a mask as a tensor.
"""

import torch
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import (add_offsets_to_mask_function, and_masks, causal_mask_function, padding_mask_function,
                                        prepare_padding_mask)

from ._attention import attention
from ._score import Tracer

__all__ = ["attention_forward", "mask", "Mask"]


class Mask(BlockMask):
    """Which keys a query sees, as a function of (b, h, i, j): B x 1 x Sq x Skv without memory.

    It is a BlockMask for models, which pass those through, and has none of its blocks. `causal` with `offset` says the same
    where the function is no more than that; `seen` does so as a tensor, for a single query. A model that looks into its mask,
    to choose keys of its own among those that are seen, finds what it finds with sdpa: a tensor of booleans, true where a key
    is seen, which is made for each such look.
    """

    dtype = torch.bool

    def __init__(self, shape, function, causal_offset=None, device="cpu"):
        self._shape, self.mask_mod, self.causal_offset, self._device = shape, function, causal_offset, torch.device(device)
        self.tracer, self.seen = Tracer(function), None

    @property
    def shape(self):
        return self._shape

    @property
    def ndim(self):
        return len(self._shape)

    @property
    def device(self):
        return self._device

    def dim(self):
        return len(self._shape)

    def size(self, dim=None):
        return torch.Size(self._shape) if dim is None else self._shape[dim]

    def dense(self):
        """As a tensor of booleans, B x 1 x Sq x Skv."""
        return self.tracer.dense(self._shape, self._device)

    def contiguous(self):
        return self

    def to(self, *_, **__):
        return self

    def __getitem__(self, index):
        return self.dense()[index]

    def __and__(self, other):
        return self.dense() & other

    __rand__ = __and__

    def __invert__(self):
        return ~self.dense()

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        """torch's operations come here. Most models that use masks in them do so in an attention of their own."""
        raise TypeError(f"the mask of attn_implementation='gqa' cannot be an argument of {getattr(function, '__name__', function)}: "
                        "the model has an attention of its own, and needs attn_implementation='eager'")

    def __radd__(self, scores):  # torch leaves sums to us when it hears of an error
        return self.__torch_function__(torch.add, ())

    __add__ = __radd__

    def __repr__(self):
        return f"<gqa.transformers.Mask {'x'.join(map(str, self._shape))}>"

    __str__ = __repr__


# Models that lose a BlockMask on its way to the attention, and what it hides with it; they have a tensor, as with sdpa.
LOSE_MASKS = ("doge",)


def mask(batch_size, q_length, kv_length, q_offset=0, kv_offset=0, mask_function=causal_mask_function, attention_mask=None,
         device="cpu", allow_is_causal_skip=True, allow_is_bidirectional_skip=False, config=None, **_):
    """What transformers calls for a model's masks: a `Mask`, or None where each query sees all keys and that may be said so.

    attention_mask: B x tokens, false at padding. Offsets are integers or tensors.
    """
    if not callable(mask_function):
        raise TypeError(f"mask_function is of type {type(mask_function).__name__}, expected a function of (b, h, i, j)")
    if attention_mask is not None and not isinstance(attention_mask, torch.Tensor):
        raise TypeError(f"attention_mask is of type {type(attention_mask).__name__}, expected a tensor B x tokens")
    padded = attention_mask is not None and not bool(attention_mask.all())
    is_causal = mask_function is causal_mask_function and not padded
    may_skip = allow_is_causal_skip or allow_is_bidirectional_skip
    if may_skip and is_causal and q_length == 1 and isinstance(q_offset, int) and q_offset - kv_offset >= kv_length - 1:
        return None
    if padded:
        padding = prepare_padding_mask(attention_mask, kv_length, kv_offset)
        mask_function = and_masks(mask_function, padding_mask_function(padding))
    seen = None
    if (q_length == 1 and isinstance(q_offset, int) and isinstance(kv_offset, int) and torch.device(device).type == "cpu"
            and not torch.compiler.is_compiling()):
        seen = _seen_by_one(mask_function, batch_size, q_offset, range(kv_offset, kv_offset + kv_length))
        if may_skip and bool(seen.all()):
            return None
    # Positions are operands of the kernel, so that the next token does not need a new one.
    q_place, kv_place = (torch.as_tensor(place, dtype=torch.int64) if isinstance(place, torch.Tensor) or place else 0
                         for place in (q_offset, kv_offset))
    function = add_offsets_to_mask_function(mask_function, q_place, kv_place)
    made = Mask((batch_size, 1, q_length, kv_length), function, q_offset - kv_offset if is_causal else None, device)
    if getattr(config, "model_type", None) in LOSE_MASKS:
        return made.dense()
    # As a tensor, made once for all layers, a call costs less than with a function; but with a function kernels skip what is
    # hidden, which pays where most of a cache is not in use yet.
    if seen is not None and 2 * int(seen.sum()) > seen.numel():
        made.seen = seen.contiguous()
    return made


def _seen_by_one(function, batch, place, keys):
    """Which of `keys` a single query at `place` sees, B x 1 x 1 x Skv. On the CPU, where asking does not wait."""
    seen = function(torch.arange(batch).view(-1, 1, 1, 1), torch.tensor(0), torch.tensor(place), torch.arange(keys.start, keys.stop))
    return seen.expand(batch, 1, 1, len(keys))


def attention_forward(module, query, key, value, attention_mask, dropout=0.0, scaling=None, is_causal=None, softcap=None,
                      s_aux=None, position_bias=None, sliding_window=None, cache=None, indices=None, **further):
    """What transformers calls for a layer: (output B x Sq x Hq x Dv, None).

    query, key, value: B x heads x tokens x D. attention_mask: a `Mask`, a boolean or additive tensor that broadcasts to
    B x Hq x Sq x Skv, or None: then is_causal (of the call, or of the module) decides, aligned at the first key.
    indices: B x Sq x n, the only keys that a query sees of those (DeepSeek's sparse attention).
    """
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if not isinstance(tensor, torch.Tensor) or tensor.ndim != 4:
            found = f"has {tensor.ndim} dimensions" if isinstance(tensor, torch.Tensor) else f"is of type {type(tensor).__name__}"
            raise TypeError(f"{name} {found}, expected a tensor B x heads x tokens x D")
    if cache is not None:
        raise ValueError("attn_implementation='gqa' has no paged attention (continuous batching); use 'paged|sdpa'")
    for name in ("block_indices", "sinks"):  # left out, numbers would be wrong
        if further.get(name) is not None:
            raise ValueError(f"attn_implementation='gqa' does not know the argument '{name}' of {type(module).__name__}; the model "
                             "needs attn_implementation='eager'")
    if dropout:
        raise ValueError(f"attn_implementation='gqa' has no dropout, the model asks for {dropout}; call model.eval()")
    options = {"scale": scaling, "softcap": softcap, "sinks": s_aux, "bias": position_bias}
    queries, keys = query.shape[2], key.shape[2]
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if isinstance(attention_mask, Mask):
        if attention_mask.seen is not None:
            options["mask"] = attention_mask.seen
        elif attention_mask.causal_offset is None:
            options["mask"] = attention_mask.tracer
        else:
            options |= {"causal": True, "offset": attention_mask.causal_offset}
    elif attention_mask is not None:
        _add_tensor(options, attention_mask, keys)
    elif causal and queries > 1:
        options |= {"causal": True, "offset": 0}
        if sliding_window is not None:
            options["window"] = sliding_window
    if indices is not None:
        _keep_only(options, attention_mask, indices, keys)
    output = _call(query, key, value, {name: option for name, option in options.items() if option is not None})
    return output, None


def _add_tensor(options, attention_mask, keys):
    """A mask that a model or a user made: boolean, or added to the scores."""
    if not isinstance(attention_mask, torch.Tensor):
        raise TypeError(f"attention_mask is of type {type(attention_mask).__name__}, expected a tensor or None")
    if attention_mask.dtype != torch.bool and not attention_mask.is_floating_point():
        raise TypeError(f"attention_mask has elements of type {attention_mask.dtype}, expected bool (true keeps), or floats that "
                        "are added to the scores")
    attention_mask = attention_mask[..., :keys]
    if attention_mask.dtype == torch.bool:
        options["mask"] = attention_mask
    elif options["bias"] is None:
        options["bias"] = attention_mask
    else:
        options["bias"] = options["bias"] + attention_mask


def _keep_only(options, attention_mask, indices, keys):
    """Of the keys that are seen, those that a query has chosen."""
    chosen = torch.zeros(*indices.shape[:2], keys, dtype=torch.bool, device=indices.device)
    chosen = chosen.scatter(-1, indices.to(torch.int64), True).unsqueeze(1)
    seen = attention_mask.dense() if isinstance(attention_mask, Mask) else options.get("mask")
    options["mask"] = chosen if seen is None else chosen & seen


@torch.compiler.disable
def _call(query, key, value, options):
    if torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value)):
        return _differentiable(query, key, value, options)
    if query.shape[2] == 1:  # the output is the same in either order of memory, and a cache need not be looked at as another
        return attention(query, key, value, **options).transpose(1, 2)
    return attention(*(x.transpose(1, 2) for x in (query, key, value)), layout="bshd", **options)


def _differentiable(query, key, value, options):
    from .torch import attention as operator
    if isinstance(options.get("mask"), Tracer):
        sizes = query.shape[0], 1, query.shape[2], key.shape[2]
        options["mask"] = options["mask"].dense(sizes, query.device)
    window = options.get("window")
    if isinstance(window, int):
        options["window"] = [window - 1, -1]
    if isinstance(options.get("offset"), torch.Tensor):
        options["offsets"] = options.pop("offset").reshape(-1)
    return operator(query, key, value, **options)[0].transpose(1, 2).contiguous()


AttentionInterface.register("gqa", attention_forward)
AttentionMaskInterface.register("gqa", mask)
