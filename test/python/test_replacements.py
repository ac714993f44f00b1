"""Operations of torch that torch-mlir lowers to something else: what is imported computes what torch does."""

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper

import gqa
from form import Form
from gqa.importer import linalg_of_onnx, linalg_of_program

FORMS = {
    "shifted_by_a_pad": lambda x: F.pad(x, (0, 0, 1, -1)),  # tokens mixed with the one in front
    "shifted_to_the_left": lambda x: F.pad(x, (0, 0, -2, 2), value=1.5) + x,
    "cut": lambda x: F.pad(x, (-1, -2)),
    "cut_and_padded": lambda x: F.pad(x, (2, -1, -1, 3), value=-1.0),
    "part_of_what_is_stacked": lambda x: torch.select_scatter(x, x[:, 1] * 2, 1, -1),
}


@pytest.mark.parametrize("name", FORMS)
def test_numbers(name):
    x = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(1))
    module = gqa.compile(linalg_of_program(torch.export.export(Form(FORMS[name]), (x,), strict=False)))
    np.testing.assert_array_equal(module(x.numpy()), FORMS[name](x).numpy())


def test_pad_of_onnx():
    pads = onnx.numpy_helper.from_array(np.array([0, 1, 0, 0, -1, 0]), "pads")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 5, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Pad", ["x", "pads"], ["y"])], "pad", [x], [y], [pads])
    module = gqa.compile(linalg_of_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])))
    data = np.arange(40, dtype=np.float32).reshape(2, 5, 4)
    np.testing.assert_array_equal(module(data), np.pad(data, ((0, 0), (1, 0), (0, 0)))[:, :-1])
