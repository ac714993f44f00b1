"""What the importer refuses of ONNX's attention operators: the message names the node, the input and what to do."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from gqa.importer import ImportFailure, linalg_of_onnx
from onnx_microsoft import array, model_of

HEADS = {"num_heads": 4, "kv_num_heads": 2}
X, KV, CACHE = array(1, 3, 64, seed=1), array(1, 3, 32, seed=2), array(1, 2, 5, 16, seed=3)
LENGTHS, TOTAL = np.array([2], np.int32), np.array(3, np.int32)
GROUPED = [X, KV, KV, None, None, LENGTHS, TOTAL]
PAST = np.array([1], np.int32)

REFUSED = {
    "quantised": ("GroupQueryAttention", GROUPED + [None] * 5 + [array(1, seed=1)], HEADS, ["k_scale", "quantised"]),
    "norm": ("GroupQueryAttention", GROUPED + [None] * 7 + [array(16, seed=1)] * 2, HEADS, ["q_norm_weight", "normalise"]),
    "window_cache": ("GroupQueryAttention", GROUPED, {**HEADS, "sliding_window_cache": 1}, ["sliding_window_cache=1", "local_window_size"]),
    "cache_type": ("GroupQueryAttention", GROUPED, {**HEADS, "k_quant_type": "PER_TENSOR"}, ["k_quant_type=PER_TENSOR"]),
    "no_tables": ("GroupQueryAttention", GROUPED, {**HEADS, "do_rotary": 1}, ["do_rotary", "cos_cache"]),
    "heads": ("GroupQueryAttention", GROUPED, {"num_heads": 5, "kv_num_heads": 2}, ["query", "64 features", "5 heads"]),
    "beams": ("MultiHeadAttention", [X, X, X] + [None] * 6 + [np.zeros((1, 1, 3), np.int32)], {"num_heads": 4}, ["cache_indirection"]),
    "shared_room": ("MultiHeadAttention", [X, X, X] + [None] * 5 + [PAST], {"num_heads": 4}, ["past_sequence_length", "use past_key"]),
    "no_key": ("MultiHeadAttention", [X], {"num_heads": 4}, ["key is left out", "packed"]),
    "mask_rank": ("MultiHeadAttention", [X, X, X, None, np.ones((1, 1, 3, 3), np.int32)], {"num_heads": 4}, ["rank 4", "lengths"]),
    "mask_length": ("MultiHeadAttention", [X, X, X, None, np.ones(5, np.int32)], {"num_heads": 4}, ["5 elements", "batch of 1"]),
    "rotary_inside": ("Attention", [X, array(64, 192, seed=4)], {"num_heads": 4, "do_rotary": 1}, ["do_rotary=1", "RotaryEmbedding"]),
    "rotary_scale": ("RotaryEmbedding", [X, np.array([0]), array(8, 8, seed=1), array(8, 8, seed=2)], {"num_heads": 4, "scale": 2.0},
                     ["scale=2.0", "multiply"]),
    "rotary_pairs": ("RotaryEmbedding", [X, np.array([0]), array(8, 6, seed=1), array(8, 6, seed=2)],
                     {"num_heads": 4, "rotary_embedding_dim": 8}, ["6 columns", "half of the 8"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_microsoft(name):
    operator, inputs, attributes, words = REFUSED[name]
    with pytest.raises(ImportFailure) as failure:
        linalg_of_onnx(model_of(operator, inputs, 1, **attributes))
    refused(failure, f"com.microsoft.{operator}", words)


def refused(failure, operator, words):
    first = str(failure.value).splitlines()[0]
    for word in ["node '", operator, *words]:
        assert word in first, first


def standard(shapes, opset=24, outputs=1, **attributes):
    names = ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"]
    values = [helper.make_tensor_value_info(n, TensorProto.INT64 if n == "nonpad_kv_seqlen" else TensorProto.FLOAT, s)
              for n, s in zip(names, shapes) if s is not None]
    node = helper.make_node("Attention", [n if s is not None else "" for n, s in zip(names, shapes)],
                            [f"out{i}" for i in range(outputs)], **attributes)
    results = [helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, None) for i in range(outputs)]
    return helper.make_model(helper.make_graph([node], "g", values, results), opset_imports=[helper.make_opsetid("", opset)])


WHOLE = (1, 4, 3, 16)


@pytest.mark.parametrize("shapes, attributes, words", [
    ([WHOLE, WHOLE, WHOLE, None, (1, 4, 2, 16)], {}, ["past_key and past_value"]),
    ([WHOLE, WHOLE, WHOLE, None, (1, 4, 2, 16), (1, 4, 2, 16), (1,)], {}, ["nonpad_kv_seqlen", "leave it out"]),
    ([(1, 3, 64)] * 3, {"q_num_heads": 5, "kv_num_heads": 4}, ["Q", "64 features", "5 heads"]),
], ids=["half_a_past", "two_caches", "heads"])
def test_standard(shapes, attributes, words):
    with pytest.raises(ImportFailure) as failure:
        linalg_of_onnx(standard(shapes, **attributes))
    refused(failure, "(Attention)", words)


def test_unknown_mode():
    with pytest.raises(ImportFailure) as failure:
        linalg_of_onnx(standard([WHOLE] * 3, outputs=4, qk_matmul_output_mode=7))
    refused(failure, "(Attention)", ["qk_matmul_output_mode=7"])


def test_unknown_rank():
    model = standard([WHOLE] * 3)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ImportFailure) as failure:
        linalg_of_onnx(model)
    refused(failure, "(Attention)", ["rank", "'Q'"])
