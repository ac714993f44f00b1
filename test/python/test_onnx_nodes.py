"""ONNX's node tests of Attention and RotaryEmbedding: the operators, and their definitions by other operators.

Half of the definitions' numbers take as long as everything else here: `--all-nodes` computes those of all, without it a
share that changes with the day's seed is left out. What is raised is looked at for all of them.
"""

import re
import subprocess

import pytest

from gqa.importer import linalg_of_onnx
from onnx_cases import check, check_numbers, node_tests

CASES = {**node_tests("attention"), **node_tests("rotaryembedding")}
OPERATORS = sorted(name for name in CASES if not name.endswith("_expanded"))
DEFINITIONS = sorted(name for name in CASES if name.endswith("_expanded"))


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_kept(name):
    text = check(CASES[name])
    assert len(re.findall(r'"gqa\.(attention|rotary)"', text)) == 1
