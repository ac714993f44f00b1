"""ONNX's node tests of Attention and RotaryEmbedding: the operators, and their definitions by other operators.

Every definition is imported and must be raised. The numbers are those of every operator and of a third of the definitions;
a campaign (GQA_CAMPAIGN in the environment) computes all.
"""

import os
import re
import subprocess

import pytest

from gqa.importer import linalg_of_onnx
from onnx_cases import check, check_numbers, node_tests

CASES = {**node_tests("attention"), **node_tests("rotaryembedding")}
OPERATORS = sorted(name for name in CASES if not name.endswith("_expanded"))
DEFINITIONS = sorted(name for name in CASES if name.endswith("_expanded"))
COMPUTED = DEFINITIONS[:: 1 if "GQA_CAMPAIGN" in os.environ else 3]


@pytest.fixture(scope="module")
def definitions():
    """The definitions by name, as linalg."""
    return {name: linalg_of_onnx(CASES[name].model) for name in DEFINITIONS}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_kept(name):
    text = check(CASES[name])
    assert len(re.findall(r'"gqa\.(attention|rotary)"', text)) == 1


def test_definitions_are_raised(definitions, tools, tmp_path):
    (tmp_path / "all.mlir").write_text("\n// -----\n".join(definitions.values()))
    done = subprocess.run([tools / "gqa-opt", tmp_path / "all.mlir", "--split-input-file", "--gqa-simplify"],
                          capture_output=True, text=True, timeout=120, check=True)
    modules = done.stdout.split("\n// -----\n")
    assert len(modules) == len(definitions)

    def is_raised(name, module):
        return module.count("gqa.rotary" if "rotary" in name else "gqa.attention") == 1

    assert [name for name, module in zip(definitions, modules) if not is_raised(name, module)] == []


@pytest.mark.parametrize("name", COMPUTED)
def test_definition_has_the_numbers(name, definitions):
    check_numbers(definitions[name], CASES[name])
