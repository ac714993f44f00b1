"""Integers divided by what no processor divides them by: XLA's results, wherever it happens, and no end of the process."""

import numpy as np
import pytest

import gqa

import cuda  # noqa: F401  names the driver

OPERATIONS = ["divsi", "divui", "remsi", "remui", "floordivsi", "ceildivsi", "ceildivui"]
TYPES = {"i8": np.int8, "i32": np.int32, "i64": np.int64}
TARGETS = ["cpu", "cuda:sm_80"]
NAMED = {"divsi": "div", "divui": "div_unsigned"}


def defined(operation, x, y, bits):
    """What the compiler's passes say the result is, on Python's integers, of any size."""
    if operation.endswith("ui"):
        x, y = x % 2 ** bits, y % 2 ** bits
    if y == 0:
        return x if operation.startswith("rem") else -1
    down, up = x // y, -(-x // y)
    to_zero = down if (x < 0) == (y < 0) else up
    return {"div": to_zero, "rem": x - to_zero * y, "floordiv": down, "ceildiv": up}[operation[:-2]]


def pairs(kind):
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    numbers = [least, least + 1, -7, -1, 0, 1, 2, 6, most]
    return tuple(np.array(side, kind) for side in zip(*[(x, y) for x in numbers for y in numbers]))


def expected(operation, x, y):
    bits = 8 * x.itemsize
    results = [defined(operation, int(a), int(b), bits) % 2 ** bits for a, b in zip(x, y)]
    return np.array(results, f"uint{bits}").view(x.dtype)


def elementwise(operation, name, size):
    return f"""func.func @main(%x: tensor<{size}x{name}>, %y: tensor<{size}x{name}>) -> tensor<{size}x{name}> {{
      %z = arith.{operation} %x, %y : tensor<{size}x{name}>
      return %z : tensor<{size}x{name}>
    }}"""


def named(operation, name, size):
    return f"""func.func @main(%x: tensor<{size}x{name}>, %y: tensor<{size}x{name}>) -> tensor<{size}x{name}> {{
      %e = tensor.empty() : tensor<{size}x{name}>
      %z = linalg.{operation} ins(%x, %y : tensor<{size}x{name}>, tensor<{size}x{name}>) outs(%e : tensor<{size}x{name}>)
        -> tensor<{size}x{name}>
      return %z : tensor<{size}x{name}>
    }}"""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_elements(operation, name, target):
    x, y = pairs(TYPES[name])
    found = gqa.compile(elementwise(operation, name, len(x)), target=target)(x, y)
    np.testing.assert_array_equal(np.from_dlpack(found), expected(operation, x, y))


@pytest.mark.parametrize("operation", NAMED)
def test_named(operation):
    x, y = pairs(np.int32)
    found = gqa.compile(named(NAMED[operation], "i32", len(x)))(x, y)
    np.testing.assert_array_equal(np.from_dlpack(found), expected(operation, x, y))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_index_dialect_s(operation):
    name = operation.replace("si", "s").replace("ui", "u")
    function = gqa.compile(f"""func.func @main(%x: index, %y: index) -> index {{
      %z = index.{name} %x, %y
      return %z : index
    }}""")
    x, y = pairs(np.int64)
    found = [int(np.from_dlpack(function(a, b))) for a, b in zip(x, y)]
    np.testing.assert_array_equal(found, expected(operation, x, y))


def test_reference():
    x, y = pairs(np.int32)
    found = gqa.compile(elementwise("divsi", "i32", len(x)), reference=True)(x, y)
    np.testing.assert_array_equal(np.from_dlpack(found), expected("divsi", x, y))


def region(operation, queries, keys):
    q, k = f"tensor<1x6x{queries}x16xf32>", f"tensor<1x2x{keys}x16xf32>"
    return f"""func.func @main(%q: {q}, %k: {k}, %x: tensor<{keys}xi32>, %y: tensor<{keys}xi32>) -> {q} {{
      %o = gqa.attention %q, %k, %k : ({q}, {k}, {k}, tensor<{keys}xi32>, tensor<{keys}xi32>) -> {q}
        score(%s, %b, %h, %i, %j, %xs = %x, %ys = %y) {{
        %x0 = tensor.extract %xs[%j] : tensor<{keys}xi32>
        %y0 = tensor.extract %ys[%j] : tensor<{keys}xi32>
        %z = arith.{operation} %x0, %y0 : i32
        %number = arith.sitofp %z : i32 to f32
        %small = arith.constant 4.0e-9 : f32
        %more = arith.mulf %number, %small : f32
        %t = arith.addf %s, %more : f32
        gqa.yield %t : f32
      }}
      return %o : {q}
    }}"""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_scores(operation, queries, target):
    """Of every key, and of the lanes behind the last one."""
    x, y = pairs(np.int32)
    rng = np.random.default_rng(3)
    q, k = (rng.standard_normal((1, heads, tokens, 16)).astype(np.float32) for heads, tokens in ((6, queries), (2, len(x))))
    found = np.from_dlpack(gqa.compile(region(operation, queries, len(x)), target=target)(q, k, x, y))
    wide = k.repeat(3, axis=1).astype(np.float64)
    scores = q @ wide.swapaxes(2, 3) / 4 + 4e-9 * expected(operation, x, y)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    np.testing.assert_allclose(found, weights @ wide / weights.sum(-1, keepdims=True), atol=2e-5)


@pytest.mark.parametrize("queries", [1, 40])
def test_hidden_keys(queries):
    """A key that is hidden may have anything: it is computed, and nobody sees what."""
    keys = 9
    text = f"""func.func @main(%q: tensor<1x6x{queries}x16xf32>, %k: tensor<1x2x{keys}x16xf32>) -> tensor<1x6x{queries}x16xf32> {{
      %o = gqa.attention %q, %k, %k : (tensor<1x6x{queries}x16xf32>, tensor<1x2x{keys}x16xf32>, tensor<1x2x{keys}x16xf32>)
        -> tensor<1x6x{queries}x16xf32> score(%s, %b, %h, %i, %j) {{
        %c100 = arith.constant 100 : index
        %five = arith.constant 5 : index
        %away = arith.subi %five, %j : index
        %part = arith.remui %c100, %away : index
        %small = arith.cmpi slt, %part, %c100 : index
        %other = arith.cmpi ne, %j, %five : index
        %seen = arith.andi %small, %other : i1
        gqa.yield %s, %seen : f32, i1
      }}
      return %o : tensor<1x6x{queries}x16xf32>
    }}"""
    rng = np.random.default_rng(4)
    q, k = (rng.standard_normal((1, heads, tokens, 16)).astype(np.float32) for heads, tokens in ((6, queries), (2, keys)))
    seen = np.arange(keys) < 5  # beyond it the divisor is larger than 100, without a sign
    found = np.from_dlpack(gqa.compile(text)(q, k))
    np.testing.assert_allclose(found, gqa.attention(q, k, k, mask=seen), atol=1e-6)
