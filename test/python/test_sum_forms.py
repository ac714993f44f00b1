"""Softmaxes put together by hand: what is an attention, and what only looks like one, with PyTorch's numbers."""

import pytest

import cuda  # noqa: F401 - names the driver
from test_part_forms import run_on_a_gpu
from test_forms import check
from sum_forms import DECLINED_SUMS, SUM_FORMS


@pytest.mark.parametrize("name", SUM_FORMS)
def test_raised(name, tools, tmp_path):
    function, arguments, wanted, left = SUM_FORMS[name]
    check(function, arguments, [wanted], tools, tmp_path)
    text = (tmp_path / "simple.mlir").read_text()
    assert (text.count("gqa.attention "), text.count("gqa.merge ")) == left
    assert "math.exp" not in text and "math.log" not in text
    run_on_a_gpu(tools, tmp_path)


@pytest.mark.parametrize("name", DECLINED_SUMS)
def test_declined(name, tools, tmp_path):
    function, arguments, count = DECLINED_SUMS[name]
    check(function, arguments, [{}] * count, tools, tmp_path)
    text = (tmp_path / "simple.mlir").read_text()
    assert "gqa.merge" not in text
    assert "math.exp" in text or "math.log" in text or name == "mean_of_blocks"
