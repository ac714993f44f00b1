"""ONNX's node tests of Attention and RotaryEmbedding: the operators, and their definitions by other operators."""

import pytest

from onnx_cases import check, node_tests

CASES = {**node_tests("attention"), **node_tests("rotaryembedding")}
OPERATORS = sorted(name for name in CASES if not name.endswith("_expanded"))


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_kept(name):
    text = check(CASES[name])
    assert text.count('"gqa.attention"') + text.count('"gqa.rotary"') == 1
