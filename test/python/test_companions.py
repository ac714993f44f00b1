"""Rotation, repeated heads, cache appends and merges: the kernels' way and the reference against NumPy."""

import numpy as np
import pytest

from attention_producers import rotate
from reference import rounded
from test_reference import assert_rounded, call

WAYS = pytest.mark.parametrize("reference", [False, True], ids=["decomposed", "reference"])
LAYOUTS = pytest.mark.parametrize("layout", ["bhsd", "sdhb"])


def to_layout(array, layout):
    return np.transpose(array, ["bhsd".index(letter) for letter in layout])


def from_layout(array, layout):
    return np.transpose(array, [layout.index(letter) for letter in "bhsd"])


def type_of(array, kind, dynamic=()):
    sizes = ["?" if dim in dynamic and size != 1 else size for dim, size in enumerate(array.shape)]
    return f"tensor<{''.join(f'{size}x' for size in sizes)}{kind}>"


def assert_close(out, ref, dtype, reference):
    """The reference rounds once from float64; the kernels round from f32 arithmetic of a few steps."""
    if reference or dtype == "f64":
        return assert_rounded(out, ref, dtype, 10.0)
    unit = {"f32": 2.0 ** -23, "f16": 2.0 ** -10, "bf16": 2.0 ** -7}[dtype]
    np.testing.assert_allclose(out, ref, rtol=unit, atol=2.0 ** -21)


@WAYS
@LAYOUTS
@pytest.mark.parametrize("kind", ["half", "interleaved"])
@pytest.mark.parametrize("dtype, angles, dynamic", [
    ("f32", (5, 4), False), ("bf16", (5, 3), False), ("f16", (2, 1, 5, 4), True), ("f64", (1, 1, 5, 4), True),
    ("f32", (2, 3, 1, 2), True), ("f32", (4,), False)])
def test_rotary(kind, layout, dtype, angles, dynamic, reference):
    rng = np.random.default_rng(0)
    x = rounded(rng.standard_normal((2, 3, 5, 8)), dtype)
    angle = rng.standard_normal(angles)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    x_type = type_of(x := to_layout(x, layout), dtype, range(4) if dynamic else ())
    angle_type = type_of(cos, "f32", range(len(angles) - 1) if dynamic else ())
    text = f"""func.func @main(%x: {x_type}, %c: {angle_type}, %s: {angle_type}) -> {x_type} {{
      %r = gqa.rotary %x, %c, %s {kind} layout("{layout}") : {x_type}, {angle_type}
      return %r : {x_type}
    }}"""
    out, = call(text, [x, cos, sin], [dtype, "f32", "f32"], reference)
    assert_close(from_layout(out, layout), rotate(from_layout(x, layout), cos, sin, kind), dtype, reference)


@WAYS
@LAYOUTS
@pytest.mark.parametrize("order", ["block", "tiled"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_repeat_heads(order, layout, dynamic, reference):
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(np.float32)
    want = x.repeat(2, axis=1) if order == "block" else np.concatenate([x, x], axis=1)
    x_type = type_of(to_layout(x, layout), "f32", range(4) if dynamic else ())
    want_type = type_of(to_layout(want, layout), "f32", range(4) if dynamic else ())
    text = f"""func.func @main(%x: {x_type}) -> {want_type} {{
      %r = gqa.repeat_heads %x {order} groups(2) layout("{layout}") : {x_type} -> {want_type}
      return %r : {want_type}
    }}"""
    out, = call(text, [to_layout(x, layout)], ["f32"], reference)
    np.testing.assert_array_equal(from_layout(out, layout), want)


@WAYS
@LAYOUTS
@pytest.mark.parametrize("past, new", [(0, 3), (4, 0), (6, 1)])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_append(layout, past, new, dynamic, reference):
    rng = np.random.default_rng(0)
    cache, fresh = (rng.standard_normal((2, 3, size, 4)).astype(np.float16) for size in (past, new))
    want = np.concatenate([cache, fresh], axis=2)
    types = [type_of(to_layout(x, layout), "f16", range(4) if dynamic else ()) for x in (cache, fresh, want)]
    text = f"""func.func @main(%c: {types[0]}, %f: {types[1]}) -> {types[2]} {{
      %r = gqa.append_kv %c, %f layout("{layout}") : ({types[0]}, {types[1]}) -> {types[2]}
      return %r : {types[2]}
    }}"""
    out, = call(text, [to_layout(cache, layout), to_layout(fresh, layout)], ["f16", "f16"], reference)
    np.testing.assert_array_equal(from_layout(out, layout), want)


@WAYS
@LAYOUTS
@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("positions", [[2, 0, 2], [-1, 9, 3], [[0, 1, 6], [5, 5, 5]], [[-7, 7, 4], [6, -1, 2**31 - 1]]], ids=str)
def test_append_at_positions(layout, positions, kind, reference):
    rng = np.random.default_rng(0)
    cache, fresh = (rng.standard_normal((2, 3, size, 4)).astype(np.float32) for size in (7, 3))
    positions, want = np.array(positions, kind), cache.copy()
    for b, t in np.ndindex(2, 3):  # in order: the last write of a position stays
        position = positions[t] if positions.ndim == 1 else positions[b, t]
        if 0 <= position < 7:
            want[b, :, position] = fresh[b, :, t]
    types = [type_of(to_layout(cache, layout), "f32"), type_of(to_layout(fresh, layout), "f32"),
             type_of(positions, "i32" if kind == np.int32 else "i64")]
    text = f"""func.func @main(%c: {types[0]}, %f: {types[1]}, %p: {types[2]}) -> {types[0]} {{
      %r = gqa.append_kv %c, %f at %p layout("{layout}") : ({', '.join(types)}) -> {types[0]}
      return %r : {types[0]}
    }}"""
    out, = call(text, [to_layout(cache, layout), to_layout(fresh, layout), positions], ["f32", "f32", ""], reference)
    np.testing.assert_array_equal(from_layout(out, layout), want)


@WAYS
@LAYOUTS
@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
def test_merge(layout, dtype, reference):
    rng = np.random.default_rng(0)
    o0, o1 = (rounded(rng.standard_normal((2, 3, 5, 4)), dtype) for _ in range(2))
    wide = "f64" if dtype == "f64" else "f32"
    lse0, lse1 = (rounded(rng.standard_normal((2, 3, 5)) * 3, wide) for _ in range(2))
    lse0[0, 0, :2], lse1[0, 0, 1:3] = -np.inf, -np.inf  # left empty, both empty, right empty
    o0[0, 0, :2], o1[0, 0, 1:3] = 0, 0
    lse0[0, 1, 0], lse0[0, 1, 1] = np.nan, 1e4
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = lse0.astype(np.float64), lse1.astype(np.float64)
        want_lse = np.logaddexp(a, b)
        w0, w1 = np.where(a == -np.inf, 0, np.exp(a - want_lse)), np.where(b == -np.inf, 0, np.exp(b - want_lse))
        want = w0[..., None] * o0.astype(np.float64) + w1[..., None] * o1.astype(np.float64)
    o_type, lse_type = type_of(to_layout(o0, layout), dtype, [1]), type_of(lse0, wide)
    text = f"""func.func @main(%a: {o_type}, %b: {lse_type}, %c: {o_type}, %d: {lse_type}) -> ({o_type}, {lse_type}) {{
      %o, %lse = gqa.merge %a, %b, %c, %d layout("{layout}") : {o_type}, {lse_type}
      return %o, %lse : {o_type}, {lse_type}
    }}"""
    out, lse = call(text, [to_layout(o0, layout), lse0, to_layout(o1, layout), lse1], [dtype, wide] * 2, reference)
    assert_close(from_layout(out, layout), want, dtype, reference)
    assert_close(lse, want_lse, wide, reference)
