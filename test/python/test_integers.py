"""Integers where torch makes floats of them, or which are raised to powers: imported, with torch's values and types."""

import pytest
import torch

import gqa
from form import Form
from gqa.importer import linalg_of_program

X = torch.tensor([[-3, -2, -1, 0], [1, 2, 3, 4]])

FORMS = {
    "square": lambda x: x ** 2,
    "ninth power": lambda x: x ** 9,
    "no power": lambda x: x ** 0,
    "power of narrow": lambda x: x.int() ** 3,
    "power of conditions": lambda x: (x > 0) ** 2,
    "power that is a float": lambda x: x ** 2.0,
    "root": lambda x: x.abs() ** 0.5,
    "powers of both": lambda x: (x ** 2).float() ** 3,
    "between floats": lambda x: x.clamp(-1.5, 2.5),
    "above a float": lambda x: x.clamp(min=0.5),
    "between integers": lambda x: x.clamp(-1, 2),
    "large power of a float": lambda x: x.float() ** 11,
}


@pytest.mark.parametrize("name", FORMS)
def test_integers(name):
    program = torch.export.export(Form(FORMS[name]), (X,), strict=False)
    found, want = gqa.compile(linalg_of_program(program))(X), FORMS[name](X)
    assert found.dtype == want.dtype
    torch.testing.assert_close(found, want, rtol=1e-5, atol=0)
