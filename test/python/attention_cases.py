"""Random attentions: the IR of one, inputs for it, and the options that make `reference.attention` compute the same.

    case = draw(rng)                 # a dict that prints as one line and can be pasted into a test
    program = build(case)            # .text, .inputs (arrays of the function's arguments), .options, .qkv

A case is `dynamic` if no size is known to the compiler; with dynamic="lengths" heads and head dimensions are known, as
in a decoder: then the text does not depend on batch, queries and keys, and one compiled function serves many cases. With
dynamic="heads" only the head dimensions are known; with dynamic="batch" everything but the batch.
"""

from dataclasses import dataclass, field

import numpy as np

from attention_producers import Producers
from attention_scores import ScoreRegions
from reference import rounded, to_bf16

SIZES = [0, 1, 3, 4, 17, 64, 65, 113, 130]
DIMS = [1, 5, 16, 20, 32, 64, 80, 128]
# The rule for errors compares maxima and means over a head, which therefore needs more than a few elements.
VALUE_DIMS = [16, 20, 33, 64, 80, 128]
HUGE = {"logits_6e4": 6e4, "logits_-6e4": -6e4, "logits_-524288": -524288}
HIDDEN = {"batch": "b", "lengths": "bs", "heads": "bhs"}  # the sizes that the compiler does not know
LAYOUTS = ["bhsd", "bshd", "bhds", "sbhd", "hbsd", "dshb"]


def draw(rng):
    """A case over everything that the operation's verifier admits."""
    def pick(*options):
        return options[rng.integers(len(options))]

    def maybe(chance, value):
        return value() if rng.random() < chance else None

    batch, kv_heads = pick(1, 1, 2, 3), pick(1, 2, 3)
    queries, keys, dim, value_dim = pick(*SIZES), pick(*SIZES), pick(*DIMS), pick(*VALUE_DIMS)
    if rng.random() < 0.4:  # decoding: few rows, and enough keys to split them
        queries, keys = pick(1, 1, 2, 3), pick(*SIZES, 239, 799, 1025)
    else:
        queries = max(queries, 2048 // value_dim)  # the rule on rounding compares the largest errors of a head
    case = dict(dtype=pick("f32", "f32", "f64", "f16", "bf16"), batch=batch, kv_heads=kv_heads,
                group=pick(1, 2, 3, 5, 7, 8, 16), queries=queries, keys=keys, dim=dim, value_dim=value_dim,
                dynamic=pick(False, False, "lengths", True), seed=int(rng.integers(1 << 30)), lse=rng.random() < 0.5,
                strided=rng.random() < 0.2)
    if queries <= 3:  # few rows are no sample of rounding noise: more of them, and products without any
        rows = kv_heads * case["group"] * queries
        case.update(batch=max(batch, -(-64 // rows)) if batch else 0, coarse=True)
        batch = case["batch"]
    optional = dict(
        layouts=maybe(0.5, lambda: tuple(pick(*LAYOUTS) for _ in range(4))),
        causal=maybe(0.4, lambda: True),
        window=maybe(0.3, lambda: (pick(-1, 0, 1, 5, 40), pick(-1, 0, 1, 30))),
        kv_len=maybe(0.3, lambda: (pick("i32", "i64"), [int(x) for x in rng.integers(-2, keys + 3, pick(1, batch))])),
        scale=maybe(0.4, lambda: (pick("constant", "runtime"), pick(0.0, -0.7, 0.3, 1.5))),
        softcap=maybe(0.2, lambda: pick(0.5, 5.0, 50.0)),
        mask=maybe(0.3, lambda: _broadcast(rng, case)),
        bias=maybe(0.3, lambda: (pick("f32", "f16", case["dtype"]), _broadcast(rng, case))),
        sinks=maybe(0.2, lambda: pick("f32", "f64", "f16")),
        dead_row=maybe(0.5, lambda: pick("zero", "nan", "uniform")),
        score=maybe(0.3, lambda: pick("alibi", "documents", "runtime", "holes")),
        values=maybe(0.4, lambda: pick("equal", "poison", "denormal", "zeros")),
        append=maybe(0.4, lambda: tuple(pick(0, 1, 1, min(3, keys), keys) if keys else 0 for _ in "kv")),
        rotary=maybe(0.3, lambda: (pick("half", "interleaved"), pick(dim, dim, dim // 2) // 2 * 2, pick("f32", "f64", case["dtype"]),
                                   pick("row", "query", "batch", "head"))))
    if optional["rotary"] and (optional["rotary"][1] < 2 or not queries):
        optional["rotary"] = None
    case.update({name: value for name, value in optional.items() if value is not None})
    if (case.get("causal") or case.get("window")) and (case["dynamic"] or queries != keys or rng.random() < 0.5):
        values = [int(x) for x in rng.integers(-5, keys + 5, pick(1, batch))]
        case["offset"] = pick(("constant", values[0]), ("i32", values), ("i64", values))
    return case


def _broadcast(rng, case):
    """A shape of rank 0 to 4 that broadcasts to B x Hq x Sq x Skv."""
    full = [case["batch"], case["kv_heads"] * case["group"], case["queries"], case["keys"]]
    shape = [size if rng.random() < 0.6 else 1 for size in full]
    return tuple(shape[rng.integers(5):])


@dataclass
class Program:
    case: dict
    text: str = ""
    inputs: list = field(default_factory=list)   # of the function, in order; bf16 as uint16
    types: list = field(default_factory=list)    # of the inputs
    qkv: tuple = ()                               # logical order, as the reference wants them
    rounded_q: object = None                      # q as an unfused evaluation has it, if its rotation rounds it
    options: dict = field(default_factory=dict)  # of the reference

    def argument(self, value, dtype, letters=None):
        """Adds an argument of the function; returns its SSA name and type. The letters name the dimensions of q, k, v."""
        value = np.asarray(value)
        self.inputs.append(to_bf16(value) if dtype == "bf16" else value)
        self.types.append(self.tensor(value.shape, dtype, letters))
        return f"%a{len(self.inputs) - 1}", self.types[-1]

    def tensor(self, sizes, dtype, letters=None):
        """The type of a tensor, with as much about its sizes as the case lets the compiler know, which always is the one of
        a letter '.'."""
        dynamic = self.case["dynamic"]
        hidden = [bool(dynamic)] * len(sizes)
        if dynamic in HIDDEN and letters:
            hidden = [letter in HIDDEN[dynamic] for letter in letters]
        elif letters and letters[-1] == ".":
            hidden[-1] = False
        return "tensor<" + "".join(f"{'?' if h else n}x" for h, n in zip(hidden, sizes)) + dtype + ">"


def build(case):
    return _Builder(case).build()


class _Builder(ScoreRegions, Producers):
    def __init__(self, case):
        self.case, self.rng = case, np.random.default_rng(case["seed"])
        self.program = Program(case)
        self.float = "f64" if case["dtype"] == "f64" else "f32"
        self.operands, self.types, self.clauses, self.setup = [], [], [], []
        self.captures, self.region = [], ""

    def build(self):
        self._tensors()
        for clause in (self._mask, self._bias, self._kv_len, self._offset, self._sinks, self._scale, self._rest,
                       self._score):
            clause()
        self._print()
        return self.program

    def _normal(self, *shape, dtype=None):
        return rounded(self.rng.standard_normal(shape), dtype or self.case["dtype"])

    def _tensors(self):
        c = self.case
        q = self._normal(c["batch"], c["kv_heads"] * c["group"], c["queries"], c["dim"])
        k = self._normal(c["batch"], c["kv_heads"], c["keys"], c["dim"])
        v = self._normal(c["batch"], c["kv_heads"], c["keys"], c["value_dim"])
        if c.get("coarse"):  # quarters: any order of summation gives the same scores
            q, k = np.rint(4 * q) / 4, np.rint(4 * k) / 4
            q, k = q.astype(v.dtype), k.astype(v.dtype)
        self.program.qkv = q, k, v = self._unusual(c.get("values"), q, k, v)
        layouts = c.get("layouts", ("bhsd",) * 4)
        self._operand(*self._queries(q, layouts[0]))
        for place, layout, fresh in zip((1, 2), layouts[1:], c.get("append", (0, 0))):
            self._operand(*self._tokens(self.program.qkv[place], place, layout, fresh))
        self.clauses.append("layout(" + ", ".join(f'{n} = "{l}"' for n, l in zip("qkvo", layouts)) + ")")
        self.result = [(c["batch"], q.shape[1], c["queries"], c["value_dim"])["bhsd".index(l)] for l in layouts[3]]

    def _unusual(self, kind, q, k, v):
        dtype = self.case["dtype"]
        if kind == "large":  # integers: the order of summation cannot round scores of 1e5, only what follows is judged
            q, k = np.rint(q * 2) * 4096, np.rint(k * 2)
        elif kind == "equal":
            q = np.zeros_like(q)
        elif kind in HUGE:  # all equal, and exact where the head dimension is 64: 64 q k / 8
            q, k = rounded(np.full(q.shape, HUGE[kind] / 16), dtype), np.full_like(k, 2)
        elif kind == "denormal":
            tiny = {"f16": 1e-6, "f64": 1e-310}.get(dtype, 1e-39)
            k[..., ::2], v = rounded(k[..., ::2] * tiny, dtype), rounded(v * tiny, dtype)
        elif kind == "zeros":  # a product of -0.0 is what marks a hidden key, in other places
            q, v = np.full_like(q, -0.0), np.where(v < 0, np.full_like(v, -0.0), v)
        elif kind == "one_huge" and k.size:
            q, k[:, :, -1] = np.rint(q * 2), np.rint(k[:, :, -1] * 2) * 512
        elif kind == "garbage":  # where no row looks
            for b, length in enumerate(np.broadcast_to(np.array(self.case["kv_len"][1]), len(k))):
                k[b, :, max(length, 0):], v[b, :, max(length, 0):] = np.nan, (-np.inf, np.nan)[b % 2]
        elif kind == "poison":
            for array, poison in ((v, np.nan), (v, np.inf), (k, np.nan), (k, -np.inf)):
                if array.size:
                    array[tuple(self.rng.integers(size) for size in array.shape)] = poison
        return q, k, v

    def _operand(self, name, type_):
        self.operands.append(name)
        self.types.append(type_)

    def _strided(self, value, letters, dtype=None):
        """The tensor as an argument or, where the case says so, as every second element of a larger one."""
        value, dtype = np.ascontiguousarray(value), dtype or self.case["dtype"]
        if not self.case["strided"] or self.case["dynamic"] or not value.size:
            return self.program.argument(value, dtype, letters)
        step = [1, 1, 2, 2]
        wide = np.full([n * s for n, s in zip(value.shape, step)], 99 if value.dtype.kind in "iu" else np.nan, dtype=value.dtype)
        wide[:, :, ::2, ::2] = value
        name, type_ = self.program.argument(wide, dtype)
        small = f"tensor<{'x'.join(map(str, value.shape))}x{dtype}>"
        self.setup.append(f"{name}s = tensor.extract_slice {name}[0, 0, 0, 0] {list(value.shape)} {step} "
                          f": {type_} to {small}")
        return name + "s", small

    def _clause(self, name, value, dtype):
        operand, type_ = self.program.argument(value, dtype)
        self.clauses.append(f"{name}({operand})")
        self._operand(operand, type_)

    def _mask(self):
        if "mask" in self.case:
            mask = self.rng.random(self.case["mask"]) < 0.7
            self.program.options["mask"] = mask
            self._clause("mask", mask, "i1")

    def _bias(self):
        if "bias" in self.case:
            dtype, shape, fill = (*self.case["bias"], -np.inf)[:3]
            bias = np.where(self.rng.random(shape) < 0.2, fill, self.rng.standard_normal(shape))
            bias = rounded(bias, dtype)
            self.program.options["bias"] = bias
            self._clause("bias", bias, dtype)

    def _kv_len(self):
        if "kv_len" in self.case:
            dtype, lengths = self.case["kv_len"]
            self.program.options["kv_len"] = lengths
            self._clause("kv_len", np.array(lengths, {"i32": np.int32, "i64": np.int64}[dtype]), dtype)

    def _offset(self):
        if "offset" in self.case:
            kind, value = self.case["offset"]
            self.program.options["offset"] = value
            if kind == "constant":
                self.clauses.append(f"offset({value})")
            else:
                self._clause("offset", np.array(value, {"i32": np.int32, "i64": np.int64}[kind]), kind)

    def _sinks(self):
        if "sinks" in self.case:
            sinks = self._normal(self.case["kv_heads"] * self.case["group"], dtype=self.case["sinks"])
            sinks[::4] = -np.inf
            self.program.options["sinks"] = sinks
            self._clause("sinks", sinks, self.case["sinks"])

    def _scale(self):
        if "scale" in self.case:
            kind, value = self.case["scale"]
            self.program.options["scale"] = value
            if kind == "constant":
                self.clauses.append(f"scale({value:e})")
            else:
                self.program.options["scale"] = float(np.float32(value))
                operand, type_ = self._scalar(np.float32(value))
                self.clauses.append(f"scale({operand})")
                self._operand(operand, type_)

    def _scalar(self, value):
        """An f32 value that is not known before the program runs."""
        tensor, type_ = self.program.argument(value, "f32")
        self.setup.append(f"{tensor}v = tensor.extract {tensor}[] : {type_}")
        return tensor + "v", "f32"

    def _rest(self):
        for name in ("causal", "window", "softcap", "dead_row"):
            if name not in self.case:
                continue
            value = self.program.options[name] = self.case[name]
            text = {"causal": lambda: "causal", "window": lambda: f"window{value}",
                    "softcap": lambda: f"softcap({value:e})", "dead_row": lambda: f"dead_row({value})"}[name]()
            self.clauses.append(text)
        if attributes := self.case.get("attributes"):
            self.clauses.append(f"{{{', '.join(attributes)}}}")

    def _print(self):
        c = self.case
        results = [self.program.tensor(self.result, c["dtype"], c.get("layouts", ("bhsd",) * 4)[3])]
        if c["lse"]:
            sizes = [c["batch"], c["kv_heads"] * c["group"], c["queries"]]
            results.append(self.program.tensor(sizes, self.float, "bhs"))
        names = ["%o", "%l"][:len(results)]
        arguments = ", ".join(f"%a{n}: {t}" for n, t in enumerate(self.program.types))
        q, k, v = self.operands[:3]
        lines = [f"func.func @main({arguments}) -> ({', '.join(results)}) {{", *self.setup,
                 f"{', '.join(names)} = gqa.attention {q}, {k}, {v} {' '.join(self.clauses)}",
                 f": ({', '.join(self.types)}) -> ({', '.join(results)}){self.region}",
                 f"return {', '.join(names)} : {', '.join(results)}", "}"]
        self.program.text = "\n".join(lines) + "\n"
