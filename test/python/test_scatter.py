"""Writes to places that indices name, as torch.export and ONNX have them: imported, and run on the CPU and on the stand-in driver."""

import os
import subprocess

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import cuda  # noqa: F401  names the driver

FORMS = '''
import torch
from form import Form

def integers(*rows): return torch.tensor(rows)
def numbers(*sizes): return torch.randn(sizes, generator=torch.Generator().manual_seed(len(sizes)))

def put(cache, rows, *indices): return cache.index_put(indices, rows)
def paged(): return Form(put), (numbers(8, 4, 2, 16), numbers(3, 2, 16), integers(5, 0, 2), integers(-1, 3, -4))
def table(): return Form(put), (numbers(8, 4, 2, 16), numbers(2, 3, 2, 16), integers([5, 0, 2], [1, 7, 3]), integers(3, 1, 0))
def one_value(): return Form(put), (numbers(32, 16), torch.tensor(2.5), integers(3, 31, 0))
def sequences():
    return (Form(lambda cache, rows, at: torch.ops.aten.index_put(cache, [torch.arange(3), None, at], rows)),
            (numbers(3, 2, 32, 16), numbers(3, 2, 16), integers(31, 0, 7)))
def heads():
    return (Form(lambda cache, rows, head, at: torch.ops.aten.index_put(cache, [None, head, at], rows)),
            (numbers(3, 4, 32, 16), numbers(3, 2, 16), integers(3, 1), integers(-1, 7)))
def added():
    return Form(lambda cache, rows, at: cache.index_put((at,), rows, True)), (numbers(32, 16), numbers(5, 16), integers(3, 7, -2, 3, 0))
def prompt(): return Form(lambda cache, rows, at: cache.index_copy(2, at, rows)), (numbers(2, 2, 64, 16), numbers(2, 2, 20, 16), torch.randperm(64)[:20])
def long(): return Form(put), (numbers(64, 16), numbers(20, 16), torch.randperm(64)[:20] - 32)
def elements():
    return (Form(lambda x, at, y: x.scatter(1, at, y)),
            (numbers(3, 32, 16), torch.rand(3, 32, 16).argsort(1)[:, :5], numbers(3, 5, 16)))
def chosen(count):  # of booleans: the keys that a query of a sparse attention has chosen
    at = torch.rand(2, 3, 48).argsort(-1)[..., :count]
    return Form(lambda x, at: x.masked_fill(torch.ones(2, 3, 48, dtype=torch.bool).scatter(-1, at, False), -1.0)), (numbers(2, 3, 48), at)
def few_chosen(): return chosen(5)
def many_chosen(): return chosen(20)
class Tokens(torch.nn.Module):
    def forward(self, cache, rows, page, at):
        return torch.ops.aten.index_put(cache, [page, at], rows)

def tokens():
    n = torch.export.Dim("n", min=2, max=32)
    arguments = numbers(8, 4, 2, 16), numbers(3, 2, 16), integers(5, 0, 2), integers(-1, 3, -4)
    return Tokens(), arguments, {}, (None, {0: n}, {0: n}, {0: n})
def sums(): return Form(lambda x, at, y: x.scatter_add(1, at, y)), (numbers(3, 32), torch.randint(0, 32, (3, 9)), numbers(3, 9))
'''

NAMES = ["paged", "table", "one_value", "sequences", "heads", "added", "prompt", "long", "elements", "sums", "tokens", "few_chosen",
         "many_chosen"]


def run_everywhere(tools, file):
    for target in ([], ["--target=cuda:sm_80"]):
        command = [tools / "gqa-run", file, "--inputs=x.npz", "--expect=x.npz", *target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)
        assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_places_that_tensors_name(name, importer, tools, tmp_path):
    (tmp_path / "models.py").write_text(FORMS)
    done = importer(f"models:{name}", "-o", "out.mlir", "--save-example=x.npz")
    assert done.returncode == 0, done.stderr
    run_everywhere(tools, tmp_path / "out.mlir")
    command = [tools / "gqa-compile", tmp_path / "out.mlir", "--target=cuda:sm_80", "--emit=mlir:target", "-o", tmp_path / "target.mlir"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "", done.stderr  # no remark: nothing is left to the host


@pytest.mark.parametrize("reduction", ["none", "add"])
def test_onnx(reduction, importer, tools, tmp_path):
    random = np.random.default_rng(3)
    x, rows = random.standard_normal((8, 4, 16), np.float32), random.standard_normal((3, 16), np.float32)
    places = np.array([[5, 0], [-1, 3], [2, -4]])
    node = helper.make_node("ScatterND", ["x", "at", "rows"], ["y"], reduction=reduction)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape),
                                            helper.make_tensor_value_info("rows", TensorProto.FLOAT, rows.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)], [numpy_helper.from_array(places, "at")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "m.onnx")
    done = importer("m.onnx", "-o", "out.mlir")
    assert done.returncode == 0, done.stderr
    want = x.copy()
    for place, row in zip(places, rows):
        want[tuple(place)] = row + (want[tuple(place)] if reduction == "add" else 0)
    np.savez(tmp_path / "x.npz", arg0=x, arg1=rows, out0=want)
    run_everywhere(tools, tmp_path / "out.mlir")


def test_place_outside_is_an_error(importer, tools, tmp_path):
    (tmp_path / "models.py").write_text(FORMS)
    assert importer("models:paged", "-o", "out.mlir", "--save-example=x.npz").returncode == 0
    arrays = dict(np.load(tmp_path / "x.npz"))
    arrays["arg2"] = np.array([5, 8, 2])
    np.savez(tmp_path / "x.npz", **arrays)
    done = subprocess.run([tools / "gqa-run", tmp_path / "out.mlir", "--inputs=x.npz"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "out" in done.stderr, done.stderr
