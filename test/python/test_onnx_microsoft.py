"""Operators of com.microsoft become operations of the dialect, with the numbers that onnxruntime has."""

import itertools

import numpy as np
import pytest

from onnx_microsoft import array, check

HQ, HKV, D, MAX = 6, 2, 32, 32


def tables(pairs, dtype=np.float32):
    angle = np.arange(MAX)[:, None] * 10000.0 ** (-np.arange(pairs) / pairs)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def grouped(lengths, new, past=0, room=None, dtype=np.float32, packed=False, rotary=False, pairs=D // 2, positions=None,
            bias=False, sink=False, valid=None, **attributes):
    """Inputs, attributes and what is specified of a step: `lengths` are the tokens of each sequence afterwards, `room` the
    size of a cache that keeps it."""
    batch, lengths, total = len(lengths), np.array(lengths), max(lengths)
    q, k, v = (array(batch, new, h * D, seed=h + i, dtype=dtype) for i, h in enumerate((HQ, HKV, HKV)))
    caches = [array(batch, HKV, room or past, D, seed=7 + i, dtype=dtype) for i in range(2)] if past or room else [None, None]
    operands = [np.concatenate((q, k, v), 2), None, None] if packed else [q, k, v]
    cos, sin = tables(pairs, dtype) if rotary else (None, None)
    inputs = operands + caches + [(lengths - 1).astype(np.int32), np.array(total, np.int32), cos, sin,
                                  None if positions is None else np.array(positions, np.int64),
                                  array(batch, 1, new, total, seed=11, dtype=dtype) if bias else None,
                                  array(HQ, seed=12, dtype=dtype) if sink else None]
    if valid is not None:
        inputs += [None] * 4 + [np.array(valid, np.int32)]
    fresh = np.minimum(new, lengths) if valid is None else np.array(valid)
    keys = room or max(past + new, total)
    rows = (np.arange(new) < fresh[:, None])[:, :, None]
    kept = (np.arange(keys) < lengths[:, None])[:, None, :, None]
    attributes |= {"num_heads": HQ, "kv_num_heads": HKV}
    if rotary:
        attributes["do_rotary"] = 1
    return inputs, [rows, kept, kept], attributes


GROUPED = {
    "prompt": dict(lengths=[5, 5], new=5),
    "prompt_padded": dict(lengths=[5, 3], new=5),
    "prompt_empty_past": dict(lengths=[6], new=6, past=0),
    "prompt_in_room": dict(lengths=[5, 4], new=5, room=12),
    "decode": dict(lengths=[6], new=1, past=5),
    "decode_batch": dict(lengths=[6, 6], new=1, past=5),
    "decode_ragged": dict(lengths=[6, 4], new=1, past=5),
    "decode_in_room": dict(lengths=[7, 3], new=1, room=12),
    "chunk": dict(lengths=[9], new=4, past=5),
    "chunk_in_room": dict(lengths=[9], new=4, room=12),
    "packed": dict(lengths=[6, 6], new=1, past=5, packed=True),
    "rotary_prompt": dict(lengths=[5, 5], new=5, rotary=True),
    "rotary_decode": dict(lengths=[6, 4], new=1, past=5, rotary=True),
    "rotary_chunk": dict(lengths=[9], new=4, past=5, rotary=True),
    "rotary_interleaved": dict(lengths=[6], new=1, past=5, rotary=True, rotary_interleaved=1),
    "rotary_partial": dict(lengths=[6], new=1, past=5, rotary=True, pairs=8),
    "rotary_positions": dict(lengths=[6, 6], new=1, past=5, rotary=True, positions=[[9], [3]]),
    "rotary_positions_of_prompt": dict(lengths=[5, 5], new=5, rotary=True, positions=[[2, 9, 4, 5, 6], [7, 1, 2, 3, 4]]),
    "rotary_positions_in_room": dict(lengths=[5, 5], new=5, room=12, rotary=True, positions=[[2, 9, 4, 5, 6], [7, 1, 2, 3, 4]]),
    "rotary_positions_of_chunk": dict(lengths=[9], new=4, past=5, rotary=True, positions=[[2, 9, 4, 5]]),
    "rotary_packed_in_room": dict(lengths=[7, 3], new=1, room=12, rotary=True, packed=True),
    "window": dict(lengths=[9], new=9, local_window_size=3),
    "window_decode": dict(lengths=[9, 7], new=1, past=8, local_window_size=4),
    "softcap": dict(lengths=[5], new=5, softcap=2.0),
    "scale": dict(lengths=[5], new=5, scale=0.3),
    "bias": dict(lengths=[5, 5], new=5, bias=True),
    "bias_decode": dict(lengths=[6, 6], new=1, past=5, bias=True),
    "bias_in_room": dict(lengths=[7, 3], new=1, room=12, bias=True),
    "smooth": dict(lengths=[5], new=5, smooth_softmax=1),
    "sink": dict(lengths=[5], new=5, sink=True),
    "sink_decode": dict(lengths=[6, 4], new=1, past=5, sink=True, local_window_size=3),
    "everything": dict(lengths=[9, 7], new=1, past=8, rotary=True, packed=True, softcap=3.0, local_window_size=5, sink=True,
                       scale=0.2, rotary_interleaved=1),
    "both_ways": dict(lengths=[5, 4], new=5, causal=0),
    "padded_chunk": dict(lengths=[9, 5], new=4, room=16, valid=[4, 2], rotary=True),
    "idle": dict(lengths=[9, 5], new=1, room=16, valid=[1, 0], rotary=True),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16], ids=["f32", "f16"])
@pytest.mark.parametrize("name", GROUPED)
def test_grouped(name, dtype):
    inputs, valid, attributes = grouped(**GROUPED[name], dtype=dtype)
    text = check("GroupQueryAttention", inputs, 3, valid, **attributes)
    assert text.count('"gqa.attention"') == 1 and text.count('"gqa.rotary"') == 2 * attributes.get("do_rotary", 0)


B, S, L, N, P = 2, 3, 5, 4, 6


def multihead(form, bias=False, padding=None, score_bias=False, past=False, dv=D, **attributes):
    """Inputs, the number of results and attributes. `form`: how queries, keys and values are packed."""
    keys = {"cross": L, "heads": L, "packed_kv": L}.get(form, S)
    total = keys + (P if past else 0)
    q = array(B, S, N * D, seed=1)
    operands = {
        "self": lambda: [q, array(B, S, N * D, seed=2), array(B, S, N * dv, seed=3)],
        "cross": lambda: [q, array(B, L, N * D, seed=2), array(B, L, N * dv, seed=3)],
        "heads": lambda: [q, array(B, N, L, D, seed=2), array(B, N, L, dv, seed=3)],
        "packed_kv": lambda: [q, array(B, L, N, 2, D, seed=2), None],
        "packed_qkv": lambda: [array(B, S, N, 3, D, seed=1), None, None],
    }[form]()
    masks = {None: None, "lengths": np.array([total, total - 2]), "keys": np.arange(total) < np.array([[total], [total - 3]]),
             "left": np.arange(total) >= np.array([[0], [2]]), "all": np.zeros((B, total)),
             "square": np.random.default_rng(5).integers(0, 2, (B, S, total))}
    mask = masks[padding]
    inputs = operands + [array(2 * N * D + N * dv, seed=4) if bias else None, None if mask is None else mask.astype(np.int32),
                         array(1, N, S, total, seed=6) if score_bias else None]
    inputs += [array(B, N, P, D, seed=8), array(B, N, P, dv, seed=9)] if past else []
    return inputs, 3 if past else 1, {**attributes, "num_heads": N}


def unpack(q, k):
    """Queries, keys and values on their own: onnxruntime has the packed forms on GPUs only."""
    flat = lambda x: np.ascontiguousarray(x).reshape(*x.shape[:2], -1)
    planes = [q[:, :, :, i] for i in range(3)] if k is None else [q, k[:, :, :, 0], k[:, :, :, 1]]
    return [flat(x) for x in planes]


MULTIHEAD = {
    **{form: dict(form=form) for form in ("self", "cross", "heads", "packed_kv", "packed_qkv")},
    **{f"{form}_bias": dict(form=form, bias=True) for form in ("self", "cross", "packed_kv", "packed_qkv")},
    **{f"{form}_{padding}": dict(form=form, padding=padding)
       for form, padding in itertools.product(("self", "cross"), ("lengths", "keys", "left", "all", "square"))},
    "value_size": dict(form="cross", dv=8, bias=True),
    "score_bias": dict(form="cross", score_bias=True),
    "score_bias_padding": dict(form="cross", score_bias=True, padding="keys"),
    "past": dict(form="self", past=True),
    "past_bias_padding": dict(form="self", past=True, bias=True, padding="keys"),
    "causal": dict(form="self", unidirectional=1),
    "causal_past": dict(form="self", unidirectional=1, past=True),
    "causal_left_padding": dict(form="self", unidirectional=1, padding="left"),
    "filter_value": dict(form="cross", padding="all", mask_filter_value=-5.0),
    "filter_some": dict(form="cross", padding="keys", mask_filter_value=-1.0, scale=0.5),
}


@pytest.mark.parametrize("name", MULTIHEAD)
def test_multihead(name):
    inputs, outputs, attributes = multihead(**MULTIHEAD[name])
    unpacked = unpack(*inputs[:2]) + inputs[3:] if inputs[2] is None else None
    assert check("MultiHeadAttention", inputs, outputs, unpacked=unpacked, **attributes).count('"gqa.attention"') == 1


def packed(bias=True, mask=None, past=False, score_bias=False, sizes=None, present=False, **attributes):
    total = S + (P if past else 0)
    masks = {None: None, "lengths": np.array([total, total - 1]), "both_ends": np.array([total, total - 1, 0, 1]),
             "keys": np.arange(total) < np.array([[total], [total - 2]]), "square": np.random.default_rng(5).integers(0, 2, (B, S, total))}
    hidden = sizes or [N * D] * 3
    chosen = masks[mask]
    inputs = [array(B, S, 24, seed=1), array(24, sum(hidden), seed=2) * np.float32(0.2), array(sum(hidden), seed=3) if bias else None,
              None if chosen is None else chosen.astype(np.int32), array(2, B, N, P, D, seed=4) if past else None,
              array(1, N, S, total, seed=5) if score_bias else None]
    if sizes:
        attributes["qkv_hidden_sizes"] = sizes
    return inputs, 2 if past or present else 1, {**attributes, "num_heads": N}


PACKED = {
    "plain": {}, "no_bias": dict(bias=False), "causal": dict(unidirectional=1), "past": dict(past=True),
    "causal_past": dict(unidirectional=1, past=True), "present": dict(present=True), "score_bias": dict(score_bias=True),
    "sizes": dict(sizes=[N * D, N * D, N * 8]), "scale": dict(scale=0.1),
    **{f"mask_{mask}": dict(mask=mask) for mask in ("lengths", "both_ends", "keys", "square")},
    "mask_past": dict(mask="keys", past=True), "causal_mask": dict(mask="keys", unidirectional=1),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed(name):
    inputs, outputs, attributes = packed(**PACKED[name])
    assert check("Attention", inputs, outputs, **attributes).count('"gqa.attention"') == 1


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rank, pairs, start", [(3, 16, None), (4, 16, None), (4, 16, 5), (3, 4, None), (3, 16, 2), (4, 4, 1)])
def test_rotary(rank, pairs, start, interleaved):
    x = array(B, S, N * D, seed=1) if rank == 3 else array(B, N, S, D, seed=1)
    positions = np.array([start]) if start is not None else np.array([[3, 4, 5], [0, 9, 1]])
    attributes = dict(interleaved=interleaved)
    if 2 * pairs != D:
        attributes |= dict(rotary_embedding_dim=2 * pairs, num_heads=N)
    assert check("RotaryEmbedding", [x, positions, *tables(pairs)], 1, **attributes).count('"gqa.rotary"') == 1


BESIDE = {
    "SkipSimplifiedLayerNormalization": ([(B, S, 24), (B, S, 24), (24,), (24,)], 4, {"epsilon": 1e-3}),
    "SkipLayerNormalization": ([(B, S, 24), (B, S, 24), (24,), (24,), (24,)], 4, {"epsilon": 1e-3}),
    "BiasGelu": ([(B, S, 24), (24,)], 1, {}),
    "FastGelu": ([(B, S, 24), (24,)], 1, {}),
    "QuickGelu": ([(B, S, 24)], 1, {"alpha": 1.5}),
}


@pytest.mark.parametrize("operator", BESIDE)
def test_beside(operator):
    shapes, outputs, attributes = BESIDE[operator]
    inputs = [array(*shape, seed=i) for i, shape in enumerate(shapes)]
    check(operator, inputs, outputs, unused=(1, 2), **attributes)
