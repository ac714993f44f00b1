"""Random and nasty attentions as data: one case is text for the compiler, arrays for it, and options for `reference`."""

import dataclasses

import numpy as np

from reference import rounded

NUMPY = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i1": np.bool_, "i32": np.int32, "i64": np.int64}
SCORES = {
    # ALiBi: each head's slope times the distance.
    "alibi": ("""(%s, %b, %h, %i, %j, %slopes = %extra) {
      %slope = tensor.extract %slopes[%h] : tensor<?xf32>
      %d = arith.subi %j, %i : index
      %di = arith.index_cast %d : index to i64
      %df = arith.sitofp %di : i64 to f32
      %t = arith.mulf %slope, %df : f32
      %r = arith.addf %s, %t : f32
      gqa.yield %r : f32
    }""", lambda extra: lambda s, b, h, i, j: s + extra[h] * (j - i)),
    # Only even distances are seen.
    "dilated": ("""(%s, %b, %h, %i, %j, %slopes = %extra) {
      %d = arith.addi %j, %i : index
      %two = arith.constant 2 : index
      %zero = arith.constant 0 : index
      %r = arith.remui %d, %two : index
      %seen = arith.cmpi eq, %r, %zero : index
      gqa.yield %s, %seen : f32, i1
    }""", lambda extra: lambda s, b, h, i, j: (s, (i + j) % 2 == 0)),
    # Hides by -inf, by way of a bit pattern.
    "sign": ("""(%s, %b, %h, %i, %j, %slopes = %extra) {
      %half = arith.constant 0.5 : f32
      %t = arith.mulf %s, %half : f32
      %bits = arith.bitcast %t : f32 to i32
      %zero = arith.constant 0 : i32
      %positive = arith.cmpi sge, %bits, %zero : i32
      %none = arith.constant 0xFF800000 : f32
      %r = arith.select %positive, %t, %none : f32
      gqa.yield %r : f32
    }""", lambda extra: lambda s, b, h, i, j: np.where(np.signbit(s), -np.inf, s / 2)),
}


@dataclasses.dataclass
class Case:
    """`arrays` are the function's arguments by name, `types` their element types, `options` those of `attention`."""
    dtype: str
    arrays: dict
    types: dict
    clauses: list
    options: dict
    layouts: dict = dataclasses.field(default_factory=lambda: dict(q="bhsd", k="bhsd", v="bhsd", o="bhsd"))
    score: str = ""
    dynamic: bool = False

    def type_of(self, name):
        """The MLIR type of an argument, sizes unknown if the case is dynamic."""
        shape = self.argument(name).shape
        hidden = lambda size: name == "extra" or self.dynamic and size != 1  # only a 1 in the type broadcasts
        return f"tensor<{''.join('?x' if hidden(size) else f'{size}x' for size in shape)}{self.types[name]}>"

    def argument(self, name):
        """The array in the layout that the operation is told."""
        array = self.arrays[name]
        return np.transpose(array, ["bhsd".index(x) for x in self.layouts[name]]) if name in "qkv" else array

    def from_output(self, output):
        """The output in logical order."""
        return np.transpose(output, [self.layouts["o"].index(letter) for letter in "bhsd"])

    def text(self):
        """A module of one function `main` with this attention."""
        q, v = self.arrays["q"].shape, self.arrays["v"].shape
        sizes = dict(b=q[0], h=q[1], s=q[2], d=v[3])
        show = lambda size: "?" if self.dynamic else size
        accumulator = "f64" if self.dtype == "f64" else "f32"
        output = f"tensor<{''.join(f'{show(sizes[x])}x' for x in self.layouts['o'])}{self.dtype}>"
        lse = f"tensor<{show(q[0])}x{show(q[1])}x{show(q[2])}x{accumulator}>"
        arguments = ", ".join(f"%{name}: {self.type_of(name)}" for name in self.arrays)
        operands = [self.type_of(name) for name in self.arrays if name != "scale"]
        lines = [f"func.func @main({arguments}) -> ({output}, {lse}) {{"]
        if "scale" in self.arrays:
            lines.append(f"%scale_value = tensor.extract %scale[] : tensor<{self.types['scale']}>")
            operands.insert(len(operands) - ("extra" in self.arrays), self.types["scale"])
        layouts = ", ".join(f'{name} = "{layout}"' for name, layout in self.layouts.items())
        score = SCORES[self.score][0] if self.score else ""
        if accumulator == "f64":
            score = score.replace("f32", "f64").replace("i32", "i64").replace("0xFF800000", "0xFFF0000000000000")
        lines.append(f"%o, %lse = gqa.attention %q, %k, %v {' '.join(self.clauses)} layout({layouts})"
                     f" : ({', '.join(operands)}) -> ({output}, {lse})" + (f" score{score}" if score else ""))
        lines += [f"return %o, %lse : {output}, {lse}", "}"]
        return "\n".join(lines)


def some(rng, *choices):
    """One of the choices."""
    return choices[rng.integers(len(choices))]


def _size(rng, *choices):
    """One of the choices, or now and then nothing at all."""
    return 0 if rng.random() < 0.08 else some(rng, *choices)


def _broadcastable(rng, shape):
    """A shape of rank 0 to 4 that broadcasts to `shape`."""
    return tuple(some(rng, 1, size) for size in shape[4 - rng.integers(5):]) if rng.random() < 0.9 else ()


def _add_masks(rng, case, shape):
    if rng.random() < 0.4:
        case.arrays["mask"], case.types["mask"] = rng.random(_broadcastable(rng, shape)) < 0.6, "i1"
        case.arrays["mask"] = np.asarray(case.arrays["mask"])
        case.options["mask"] = case.arrays["mask"]
        case.clauses.append("mask(%mask)")
    if rng.random() < 0.4:
        kind = some(rng, "f64", "f32", "f16", "bf16")
        bias = np.asarray(rounded(rng.standard_normal(_broadcastable(rng, shape)), kind))
        if rng.random() < 0.3:
            bias = np.where(rng.random(bias.shape) < 0.3, -np.inf, bias).astype(bias.dtype)
        case.arrays["bias"], case.types["bias"], case.options["bias"] = bias, kind, bias
        case.clauses.append("bias(%bias)")


def _per_batch(rng, case, name, batch, low, high):
    kind = some(rng, "i32", "i64")
    value = rng.integers(low, high, some(rng, 1, batch)).astype(NUMPY[kind])
    case.arrays[name], case.types[name], case.options[name] = value, kind, value
    case.clauses.append(f"{name}(%{name})")


def _add_positions(rng, case, shape):
    batch, _, queries, keys = shape
    if rng.random() < 0.4:
        _per_batch(rng, case, "kv_len", batch, -2, keys + 3)
    case.options["causal"] = rng.random() < 0.5
    if case.options["causal"]:
        case.clauses.append("causal")
    if rng.random() < 0.4:
        window = int(rng.integers(-1, 4)), int(rng.integers(-1, 4))
        case.options["window"] = window
        case.clauses.append(f"window({window[0]}, {window[1]})")
    if case.options["causal"] or "window" in case.options:
        if rng.random() < 0.5:
            _per_batch(rng, case, "offset", batch, -3, keys + 2)
        else:
            case.options["offset"] = int(rng.integers(-3, keys + 2))
            case.clauses.append(f"offset({case.options['offset']})")


def _add_scale(rng, case, heads):
    if rng.random() < 0.3:
        case.options["softcap"] = some(rng, 0.5, 2.0, 50.0)
        case.clauses.append(f"softcap({case.options['softcap']})")
    if rng.random() < 0.3:
        kind = some(rng, "f64", "f32", "f16")
        sinks = rounded(rng.standard_normal(heads), kind)
        case.arrays["sinks"], case.types["sinks"], case.options["sinks"] = sinks, kind, sinks
        case.clauses.append("sinks(%sinks)")
    if rng.random() < 0.4:
        case.options["scale"] = some(rng, 0.0, -0.5, 0.25, 1.0)
        if rng.random() < 0.5:
            case.clauses.append(f"scale({case.options['scale']})")
        else:
            case.types["scale"] = some(rng, "f64", "f32", "f16")
            case.arrays["scale"] = np.array(case.options["scale"], NUMPY[case.types["scale"]])
            case.clauses.append("scale(%scale_value)")


def base_case(rng, dtype, batch, kv_heads, group, queries, keys, dim, v_dim):
    """q, k, v of N(0, 1) and nothing else."""
    shapes = dict(q=(batch, kv_heads * group, queries, dim), k=(batch, kv_heads, keys, dim),
                  v=(batch, kv_heads, keys, v_dim))
    arrays = {name: rounded(rng.standard_normal(shape), dtype) for name, shape in shapes.items()}
    return Case(dtype, arrays, dict.fromkeys(arrays, dtype), [], {})


# The order in which the operation lists its operands.
ORDER = "q", "k", "v", "mask", "bias", "kv_len", "offset", "sinks", "scale", "extra"


def random_case(seed):
    """Any shape, layout, element type and set of clauses; NaN and infinities here and there."""
    rng = np.random.default_rng(seed)
    kv_heads, group = some(rng, (1, 2), (1, 5), (2, 1), (2, 3), (3, 2), (5, 1))
    case = base_case(rng, some(rng, "f64", "f32", "f16", "bf16"), _size(rng, 1, 2, 5), kv_heads, group,
                     _size(rng, 1, 3, 8), _size(rng, 1, 3, 7, 11), some(rng, 1, 5, 8), some(rng, 1, 4, 7))
    shape = *case.arrays["q"].shape[:3], case.arrays["k"].shape[2]
    for name in ("q", "k", "v"):
        if rng.random() < 0.2:
            case.arrays[name][rng.random(case.arrays[name].shape) < 0.05] = some(rng, np.nan, np.inf, -np.inf)
    _add_masks(rng, case, shape)
    _add_positions(rng, case, shape)
    _add_scale(rng, case, shape[1])
    case.options["dead_row"] = some(rng, "zero", "nan", "uniform")
    case.clauses.append(f"dead_row({case.options['dead_row']})")
    case.layouts = {name: "".join(rng.permutation(list("bhsd"))) for name in "qkvo"}
    case.dynamic = rng.random() < 0.5
    if rng.random() < 0.4:
        add_score(case, some(rng, *SCORES), rng)
    case.arrays = {name: case.arrays[name] for name in ORDER if name in case.arrays}
    return case


def add_score(case, name, rng):
    """A score region, with a captured value per query head."""
    kind = "f64" if case.dtype == "f64" else "f32"
    case.arrays["extra"] = rng.standard_normal(case.arrays["q"].shape[1]).astype(NUMPY[kind])
    case.types["extra"], case.score = kind, name
    case.options["score"] = SCORES[name][1](case.arrays["extra"].astype(np.float64))
