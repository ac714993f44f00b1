"""Masks and biases of an attention: those shorter than the keys, and the padding masks of com.microsoft's operators."""

import numpy as np
from onnx import TensorProto


def add_padding(operator, call, mask, batch):
    """Adds `mask_filter_value` to the scores of keys that the integer mask leaves out: it hides none for good.

    Its forms, where T is the number of keys:

    rank 1: the number of keys of each sequence (batch), or their ends and then their starts (2 * batch);
    rank 2: batch x T, rank 3: batch x queries x T, with 1 for keys that count and 0 for others.
    """
    kind = operator.type(mask)
    if kind.rank == 1:
        keep = _between(operator, call, mask, kind.sizes[0], batch)
    elif kind.rank in (2, 3):
        shaped = operator.op("Unsqueeze", mask, operator.constant([1, 2] if kind.rank == 2 else [1]))
        keep = operator.op("Greater", shaped, operator.op("CastLike", operator.constant(0), mask))
    else:
        operator.fail(f"the mask '{mask}' has rank {kind.rank}; expected 1 (lengths), 2 (batch, keys) or 3 (batch, queries, keys)")
    fill = operator.attribute("mask_filter_value", -10000.0)
    bias = operator.op("Where", keep, operator.constant(0, np.float32), operator.constant(fill, np.float32))
    add_bias(operator, call, bias, TensorProto.FLOAT)


def add_bias(operator, call, bias, element):
    """Adds a dense bias to what an Attention has."""
    if call.bias is None:
        call.bias = bias
        return
    wide = bias if element == TensorProto.FLOAT else operator.op("Cast", bias, to=TensorProto.FLOAT)
    call.bias = operator.op("Add", call.bias, wide)


def _between(operator, call, mask, length, batch):
    """Keys below the end, and from the start on, of each sequence."""
    if not isinstance(length, int) or not isinstance(batch, int) or length not in (batch, 2 * batch):
        operator.fail(f"the mask '{mask}' has {length} elements for a batch of {batch}; expected one (lengths) or two (ends, "
                      "then starts) for each sequence, and both sizes known; write it as batch x keys instead")
    size = operator.op("Squeeze", operator.size(call.k.name, call.k.axis("s")), operator.constant([0]))
    key = operator.op("Range", operator.constant(0), size, operator.constant(1))
    bounds = operator.op("Reshape", operator.op("Cast", mask, to=TensorProto.INT64), operator.constant([-1, batch, 1, 1, 1]))
    keep = operator.op("Less", key, _part(operator, bounds, 0))
    if length == batch:
        return keep
    return operator.op("And", keep, operator.op("GreaterOrEqual", key, _part(operator, bounds, 1)))


def _part(operator, bounds, place):
    return operator.op("Gather", bounds, operator.constant(place), axis=0)


def pad_to_keys(operator, mask, kind, k, fill):
    """`mask`, of Type `kind`, with its last dimension as long as the keys; behind its end it is `fill` (or false)."""
    if kind.rank == 0 or kind.sizes[-1] == k.size("s"):
        return mask
    if isinstance(kind.sizes[-1], int) and isinstance(k.size("s"), int):
        missing = operator.constant([k.size("s") - kind.sizes[-1]])
    else:
        missing = operator.op("Sub", operator.size(k.name, k.axis("s")), operator.size(mask, kind.rank - 1))
    pads = operator.op("Concat", operator.constant([0] * (2 * kind.rank - 1)), missing, axis=0)
    if kind.element == TensorProto.BOOL:
        return operator.op("Pad", mask, pads, operator.constant(False, np.bool_))
    return operator.op("Pad", mask, pads, operator.op("Cast", operator.constant(fill, np.float32), to=kind.element))
