"""`score=` and `mask=` as Python functions, in FlexAttention's form: numbers against the float64 definition, where the same
function is called with broadcast tensors, and messages for what a kernel cannot compute."""

import math

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import and_masks, create_block_mask, flex_attention, or_masks

import gqa
from attention_call import check_attention
from gqa._score import FUNCTIONS, trace

BATCH, HEADS, KV_HEADS, QUERIES, KEYS, DIM = 2, 6, 2, 96, 130, 64
rng = np.random.default_rng(3)
DOCUMENT = torch.from_numpy(np.sort(rng.integers(0, 4, (BATCH, KEYS)))).int()
SLOPES = torch.from_numpy(rng.standard_normal(HEADS).astype(np.float32)) / 8
RELATIVE = torch.from_numpy(rng.standard_normal((HEADS, QUERIES + KEYS)).astype(np.float32))
LENGTHS = torch.tensor([70, 130])
FIRST = torch.tensor([34, 5])
GATE = torch.tensor(0.75, dtype=torch.float16)

MASKS = {
    "causal": lambda b, h, i, j: i >= j,
    "window": lambda b, h, i, j: (i - j).abs() <= 20,
    "sliding": lambda b, h, i, j: (i >= j) & (i - j < 17),
    "prefix": lambda b, h, i, j: (j < 30) | (i >= j),
    "document": lambda b, h, i, j: DOCUMENT[b, i] == DOCUMENT[b, j],
    "padding": lambda b, h, i, j: j < LENGTHS[b],
    "decode": lambda b, h, i, j: i + FIRST[b] >= j,
    "dilated": lambda b, h, i, j: ((i - j) % 3 == 0) & (j // 8 <= i // 4),
    "per_head": lambda b, h, i, j: torch.where(h % 2 == 0, i >= j, j >= i),
    "negated": lambda b, h, i, j: ~(j > i) ^ (h == 1),
    "logical": lambda b, h, i, j: torch.logical_or(torch.logical_not(j > i), j == 3),
    "nothing": lambda b, h, i, j: j < 0,
}
SCORES = {
    "alibi": lambda s, b, h, i, j: s + SLOPES[h] * (j - i),
    "alibi_computed": lambda s, b, h, i, j: s + torch.exp2(-((h + 1) * 8.0 / HEADS)) * (j - i),
    "relative": lambda s, b, h, i, j: s + RELATIVE[h, i - j + KEYS],
    "relative_absolute": lambda s, b, h, i, j: s - 0.1 * torch.abs(i - j),
    "softcap": lambda s, b, h, i, j: 20 * torch.tanh(s / 20),
    "filled": lambda s, b, h, i, j: torch.where(i >= j, s, -float("inf")),
    "masked_fill": lambda s, b, h, i, j: s.masked_fill(j > i, -math.inf),
    "temperature": lambda s, b, h, i, j: s * GATE,
    "pair": lambda s, b, h, i, j: (s + 0.5, i >= j),
    "clamped": lambda s, b, h, i, j: s.clamp(min=-1, max=1.5) ** 2,
    "gated": lambda s, b, h, i, j: s * torch.sigmoid(s) + 1.0 / (1 + (i - j) ** 2),
    "cast": lambda s, b, h, i, j: s + (i >= j).to(torch.float32) - (i > j).float() * 2,
    "reversed": lambda s, b, h, i, j: 1 - s + 2 ** (-0.25 * h),
}


def tensors(dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, heads, tokens, DIM, generator=generator).to(dtype)
            for heads, tokens in ((HEADS, QUERIES), (KV_HEADS, KEYS), (KV_HEADS, KEYS))]


def on_arrays(*functions):
    """The functions one after another, as `reference` calls them: with broadcast arrays."""
    def score(s, b, h, i, j):
        shape, seen = s.shape, np.ones(s.shape, bool)
        b, h, i, j = map(torch.from_numpy, np.ogrid[tuple(slice(n) for n in shape)])
        for function in functions:
            if function in MASKS.values():
                more = function(b, h, i, j)
            else:
                result = function(torch.from_numpy(s.astype(np.float64 if s.itemsize > 4 else np.float32)), b, h, i, j)
                result, more = result if isinstance(result, tuple) else (result, torch.tensor(True))
                s = np.broadcast_to(result.numpy(), shape)
            seen = seen & more.numpy()
        return s, seen
    return score


def verify(q, k, v, functions, dtype="f32", **options):
    output, lse = gqa.attention(q, k, v, return_lse=True, **options)
    arrays = [x.float().numpy() if x.dtype == torch.bfloat16 else x.numpy() for x in (q, k, v)]
    output = output.float() if output.dtype == torch.bfloat16 else output
    check_attention(output.numpy(), lse.numpy(), *arrays, dtype=dtype, score=on_arrays(*functions))


@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    verify(*tensors(), [MASKS[name]], mask=MASKS[name])


@pytest.mark.parametrize("name", SCORES)
def test_scores(name):
    verify(*tensors(), [SCORES[name]], score=SCORES[name])


@pytest.mark.parametrize("kind, dtype", [("f64", torch.float64), ("f16", torch.float16), ("bf16", torch.bfloat16)])
def test_dtypes(kind, dtype):
    verify(*tensors(dtype), [MASKS["document"]], dtype=kind, mask=MASKS["document"])
    if kind != "f64":  # for which the definition is wider than torch's types
        functions = SCORES["alibi"], MASKS["document"]
        verify(*tensors(dtype), functions, dtype=kind, score=functions[0], mask=functions[1])


def test_beside_other_options():
    q, k, v = tensors()
    options = dict(scale=0.3, softcap=4.0, kv_len=LENGTHS, sinks=SLOPES, return_lse=True)
    found = gqa.attention(q, k, v, mask=MASKS["causal"], **options)
    for ours, expected in zip(found, gqa.attention(q, k, v, causal=True, offset=0, **options)):
        assert torch.equal(ours, expected)


def test_a_mask_function_can_be_given_as_score():
    q, k, v = tensors()
    assert torch.equal(gqa.attention(q, k, v, score=MASKS["causal"]), gqa.attention(q, k, v, mask=MASKS["causal"]))


def test_flex_attention_block_masks_and_their_combinations():
    q, k, v = tensors()
    mask = and_masks(MASKS["causal"], or_masks(MASKS["document"], MASKS["window"]))
    block_mask = create_block_mask(mask, BATCH, HEADS, QUERIES, KEYS, device="cpu")
    found = gqa.attention(q, k, v, score=SCORES["alibi"], mask=block_mask)
    expected = flex_attention(*(x.double() for x in (q, k, v)), score_mod=SCORES["alibi"], block_mask=block_mask,
                              enable_gqa=True)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=4e-6)


def test_masks_of_positions_are_skipped_by_blocks_like_the_built_in_one():
    q, k, v = tensors()
    assert torch.equal(gqa.attention(q, k, v, mask=MASKS["causal"]), gqa.attention(q, k, v, causal=True, offset=0))
    length = gqa.attention(q, k, v, mask=MASKS["padding"])
    assert torch.equal(length, gqa.attention(q, k, v, kv_len=LENGTHS))


def test_captured_tensors_are_read_at_each_call_without_a_new_compilation():
    q, k, v = tensors()
    slopes = torch.zeros(HEADS)

    def score(s, b, h, i, j):
        return s + slopes[h] * j

    from gqa._attention import _compiled
    before = gqa.attention(q, k, v, score=score)
    misses = _compiled.cache_info().misses
    slopes += 1
    after = gqa.attention(q, k, v, score=score)
    assert _compiled.cache_info().misses == misses and not torch.allclose(before, after)
    torch.testing.assert_close(before, gqa.attention(q, k, v), rtol=0, atol=1e-5)


def test_an_index_out_of_bounds_reads_the_nearest_element():
    q, k, v = tensors()
    short = torch.tensor([1.0, 2.0, 3.0])
    found = gqa.attention(q, k, v, score=lambda s, b, h, i, j: s * short[j - 1])
    expected = gqa.attention(q, k, v, score=lambda s, b, h, i, j: s * short[torch.clamp(j - 1, 0, 2)])
    assert torch.equal(found, expected)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_lengths_of_another_number_of_sequences(count):
    """A table of lengths is read like any other: what is behind the batch is not, and the last stands for what is missing."""
    q, k, v = tensors()
    table = torch.tensor([70, 40, 3, 3, 3])[:count]
    found = gqa.attention(q, k, v, mask=lambda b, h, i, j: j < table[b])
    assert torch.equal(found, gqa.attention(q, k, v, kv_len=table[torch.arange(BATCH).clamp(max=count - 1)]))


def test_rows_without_a_key_are_the_mean_of_all_keys_whatever_hides_them():
    q, k, v = tensors()
    found = gqa.attention(q, k, v, mask=lambda b, h, i, j: (j < LENGTHS[b]) & (i > 3), dead_row="uniform")
    mask = (torch.arange(KEYS) < LENGTHS.view(-1, 1, 1, 1)) & (torch.arange(QUERIES) > 3).view(-1, 1)
    torch.testing.assert_close(found, gqa.attention(q, k, v, mask=mask, dead_row="uniform"), rtol=1e-5, atol=1e-5)


def test_division_by_a_traced_zero_does_not_trap():
    q, k, v = tensors()
    zeros = torch.zeros(KEYS, dtype=torch.int32)
    assert gqa.attention(q, k, v, mask=lambda b, h, i, j: j // zeros[j] >= 0).isfinite().all()


def test_partial_indices_and_negative_ones():
    q, k, v = tensors()
    table = torch.arange(12.0).reshape(HEADS, 2)
    found = gqa.attention(q, k, v, score=lambda s, b, h, i, j: s + table[h][-1] / 10)
    expected = gqa.attention(q, k, v, score=lambda s, b, h, i, j: s + table[h, 1] / 10)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("argument, function, message", [
    ("score", 3, "score is of type int, expected a function"),
    ("score", lambda s: s, "given as score takes 1 arguments, expected"),
    ("score", min, "given as score .* expected|whose parameters are not known"),
    ("mask", lambda b, h, i, j: i if i > j else j, "given as mask decides by a number that is known in the kernel only"),
    ("score", lambda s, b, h, i, j: s + np.ones(6)[h], "torch.from_numpy"),
    ("score", lambda s, b, h, i, j: s + math.exp(s), "use the functions of torch"),
    ("score", lambda s, b, h, i, j: s + SLOPES, "computes with a tensor of 1 dimensions"),
    ("score", lambda s, b, h, i, j: s + RELATIVE[h], "a tensor of 2 dimensions with 1 indices"),
    ("score", lambda s, b, h, i, j: s + RELATIVE[h, i, j], "uses 3 indices for a tensor of 2 dimensions"),
    ("score", lambda s, b, h, i, j: s + RELATIVE[h, 1:].sum(), "indexes a tensor by something else than numbers"),
    ("score", lambda s, b, h, i, j: torch.softmax(s, 0), "calls softmax, which a score region does not have"),
    ("score", lambda s, b, h, i, j: s.sort(), "has no sort"),
    ("score", lambda s, b, h, i, j: torch.where(s), "calls where in a way that is not supported"),
    ("score", lambda s, b, h, i, j: (s, i >= j, 3), "returned 3 values"),
    ("score", lambda s, b, h, i, j: None, "computes with a NoneType"),
    ("score", lambda s, b, h, i, j: "s", "computes with a str"),
    ("score", lambda s, b, h, i, j: s // 0 + (j // 0), "divides by 0"),
    ("score", lambda s, b, h, i, j: s & 1, "uses and on floats"),
    ("score", lambda s, b, h, i, j: s + torch.ones(6, dtype=torch.complex64)[h], "a tensor of score has elements of type complex64"),
])
def test_messages(argument, function, message):
    with pytest.raises((TypeError, AttributeError), match=message):
        gqa.attention(*tensors(), **{argument: function})


def test_every_function_is_one_that_kernels_have():
    """Each of the table on floats, in one kernel, so that none is left that does not compile."""
    unary = {name for name in FUNCTIONS if name not in ("and", "or", "xor", "bitwise_and", "bitwise_or", "bitwise_xor", "invert",
                                                        "bitwise_not", "new_full", "to", "type", "where", "masked_fill")}

    def score(s, b, h, i, j):
        for name in sorted(unary):
            for count in (0, 1):
                try:
                    value = getattr(s, name)(*[0.5] * count)
                    break
                except TypeError:
                    continue
            else:
                raise AssertionError(f"{name} takes neither one number nor two")
            s = s + torch.where(value == value, value, 0.0) * 0
        return s

    q, k, v = tensors()
    assert gqa.attention(q, k, v, score=score).shape == q.shape


def test_the_text_of_a_region():
    region = trace([("score", SCORES["relative"]), ("mask", MASKS["causal"])], "f32")
    assert region.text(["%x"]).split("\n") == [
        " score(%s, %b, %h, %i, %j, %c0 = %x) {",
        "    %0 = arith.subi %i, %j : index",
        "    %1 = arith.constant 130 : index",
        "    %2 = arith.addi %0, %1 : index",
        "    %3 = tensor.extract %c0[%h, %2] : tensor<?x?xf32>",
        "    %4 = arith.addf %s, %3 : f32",
        "    %5 = arith.cmpi sge, %i, %j : index",
        "    gqa.yield %4, %5 : f32, i1",
        "  }"]
