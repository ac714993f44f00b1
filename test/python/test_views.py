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


class TableOfOnes(torch.nn.Module):
    """nanoGPT's mask: how large its part is, arithmetic says that stays below the table's size."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.ones(16, 16).tril()[None, None])

    def forward(self, x):
        q, k, v = (part.unflatten(2, (6, 16)).transpose(1, 2) for part in x.split(96, 2))
        tokens = x.shape[1]
        scores = (q @ k.transpose(-2, -1) / 4).masked_fill(self.table[:, :, :tokens, :tokens] == 0, -torch.inf)
        return scores.softmax(-1) @ v


def test_part_of_a_table_has_the_size_of_the_scores():
    sizes = {0: torch.export.Dim("batch", max=64), 1: torch.export.Dim("tokens", max=15)}
    found = gqa.explain(TableOfOnes(), (torch.randn(2, 7, 288),), dynamic_shapes=(sizes,))
    assert [entry["q_heads"] for entry in found.raised] == [6] and not found.declined
