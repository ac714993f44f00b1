"""Convolutions and what goes with them that torch-mlir lowers to nothing valid: imported, and run."""

import pytest

import cuda  # noqa: F401  names the driver
from form import import_and_run

FORMS = '''
import torch
import torch.nn.functional as F
from form import Form

def numbers(*sizes): return torch.randn(sizes, generator=torch.Generator().manual_seed(len(sizes)))
def single(x, w, *bias, **how):
    convolve = F.conv_transpose1d if x.dim() == 3 else F.conv_transpose2d
    return Form(lambda *a: convolve(*a, groups=w.shape[0], **how)), (x, w, *bias)

def samples(): return single(numbers(2, 6, 11), numbers(6, 1, 4), stride=2)
def cut(): return single(numbers(2, 6, 11), numbers(6, 1, 3), stride=3, padding=2, output_padding=1)
def cut_beyond_the_filter(): return single(numbers(2, 6, 11), numbers(6, 1, 2), padding=3)
def with_bias(): return single(numbers(2, 6, 11), numbers(6, 1, 4), numbers(6), dilation=3)
def images(): return single(numbers(2, 4, 5, 7), numbers(4, 1, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(2, 3))
def one_stride_for_both(): return single(numbers(2, 4, 5, 7), numbers(4, 1, 3, 3), stride=2)
def groups(): return Form(lambda x, w: F.conv_transpose1d(x, w, stride=2, groups=3)), (numbers(2, 6, 11), numbers(6, 2, 4))
def instances(): return Form(lambda x: F.instance_norm(x)), (numbers(2, 4, 5, 7) * 3 + 50,)
def distances(): return Form(torch.cdist), (numbers(2, 30, 8), numbers(2, 20, 8) + 1)
def distances_by_coordinate():
    powers = 1, 3, float("inf")
    return Form(lambda x, y: tuple(torch.cdist(x, y, p) for p in powers)), (numbers(7, 8), numbers(5, 8) + 1)
def added_to_a_vector(): return Form(lambda x, m, v: torch.addmv(x, m, v, beta=0.5)), (numbers(6), numbers(6, 8), numbers(8))
'''

NAMES = ["samples", "cut", "cut_beyond_the_filter", "with_bias", "images", "one_stride_for_both", "groups", "instances", "distances",
         "distances_by_coordinate", "added_to_a_vector"]


@pytest.mark.parametrize("name", NAMES)
def test_convolutions(name, importer, tools, tmp_path):
    import_and_run(name, FORMS, importer, tools, tmp_path)
