"""The package's types: the stub says what the functions are, and mypy says what programs may do with them."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import gqa

STUB = pathlib.Path(gqa.__file__).with_suffix(".pyi")
PROGRAM = """
import numpy as np
import gqa

q = np.zeros((1, 4, 3, 16), np.float32)
reveal_type(gqa.attention(q, q, q, causal=True))
reveal_type(gqa.attention(q, q, q, return_lse=True))
reveal_type(gqa.compile("m.mlir", weights={"w": q}))
reveal_type(gqa.explain("m.mlir").remarks[0].text)
reveal_type(gqa.compile("m.mlir").donated)
reveal_type(gqa.__version__)
try:
    gqa.convert(q, kv_heads=[2, 4], method="mean", progress=print)
    gqa.convert.load("folder", dtype="float32")
except gqa.convert.Unconvertible:
    pass
gqa.attention(q, q, q, score=lambda s, b, h, i, j: s + j, mask=lambda b, h, i, j: i >= j, kv_len=[3], window=(1, -1))
gqa.attention(q, q, [1.0])
gqa.attention(q, q, q, dead_row="none")
gqa.attention(q, q, q, dropout=0.1)
gqa.compile(3)
gqa.convert(q, kv_heads=2, methods="mean")
"""


def declared():
    """Each function of the stub, in its last overload: parameter names, and defaults by name."""
    functions = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            places, keywords = ([a.arg for a in arguments] for arguments in (node.args.args, node.args.kwonlyargs))
            given = dict(zip(places[len(places) - len(node.args.defaults):], node.args.defaults)) | dict(zip(keywords, node.args.kw_defaults))
            functions[node.name] = places + keywords, {n: ast.literal_eval(d) for n, d in given.items() if d is not None}
    return functions


def test_the_stub_names_what_there_is():
    tree = ast.parse(STUB.read_text())
    (all_,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"]
    assert ast.literal_eval(all_) == gqa.__all__
    assert (STUB.parent / "py.typed").is_file()


def test_the_version_is_the_project_s():
    [version] = re.findall(r"project\(gqa VERSION ([\d.]+)", (STUB.parents[2] / "CMakeLists.txt").read_text())
    assert gqa.__version__ == version


def test_the_stub_s_convert_is_the_function():
    [node] = [node for cls in ast.parse(STUB.read_text()).body if isinstance(cls, ast.ClassDef) and cls.name == "_ConvertFunction"
              for node in cls.body]
    _, *parameters = node.args.args + node.args.kwonlyargs
    defaults = [ast.literal_eval(default) for default in node.args.defaults + node.args.kw_defaults]
    _, *expected = (given := inspect.signature(gqa.convert.convert).parameters.values())
    assert [p.arg for p in parameters] == [p.name for p in given] and defaults == [p.default for p in expected]


@pytest.mark.parametrize("name", ["attention", "build", "compile", "explain", "load"])
def test_the_stub_s_parameters_are_the_functions(name):
    parameters = list(inspect.signature(getattr(gqa, name)).parameters.values())
    names, defaults = declared()[name]
    assert names == [p.name for p in parameters]
    expected = {p.name: p.default for p in parameters if p.default is not p.empty}
    if name == "attention":  # the last overload is for return_lse=True, which has no default
        del expected["return_lse"]
    assert defaults == expected


def test_mypy(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-color-output",
                           "--cache-dir", tmp_path / "cache", "program.py"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
                          env={"MYPYPATH": str(STUB.parents[1]), "PATH": "/usr/bin:/bin"})
    lines = [line.split(": ", 2) for line in done.stdout.splitlines() if line.startswith("program.py:")]
    notes = [text for _, kind, text in lines if kind == "note" and text.startswith("Revealed")]
    revealed = [note.removeprefix("Revealed type is ").strip('"') for note in notes]
    assert revealed[0].startswith("numpy.ndarray[") and revealed[1].startswith("tuple[numpy.ndarray["), done.stdout
    assert revealed[2:] == ["gqa.Module", "str", "dict[int, int]", "str"]
    errors = [int(place.split(":")[1]) for place, kind, _ in lines if kind == "error"]
    first = PROGRAM.splitlines().index("gqa.attention(q, q, [1.0])") + 1
    assert sorted(set(errors)) == [first, first + 1, first + 2, first + 3, first + 4], done.stdout
