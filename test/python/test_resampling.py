"""Images of another size, and samples between their points, as image models ask for: imported, and run."""

import pytest

import cuda  # noqa: F401  names the driver
from form import import_and_run

FORMS = '''
import torch
import torch.nn.functional as F
from form import Form

def image(): return torch.randn(2, 4, 8, 6, generator=torch.Generator().manual_seed(1))
def resized(**how): return Form(lambda x: F.interpolate(x, **how)), (image(),)

def same(): return resized(size=(8, 6), mode="bilinear")
def larger(): return resized(size=(16, 15), mode="bilinear")
def smaller(): return resized(size=(5, 4), mode="bilinear")
def corners(): return resized(size=(16, 15), mode="bilinear", align_corners=True)
def twice(): return resized(scale_factor=2, mode="bilinear")
def cubic(): return resized(size=(11, 13), mode="bicubic")
def smooth(): return resized(size=(5, 4), mode="bilinear", antialias=True)
def smooth_and_larger(): return resized(size=(11, 4), mode="bilinear", antialias=True)
def smooth_corners(): return resized(size=(5, 9), mode="bilinear", antialias=True, align_corners=True)
def smooth_half(): return resized(scale_factor=(0.45, 0.7), mode="bilinear", antialias=True)
def smooth_cubic(): return resized(size=(3, 9), mode="bicubic", antialias=True)
def smooth_cubic_half(): return resized(scale_factor=0.5, mode="bicubic", antialias=True)
def nearest(): return resized(size=(11, 13))
def averages(): return Form(lambda x: F.adaptive_avg_pool2d(x, (3, 4))), (image(),)
def samples():  # some of them outside
    places = torch.randn(2, 5, 3, 2, generator=torch.Generator().manual_seed(2))
    return Form(lambda x, places: F.grid_sample(x, places, align_corners=False)), (image(), places)
'''


NAMES = ["same", "larger", "smaller", "corners", "twice", "cubic", "smooth", "smooth_and_larger", "smooth_corners", "smooth_half",
         "smooth_cubic", "smooth_cubic_half", "nearest", "averages", "samples"]


@pytest.mark.parametrize("name", NAMES)
def test_resampling(name, importer, tools, tmp_path):
    import_and_run(name, FORMS, importer, tools, tmp_path)
