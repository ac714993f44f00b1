"""What alone reads results of products of few rows is computed by their kernel, and so are rows that nothing else reads: on a GPU or the stand-in driver against the CPU, whose
sums are the same, so that results differ by the rounding of an exponential at most."""

import os

import pytest

torch = pytest.importorskip("torch")

import gqa  # noqa: E402
from cuda import missing  # noqa: E402
from epilogues import KINDS, tensors_of, text_of  # noqa: E402
from gqa import _native  # noqa: E402

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

TARGET = os.environ.get("GQA_TEST_TARGET", "cuda:sm_80")


def on_gpu(tensor):
    import tvm_ffi

    return _native.library()["cuda_from_host"](tvm_ffi.from_dlpack(tensor), 0)


def on_host(tensor, like):
    import tvm_ffi

    found = torch.empty_like(like)
    _native.library()["cuda_to_host"](tensor, tvm_ffi.from_dlpack(found))
    return found


def listed(results):
    return list(results) if isinstance(results, (list, tuple)) else [results]


def check(kind, rows, *sizes, module=None, **options):
    text, tensors = text_of(kind, None if module else rows, *sizes, **options), tensors_of(
        kind, rows, *sizes, **{name: value for name, value in options.items() if name not in ("also", "shows")})
    wanted = [torch.from_dlpack(each).clone() for each in listed(gqa.compile(text)(*(each.clone() for each in tensors)))]
    found = listed((module or gqa.compile(text, target=TARGET))(*map(on_gpu, tensors)))
    assert len(found) == len(wanted)
    for mine, want in zip(found, wanted):
        mine = on_host(mine, want)
        assert want.abs().max() > 0
        assert ((mine.float() - want.float()).abs() <= torch.finfo(want.dtype).eps * want.float().abs()).all()


def beside(kind):
    """A product by itself is a kernel if it has many blocks, or others beside it."""
    return (40,) if KINDS[kind][0] == 1 else ()


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
@pytest.mark.parametrize("element", ["f16", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind, element, along):
    check(kind, 3, 72, 584, along=along, element=element, widths=beside(kind))


@pytest.mark.parametrize("rows, width, depth", [
    (1, 64, 512),    # whole tiles and chunks
    (2, 2064, 72),   # more blocks than multiprocessors, and parts of a chunk
    (8, 24, 1000),   # columns of one tile and a half, more chunks than warps, and a rest
    (5, 8, 8),       # less than a chunk: a warp for each product
])
@pytest.mark.parametrize("kind", ["silu", "bias", "three"])
def test_shapes(kind, rows, width, depth):
    check(kind, rows, width, depth, widths=beside(kind))


@pytest.mark.parametrize("kind", ["silu", "relu"])
@pytest.mark.parametrize("options", [dict(batch=3, widths=(8,)), dict(heads=True, widths=(8,)), dict(adds=True), dict(also=True, widths=(40, 8)),
                                     dict(batch=3, along=False, widths=(8,)), dict(adds=True, widths=(40,), heads=True)], ids=str)
def test_forms(kind, options):
    """Batches; another shape; sums onto what is there; a second reader; products beside them that have none."""
    check(kind, 4, 72, 200, **options)


def test_reads_its_own_result():
    check("scaled", 2, 72, 200, heads=True, widths=(8,))


@pytest.mark.parametrize("along", [True, False], ids=["along", "across"])
@pytest.mark.parametrize("element", ["f16", "bf16"])
@pytest.mark.parametrize("rows, width, depth", [
    (1, 40, 1024),   # whole chunks
    (2, 24, 1000),   # and a rest
    (2, 8, 16),      # less than a chunk
    (1, 40, 328),    # of which a block has five warps, and no tree
    (3, 40, 128),    # more rows than each block computes
])
def test_rows_in_front(rows, width, depth, element, along):
    check("silu", rows, width, depth, element=element, along=along, norm=True, widths=(40,))


@pytest.mark.parametrize("kind", ["silu", "three"])
@pytest.mark.parametrize("options", [dict(shows=True), dict(adds=True), dict(heads=True), dict(also=True)], ids=str)
def test_rows_in_front_of_forms(kind, options):
    """With a second reader they are stored, and once."""
    check(kind, 2, 72, 520, norm=True, widths=(40,), **options)


@pytest.mark.parametrize("kind", ["silu", "residual"])
def test_dynamic_rows(kind):
    """One program for a step, and for a prompt."""
    module = gqa.compile(text_of(kind, None, 40, 64), target=TARGET)
    for rows in (1, 8, 9):
        check(kind, rows, 40, 64, module=module)
