"""`gqa.attention` from Python: each argument against the float64 definition, frameworks, layouts, and messages."""

import numpy as np
import pytest
import torch

import gqa
from attention_call import check_attention
from reference import from_bf16, rounded, to_bf16

NUMPY = {"f64": np.float64, "f32": np.float32, "f16": np.float16}
TORCH = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}

# The rule compares the largest errors of a head; for rounding alone to be a fair sample it takes many elements.
MANY = dict(queries=64, keys=96, v_dim=64)


def inputs(batch=2, q_heads=6, kv_heads=2, queries=5, keys=7, dim=16, v_dim=24, dtype="f32", seed=0):
    """q, k, v rounded to dtype, as NumPy arrays in logical order; bf16 values are float32."""
    rng = np.random.default_rng(seed)
    shapes = (batch, q_heads, queries, dim), (batch, kv_heads, keys, dim), (batch, kv_heads, keys, v_dim)
    return [rounded(rng.standard_normal(shape), dtype) for shape in shapes]


def tensor(array, dtype):
    """The torch tensor with the same values."""
    return torch.from_numpy(array.copy()).to(TORCH[dtype])


def numbers(result):
    """A result as a NumPy array of values."""
    if isinstance(result, torch.Tensor):
        return result.float().numpy() if result.dtype == torch.bfloat16 else result.numpy()
    return result


def compare(arrays, dtype="f32", make=None, reference=None, **options):
    """Calls gqa.attention on `make`d q, k, v and checks o and lse; `reference` has what NumPy's definition is told."""
    make = make or (lambda x: x)
    output, lse = gqa.attention(*(make(x) for x in arrays), return_lse=True, **options)
    told = dict(options if reference is None else reference)
    check_attention(numbers(output), numbers(lse), *arrays, dtype=dtype, **told)
    return output


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
def test_torch_dtypes(dtype):
    output = compare(inputs(dtype=dtype, **MANY), dtype, make=lambda x: tensor(x, dtype))
    assert isinstance(output, torch.Tensor) and output.dtype == TORCH[dtype]


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16"])
def test_numpy_dtypes(dtype):
    output = compare(inputs(dtype=dtype, **MANY), dtype)
    assert isinstance(output, np.ndarray) and output.dtype == NUMPY[dtype]


def test_result_is_writable_and_outlives_its_inputs():
    output = gqa.attention(*inputs())
    kept = output.copy()
    gqa.attention(*inputs(seed=1))
    np.testing.assert_array_equal(output, kept)
    output += 1


@pytest.mark.parametrize("q_heads, kv_heads", [(6, 6), (6, 3), (6, 1), (14, 2), (32, 8)])
def test_groups(q_heads, kv_heads):
    compare(inputs(q_heads=q_heads, kv_heads=kv_heads))


@pytest.mark.parametrize("options", [
    dict(causal=True, offset=0), dict(causal=True, offset=2), dict(causal=True, offset=-3),
    dict(causal=True, offset=np.array([0, 2])), dict(causal=True, offset=torch.tensor([1, -1])),
    dict(window=(1, 2), offset=1), dict(window=(-1, 0), offset=0), dict(window=(0, -1), offset=2),
    dict(causal=True, window=(2, -1), offset=2),
    dict(softcap=2.5), dict(scale=0.3), dict(scale=0.0), dict(scale=-1.0),
    dict(kv_len=4), dict(kv_len=np.array([0, 7])), dict(kv_len=np.array([3, 5], np.int32), dead_row="nan"),
    dict(kv_len=np.array([3, 5]), causal=True, offset=-2, dead_row="uniform"),
], ids=str)
def test_options(options):
    reference = {name: value.numpy() if isinstance(value, torch.Tensor) else value for name, value in options.items()}
    compare(inputs(), reference=reference, **options)


@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (2, 1, 1, 7), (6, 1, 1), (2, 6, 5, 7), ()], ids=str)
def test_mask_and_bias_broadcast(shape):
    rng = np.random.default_rng(3)
    mask, bias = np.asarray(rng.random(shape) < 0.7), np.asarray(rng.standard_normal(shape), np.float32)
    compare(inputs(), mask=mask)
    compare(inputs(), bias=bias)
    compare(inputs(), mask=mask, bias=bias, dead_row="nan")


def test_expanded_mask_is_read_without_its_copies():
    mask = torch.tensor([True, False, True, True, True, False, True])
    compare(inputs(), mask=mask.expand(2, 6, 5, 7), reference=dict(mask=mask.numpy()))


@pytest.mark.parametrize("keys", [lambda x: x[..., ::2], lambda x: x[..., :96], lambda x: x.transpose(2, 3)[..., :64, :96],
                                  lambda x: x[:, :, :1, :96].expand(2, 6, 64, 96)], ids=["every_second", "part", "columns", "one_query"])
def test_masks_and_biases_lie_as_they_like(keys):
    generator = torch.Generator().manual_seed(3)
    mask = keys(torch.rand(2, 6, 192, 192, generator=generator) < 0.7)[:, :, :64]
    bias = keys(torch.randn(2, 6, 192, 192, generator=generator))[:, :, :64]
    compare(inputs(**MANY), reference=dict(mask=mask.numpy()), mask=mask)
    compare(inputs(**MANY), reference=dict(bias=bias.numpy()), bias=bias)


def test_sinks():
    sinks = np.array([0.5, -1, 2, 0, 1, -2], np.float32)
    compare(inputs(), sinks=sinks)
    compare(inputs(), sinks=sinks, kv_len=0)


def test_causal_needs_no_offset_for_equal_lengths():
    compare(inputs(queries=7), causal=True)


@pytest.mark.parametrize("window, pair", [(3, (2, -1)), (1, (0, -1))])
def test_window_as_number_of_keys_seen(window, pair):
    compare(inputs(queries=7), causal=True, window=window, reference=dict(causal=True, window=pair))


def test_infinities_in_masked_keys_do_not_leak():
    q, k, v = inputs()
    k[:, :, 5:], v[:, :, 5:] = np.nan, np.inf
    compare([q, k, v], kv_len=5)


@pytest.mark.parametrize("sizes", [dict(queries=0), dict(keys=0), dict(batch=0)], ids=str)
def test_empty(sizes):
    compare(inputs(**sizes))


@pytest.mark.parametrize("queries, keys", [(1, 1), (1, 113), (3, 239), (113, 3)])
def test_sizes(queries, keys):
    compare(inputs(queries=queries, keys=keys, batch=1), causal=True, offset=keys - queries)


@pytest.mark.parametrize("as_torch", [True, False])
def test_token_major_layout(as_torch):
    def make(x):
        x = np.ascontiguousarray(x.swapaxes(1, 2))
        return torch.from_numpy(x) if as_torch else x

    arrays = inputs()
    output, lse = gqa.attention(*map(make, arrays), layout="bshd", return_lse=True)
    check_attention(numbers(output).swapaxes(1, 2), numbers(lse), *arrays, dtype="f32")


def test_transposed_and_strided_views():
    arrays = inputs()
    compare(arrays, make=lambda x: torch.from_numpy(np.ascontiguousarray(x.transpose(0, 2, 1, 3))).transpose(1, 2))
    compare(arrays, make=lambda x: np.repeat(x, 2, axis=2)[:, :, ::2])
    compare(arrays, make=lambda x: np.asfortranarray(x))


def test_read_only_numpy_array():
    arrays = inputs()
    for array in arrays:
        array.flags.writeable = False
    compare(arrays)


def test_anything_with_dlpack():
    class Wrapped:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    output = gqa.attention(*map(Wrapped, inputs()))
    np.testing.assert_array_equal(np.from_dlpack(output), gqa.attention(*inputs()))


def test_a_longer_cache_is_not_compiled_again():
    from gqa._attention import _compiled

    for keys in (20, 21):
        q, k, v = inputs(queries=1, keys=keys, dim=20)
        gqa.attention(q, k, v, causal=True, offset=keys - 1)
        misses = _compiled.cache_info().misses if keys == 20 else misses
    assert _compiled.cache_info().misses == misses


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_drafts_have_kernels_of_their_own(dtype):
    """As few rows as a step's, whose number is compiled for; kernels of a prompt serve all others."""
    from gqa._attention import _compiled

    def compiled(*counts, keys=20):
        before = _compiled.cache_info().misses
        for queries in counts:
            sizes = dict(queries=queries, keys=keys, dim=32, v_dim=48)
            options = dict(causal=True, offset=keys - queries)
            compare(inputs(dtype=dtype, **sizes), dtype, make=lambda x: tensor(x, dtype), **options)
        return _compiled.cache_info().misses - before

    assert compiled(17, 40, keys=40) == 1
    assert compiled(2, 3, 16) == 3
    assert compiled(3, 16, 2, keys=21) == 0  # of a longer cache
    assert compiled(2, 5, keys=5) == 0  # and a prompt of few tokens, which is no draft


@pytest.mark.parametrize("queries, keys, q_heads, kv_heads, known", [
    (1, 1, 6, 2, True), (0, 9, 6, 2, False), (2, 3, 6, 2, True), (3, 3, 6, 2, False), (4, 3, 6, 2, False), (16, 17, 8, 2, True),
    (17, 90, 8, 8, False), (16, 90, 5, 1, False), (12, 90, 5, 1, True), (1, 9, 96, 1, True), (2, 9, 96, 1, False)])
def test_which_queries_a_kernel_knows(queries, keys, q_heads, kv_heads, known):
    from gqa._signature import Signature

    sizes = dict(B=2, Hq=q_heads, Hkv=kv_heads, Sq=queries, Skv=keys, Dk=32, Dv=32)
    text = Signature("f32", "bhsd", sizes, "zero", None, False, None, False, layouts=dict.fromkeys("qkv", "bhsd")).text()
    assert (f"%q: tensor<?x{q_heads}x{queries}x32xf32>" in text) == known == ("gqa.prompts_only" not in text)


def test_a_call_like_one_before_takes_the_short_way():
    q, k, v = (tensor(x, "f32") for x in inputs())
    gqa.attention(q, k, v)
    for keys in (7, 3, 7):
        output = gqa.attention(q, k[:, :, :keys].contiguous(), v[:, :, :keys].contiguous())
        np.testing.assert_array_equal(output, gqa.attention(*(x[:, :, :n].numpy() for x, n in ((q, 5), (k, keys), (v, keys)))))
    for queries in (2, 5, 4, 2):  # drafts of several lengths
        output = gqa.attention(q[:, :, :queries].contiguous(), k, v)
        np.testing.assert_array_equal(output, gqa.attention(*(x.numpy() for x in (q[:, :, :queries], k, v))))
    output, lse = gqa.attention(q, k, v, return_lse=True)
    again = gqa.attention(q, k, v, return_lse=True)
    assert torch.equal(again[0], output) and torch.equal(again[1], lse)


@pytest.mark.parametrize("options", [dict(scale=0.3), dict(scale=2), dict(causal=True), dict(causal=True, scale=0.3)], ids=str)
def test_the_short_way_with_what_stays_the_same(options):
    q, k, v = (tensor(x, "f32") for x in inputs(queries=7))
    first = gqa.attention(q, k, v, **options)
    assert torch.equal(gqa.attention(q, k, v, **options), first)
    np.testing.assert_array_equal(first, gqa.attention(*(x.numpy() for x in (q, k, v)), **options))
    assert not torch.equal(gqa.attention(q, k, v, **{**options, "scale": 0.7}), first)


@pytest.mark.parametrize("change, words", [
    (lambda q, k, v: (q, k, v[:, :, :6].contiguous()), "v has 6 keys"),
    (lambda q, k, v: (q, k[:, :, :6].contiguous(), v), "v has 7 keys"),
    (lambda q, k, v: (q[:1], k, v), "batch size 2, expected 1"),
    (lambda q, k, v: (q.clone().requires_grad_(), k, v), "gradient"),
])
def test_the_short_way_sees_what_does_not_fit(change, words):
    q, k, v = (tensor(x, "f32") for x in inputs())
    gqa.attention(q, k, v)
    with pytest.raises(ValueError, match=words):
        gqa.attention(*change(q, k, v))


def test_the_short_way_is_not_for_calls_with_more():
    q, k, v = (tensor(x, "f32") for x in inputs())
    plain = gqa.attention(q, k, v)
    for options in (dict(score=lambda s, b, h, i, j: s + j), dict(kv_len=3), dict(scale=2.0), dict(bias=torch.eye(7)[:5])):
        assert not torch.equal(gqa.attention(q, k, v, **options), plain)
        assert torch.equal(gqa.attention(q, k, v), plain)


def test_causal_calls_with_other_lengths_still_need_an_offset():
    q, k, v = (tensor(x, "f32") for x in inputs(queries=7))
    gqa.attention(q, k, v, causal=True)
    with pytest.raises(ValueError, match="needs offset"):
        gqa.attention(q, k[:, :, :5].contiguous(), v[:, :, :5].contiguous(), causal=True)


def test_bf16_bits_are_those_of_torch():
    x = np.random.default_rng(0).standard_normal(100)
    np.testing.assert_array_equal(from_bf16(to_bf16(x)), torch.from_numpy(x).to(torch.bfloat16).float().numpy())


def shaped(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


Q, K = shaped(2, 6, 5, 16), shaped(2, 2, 7, 16)


@pytest.mark.parametrize("call, error, words", [
    (lambda: gqa.attention(Q, K, K, causal=True), ValueError, ["offset", "0 aligns", "Skv - Sq = 2"]),
    (lambda: gqa.attention(Q, K, K, window=3), ValueError, ["window with Sq = 5", "offset"]),
    (lambda: gqa.attention([1], K, K), TypeError, ["q is of type list"]),
    (lambda: gqa.attention(Q[0], K, K), ValueError, ["q has 3 dimensions, expected 4"]),
    (lambda: gqa.attention(Q, K.astype(np.float16), K), TypeError, ["k has elements of type f16, expected f32"]),
    (lambda: gqa.attention(Q.astype(np.int64), K, K), TypeError, ["q has elements of type int64", "float32"]),
    (lambda: gqa.attention(Q, K[:1], K), ValueError, ["k has batch size 1, expected 2"]),
    (lambda: gqa.attention(Q, K, K[:, :, :6]), ValueError, ["v has 6 keys, expected 7"]),
    (lambda: gqa.attention(Q, K, K[:, :1]), ValueError, ["v has 1 heads, expected 2"]),
    (lambda: gqa.attention(Q, K[..., :8], K), ValueError, ["k has head dimension 8, expected 16"]),
    (lambda: gqa.attention(Q[:, :5], K, K), ValueError, ["q has 5 heads and k has 2"]),
    (lambda: gqa.attention(Q, K, K, mask=shaped(5, 7)), TypeError, ["mask", "expected bool", "bias"]),
    (lambda: gqa.attention(Q, K, K, mask=shaped(5, 6, dtype=bool)), ValueError, ["mask has shape 5x6", "2 x 6 x 5 x 7"]),
    (lambda: gqa.attention(Q, K, K, bias=shaped(4, 7)), ValueError, ["bias has shape 4x7"]),
    (lambda: gqa.attention(Q, K, K, kv_len=[1, 2, 3]), ValueError, ["kv_len has shape 3"]),
    (lambda: gqa.attention(Q, K, K, kv_len=1.5), TypeError, ["kv_len", "expected integers"]),
    (lambda: gqa.attention(Q, K, K, sinks=shaped(2)), ValueError, ["sinks has shape 2, expected 6"]),
    (lambda: gqa.attention(Q, K, K, softcap=-1), ValueError, ["softcap is -1"]),
    (lambda: gqa.attention(Q, K, K, scale=float("nan")), ValueError, ["scale is nan"]),
    (lambda: gqa.attention(Q, K, K, dead_row="inf"), ValueError, ["dead_row is 'inf'", "'uniform'"]),
    (lambda: gqa.attention(Q, K, K, layout="bhss"), ValueError, ["layout is 'bhss'"]),
    (lambda: gqa.attention(Q, K, K, window=0, offset=0), ValueError, ["window is 0"]),
    (lambda: gqa.attention(Q, K, K, window=(1, 2, 3), offset=0), ValueError, ["(left, right)"]),
    (lambda: gqa.attention(torch.zeros(2, 6, 5, 16, requires_grad=True), K, K), ValueError, ["q requires a gradient", "no_grad", "torch.ops.gqa.attention"]),
    (lambda: gqa.attention(torch.zeros(2, 6, 5, 16, device="meta"), K, K), ValueError, ["q is on meta, expected cpu"]),
])
def test_messages(call, error, words):
    with pytest.raises(error) as raised:
        call()
    for word in words:
        assert word in str(raised.value)
