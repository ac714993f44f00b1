"""What the kernels of an attention take over from the operations in front of it: the rotation of queries, and new tokens
behind a cache.

    rotary=(kind, elements, type, angles)     angles for each "row" of all, "query", "batch" or "head"
    append=(k, v)                             how many of the keys, and of the values, are new; 0: they are not appended
    narrow=(type, factors, type of these, zero)   what the keys and values, or those of the cache, are widened from: i8, u8,
                                              f8E4M3FN, f8E5M2, f16 or bf16; "none", or a scale for each of some letters of "bhsd"; whether
                                              there is a zero for each of them as well
    narrow_q=letters                          q is of that type as well, with a scale for each of these letters
"""

import numpy as np

from reference import FLOAT8, from_float8, rounded, to_bf16, to_float8


def rotate(x, cos, sin, kind, compute=np.float64):
    """x with its pairs rotated, in a type to compute in; cos and sin broadcast to B x H x S x R/2."""
    half = cos.shape[-1]
    x, cos, sin = (np.asarray(a).astype(compute) for a in (x, cos, sin))
    result = x.copy()
    first, second = (slice(0, half), slice(half, 2 * half)) if kind == "half" else (slice(0, 2 * half, 2), slice(1, 2 * half, 2))
    result[..., first] = cos * x[..., first] - sin * x[..., second]
    result[..., second] = sin * x[..., first] + cos * x[..., second]
    return result


class Producers:
    """Builds operands; mixed into the builder of attention_cases."""

    def _queries(self, q, layout):
        if "narrow_q" in self.case:
            return self._narrow_queries(q, layout)
        name, type_ = self._laid_out(q, layout)
        if "rotary" not in self.case:
            return name, type_
        kind, size, dtype, places = self.case["rotary"]
        cos, sin = self._angles(q.shape, size // 2, dtype, places)
        letters = "bhs."[-cos.ndim:]
        (c, c_type), (s, _) = (self.program.argument(value, dtype, letters) for value in (cos, sin))
        self.setup.append(f'%q = gqa.rotary {name}, {c}, {s} {kind} layout("{layout}") : {type_}, {c_type}')
        _, k, v = self.program.qkv
        self.program.qkv = rotate(q, cos, sin, kind), k, v
        single = rotate(q, cos, sin, kind, np.float64 if self.case["dtype"] == "f64" else np.float32)
        self.program.rounded_q = rounded(single, self.case["dtype"])
        return "%q", type_

    def _narrow_queries(self, q, layout):
        codes, _, scale, wide = self._quantized(q, self.case["narrow_q"])
        _, k, v = self.program.qkv
        self.program.qkv = wide, k, v
        return self._dequantized("%q", codes, scale, None, layout, self.case["narrow_q"])

    def _angles(self, shape, half, dtype, places):
        batch, heads, queries, _ = shape
        full = {"row": (half,), "query": (queries, half), "batch": (batch, 1, queries, half),
                "head": (batch, heads, queries, half)}[places]
        angles = self.rng.uniform(-7, 7, full)
        if self.case.get("coarse"):  # quarter turns keep what the scores owe to their exactness
            turns = np.rint(angles).astype(int) % 4
            return (np.take(np.array(values, rounded(0.0, dtype).dtype), turns) for values in ([1, 0, -1, 0], [0, 1, 0, -1]))
        return rounded(np.cos(angles), dtype), rounded(np.sin(angles), dtype)

    def _tokens(self, value, place, layout, fresh):
        """K or V: an argument, or a cache with new tokens behind it."""
        past = value.shape[2] - fresh
        cached, cached_type = self._cache(value[:, :, :past], place, layout)
        if not fresh:
            return cached, cached_type
        new, new_type = self._laid_out(value[:, :, past:], layout)
        name = f"%t{len(self.setup)}"
        type_ = self.program.tensor([value.shape["bhsd".index(letter)] for letter in layout], self.case["dtype"], layout)
        self.setup.append(f'{name} = gqa.append_kv {cached}, {new} layout("{layout}") '
                          f": ({cached_type}, {new_type}) -> {type_}")
        return name, type_

    def _cache(self, value, place, layout):
        if "narrow" not in self.case:
            return self._laid_out(value, layout)
        narrow, zero, scale, wide = self._quantized(value, self.case["narrow"][1])
        tokens = self.program.qkv[place]
        tokens[:, :, :value.shape[2]] = wide
        return self._dequantized(f"%w{len(self.setup)}", narrow, scale, zero, layout, self.case["narrow"][1])

    def _dequantized(self, name, narrow, scale, zero, layout, letters):
        dtype = {"u8": "i8"}.get(self.case["narrow"][0], self.case["narrow"][0])
        x, x_type = self._laid_out(narrow, layout, dtype)
        clauses = "".join(f" {clause}({self._factor(factor, layout, letters)})"
                          for clause, factor in (("scale", scale), ("zero", zero)) if factor is not None)
        type_ = x_type.replace(f"x{dtype}>", f"x{self.case['dtype']}>")
        unsigned = " unsigned" if self.case["narrow"][0] == "u8" else ""
        self.setup.append(f"{name} = gqa.dequantize {x}{clauses}{unsigned} : {x_type} -> {type_}")
        return name, type_

    def _quantized(self, value, letters):
        """Narrow numbers, zero, scale (None where there is none), and what they stand for. Products are exact in 16 bits."""
        kind, _, dtype, has_zero = self.case["narrow"]
        wide_type = {"f64": np.float64}.get(self.case["dtype"], np.float32)
        if kind in ("f16", "bf16"):
            narrow = rounded(value, kind)
        elif kind in FLOAT8:
            narrow = to_float8(value * (1 if letters == "none" else 16), kind)
        else:
            levels = 3 if letters == "none" else 50 if self.case["dtype"] in ("f16", "bf16") else 100
            narrow = np.rint(np.clip(value.astype(np.float64) * levels / 3, -levels, levels))
            narrow = (narrow + 128).astype(np.uint8).view(np.int8) if kind == "u8" else narrow.astype(np.int8)
        numbers = from_float8(narrow, kind) if kind in FLOAT8 else narrow.view(np.uint8) if kind == "u8" else narrow
        numbers = numbers.astype(wide_type)
        zero = scale = None
        shape = [size if letter in letters else 1 for letter, size in zip("bhsd", value.shape)]
        if letters != "none":
            exact = self.case["dtype"] in ("f16", "bf16") or self.case.get("coarse")
            scale = 2.0 ** self.rng.integers(-6, -3, shape) if exact else self.rng.uniform(0.01, 0.06, shape)
            scale = rounded(scale * self.rng.choice([-1, 1], shape), dtype)
        if has_zero:
            zero = rounded(self.rng.integers(-9, 9, shape) + (128 if kind == "u8" else 0), dtype)
            numbers = numbers - zero.astype(wide_type)
        wide = numbers if scale is None else numbers * scale.astype(wide_type)
        return narrow, zero, scale, rounded(wide, self.case["dtype"])

    def _factor(self, factor, layout, letters):
        """`%name : type` of an argument whose dimensions of size 1 are known, so that they broadcast."""
        factor = factor.transpose(["bhsd".index(letter) for letter in layout])
        dtype = self.case["narrow"][2]
        full = self.program.tensor(factor.shape, dtype, layout)[len("tensor<"):-1].split("x")
        shown = [size if letter in letters else "1" for size, letter in zip(full, layout)] + full[len(layout):]
        self.program.inputs.append(to_bf16(factor) if dtype == "bf16" else factor)
        self.program.types.append(f"tensor<{'x'.join(shown)}>")
        return f"%a{len(self.program.inputs) - 1} : {self.program.types[-1]}"

    def _laid_out(self, value, layout, dtype=None):
        return self._strided(value.transpose(["bhsd".index(letter) for letter in layout]), layout, dtype)
