"""`gqa-pool-heads` on exported models: what it makes of the graph is what `gqa.convert` makes of the model."""

import json
import os
import re
import subprocess

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gqa
from convert_models import HEADS, LAYERS, build, change_heads, error
from gqa.importer import import_model

IDS = torch.arange(22).reshape(2, 11) * 7 % 97
NAMES = ["bert", "gpt2", "llama", "llama-bias", "phi-partial", "cohere-interleaved", "phi3", "neox"]


class FirstResult(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(input_ids=ids, use_cache=False)[0]


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)


def export(model, folder):
    """Writes model.mlir, with its weights beside it; returns the path."""
    torch.export.save(torch.export.export(FirstResult(model), (IDS,), strict=False), folder / "model.pt2")
    import_model(str(folder / "model.pt2"), str(folder / "model.mlir"))
    return folder / "model.mlir"


def pooled(tools, graph, options):
    """(the graph's result, the report) after `gqa-pool-heads`."""
    new, report = graph.with_name("pooled.mlir"), graph.with_name("report.json")
    done = run(tools / "gqa-opt", graph, "--gqa-simplify", f"--gqa-pool-heads={options} report={report}", "-o", new)
    assert done.returncode == 0, done.stderr
    arrays, results = graph.with_name("in.npz"), graph.with_name("out.npz")
    np.savez(arrays, arg0=IDS.numpy())
    done = run(tools / "gqa-run", new, f"--inputs={arrays}", f"--outputs={results}")
    assert done.returncode == 0, done.stderr
    return torch.from_numpy(np.load(results)["out0"]), json.loads(report.read_text())


def wanted(model):
    with torch.no_grad():
        return FirstResult(model)(IDS)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Exported models by name, each made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = export(build(name), tmp_path_factory.mktemp(name))
        return made[name]
    return get


CASES = [(name, "subspace", "search") for name in NAMES]
CASES += [("llama-bias", method, groups) for method in ("first", "mean") for groups in ("adjacent", "search")]


@pytest.mark.parametrize(("name", "method", "groups"), CASES)
def test_agrees_with_convert(name, method, groups, tools, graphs):
    model = build(name)
    new = gqa.convert(model, 2, method=method, groups=groups)
    found, report = pooled(tools, graphs(name), f"kv-heads=2 method={method} groups={groups}")
    assert error(found, wanted(new)) < 1e-4  # f32, two layers
    assert error(found, wanted(model)) > 1e-2
    for ours, theirs in zip(report["layers"], new.conversion_report.layers, strict=True):
        assert ours["groups"] == theirs.groups and ours["rotary"] == theirs.rotary.split(",")[0]
        assert (ours["q_heads"], ours["kv_heads_before"], ours["kv_heads"]) == (HEADS, HEADS, 2)
        assert (ours["kv_bytes_before"], ours["kv_bytes"]) == (theirs.kv_bytes_before, theirs.kv_bytes)
        assert ours["energy_k"] == pytest.approx(theirs.energy_k, abs=1e-5)
        assert ours["energy_v"] == pytest.approx(theirs.energy_v, abs=1e-5)
    assert report["total"]["pooled"] == LAYERS and report["total"]["kv_bytes"] * 3 == report["total"]["kv_bytes_before"]


def seen(model, path):
    """(inputs, outputs) of the module at `path`, tokens x features, in f64."""
    found = []
    handle = model.get_submodule(path).register_forward_hook(lambda _, args, output: found.append((args[0], output)))
    with torch.no_grad():
        model(input_ids=IDS)
    handle.remove()
    return tuple(x.flatten(0, 1).double() for x in found[0])


def with_one(x):
    return torch.cat([x, x.new_ones(len(x), 1)], 1)


def save_moments(model, folder, **more):
    """E[x x^T] of what both layers of a Llama project, and `more`."""
    inputs = [with_one(seen(model, f"model.layers.{i}.self_attn.q_proj")[0]) for i in range(LAYERS)]
    tensors = {f"{i}.input": x.T @ x / len(x) for i, x in enumerate(inputs)}
    save_file(tensors | more, folder / "moments.safetensors")
    return folder / "moments.safetensors"


def test_moments_weight_the_error(tools, graphs, tmp_path):
    """With moments `subspace` does what gqa.convert does with that calibration, and is better on it than without."""
    model, graph = build("llama"), graphs("llama")
    by_weights, _ = pooled(tools, graph, "kv-heads=2,6 groups=adjacent")
    by_data, _ = pooled(tools, graph, f"kv-heads=2,6 groups=adjacent moments={save_moments(model, tmp_path)}")
    new = gqa.convert(model, [2, 6], groups="adjacent", heal=False, calibration=[{"input_ids": IDS}])
    assert error(by_data, wanted(new)) < 1e-4
    assert error(by_data, wanted(model)) < error(by_weights, wanted(model))


def with_weights_of(model, file):
    """`model` with what the pass has made of the projections of its first layer: stored as inputs x columns."""
    new, tensors = gqa.convert(model, [2, 6], groups="adjacent"), load_file(file)
    attention = new.model.layers[0].self_attn
    with torch.no_grad():
        for each in "qkv":
            name = f"{each}_proj.weight"
            attention.get_parameter(name).copy_(tensors[f"model.model.layers.0.self_attn.{name}.pooled"].T)
        attention.o_proj.weight.copy_(tensors["model.model.layers.0.self_attn.o_proj.weight.pooled"].reshape(48, 48).T)
    return new


@pytest.mark.parametrize("method", ["mean", "subspace"])
def test_heal_is_least_squares(method, tools, graphs, tmp_path):
    """As a caller does it: pool, see what the output projection reads then, and pool again with that to heal by."""
    model, graph, path = build("llama"), graphs("llama"), "model.layers.0.self_attn.o_proj"
    options, weights = f"kv-heads=2,6 method={method} groups=adjacent", graph.with_name(f"{method}.safetensors")
    plain, _ = pooled(tools, graph, f"{options} moments={save_moments(model, tmp_path)} weights={weights}")
    new = with_weights_of(model, weights)
    assert error(plain, wanted(new)) < 1e-4
    z, target = seen(new, path)[0], seen(model, path)[1]
    file = save_moments(model, tmp_path, **{"0.output": z.T @ z, "0.target": z.T @ target})
    found, report = pooled(tools, graph, f"{options} heal moments={file}")
    assert [entry["healed"] for entry in report["layers"]] == [True, False]
    assert error(found, wanted(new)) > 1e-2
    weight = new.get_submodule(path).weight  # by the augmented system: rows of the pull below those of the data
    pull = (1e-3 * z.square().sum() / z.shape[1]).sqrt() * torch.eye(z.shape[1], dtype=torch.float64)
    now = weight.detach().T.double()
    healed = torch.linalg.lstsq(torch.cat([z, pull]), torch.cat([target, pull @ now])).solution
    assert (z @ healed - target).norm() < 0.9 * (z @ now - target).norm()
    with torch.no_grad():
        weight.copy_(healed.T)
    assert error(found, wanted(new)) < 1e-3


@pytest.mark.parametrize("name", ["llama-bias", "phi3"])
def test_weights_go_to_a_new_file(name, tools, graphs, tmp_path):
    graph = graphs(name)
    old = graph.with_suffix(".safetensors")
    before = old.read_bytes()
    inline, _ = pooled(tools, graph, "kv-heads=2")
    new = graph.with_name("new.safetensors")
    found, report = pooled(tools, graph, f"kv-heads=2 weights={new}")
    assert torch.equal(found, inline)
    assert old.read_bytes() == before
    text = graph.with_name("pooled.mlir").read_text()
    assert 'gqa.weights = "new.safetensors"' in text and "gqa_weight" not in text
    theirs, ours = load_file(old), load_file(new)
    made = {key for key in ours if ".pooled" in key}
    assert set(re.findall(r'gqa.param = "([^"]*)"', text)) == set(ours)
    assert len(made) == LAYERS * (4 + 3 * (name == "llama-bias"))  # the output projection keeps its bias
    assert all(torch.equal(ours[key], theirs[key]) for key in set(ours) - made) and len(ours) > len(made)
    assert sum(map(torch.numel, ours.values())) == sum(map(torch.numel, theirs.values())) - LAYERS * 2 * 32 * (
        48 + (name == "llama-bias"))  # K and V of 4 heads of 8
    assert sorted(path.suffix for path in graph.parent.iterdir() if "new" in path.name) == [".safetensors"]  # nothing is left over


def test_present_weights_are_not_overwritten(tools, graphs, tmp_path):
    graph = graphs("llama")
    old = graph.with_suffix(".safetensors")
    before = old.read_bytes()
    (tmp_path / "link.safetensors").symlink_to(old)
    for target in (old, tmp_path / "link.safetensors"):
        done = run(tools / "gqa-opt", graph, "--gqa-simplify", f"--gqa-pool-heads=kv-heads=2 weights={target}", "-o", os.devnull)
        assert done.returncode == 1 and "holds the module's present weights, which stay as they are" in done.stderr
    assert old.read_bytes() == before


def commuting(generator, pairs, dim):
    """A random map of heads that commutes with a rotation of `pairs`, D x D: a complex number for each pair."""
    change = torch.eye(dim, dtype=torch.float64)
    for first, second in pairs:
        angle, size = torch.rand(2, generator=generator, dtype=torch.float64) * torch.tensor([6.0, 1.0]) + torch.tensor([0, 0.5])
        change[first, first] = change[second, second] = size * angle.cos()
        change[first, second], change[second, first] = size * angle.sin(), -size * angle.sin()
    plain = torch.tensor([i for i in range(dim) if all(i not in pair for pair in pairs)])
    if len(plain):
        change[plain[:, None], plain] = invertible(generator, len(plain))
    return change


def invertible(generator, dim):
    return torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))[0] + 0.3 * torch.eye(dim)


PAIRS = {"gpt2": [], "llama-bias": [(i, i + 4) for i in range(4)], "phi-partial": [(0, 2), (1, 3)],
         "cohere-interleaved": [(2 * i, 2 * i + 1) for i in range(4)]}


def equal_up_to_maps(model, pairs, size=3):
    """Heads of each group of `size` neighbours become images of the first: low rank, with an exact solution."""
    generator = torch.Generator().manual_seed(3)

    def change(heads, site):
        for h in range(HEADS):
            first = h - h % size
            if h != first:
                heads.k[h] = heads.k[first] @ commuting(generator, pairs, heads.k.shape[-1])
                heads.v[h] = heads.v[first] @ invertible(generator, heads.v.shape[-1])
        return heads
    return change_heads(model, change)


@pytest.mark.parametrize("name", PAIRS)
def test_heads_equal_up_to_maps_are_pooled_exactly(name, tools, tmp_path):
    model = equal_up_to_maps(build(name), PAIRS[name])
    found, report = pooled(tools, export(model, tmp_path), "max-error=1e-3 groups=adjacent")
    assert [entry["kv_heads"] for entry in report["layers"]] == [2] * LAYERS
    assert error(found, wanted(model)) < 2e-4  # rounding of f32 through two layers with large scores
    assert max(entry["error_k"] + entry["error_v"] for entry in report["layers"]) < 1e-5
