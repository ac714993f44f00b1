"""Views that merge and split dimensions of unknown size, run with other sizes than the model was exported with."""

import numpy as np
import pytest
import torch

import gqa
from form import Form
from gqa.importer import linalg_of_program

AUTO = torch.export.Dim.AUTO
WEIGHT = torch.randn(32, 96, generator=torch.Generator().manual_seed(1))

FORMS = {
    "linear": lambda x: torch.nn.functional.linear(x, WEIGHT),
    "batch_and_tokens": lambda x: x.flatten(0, 1) * 2,
    "batch_and_tokens_and_a_dimension": lambda x: x.view(*x.shape[:2], 6, 16).reshape(-1, 1, 96) * 2,
    "batch_and_heads": lambda x: x.view(*x.shape[:2], 6, 16).transpose(1, 2).reshape(-1, x.shape[1], 16) * 2,
    "tokens_and_elements": lambda x: x.reshape(x.shape[0], -1) * 2,
    "as_a_whole": lambda x: x.reshape(-1) * 2,
    "merged_and_split": lambda x: x.reshape(x.shape[0], -1).view(-1, 96, 1) * 2,
    "only_views": lambda x: x.reshape(x.shape[0] * x.shape[1], 96),
    "merged_split_and_turned": lambda x: x.flatten(0, 1).view(*x.shape[:2], 6, 16).transpose(1, 2) * 2,
}


@pytest.mark.parametrize("name", FORMS)
def test_batch_and_tokens_of_unknown_number(name):
    program = torch.export.export(Form(FORMS[name]), (torch.randn(2, 7, 96),), dynamic_shapes=(({0: AUTO, 1: AUTO},),), strict=False)
    module = gqa.compile(linalg_of_program(program))
    for shape in ((2, 7, 96), (3, 5, 96), (1, 9, 96)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(2))
        np.testing.assert_allclose(module(x.numpy()), FORMS[name](x).numpy(), rtol=1e-5, atol=1e-5)
