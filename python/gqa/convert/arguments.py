"""Checks what `gqa.convert` is called with: each error names the argument, what was expected, and what was found."""

import collections.abc
import math

import torch
from torch import nn

from .groups import GROUPINGS
from .pool import METHODS


def model(value):
    if not isinstance(value, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(value).__name__}")
    return value


def choice(name, value, known):
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected one of {', '.join(known)}, got {type(value).__name__}")
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got '{value}'")
    return value


def method(value):
    return choice("method", value, METHODS)


def groups(value):
    return choice("groups", value, GROUPINGS)


def flag(name, value):
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {type(value).__name__}")
    return value


def whole(name, value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}")
    return value


def passes(name, value):
    if whole(name, value) < 0:
        raise ValueError(f"{name}: expected 0 passes or more, got {value}")
    return value


def kv_heads(value, sites, spread):
    """A number for each site, or with `spread` (an int then) the sum over all of them; None stays None."""
    if value is None:
        return None
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        if spread:
            raise TypeError("kv_heads: with spread=True expected one integer, the mean over the layers, got a sequence")
        if len(value) != len(sites):
            raise ValueError(f"kv_heads: expected {len(sites)} numbers, one for each attention layer, got {len(value)}")
        return [_of_site(number, site) for number, site in zip(value, sites)]
    if spread:
        number, most = whole("kv_heads", value), min(site.kv_heads for site in sites)
        if not 1 <= number <= most:
            raise ValueError(f"kv_heads: expected a mean from 1 to {most}, got {number}")
        return number * len(sites)
    return [_of_site(value, site) for site in sites]


def _of_site(number, site):
    whole("kv_heads", number)
    if number < 1 or site.kv_heads % number:
        raise ValueError(f"kv_heads: {number} does not divide the {site.kv_heads} KV heads of {site.name}")
    return number


def max_error(value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"max_error: expected a number, got {type(value).__name__}")
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"max_error: expected a relative error of 0 or more, got {value}")
    return float(value)


def calibration(value, tokenizer):
    """A list of mappings to call the model with. Plain text needs `tokenizer`, and comes in batches then."""
    if value is None:
        return []
    if isinstance(value, (str, bytes, torch.Tensor, collections.abc.Mapping)) or not isinstance(value, collections.abc.Iterable):
        raise TypeError("calibration: expected an iterable of mappings or of tensors (or of strings, with tokenizer=), "
                        f"got {type(value).__name__}")
    items = list(value)
    if not items:
        raise ValueError("calibration: expected at least one batch, got none; leave it out to convert by the weights alone")
    if all(isinstance(item, str) for item in items):
        if tokenizer is None:
            raise TypeError("calibration: plain text needs tokenizer=, the tokenizer of the model")
        return tokenized(items, tokenizer)
    return [_batch(item, number) for number, item in enumerate(items)]


def _batch(item, number):
    if isinstance(item, torch.Tensor):
        return {"input_ids" if not item.is_floating_point() else "inputs_embeds": item}
    if isinstance(item, collections.abc.Mapping):
        return dict(item)
    raise TypeError(f"calibration: item {number} is a {type(item).__name__}, expected a mapping or a tensor, as all others")


def tokenized(texts, tokenizer, batch_size=25, length=None):
    """Batches of texts that are about equally long, so that little is padding."""
    texts = sorted((text for text in texts if text.strip()), key=len)
    if not texts:
        raise ValueError("calibration: all texts are empty")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    keywords = {"truncation": True, "max_length": length} if length else {"truncation": True}
    return [dict(tokenizer(texts[first:first + batch_size], padding=True, return_tensors="pt", **keywords))
            for first in range(0, len(texts), batch_size)]
