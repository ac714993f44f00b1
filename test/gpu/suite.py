"""What the check runs: a program for each attention of the numeric suite, of the races and of the benchmark."""

import hashlib

from attention_cases import build
from cuda_cases import BASE, CASES
from gqa.bench.cuda.cases import CASES as BENCHMARK
from gqa.bench.text import attention_text

PARTS = ("numerics", "races", "bench")

# A kernel of each kind with more blocks than a chip runs at a time: tasks start and end next to one another in every order.
RACES = {
    "decode": dict(batch=160, keys=300, dim=128, value_dim=128),
    "decode_split": dict(batch=2, keys=5000, dim=128, value_dim=128),
    "decode_window": dict(batch=40, keys=1000, window=(300, -1), offset=("i32", [700]), group=7, dtype="f16"),
    "draft": dict(batch=40, queries=3, group=5, keys=600, causal=True, offset=("constant", 597)),
    "prefill": dict(batch=8, queries=300, keys=300, causal=True, dim=128, value_dim=128),
    "prefill_split": dict(batch=2, queries=33, keys=3000, causal=True, offset=("i64", [2967]), kv_heads=1),
    "prefill_mask": dict(batch=6, queries=200, keys=330, mask=(200, 330), values="poison"),
    "rows": dict(batch=4, queries=100, keys=300, dtype="f32", causal=True, offset=("i64", [200])),
}


def attention(part, name):
    """The case of attention_cases that a program of the numeric suite or of the races is made of."""
    return {**BASE, **{"numerics": CASES, "races": RACES}[part][name]}


def names(part):
    return list({"numerics": CASES, "races": RACES}[part]) if part != "bench" else [case.name for case in BENCHMARK]


def text(part, name):
    """The module of a program."""
    if part == "bench":
        return attention_text(next(case for case in BENCHMARK if case.name == name))
    return build(attention(part, name)).text


def digest(module):
    """What says that a packed program is the one that its inputs are made for."""
    return hashlib.sha256(module.encode()).hexdigest()
