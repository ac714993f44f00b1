"""The inputs that every kernel is tried on, as cases of attention_cases.

Batch, queries and keys are not known to the compiler, so that one function is called with all SHAPES: a kernel with few
rows (G Sq less than two vectors) and one with many, each with its keys whole and split (few tiles, more than 256 keys).
"""

BASE = dict(dtype="f32", kv_heads=2, group=3, dim=64, value_dim=80, dynamic="lengths", seed=1, lse=True, strided=False)

SHAPES = {
    "few": dict(batch=16, queries=1, keys=113),
    "few_split": dict(batch=8, queries=1, keys=1025),
    "many": dict(batch=2, queries=113, keys=113),
    "many_split": dict(batch=1, queries=65, keys=799),
}

# What the values are, with nothing else: one function for each type.
VALUES = ["normal", "equal", "logits_6e4", "logits_-6e4", "logits_-524288", "large", "one_huge", "poison", "denormal",
          "zeros"]


def per_batch(s, *values):
    return [values[b % len(values)] for b in range(s["batch"])]


def end(s):
    return s["keys"] - s["queries"]


# Clauses, given the shape. Lengths and offsets reach from nothing visible to more than there is, and with split keys end
# in the first part, or leave parts in the middle without a visible key.
CLAUSES = {
    "causal": lambda s: dict(causal=True, offset=("i64", [end(s)])),
    "causal_dead": lambda s: dict(
        causal=True, offset=("i64", per_batch(s, -1, 5, -s["queries"], 300)), dead_row="nan"),
    "causal_window": lambda s: dict(causal=True, window=(40, -1), offset=("i64", per_batch(s, end(s), 30))),
    "window_0": lambda s: dict(window=(0, 0), offset=("i32", per_batch(s, end(s) // 2, s["keys"] - 3, 600))),
    "window_1": lambda s: dict(window=(1, 1), offset=("i32", per_batch(s, end(s), -2))),
    "window_left": lambda s: dict(window=(1, -1), offset=("i64", [60])),
    "window_right": lambda s: dict(window=(-1, 0), offset=("i64", [s["keys"] // 2]), dead_row="uniform"),
    "kv_len": lambda s: dict(kv_len=("i32", per_batch(s, 40, 0, s["keys"] + 9, 257, -4)), dead_row="uniform"),
    "garbage": lambda s: dict(kv_len=("i64", per_batch(s, 40, 256, 1)), values="garbage"),
    "poison": lambda s: dict(values="poison", mask=(s["queries"], s["keys"]), causal=True, offset=("i64", [end(s)])),
    "sinks": lambda s: dict(sinks="f32", kv_len=("i64", per_batch(s, 30, 0, s["keys"]))),
    "masks": lambda s: dict(
        mask=(s["batch"], 1, 1, s["keys"]), bias=("f16", (6, 1, 1)), softcap=5.0, dead_row="nan"),
    "bias": lambda s: dict(bias=("f32", (s["queries"], s["keys"])), scale=("runtime", -0.2)),
    "holes": lambda s: dict(score="holes", window=(30, 30), offset=("i64", [end(s)])),
    "documents": lambda s: dict(score="documents", sinks="f16"),
    "layouts": lambda s: dict(layouts=("bshd", "bhds", "sbhd", "dshb"), causal=True, offset=("i64", [end(s)])),
}

# G, D, Dv. A head dimension may be no whole number of vectors, and more than any table expects.
HEADS = [(1, 16, 16), (2, 32, 32), (3, 64, 32), (5, 80, 96), (7, 96, 96), (8, 128, 128), (16, 192, 128), (2, 256, 256),
         (3, 33, 47), (4, 1, 7), (3, 24, 1)]

# Sq, Skv; causal from the end.
SIZES = [(0, 3), (0, 0), (1, 0), (3, 0), (1, 1), (3, 1), (1, 3), (1, 239), (1, 799), (3, 1023), (113, 113), (113, 239),
         (239, 113), (799, 3), (113, 1025), (1023, 1), (1025, 239), (239, 1023)]


def shaped(shape, **more):
    return {**BASE, **SHAPES[shape], **more}


def clauses(name, shape, **more):
    case = shaped(shape, **more)
    return {**case, **CLAUSES[name](case)}
