"""What the kernels of an attention take over from the operations in front of it: the rotation of queries, and new tokens
behind a cache.

    rotary=(kind, elements, type, angles)     angles for each "row" of all, "query", "batch" or "head"
    append=(k, v)                             how many of the keys, and of the values, are new; 0: they are not appended
"""

import numpy as np

from reference import rounded


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

    def _angles(self, shape, half, dtype, places):
        batch, heads, queries, _ = shape
        full = {"row": (half,), "query": (queries, half), "batch": (batch, 1, queries, half),
                "head": (batch, heads, queries, half)}[places]
        angles = self.rng.uniform(-7, 7, full)
        if self.case.get("coarse"):  # quarter turns keep what the scores owe to their exactness
            turns = np.rint(angles).astype(int) % 4
            return (np.take(np.array(values, rounded(0.0, dtype).dtype), turns) for values in ([1, 0, -1, 0], [0, 1, 0, -1]))
        return rounded(np.cos(angles), dtype), rounded(np.sin(angles), dtype)

    def _tokens(self, value, layout, fresh):
        """K or V: an argument, or a cache with new tokens behind it."""
        if not fresh:
            return self._laid_out(value, layout)
        past = value.shape[2] - fresh
        cached, new = self._laid_out(value[:, :, :past], layout), self._laid_out(value[:, :, past:], layout)
        name = f"%t{len(self.setup)}"
        type_ = self.program.tensor([value.shape["bhsd".index(letter)] for letter in layout], self.case["dtype"], layout)
        self.setup.append(f'{name} = gqa.append_kv {cached[0]}, {new[0]} layout("{layout}") '
                          f": ({cached[1]}, {new[1]}) -> {type_}")
        return name, type_

    def _laid_out(self, value, layout):
        return self._strided(value.transpose(["bhsd".index(letter) for letter in layout]), layout)
