"""The importer: each kind of input, what it writes, and its messages."""

import os
import re
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from gqa.importer import linalg_of_onnx

MODELS = '''
import torch

class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
        self.tied = self.weight
        self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0]), persistent=False)

    def forward(self, x):
        return x @ self.weight + self.shift + x @ self.tied

class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x):
        self.seen.add_(x)
        return self.seen * 2

class Appends(torch.nn.Module):
    """Writes to an input and to buffers, one of the same name, not in the order in which they are named."""

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(4))
        self.register_buffer("second", torch.ones(4))

    def forward(self, x, cache):
        self.second.add_(x)
        cache.mul_(2)
        self.cache.add_(cache)
        return self.cache + self.second

class Copies(torch.nn.Module):
    def forward(self, cache, index, rows):
        return cache.index_copy(1, index, rows)

def scaled(): return Scaled(), (torch.ones(4, 2),)
def counter(): return Counter(), (torch.ones(4),)
def appends(): return Appends(), (torch.ones(4), torch.full((4,), 3.0))
def copies(): return Copies(), (torch.zeros(2, 30, 3), torch.arange(20), torch.randn(2, 20, 3))
def dynamic(): return Scaled(), (torch.ones(4, 2),), {}, ({0: torch.export.Dim("n", min=2, max=64)},)
def running(x): return torch.cumsum(x, 1)
def spectrum(x):
    y = x + 1
    return torch.linalg.eigvalsh(y)
class Experts(torch.nn.Module):
    def forward(self, x, counts):
        return torch.cat([part * n for n, part in enumerate(x.split(counts.tolist()))])

def data_dependent(): return Experts(), (torch.ones(6, 2), torch.tensor([1, 3, 2]))
def chosen(x):
    return x[x[:, 0] > 0]
class Widens(torch.nn.Module):
    def forward(self, x):
        return x.float() * 2

def widens(): return Widens(), (torch.tensor([0.5, 1, -2, 448]).to(torch.float8_e4m3fn),)
def outside(x): return torch.gather(x, 0, torch.full((1,), 7))
def nothing(): return 3
def broken(): raise RuntimeError("no weights here")
'''


@pytest.fixture
def models(tmp_path):
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return path


def main_line(path):
    return next(line for line in path.read_text().splitlines() if "func.func @main" in line)


def failed(done, *words):
    """Exit 2, and the first line is the whole message."""
    assert done.returncode == 2, done.stderr
    first = done.stderr.splitlines()[0]
    assert first.startswith("error: ") and "Traceback" not in done.stderr
    for word in words:
        assert word in first
    return first


def test_factory_writes_parameters_beside_the_text(importer, models, tmp_path):
    done = importer("models:scaled", "-o", "out.mlir", "--save-example=x.npz")
    assert done.returncode == 0, done.stderr
    assert re.search(r'@main\(%arg0: tensor<4x2xf32>, %arg1: tensor<2x3xf32> \{gqa.param = "(weight|tied)"\}\)',
                     main_line(tmp_path / "out.mlir"))
    assert 'gqa.weights = "out.safetensors"' in (tmp_path / "out.mlir").read_text()
    assert len(load_file(tmp_path / "out.safetensors")) == 1  # two names of one tensor
    for line in ("arg0: tensor<4x2xf32>", ": tensor<2x3xf32>, 24 bytes", "out0: tensor<4x3xf32>"):
        assert line in done.stdout
    arrays = np.load(tmp_path / "x.npz")
    weight = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(arrays["out0"], 2 * arrays["arg0"] @ weight + [1, 2, 3])


def test_non_persistent_buffers_are_constants(importer, models, tmp_path):
    importer("models:scaled", "-o", "out.mlir")
    assert "dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>" in (tmp_path / "out.mlir").read_text()


def test_inline_weights(importer, models, tmp_path):
    assert importer("models.py:scaled", "-o", "out.mlir", "--inline-weights").returncode == 0
    assert "gqa." not in (tmp_path / "out.mlir").read_text()
    assert not (tmp_path / "out.safetensors").exists()


def test_mutated_buffers_are_arguments_and_first_results(importer, models, tmp_path):
    assert importer("models:counter", "-o", "out.mlir", "--save-example=x.npz").returncode == 0
    assert '%arg1: tensor<4xf32> {gqa.donated_to = 0 : i64, gqa.state = "seen"}) -> (tensor<4xf32>, tensor<4xf32>)' in main_line(tmp_path / "out.mlir")
    arrays = np.load(tmp_path / "x.npz")
    assert arrays["arg1"].tolist() == [0] * 4 and arrays["out0"].tolist() == [1] * 4 and arrays["out1"].tolist() == [2] * 4


def test_example_of_what_is_changed(importer, models, tools, tmp_path):
    assert importer("models:appends", "-o", "out.mlir", "--save-example=x.npz").returncode == 0
    arrays = np.load(tmp_path / "x.npz")
    assert arrays["arg1"].tolist() == [3] * 4  # as it was
    assert sorted(float(arrays[f"out{i}"][0]) for i in range(4)) == [2, 6, 6, 8]
    done = subprocess.run([tools / "gqa-run", "out.mlir", "--inputs=x.npz", "--expect=x.npz"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout


def test_example_of_numbers_of_8_bits(importer, models, tools, tmp_path):
    assert importer("models:widens", "-o", "out.mlir", "--save-example=x.npz").returncode == 0
    assert np.load(tmp_path / "x.npz")["arg0"].dtype == np.uint8
    done = subprocess.run([tools / "gqa-run", "out.mlir", "--inputs=x.npz", "--expect=x.npz"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_model_that_cannot_compute_the_example(importer, models):
    failed(importer("models:outside", "-o", "out.mlir", "--input=4xf32", "--save-example=x.npz"), "--save-example",
           "RuntimeError: index 7 is out of bounds")


def test_dynamic_shapes(importer, models, tmp_path):
    assert importer("models:dynamic", "-o", "out.mlir").returncode == 0
    assert "%arg0: tensor<?x2xf32>" in main_line(tmp_path / "out.mlir")


def test_callable_with_shapes(importer, models, tmp_path):
    assert importer("models:running", "-o", "out.mlir", "--input=2x?xi64").returncode == 0
    assert "tensor<2x?xi64>) -> tensor<2x?xi64>" in main_line(tmp_path / "out.mlir")


@pytest.mark.parametrize("name", ["running", "copies"])
def test_rewritten_operations_leave_stock_dialects(name, importer, models, tmp_path):
    more = ["--input=2x5xf32"] if name == "running" else []
    done = importer(f"models:{name}", "-o", "out.mlir", *more)
    assert done.returncode == 0, done.stderr
    assert "tm_tensor" not in (tmp_path / "out.mlir").read_text()


def test_as_a_program(models, tmp_path):
    command = [sys.executable, "-m", "gqa.importer", "models:scaled", "-o", "-", "--inline-weights", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("}") and "func.func @main" in done.stdout


def test_crash_of_torch_mlir_has_a_message(tmp_path):
    save_onnx(tmp_path / "m.onnx", [helper.make_node("Unique", ["x"], ["y"])], [("x", TensorProto.FLOAT, [3])],
              [("y", TensorProto.FLOAT, ["n"])])
    command = [sys.executable, "-m", "gqa.importer", "m.onnx", "-o", "out.mlir"]
    failed(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120))


def test_interrupted(models, tmp_path):
    """Ends at once, without a word, and leaves nothing half written."""
    models.write_text("import time\ndef build():\n    print('waits', flush=True)\n    time.sleep(100)\n")
    command = [sys.executable, "-m", "gqa.importer", "models:build", "-o", "out.mlir"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout.readline() == "waits\n"
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=20) == 130
        assert child.stderr.read() == "" and [path.name for path in tmp_path.glob("*out*")] == []


def test_pt2(importer, tmp_path):
    linear = torch.nn.Linear(3, 5)
    torch.export.save(torch.export.export(linear, (torch.ones(2, 3),)), tmp_path / "linear.pt2")
    assert importer("linear.pt2", "-o", "out.mlir").returncode == 0
    assert {name: value.shape for name, value in load_file(tmp_path / "out.safetensors").items()} == \
        {"weight": (5, 3), "bias": (5,)}


def save_onnx(path, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs],
                              [helper.make_tensor_value_info(*o) for o in outputs], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def test_onnx_moves_large_initializers_behind_the_inputs(importer, tmp_path):
    weight = numpy_helper.from_array(np.ones((16, 16), np.float32), "w")
    save_onnx(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [2, 16])],
              [("y", TensorProto.FLOAT, [2, 16])], [weight])
    done = importer("m.onnx", "-o", "out.mlir")
    assert done.returncode == 0, done.stderr
    assert '%arg1: tensor<16x16xf32> {gqa.param = "w"})' in main_line(tmp_path / "out.mlir")


def test_onnx_whose_weights_are_too_many_for_one_message(importer, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx.checker, "MAXIMUM_PROTOBUF", 4000)
    weight = np.arange(4096, dtype=np.float32).reshape(64, 64)
    save_onnx(tmp_path / "small.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", TensorProto.FLOAT, [2, 64])],
              [("y", TensorProto.FLOAT, [2, 64])], [numpy_helper.from_array(weight, "w")])
    onnx.save(onnx.load(tmp_path / "small.onnx"), tmp_path / "m.onnx", save_as_external_data=True, location="m.data")
    done = importer("m.onnx", "-o", "out.mlir")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(load_file(tmp_path / "out.safetensors")["w"], weight)
    (tmp_path / "m.data").unlink()
    failed(importer("m.onnx", "-o", "out.mlir"), "not a valid ONNX model", "m.data")


@pytest.mark.parametrize("fill", [np.finfo(np.float32).min, -np.inf, -1e4])
def test_onnx_keeps_folded_masks_in_the_text(importer, tmp_path, fill):
    """A mask that the exporter folded is no parameter: its pattern is what the compiler reads."""
    mask = numpy_helper.from_array(np.triu(np.full((16, 16), fill, np.float32), 1), "m")
    weight = numpy_helper.from_array(np.triu(np.ones((16, 16), np.float32), 1), "w")
    save_onnx(tmp_path / "m.onnx", [helper.make_node("Add", ["x", "m"], ["s"]), helper.make_node("MatMul", ["s", "w"], ["y"])],
              [("x", TensorProto.FLOAT, [16, 16])], [("y", TensorProto.FLOAT, [16, 16])], [mask, weight])
    done = importer("m.onnx", "-o", "out.mlir")
    assert done.returncode == 0, done.stderr
    assert main_line(tmp_path / "out.mlir").count("gqa.param") == 1
    assert 'gqa.param = "w"' in main_line(tmp_path / "out.mlir")


def test_onnx_cumulative_sum(importer, tmp_path):
    axis = numpy_helper.from_array(np.array(1, np.int64), "axis")
    save_onnx(tmp_path / "m.onnx", [helper.make_node("CumSum", ["x", "axis"], ["y"])], [("x", TensorProto.INT64, [2, 5])],
              [("y", TensorProto.INT64, [2, 5])], [axis])
    done = importer("m.onnx", "-o", "out.mlir")
    assert done.returncode == 0, done.stderr
    assert "tm_tensor" not in (tmp_path / "out.mlir").read_text()


def test_onnx_tables_are_not_computed(tmp_path):
    sizes = numpy_helper.from_array(np.array([4096, 4096], np.int64), "sizes")
    save_onnx(tmp_path / "m.onnx", [helper.make_node("ConstantOfShape", ["sizes"], ["all"]), helper.make_node("Gather", ["all", "row"], ["y"])],
              [("row", TensorProto.INT64, [1])], [("y", TensorProto.FLOAT, [1, 4096])], [sizes])
    tracemalloc.start()
    try:
        linalg_of_onnx(onnx.load(tmp_path / "m.onnx"))
        assert tracemalloc.get_traced_memory()[1] < 16 << 20  # of 64 MiB
    finally:
        tracemalloc.stop()


def test_onnx_model_stays_as_it_is(tmp_path):
    axis = numpy_helper.from_array(np.array(1, np.int64), "axis")
    save_onnx(tmp_path / "m.onnx", [helper.make_node("CumSum", ["x", "axis"], ["y"])], [("x", TensorProto.INT64, [2, 5])],
              [("y", TensorProto.INT64, [2, 5])], [axis])
    model = onnx.load(tmp_path / "m.onnx")
    before = model.SerializeToString()
    assert linalg_of_onnx(model) == linalg_of_onnx(model)
    assert model.SerializeToString() == before


def test_a_size_that_is_read_out_of_a_tensor_is_named(importer, models, tmp_path):
    line = next(n for n, text in enumerate(MODELS.splitlines(), 1) if "counts.tolist()" in text)
    failed(importer("models:data_dependent", "-o", "out.mlir"), f"models.py:{line}: a number is read out of a tensor", "run this part outside")


def test_a_size_that_a_mask_decides_is_named(importer, models, tmp_path):
    line = MODELS.splitlines().index("    return x[x[:, 0] > 0]") + 1
    failed(importer("models:chosen", "-o", "out.mlir", "--input=3x3xf32"), f"models.py:{line}: elements are chosen by a mask", "run this part outside")


def test_unconvertible_operation_is_named_with_its_line(importer, models):
    line = MODELS.splitlines().index("    return torch.linalg.eigvalsh(y)") + 1
    failed(importer("models:spectrum", "-o", "out.mlir", "--input=3x3xf32"), f"models.py:{line}: ", "_linalg_eigh")


def test_unconvertible_onnx_node_is_named(importer, tmp_path):
    save_onnx(tmp_path / "m.onnx", [helper.make_node("MaxRoiPool", ["x", "rois"], ["y"], name="pool", pooled_shape=[2, 2])],
              [("x", TensorProto.FLOAT, [1, 1, 4, 4]), ("rois", TensorProto.FLOAT, [1, 5])], [("y", TensorProto.FLOAT, [1, 1, 2, 2])])
    failed(importer("m.onnx", "-o", "out.mlir"), "node 'pool'", "max_pool2d")


@pytest.mark.parametrize("arguments, words", [
    (["models:scaled"], ["-o"]),
    (["models:scaled", "-o", "out.mlir", "--bogus"], ["--bogus"]),
    (["models:scaled", "-o", "-"], ["--inline-weights"]),
    (["models:scaled", "-o", "no/such/folder/out.mlir"], ["cannot be written"]),
    (["models:scaled", "-o", "out.safetensors"], ["out.safetensors", "parameters"]),
    (["models:scaled", "-o", "out.mlir", "--save-example=no/such/folder/x.npz"], ["no/such/folder/x.npz", "cannot be written"]),
    (["models:absent", "-o", "out.mlir"], ["absent", "scaled"]),
    (["models:nothing", "-o", "out.mlir"], ["expected (module, example arguments", "int"]),
    (["models:broken", "-o", "out.mlir"], ["RuntimeError", "no weights here"]),
    (["models:running", "-o", "out.mlir"], ["--input"]),
    (["models:running", "-o", "out.mlir", "--input=2xx3"], ["--input=2xx3", "1x8x16xf32"]),
    (["no_such_module:f", "-o", "out.mlir"], ["no_such_module", "cannot be imported"]),
    (["absent.pt2", "-o", "out.mlir"], ["no such file"]),
    (["absent.onnx", "-o", "out.mlir"], ["no such file"]),
    (["model.txt", "-o", "out.mlir"], ["expected FILE.pt2"]),
    (["empty.pt2", "-o", "out.mlir"], ["not a torch.export archive"]),
    (["empty.onnx", "-o", "out.mlir"], ["not a valid ONNX model"]),
])
def test_unusable_input(arguments, words, importer, models, tmp_path):
    (tmp_path / "empty.pt2").touch()
    (tmp_path / "empty.onnx").touch()
    failed(importer(*arguments), *words)
