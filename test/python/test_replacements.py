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
    "empty_tensors_joined": lambda x: torch.cat((torch.cat((x[:, :0], x[:, 7:]), 1), x), 1),
    "empty_tensors_joined_along_another": lambda x: torch.cat((x[:, :0], x[:, 7:]), -1).sum(1) + torch.cat((x, x), -1)[:, 0],
}


@pytest.mark.parametrize("name", FORMS)
def test_numbers(name):
    x = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(1))
    module = gqa.compile(linalg_of_program(torch.export.export(Form(FORMS[name]), (x,), strict=False)))
    np.testing.assert_array_equal(module(x.numpy()), FORMS[name](x).numpy())


# Of numbers of which one is none: it is not equal to itself, and not finite.
EQUAL = {
    "itself": lambda x: x == x,
    "a_copy": lambda x: x == x.clone(),
    "the_same_sum": lambda x: x + 1 == 1 + x,
    "chosen": lambda x: torch.where(x == x, x, 7),
    "finite": torch.isfinite,
    "infinite": torch.isinf,
    "close": lambda x: torch.isclose(x, x),
    "another": lambda x: x == x.flip(0),
    "integers": lambda x: (x > 0).long() == (x > 0).long(),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_no_number(name):
    x = torch.tensor([1.0, float("nan"), float("inf"), -float("inf"), 1.0])
    module = gqa.compile(linalg_of_program(torch.export.export(Form(EQUAL[name]), (x,), strict=False)))
    np.testing.assert_array_equal(module(x.numpy()), EQUAL[name](x).numpy())


BYTES = {
    "halves": lambda a, b: a * 0.5,
    "product": lambda a, b: (a * b).int(),
    "equal": lambda a, b: a == 249,
    "unequal": lambda a, b: a != 249,
    "sum": lambda a, b: a.sum(-1),
    "sum_of_all": lambda a, b: a.sum(),
    "products": lambda a, b: a[:3].prod(),
    "quotient": lambda a, b: a / b,
    "whole_quotient": lambda a, b: (a // b).int(),
    "rest": lambda a, b: (a % b).int(),
    "rest_of_one": lambda a, b: (a % 7).int(),
    "size": lambda a, b: a.abs().int(),
    "order": lambda a, b: a > b,
    "nibbles": lambda a, b: ((a >> 4) | (a & 15)).int(),
    "largest": lambda a, b: torch.maximum(a, b).amax().int(),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_have_no_sign(name):
    def compute(a, b):
        return BYTES[name](a.to(torch.uint8), b.to(torch.uint8))

    a, b = torch.tensor([249, 7, 255, 5, 128]), torch.tensor([2, 250, 3, 200, 7])
    module = gqa.compile(linalg_of_program(torch.export.export(Form(compute), (a, b), strict=False)))
    np.testing.assert_array_equal(module(a.numpy(), b.numpy()), compute(a, b).numpy())


@pytest.mark.parametrize("kind, wanted", [(TensorProto.FLOAT, [True, False, True]), (TensorProto.INT64, [True] * 3)])
def test_equal_to_itself_in_onnx(kind, wanted):
    x, y = (helper.make_tensor_value_info(name, type_, [3]) for name, type_ in (("x", kind), ("y", TensorProto.BOOL)))
    graph = helper.make_graph([helper.make_node("Equal", ["x", "x"], ["y"])], "equal", [x], [y])
    module = gqa.compile(linalg_of_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])))
    data = np.array([1, np.nan, np.inf]) if kind == TensorProto.FLOAT else np.arange(3)
    np.testing.assert_array_equal(module(data.astype(helper.tensor_dtype_to_np_dtype(kind))), wanted)


GELUS = {"by_erf": {}, "by_tanh": {"approximate": "tanh"}}


def rounding(x):
    """What the formula itself may lose: 1 + tanh(..) cancels."""
    return dict(rtol=0, atol=4 * np.finfo(np.float32).eps * np.abs(x).max())


@pytest.mark.parametrize("how", GELUS.values(), ids=GELUS)
def test_gelu(how):
    x = torch.linspace(-6, 6, 97)
    module = gqa.compile(linalg_of_program(torch.export.export(Form(lambda x: F.gelu(x, **how)), (x,), strict=False)))
    np.testing.assert_allclose(module(x.numpy()), F.gelu(x.double(), **how), **rounding(x.numpy()))


@pytest.mark.parametrize("how", GELUS.values(), ids=GELUS)
def test_gelu_of_onnx(how):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [97]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Gelu", ["x"], ["y"], **how)], "gelu", [x], [y])
    module = gqa.compile(linalg_of_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])))
    data = np.linspace(-6, 6, 97, dtype=np.float32)
    np.testing.assert_allclose(module(data), F.gelu(torch.from_numpy(data).double(), **how), **rounding(data))


class Grouped(torch.nn.Module):
    """An order of tokens by their expert, whose number the call knows."""

    def forward(self, x, weights, ends):
        return torch.ops.aten._grouped_mm(x, weights, ends)


class Sorted(torch.nn.Module):
    """And the first two of them."""

    def forward(self, x):
        return *torch.sort(x, dim=0), torch.topk(x, 2, dim=0).values


class Bounded(torch.nn.Module):
    """The last five rows, or all if they are fewer."""

    def forward(self, x):
        return x[torch.sym_max(0, x.shape[0] - 5):] * torch.sym_min(x.shape[0], 5)


def dynamic(module, x, *more):
    program = torch.export.export(module, (x, *more), strict=False, dynamic_shapes=[{0: torch.export.Dim.DYNAMIC}, *[None for _ in more]])
    return gqa.compile(linalg_of_program(program))


def test_tokens_whose_number_varies():
    weights = torch.randn(3, 16, 24, generator=torch.Generator().manual_seed(2)).bfloat16()
    module = dynamic(Grouped(), torch.randn(10, 16).bfloat16(), weights, torch.tensor([3, 7, 10], dtype=torch.int32))
    for rows in (1, 10, 70):
        x, ends = torch.randn(rows, 16, generator=torch.Generator().manual_seed(rows)).bfloat16(), [rows // 3, rows // 3, rows]
        found = module(x, weights, torch.tensor(ends, dtype=torch.int32))
        expert = torch.tensor([0] * ends[0] + [2] * (rows - ends[1]))
        want = torch.einsum("rk,rkn->rn", x.double(), weights.double()[expert])
        assert (found.double() - want).abs().max() <= 2 ** -8 * want.abs().max()


def test_an_order_of_how_many_there_are():
    module = dynamic(Sorted(), torch.randn(9, 2))
    for rows in (2, 9, 40):
        x = torch.randn(rows, 2, generator=torch.Generator().manual_seed(rows))
        for found, want in zip(module(x), Sorted()(x)):
            np.testing.assert_array_equal(found, want)


def test_bounds_of_sizes():
    module = dynamic(Bounded(), torch.randn(9, 4))
    for rows in (3, 5, 9):
        x = torch.randn(rows, 4, generator=torch.Generator().manual_seed(rows))
        np.testing.assert_array_equal(module(x), Bounded()(x))


def test_pad_of_onnx():
    pads = onnx.numpy_helper.from_array(np.array([0, 1, 0, 0, -1, 0]), "pads")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 5, 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Pad", ["x", "pads"], ["y"])], "pad", [x], [y], [pads])
    module = gqa.compile(linalg_of_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])))
    data = np.arange(40, dtype=np.float32).reshape(2, 5, 4)
    np.testing.assert_array_equal(module(data), np.pad(data, ((0, 0), (1, 0), (0, 0)))[:, :-1])
