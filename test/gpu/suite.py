"""What the check runs: a program for each attention of the numeric suite, of the races and of the benchmark."""

import hashlib
import re

from attention_cases import build
from cuda_cases import BASE, CASES
from gqa.bench.cuda.cases import CASES as BENCHMARK
from gqa.bench.text import attention_text
from vectors import VECTORS

UNPACKED = ("products", "vectors")  # parts that no program is packed for
PARTS = ("numerics", "products", "graphs", "races", "steps", "vectors", "bench")

# A token through a whole Llama: sizes that differ from those of Llama 3 8B, and the token's place.
STEPS = {
    "small": (dict(layers=2, hidden=128, heads=4, kv_heads=2, dim=32, inner=192, words=100, keys=64), 41),
    "layers": (dict(hidden=64, heads=4, kv_heads=2, dim=16, inner=96, words=64, keys=32), 20),
    "llama-3-8b": ({}, 8000),
}

# Other programs of a step, which are timed beside its own: all products by the library.
STEP_FORMS = {"small": ("library",), "llama-3-8b": ("library",)}

# A kernel of each kind with more blocks than a chip runs at a time: tasks start and end next to one another in every order.
RACES = {
    "decode": dict(batch=160, keys=300, dim=128, value_dim=128),
    "decode_split": dict(batch=2, keys=5000, dim=128, value_dim=128),
    "decode_fp8": dict(batch=40, keys=1000, dim=128, value_dim=128, narrow=("f8E4M3FN", "bhs", "f32", False)),
    "decode_window": dict(batch=40, keys=1000, window=(300, -1), offset=("i32", [700]), group=7, dtype="f16"),
    "draft": dict(batch=40, queries=3, group=5, keys=600, causal=True, offset=("constant", 597)),
    "prefill": dict(batch=8, queries=300, keys=300, causal=True, dim=128, value_dim=128),
    "prefill_fp8": dict(batch=8, queries=300, keys=300, causal=True, dim=128, value_dim=128,
                        narrow=("f8E4M3FN", "h", "f32", False)),
    "prefill_fp8_queries": dict(batch=8, queries=300, keys=300, causal=True, dim=128, value_dim=128,
                                narrow=("f8E4M3FN", "h", "f32", False), narrow_q="b"),
    "prefill_split": dict(batch=2, queries=33, keys=3000, causal=True, offset=("i64", [2967]), kv_heads=1),
    "prefill_chunk": dict(batch=2, queries=128, keys=3000, dim=128, value_dim=128),  # few tiles: keys are in parts
    "draft_long": dict(batch=80, queries=9, group=5, keys=600, causal=True, offset=("constant", 591)),  # half tiles on sm_90a
    "draft_long_fp8": dict(batch=80, queries=9, group=5, keys=600, causal=True, offset=("constant", 591),
                           narrow=("f8E4M3FN", "bhs", "f32", False)),
    "prefill_mask": dict(batch=6, queries=200, keys=330, mask=(200, 330), values="poison"),
    "latent": dict(batch=40, kv_heads=1, group=16, keys=600, dim=576, value_dim=512),
    "latent_128": dict(batch=2, kv_heads=1, group=128, keys=3000, dim=576, value_dim=512),  # keys in parts
    "rows": dict(batch=4, queries=100, keys=300, dtype="f32", causal=True, offset=("i64", [200])),
}

# Products of whole graphs: type, type of the result, batch, m, n, k, and how: A or B transposed ("a", "b"), one B for all of a
# batch ("1"), summed onto what is there ("+"), rows farther apart than they are long ("p").
PRODUCTS = {
    "decode_f16": ("f16", "f16", 1, 1, 4096, 4096, "b"),
    "decode_bf16": ("bf16", "bf16", 1, 8, 1024, 4096, "b"),
    "prefill_f16": ("f16", "f16", 1, 300, 512, 1024, "b"),
    "prefill_bf16": ("bf16", "f32", 1, 300, 512, 1024, ""),
    "residual_f16": ("f16", "f16", 1, 77, 256, 512, "b+"),
    "scores_f32": ("f32", "f32", 12, 65, 70, 64, "b"),
    "heads_f32": ("f32", "f32", 5, 33, 64, 129, "a1p"),
    "odd_f16": ("f16", "f16", 3, 7, 13, 33, "p"),
    "odd_bf16": ("bf16", "bf16", 3, 7, 13, 33, "abp"),
    "odd_f32": ("f32", "f32", 1, 7, 13, 33, "ap+"),
    "f64": ("f64", "f64", 2, 40, 30, 200, "b+"),
    "empty": ("f32", "f32", 2, 5, 6, 0, "p"),
}


def attention(part, name):
    """The case of attention_cases that a program of the numeric suite or of the races is made of."""
    return {**BASE, **{"numerics": CASES, "races": RACES}[part][name]}


def names(part):
    items = {"numerics": CASES, "products": PRODUCTS, "races": RACES, "steps": STEPS, "vectors": VECTORS}
    return list(items[part]) if part != "bench" else [case.name for case in BENCHMARK]


def forms(part, name):
    """What tells a program's other forms from its own."""
    return STEP_FORMS.get(name, ()) if part == "steps" else ()


def text(part, name):
    """The module of a program."""
    if part == "steps":
        from gqa.bench.llama import Sizes, text_of  # which the packing half alone can do: it needs torch-mlir

        return text_of(Sizes(**STEPS[name][0]))
    if part == "bench":
        return attention_text(next(case for case in BENCHMARK if case.name == name))
    return build(attention(part, name)).text


def text_of_form(module, form):
    """The same program with `gqa.{form}_products`."""
    return re.sub(r"^module (attributes \{)?", lambda found: f"module attributes {{gqa.{form}_products" + (", " if found[1] else "} "),
                  module, count=1, flags=re.M)


def digest(module):
    """What says that a packed program is the one that its inputs are made for."""
    return hashlib.sha256(module.encode()).hexdigest()
