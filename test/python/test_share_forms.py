"""Repeats of heads wherever models put them, exported from PyTorch: shared, and the numbers stay."""

import subprocess

import numpy as np
import pytest
import torch

from gqa.importer import import_model

BATCH, HEADS, KV_HEADS, WIDTH, CACHED = 2, 6, 2, 8, 7
GROUPS = HEADS // KV_HEADS


def repeated(x, order):
    if order == "tiled":
        return x.repeat(1, GROUPS, 1, 1)
    return x[:, :, None].expand(-1, -1, GROUPS, -1, -1).reshape(len(x), HEADS, *x.shape[2:])


def first_copies(x, order):
    return x[:, ::GROUPS] if order == "block" else x[:, :KV_HEADS]


def rotated(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def normed(x):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def attention(q, k, v):
    return torch.softmax(q @ k.transpose(-1, -2) * 0.3, -1) @ v


class Form(torch.nn.Module):
    """One token of a decoder; `name` says where heads are repeated."""

    def __init__(self, name, order):
        super().__init__()
        self.name, self.order = name, order

    def forward(self, q, k, v, old_k, old_v, cos, sin):
        def repeat(x):
            return repeated(x, self.order)

        def append(old, new):
            return torch.cat([old, new], 2)

        def write(old, new):
            return torch.where((torch.arange(CACHED) == 3)[:, None], new, old)

        def after(change):
            return attention(q, change(repeat(append(old_k, k))), change(repeat(append(old_v, v))))

        if self.name == "after_append":
            return after(lambda x: x)
        if self.name == "norm":
            return after(normed)
        if self.name == "cast":
            return after(lambda x: x.half().float())
        if self.name == "transposed":
            return after(lambda x: x.transpose(1, 2).contiguous().transpose(1, 2))
        if self.name == "users":
            keys, values = repeat(append(old_k, k)), repeat(append(old_v, v))
            return attention(q, keys, values), keys * 2, values.sum()
        if self.name == "rotated":
            keys = rotated(repeat(append(old_k, k)), cos, sin)
            return attention(rotated(q, cos, sin), keys, repeat(append(old_v, v)))
        if self.name == "both_repeated":
            return attention(q, append(repeat(old_k), repeat(k)), append(repeat(old_v), repeat(v)))
        if self.name == "cache_of_repeated":
            keys, values = append(old_k, repeat(k)), append(old_v, repeat(v))
        elif self.name == "cache_of_rotated":
            q, keys, values = rotated(q, cos, sin), append(old_k, rotated(repeat(k), cos, sin)), append(old_v, repeat(v))
        elif self.name == "cache_of_normed":
            keys, values = append(old_k, normed(repeat(k))), append(old_v, repeat(v))
        elif self.name == "static_cache":
            keys, values = write(old_k, repeat(k)), write(old_v, repeat(v))
        return attention(q, keys, values), keys, values


INSIDE = ["after_append", "norm", "cast", "transposed", "users", "rotated", "both_repeated"]
BOUNDARY = ["cache_of_repeated", "cache_of_rotated", "cache_of_normed", "static_cache"]
SHARED = f"tensor<{BATCH}x{KV_HEADS}x"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


def export(name, order, folder):
    """Writes form.mlir; returns (its path, the arguments, the results)."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    k, v = (random(BATCH, KV_HEADS, 1, WIDTH) for _ in range(2))
    caches = [random(BATCH, KV_HEADS, CACHED, WIDTH) for _ in range(2)]
    if name in BOUNDARY:  # the promise of change-signature
        caches = [repeated(cache, order) for cache in caches]
    arguments = (random(BATCH, HEADS, 1, WIDTH), k, v, *caches, random(1, WIDTH // 2), random(1, WIDTH // 2))
    form = Form(name, order)
    torch.export.save(torch.export.export(form, arguments, strict=False), folder / "form.pt2")
    import_model(str(folder / "form.pt2"), str(folder / "form.mlir"))
    results = form(*arguments)
    return folder / "form.mlir", arguments, results if isinstance(results, tuple) else (results,)


def assert_numbers(tools, graph, arguments, results):
    given, expected = graph.with_name("in.npz"), graph.with_name("expected.npz")
    np.savez(given, **{f"arg{i}": x.numpy() for i, x in enumerate(arguments)})
    np.savez(expected, **{f"out{i}": x.numpy() for i, x in enumerate(results)})
    run(tools / "gqa-run", graph, f"--inputs={given}", f"--expect={expected}", "--no-simplify", "--tolerance=1e-5")


def attention_line(text):
    return next(line for line in text.splitlines() if "gqa.attention" in line)


@pytest.mark.parametrize(("name", "order"), [*((name, "block") for name in INSIDE), ("norm", "tiled"), ("cast", "tiled")])
def test_repeats_inside_of_a_function(name, order, tools, tmp_path):
    graph, arguments, results = export(name, order, tmp_path)
    shared = tmp_path / "shared.mlir"
    run(tools / "gqa-opt", graph, "--gqa-simplify", "-o", shared)
    assert attention_line(shared.read_text()).count(SHARED) == 2
    assert_numbers(tools, shared, arguments, results)


@pytest.mark.parametrize(("name", "order"), [*((name, "block") for name in BOUNDARY), ("cache_of_rotated", "tiled")])
def test_caches_at_the_boundary(name, order, tools, tmp_path):
    graph, arguments, results = export(name, order, tmp_path)
    kept, shared = tmp_path / "kept.mlir", tmp_path / "shared.mlir"
    done = run(tools / "gqa-opt", graph, "--gqa-simplify", "-o", kept, "--remarks-filter-missed=gqa-share-kv")
    assert done.stderr.count("change-signature") == 2  # K and V
    assert SHARED not in attention_line(kept.read_text())
    assert_numbers(tools, kept, arguments, results)

    done = run(tools / "gqa-opt", graph, "--gqa-raise", "--gqa-share-kv=change-signature", "-o", shared,
               "--remarks-filter=gqa-share-kv")
    assert "@main has another signature" in done.stderr and "stays repeated" not in done.stderr
    assert attention_line(shared.read_text()).count(SHARED) == 2
    fewer = [first_copies(x, order) if i in (3, 4) else x for i, x in enumerate(arguments)]
    assert_numbers(tools, shared, fewer, [results[0], *(first_copies(x, order) for x in results[1:])])
