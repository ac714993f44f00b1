"""ONNX `Attention` of opset 23 to 25: https://onnx.ai/onnx/operators/onnx__Attention.html."""

import dataclasses

import numpy as np
from onnx import TensorProto

from .attention import Attention
from .builder import Type
from .heads import append, cache, heads_of, merge, past_length, present
from .padding import pad_to_keys
from .scores import Scores

Q, K, V, MASK, PAST_KEY, PAST_VALUE, NONPAD = range(7)
Y, PRESENT_KEY, PRESENT_VALUE, QK = range(4)

_MASKS = (TensorProto.BOOL, TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


def rewrite(operator):
    q = heads_of(operator, operator.input(Q), "Q", operator.attribute("q_num_heads"))
    k = heads_of(operator, operator.input(K), "K", operator.attribute("kv_num_heads"))
    v = heads_of(operator, operator.input(V), "V", operator.attribute("kv_num_heads"))
    rank = operator.type(operator.input(Q)).rank
    _check(operator, q, k, v)
    past, k, v = _cached(operator, k, v)
    call = Attention(q, k, v, scale=operator.attribute("scale"), softcap=operator.attribute("softcap", 0.0),
                     causal=bool(operator.attribute("is_causal", 0)), window=_window(operator),
                     offset=_offset(operator, q, past))
    if operator.input(NONPAD):
        call.kv_len = operator.input(NONPAD)
    _add_mask(operator, call)
    _emit(operator, call, rank)


def _check(operator, q, k, v):
    if len({x.type.element for x in (q, k, v)}) > 1:
        operator.fail("Q, K and V have different element types; cast them to one type")
    if bool(operator.input(PAST_KEY)) != bool(operator.input(PAST_VALUE)):
        operator.fail("past_key and past_value are expected together; give both or neither")
    if operator.input(NONPAD) and operator.input(PAST_KEY):
        operator.fail("nonpad_kv_seqlen is for a cache that is updated outside; leave it out, or past_key and past_value")


def _cached(operator, k, v):
    """The length of the past (0, a size or a name), and keys and values with it in front."""
    if not operator.input(PAST_KEY):
        present(operator, {PRESENT_KEY: k, PRESENT_VALUE: v})
        return 0, k, v
    return (past_length(operator, PAST_KEY), append(operator, cache(operator, PAST_KEY), k, operator.output(PRESENT_KEY)),
            append(operator, cache(operator, PAST_VALUE), v, operator.output(PRESENT_VALUE)))


def _window(operator):
    window = operator.attribute("left_window_size", -1), operator.attribute("right_window_size", -1)
    if min(window) < -1:
        operator.fail(f"left_window_size and right_window_size are {window[0]} and {window[1]}; expected -1 (unbounded) or more")
    return None if window == (-1, -1) else window


def _offset(operator, q, past):
    """Keys in front of the queries: the past, or what the cache holds besides the queries' own."""
    if not operator.input(NONPAD):
        return past
    return operator.op("Sub", operator.input(NONPAD), operator.size(q.name, q.axis("s")))


def _add_mask(operator, call):
    mask = operator.input(MASK)
    if not mask:
        return
    kind = operator.type(mask)
    if kind.rank > 4:
        operator.fail(f"attn_mask has rank {kind.rank}; expected at most 4")
    if kind.element not in _MASKS:
        mask, kind = operator.op("Cast", mask, to=TensorProto.FLOAT), Type(TensorProto.FLOAT, kind.sizes)
    if operator.opset >= 24:  # what is behind the end of a mask is hidden
        mask = pad_to_keys(operator, mask, kind, call.k, -np.inf)
    if kind.element == TensorProto.BOOL:
        call.mask = mask
    else:
        call.bias = mask


def _in_double(operator, call):
    """The same attention in f64."""
    if call.q.type.element == TensorProto.DOUBLE:
        return call
    wide = {name: getattr(call, name).cast(operator, TensorProto.DOUBLE) for name in ("q", "k", "v")}
    return dataclasses.replace(call, **wide)


def _emit(operator, call, rank):
    """The attention, and the scores if they are a result."""
    layout, y, element = ("bhsd" if rank == 4 else "bshd"), operator.output(Y), call.q.type.element
    mode, qk = operator.attribute("qk_matmul_output_mode", 0), operator.output(QK)
    if mode not in (0, 1, 2, 3):
        operator.fail(f"attribute qk_matmul_output_mode={mode} is not known; expected 0, 1, 2 or 3")
    lse = operator.new() if qk and mode == 3 else None
    wide = _in_double(operator, call) if operator.attribute("softmax_precision") == TensorProto.DOUBLE else call
    direct = rank == 4 and wide is call
    out = wide.emit(operator, layout, y if direct else None, lse)
    if wide is not call:
        out = out.cast(operator, element, y if rank == 4 else None)
    if rank == 3:
        merge(operator, out, y)
    if qk:
        scores = Scores(operator, wide)
        values = (scores.scaled, scores.capped, scores.masked, lambda: scores.probabilities(lse))[mode]()
        operator.op("Cast", values, to=element, result=qk)
