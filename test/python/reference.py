"""Attention in NumPy, as its definition reads, and the rule that decides whether a kernel's numbers are right.

Arrays are in logical order: q is B x Hq x Sq x Dk, k is B x Hkv x Skv x Dk, v is B x Hkv x Skv x Dv. NumPy has no bf16:
such values are float32 arrays made by `rounded(x, "bf16")`, or uint16 bits through `from_bf16` and `to_bf16`.

    q, k, v = (rounded(rng.standard_normal(shape), "bf16") for shape in shapes)
    check_attention(out, lse, q, k, v, dtype="bf16", causal=True, offset=3)
"""

import numpy as np

WIDEST = np.longdouble


def rounded(x, dtype):
    """x rounded once, to nearest even, to f64, f32, f16 or bf16; bf16 values come back as float32."""
    x = np.asarray(x)
    if dtype != "bf16":
        with np.errstate(over="ignore"):
            return x.astype({"f64": np.float64, "f32": np.float32, "f16": np.float16}[dtype])
    with np.errstate(over="ignore"):
        single = x.astype(np.float32)
    # Round to odd on the way, so that the second rounding sees on which side of a tie the value was.
    bits = single.view(np.uint32).copy()
    inexact = np.isfinite(single) & (single != x)
    towards_zero = np.abs(single) > np.abs(x)
    bits -= (inexact & towards_zero).astype(np.uint32)
    bits |= inexact.astype(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    nearest = (bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(single), np.float32(np.nan), nearest.view(np.float32))


def from_bf16(bits):
    """float32 values of uint16 bf16 bits."""
    return (np.asarray(bits).view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bf16(x):
    """uint16 bits of x rounded to bf16."""
    return (rounded(x, "bf16").view(np.uint32) >> np.uint32(16)).astype(np.uint16)


FLOAT8 = {"f8E4M3FN": (4, 3), "f8E5M2": (5, 2)}  # bits of the exponent and of the fraction


def from_float8(codes, kind):
    """float32 values of codes of 8 bits (OCP's formats: E4M3 has no infinities, and a NaN of all ones only)."""
    bits, fraction_bits = FLOAT8[kind]
    codes = np.asarray(codes).view(np.uint8).astype(np.int32)
    exponent, fraction = codes >> fraction_bits & (1 << bits) - 1, (codes & (1 << fraction_bits) - 1) / (1 << fraction_bits)
    bias = (1 << bits - 1) - 1
    value = np.where(exponent, (1 + fraction) * 2.0 ** (exponent - bias), fraction * 2.0 ** (1 - bias))
    if kind == "f8E5M2":
        value = np.where(exponent == 31, np.where(fraction, np.nan, np.inf), value)
    else:
        value = np.where(codes & 0x7F == 0x7F, np.nan, value)
    return np.where(codes & 0x80, -value, value).astype(np.float32)


def to_float8(x, kind):
    """The uint8 code of a value nearest to each x; what is beyond all of them becomes the largest one."""
    values = from_float8(np.arange(0x7F if kind == "f8E4M3FN" else 0x7C, dtype=np.uint8), kind).astype(np.float64)
    x = np.asarray(x, np.float64)
    code = np.searchsorted((values[1:] + values[:-1]) / 2, np.abs(x))
    code = np.where(np.isinf(x), 0x7C if kind == "f8E5M2" else 0x7E, code)
    return np.where(np.isnan(x), 0x7F, code | np.where(np.signbit(x), 0x80, 0)).astype(np.uint8)


def _per_batch(value, batch):
    """A number, or 1 or B numbers, shaped to broadcast against B x H x Sq x Skv."""
    return np.broadcast_to(np.asarray(value, dtype=np.int64).reshape(-1), (batch,)).reshape(batch, 1, 1, 1)


def _scores(q, k, compute, rnd, *, scale=None, causal=False, offset=0, window=None, softcap=None, mask=None, bias=None,
            kv_len=None, score=None):
    """The scores and which of them are visible, both B x Hq x Sq x Skv."""
    (batch, q_heads, queries, dim), (_, kv_heads, keys, _) = q.shape, k.shape
    shape = (batch, q_heads, queries, keys)
    head = np.arange(q_heads) // (q_heads // max(kv_heads, 1) or 1)
    scale = compute(1) / np.sqrt(compute(dim)) if scale is None else compute(scale)
    s = rnd(q.astype(compute) @ k.astype(compute)[:, head].swapaxes(-1, -2))
    s = rnd(scale * s)
    if softcap is not None:
        s = rnd(compute(softcap) * rnd(np.tanh(rnd(s / compute(softcap)))))
    if bias is not None:
        s = rnd(s + np.asarray(bias).astype(compute))
    b, h, i, j = np.ogrid[:batch, :q_heads, :queries, :keys]
    visible = np.ones(shape, dtype=bool)
    if score is not None:
        s = score(s, b, h, i, j)
        if isinstance(s, tuple):
            s, seen = s
            visible &= seen
        s = rnd(np.broadcast_to(s, shape).astype(compute))
    stand = i + _per_batch(offset, batch)
    if causal:
        visible &= j <= stand
    if window is not None:
        left, right = window
        visible &= (left < 0) | (stand - left <= j)
        visible &= (right < 0) | (j <= stand + right)
    if kv_len is not None:
        visible &= j < _per_batch(kv_len, batch)
    if mask is not None:
        visible &= np.asarray(mask)
    return s, visible & (s != -np.inf)  # a NaN is seen, and poisons its row


def _weighted_sum(p, used, v):
    """p @ v over the used keys only: 0 * NaN must not reach a row that does not see the NaN."""
    if np.isfinite(v).all():
        return np.where(used, p, 0) @ v
    rows = [p_row[u] @ v[u] for p_row, u in zip(p, used)]
    return np.array(rows, dtype=v.dtype).reshape(len(p), v.shape[1])


def _head(s, visible, v, sink, dead_row, length, rnd):
    """One head: scores Sq x Skv and values Skv x Dv to the output Sq x Dv and lse Sq."""
    lowest = np.full((len(s), 1), -np.inf if sink is None else sink, dtype=s.dtype)
    m = np.max(np.where(visible, s, -np.inf), axis=1, keepdims=True, initial=-np.inf)
    m = np.maximum(m, lowest)
    p = np.where(visible, rnd(np.exp(s - m)), 0)
    l = p.sum(axis=1, keepdims=True)
    if sink is not None:
        l = l + np.where(lowest == -np.inf, 0, np.exp(lowest - m))
    lse = np.where(l == 0, -np.inf, m + np.log(l))
    o = _weighted_sum(rnd(np.where(l == 0, 0, p / l)), visible, v)
    dead = ~visible.any(axis=1)
    if sink is None and dead_row == "nan":
        o[dead] = np.nan
    elif sink is None and dead_row == "uniform":
        o[dead] = v[:length].mean(axis=0) if length else 0
    return rnd(o), lse[:, 0]


def _evaluate(q, k, v, compute, rnd, sinks=None, dead_row="zero", **options):
    q, k, v = np.asarray(q), np.asarray(k), np.asarray(v)
    (batch, q_heads, queries, _), (_, kv_heads, keys, _) = q.shape, k.shape
    with np.errstate(all="ignore"):
        s, visible = _scores(q, k, compute, rnd, **options)
        kv_len = options.get("kv_len")
        lengths = np.clip(_per_batch(keys if kv_len is None else kv_len, batch), 0, keys).reshape(batch)
        o = np.zeros((batch, q_heads, queries, v.shape[3]), dtype=compute)
        lse = np.zeros((batch, q_heads, queries), dtype=compute)
        for b, h in np.ndindex(batch, q_heads):
            values = v[b, h // (q_heads // kv_heads)].astype(compute)
            sink = None if sinks is None else compute(sinks[h])
            o[b, h], lse[b, h] = _head(s[b, h], visible[b, h], values, sink, dead_row, lengths[b], rnd)
    return o, lse


def attention(q, k, v, *, scale=None, causal=False, offset=0, window=None, softcap=None, mask=None, bias=None,
              kv_len=None, sinks=None, dead_row="zero", score=None):
    """(o, lse) in float64; float64 inputs are evaluated in long double, so that f64 kernels can be judged too.

    offset and kv_len are a number, or 1 or B numbers; window is (left, right), -1 unbounded; mask and bias broadcast
    to B x Hq x Sq x Skv; score(s, b, h, i, j) works on broadcast arrays and returns s or (s, seen).
    """
    compute = WIDEST if np.asarray(q).dtype == np.float64 else np.float64
    o, lse = _evaluate(q, k, v, compute, lambda x: x, scale=scale, causal=causal, offset=offset, window=window,
                       softcap=softcap, mask=mask, bias=bias, kv_len=kv_len, sinks=sinks, dead_row=dead_row, score=score)
    return o.astype(np.float64), lse.astype(np.float64)


def unfused(q, k, v, dtype, **options):
    """(o, lse) as a framework without a fused kernel has them: every step's result rounded to dtype."""
    compute = np.float64 if dtype == "f64" else np.float32
    return _evaluate(q, k, v, compute, lambda x: rounded(x, dtype).astype(compute), **options)


def largest_score(q, k, **options):
    """max |s| over the visible scores: how many bits of lse the rounding of the scores costs."""
    for name in ("sinks", "dead_row"):
        options.pop(name, None)
    with np.errstate(all="ignore"):
        s, visible = _scores(np.asarray(q), np.asarray(k), np.float64, lambda x: x, **options)
    return np.max(np.abs(s), where=visible & np.isfinite(s), initial=0.0)


def tolerance(ref, base, dtype):
    """(largest error, mean error) allowed for one head: twice the unfused kernel's and 1.5 times its, plus rounding."""
    finite = np.isfinite(ref)
    if not finite.any():
        return 0.0, 0.0
    ref = ref[finite]
    atol = 2 * np.max(np.abs(rounded(rounded(ref + 0.3, dtype) - 0.3, dtype).astype(np.float64) - ref))
    error = np.abs(base[finite].astype(np.float64) - ref)
    error = error[np.isfinite(error)]  # a base that overflowed says nothing
    worst, mean = (error.max(), error.mean()) if error.size else (0.0, 0.0)
    return 2 * worst + atol, 1.5 * mean + atol / 4


def _same_specials(out, ref, what):
    for name, test in (("NaN", np.isnan), ("inf", np.isposinf), ("-inf", np.isneginf)):
        wrong = np.argwhere(test(out) != test(ref))
        assert not wrong.size, f"{what}: {name} differs at {len(wrong)} places, first {tuple(map(int, wrong[0]))}"


def check(out, ref, base, dtype, *, normal_inputs=False):
    """Asserts "Numbers that decide correct" for B x H x S x D outputs: per head, against `attention` and `unfused`.

    normal_inputs adds the caps that hold for N(0, 1) inputs.
    """
    out = np.asarray(out).astype(np.float64)
    assert out.shape == ref.shape, f"output is {out.shape}, expected {ref.shape}"
    _same_specials(out, rounded(ref, dtype), "output")
    for b, h in np.ndindex(ref.shape[:2]):
        finite = np.isfinite(ref[b, h]) & np.isfinite(out[b, h])
        error = np.abs(out[b, h] - ref[b, h])[finite]
        if not error.size:
            continue
        worst, mean = tolerance(ref[b, h], base[b, h], dtype)
        assert error.max() <= worst, f"batch {b} head {h}: largest error {error.max():.3g}, allowed {worst:.3g}"
        assert error.mean() <= mean, f"batch {b} head {h}: mean error {error.mean():.3g}, allowed {mean:.3g}"
        cap = {"f64": 1e-13, "f32": 4e-6, "f16": 2e-3, "bf16": 1e-2}[dtype] * max(1, np.abs(ref[b, h][finite]).max())
        assert not normal_inputs or error.max() <= cap, f"batch {b} head {h}: error {error.max():.3g}, cap {cap:.3g}"


def check_lse(lse, ref, dtype, score_max=0.0):
    """Asserts the rule for lse; score_max is `largest_score` of the inputs."""
    lse = np.asarray(lse).astype(np.float64)
    assert lse.shape == ref.shape, f"lse is {lse.shape}, expected {ref.shape}"
    _same_specials(lse, ref, "lse")
    finite = np.isfinite(ref)
    accumulator = np.float64 if dtype == "f64" else np.float32
    relative = {"f64": 1e-13, "f32": 1e-5, "f16": 1e-3, "bf16": 1e-3}[dtype]
    allowed = relative * np.maximum(1, np.abs(ref)) + 8 * float(np.spacing(accumulator(score_max)))
    error = np.abs(np.subtract(lse, ref, where=finite, out=np.zeros_like(ref)))
    wrong = finite & (error > allowed)
    assert not wrong.any(), f"lse: {wrong.sum()} values beyond the bound, largest error {error[wrong].max():.3g}"


def check_attention(out, lse, q, k, v, *, dtype, normal_inputs=False, **options):
    """The whole rule for one attention; lse may be None. Options are those of `attention`."""
    ref, ref_lse = attention(q, k, v, **options)
    base, _ = unfused(q, k, v, dtype, **options)
    check(out, ref, base, dtype, normal_inputs=normal_inputs)
    if lse is not None:
        check_lse(lse, ref_lse, dtype, largest_score(q, k, **options))
