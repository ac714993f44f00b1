"""`gqa.compile`: text and files, parameters, results, and messages."""

import pickle
import sys

import numpy as np
import pytest
import torch

import gqa
from gqa.importer import import_model

DOUBLE = """
func.func @twice(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %y = linalg.add ins(%x, %x : tensor<?x3xf32>, tensor<?x3xf32>) outs(%x : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
"""
TWO = """
func.func private @helper(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
func.func @pair(%x: tensor<2xf32>, %y: tensor<2xi64>) -> (tensor<2xi64>, tensor<2xf32>) {
  %z = linalg.add ins(%y, %y : tensor<2xi64>, tensor<2xi64>) outs(%y : tensor<2xi64>) -> tensor<2xi64>
  %w = linalg.mul ins(%x, %x : tensor<2xf32>, tensor<2xf32>) outs(%x : tensor<2xf32>) -> tensor<2xf32>
  return %z, %w : tensor<2xi64>, tensor<2xf32>
}
func.func @other(%x: tensor<2xf32>) -> tensor<2xf32> {
  %w = linalg.negf ins(%x : tensor<2xf32>) outs(%x : tensor<2xf32>) -> tensor<2xf32>
  return %w : tensor<2xf32>
}
"""


@pytest.mark.parametrize("rows", [1, 4])
def test_text_with_dynamic_shape(rows):
    x = np.arange(3.0 * rows, dtype=np.float32).reshape(rows, 3)
    np.testing.assert_array_equal(gqa.compile(DOUBLE)(x), 2 * x)


def test_several_results_and_functions():
    first, second = gqa.compile(TWO, "pair")(torch.tensor([1.5, 2]), torch.tensor([3, 4]))
    assert first.tolist() == [6, 8] and second.tolist() == [2.25, 4]
    assert gqa.compile(TWO, function="other")(np.array([1, -2], np.float32)).tolist() == [-1, 2]


def test_signature():
    module = gqa.compile(DOUBLE)
    assert module.name == "twice"
    assert module.inputs == [("float32", (-1, 3), "")] and module.outputs == [("float32", (-1, 3), "")]


def test_reference_evaluates_the_same_module():
    text = """func.func @main(%q: tensor<1x6x3x8xf32>, %k: tensor<1x2x3x8xf32>) -> tensor<1x6x3x8xf32> {
      %o = gqa.attention %q, %k, %k causal : (tensor<1x6x3x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x6x3x8xf32>
      return %o : tensor<1x6x3x8xf32>
    }
    """
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((1, 6, 3, 8), np.float32), rng.standard_normal((1, 2, 3, 8), np.float32)
    np.testing.assert_allclose(gqa.compile(text)(q, k), gqa.compile(text, reference=True)(q, k), atol=4e-6)


def test_imported_model_reads_its_sidecar(tmp_path):
    torch.manual_seed(0)
    linear = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.SiLU(), torch.nn.Linear(7, 3)).eval()
    torch.export.save(torch.export.export(linear, (torch.ones(2, 5),)), tmp_path / "m.pt2")
    import_model(str(tmp_path / "m.pt2"), str(tmp_path / "m.mlir"))
    x = torch.randn(2, 5)
    module = gqa.compile(tmp_path / "m.mlir")
    with torch.no_grad():
        torch.testing.assert_close(module(x), linear(x), rtol=0, atol=1e-5)
    given = gqa.compile((tmp_path / "m.mlir").read_text(), weights=dict(linear.state_dict()))
    with torch.no_grad():
        torch.testing.assert_close(given(x), linear(x), rtol=0, atol=1e-5)


def test_missing_sidecar_is_named(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text('module attributes {gqa.weights = "gone.safetensors"} {' + DOUBLE + "}")
    with pytest.raises(FileNotFoundError, match="gone.safetensors"):
        gqa.compile(path)


@pytest.mark.parametrize("call, error, word", [
    (lambda: gqa.compile("not mlir\n"), ValueError, "<module>:1:1: "),
    (lambda: gqa.compile("module {\n}\n"), ValueError, "function"),
    (lambda: gqa.compile(TWO, "absent"), ValueError, "absent"),
    (lambda: gqa.compile("absent.mlir"), FileNotFoundError, "absent.mlir"),
    (lambda: gqa.compile("models/absent"), FileNotFoundError, "models/absent"),
    (lambda: gqa.compile(gqa.__file__.replace("__init__.py", "no.pt2")), FileNotFoundError, "no.pt2"),
    (lambda: gqa.compile(sys.executable), ValueError, "is not the text of an MLIR module; a library is for gqa.load"),
    (lambda: gqa.compile(""), ValueError, "the module is empty"),
    (lambda: pickle.dumps(gqa.compile(DOUBLE)), TypeError, "gqa.load"),
    (lambda: gqa.compile(DOUBLE)(), TypeError, "takes 1 arguments, 0 were given"),
    (lambda: gqa.compile(DOUBLE)(np.zeros((2, 4), np.float32)), ValueError, "4"),
    (lambda: gqa.compile(DOUBLE)(np.zeros((2, 3))), ValueError, "64"),
    (lambda: gqa.compile(DOUBLE)("text"), TypeError, "argument 0 is of type str"),
    (lambda: gqa.compile(DOUBLE, target="cuda:sm_75"), ValueError, "expected cuda, or cuda:sm_NN"),
])
def test_messages(call, error, word):
    with pytest.raises(error) as raised:
        call()
    assert word in str(raised.value)


def test_numpy_scalars_have_rank_0():
    add = gqa.compile("""
      func.func @main(%a: f32, %t: tensor<f32>) -> tensor<f32> {
        %e = tensor.extract %t[] : tensor<f32>
        %s = arith.addf %a, %e : f32
        %r = tensor.from_elements %s : tensor<f32>
        return %r : tensor<f32>
      }""")
    assert add(np.float32(2), np.array(3, np.float32)) == 5
    assert add(np.array(1, np.float32), np.array(3, np.float32)).shape == ()
