"""Fourier transforms: imported, with the values that torch computes."""

import pytest
import torch

import gqa
from form import Form
from gqa.importer import linalg_of_program

X = torch.randn(2, 12, 15, generator=torch.Generator().manual_seed(1))

FORMS = {
    "mixed tokens": lambda x: torch.fft.fftn(x, dim=(1, 2)).real,  # FNet
    "one-sided": lambda x: torch.view_as_real(torch.fft.rfft(x)),
    "one-sided of two": lambda x: torch.view_as_real(torch.fft.rfft2(x)),
    "magnitudes": lambda x: torch.fft.rfft(x, dim=1).abs(),
    "there and back": lambda x: torch.fft.ifft(torch.fft.fft(x, dim=1), dim=1).real,
    "unitary": lambda x: torch.view_as_real(torch.fft.fft(x, norm="ortho")),
}


@pytest.mark.parametrize("name", FORMS)
def test_fourier(name):
    program = torch.export.export(Form(FORMS[name]), (X,), strict=False)
    found, want = gqa.compile(linalg_of_program(program))(X), FORMS[name](X)
    assert found.shape == want.shape
    assert (found - want).abs().max() <= 1e-5 * want.abs().max()
