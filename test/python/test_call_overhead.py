"""Calls that look like one before take the short way: the same results, the same errors, and little time of their own."""

import time

import pytest
import torch

import gqa

OVERHEAD_MICROSECONDS = 5


def tensors(queries=6, keys=6, q_heads=4, heads=2, dim=16, value_dim=16, batch=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(queries + keys)
    shapes = (batch, q_heads, queries, dim), (batch, heads, keys, dim), (batch, heads, keys, value_dim)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def assert_right(output, q, k, v, **options):
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True, **options)
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_again_and_with_other_sizes(causal):
    for queries, batch in ((6, 2), (6, 2), (9, 2), (1, 3), (1, 1), (6, 1)):
        q, k, v = tensors(queries, queries, batch=batch)
        assert_right(gqa.attention(q, k, v, causal=causal), q, k, v, is_causal=causal)
    for keys in (3, 4, 5, 6, 7):
        q, k, v = tensors(1, keys)
        assert_right(gqa.attention(q, k, v), q, k, v)


def test_forms_are_told_apart():
    for _ in range(2):
        for sizes in (dict(), dict(heads=1), dict(q_heads=2), dict(dim=8), dict(value_dim=8), dict(dtype=torch.float64)):
            q, k, v = tensors(**sizes)
            assert_right(gqa.attention(q, k, v), q, k, v)
            for scale in (0.5, 1, 2.0):
                assert_right(gqa.attention(q, k, v, scale=scale), q, k, v, scale=scale)
            swapped = [x.transpose(1, 2).contiguous() for x in (q, k, v)]
            assert_right(gqa.attention(*swapped, layout="bshd").transpose(1, 2), q, k, v)
            output, lse = gqa.attention(q, k, v, return_lse=True)
            assert_right(output, q, k, v)
            assert lse.shape == q.shape[:3] and isinstance(lse, torch.Tensor)
            assert not torch.allclose(gqa.attention(q, k, v, softcap=0.5), output)
            assert not torch.allclose(gqa.attention(q, k, v, window=2, causal=True), output)


def test_masks():
    for queries, keys in ((1, 6), (1, 7), (6, 6), (5, 6)):
        q, k, v = tensors(queries, keys)
        for shape in ((2, 1, 1, keys), (1, 1, 1, keys), (2, 4, queries, keys), (1, 1, queries, keys), (queries, keys), (2, 1, 1, 1)):
            for seed in range(2):
                mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.7
                mask[..., 0] = True
                assert_right(gqa.attention(q, k, v, mask=mask), q, k, v, attn_mask=mask)
        expanded = mask.expand(2, 4, queries, keys)
        assert_right(gqa.attention(q, k, v, mask=expanded), q, k, v, attn_mask=expanded)
        with pytest.raises(ValueError, match=f"mask has shape 2x1x1x{keys + 1}, which does not broadcast"):
            gqa.attention(q, k, v, mask=torch.ones(2, 1, 1, keys + 1, dtype=torch.bool))
        with pytest.raises(TypeError, match="mask has elements of type"):
            gqa.attention(q, k, v, mask=torch.ones(2, 1, 1, keys))


def test_what_is_not_plain_is_still_read_right():
    q, k, v = tensors()
    gqa.attention(q, k, v)
    views = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    assert_right(gqa.attention(*views), q, k, v)
    negated = torch.complex(torch.zeros_like(q), q).conj().imag
    assert negated.is_neg()
    assert_right(gqa.attention(negated, k, v), -q, k, v)
    with torch.no_grad():
        assert_right(gqa.attention(q.requires_grad_(), k, v), q, k, v)


def test_errors_still_name_the_argument():
    q, k, v = tensors()
    gqa.attention(q, k, v)
    for wrong, error, message in (((q, k, v[:, :, :5].contiguous()), ValueError, "v has 5 keys"),
                                  ((q, k[:1].contiguous(), v), ValueError, "k has batch size 1"),
                                  ((q, k.double(), v), TypeError, "k has elements of type f64"),
                                  ((q, k[..., :8].contiguous(), v), ValueError, "k has head dimension 8"),
                                  ((q, k, v.numpy()[0]), ValueError, "v has 3 dimensions")):
        with pytest.raises(error, match=message):
            gqa.attention(*wrong)


def fastest(function, count=50, rounds=1000):
    """Microseconds of the processor for a call, in the round that nothing disturbed: rounds are shorter than a time slice."""
    best = float("inf")
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(count):
            function()
        best = min(best, (time.thread_time() - start) / count * 1e6)
    return best


@torch.no_grad()
def test_overhead():
    """Of the whole call, with a kernel of next to no work in it."""
    q, k, v = tensors(1, 2, q_heads=2, heads=1, batch=1)
    assert fastest(lambda: gqa.attention(q, k, v)) < OVERHEAD_MICROSECONDS
