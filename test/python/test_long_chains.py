"""Thousands of operations in a row, as front ends write that unroll loops: recognition, which follows them, ends well."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest

SCORES = "tensor<1x4x16xf32>"


def module(count, operation):
    """An attention with `count` operations on each score: `operation` in terms of {x}, the score, {b}, a bias, {m}, a mask."""
    lines, last = [], "%x"
    for number in range(count):
        lines.append(f"    %y{number} = {operation.format(x=last, b='%b', m='%m', i='%inf')}")
        last = f"%y{number}"
    chain = "\n".join(lines)
    return f"""#map = affine_map<(a, i, j) -> (a, i, j)>
func.func @main(%q: tensor<1x4x8xf32>, %k: tensor<1x8x16xf32>, %v: tensor<1x16x8xf32>, %bias: {SCORES}, %mask: tensor<1x4x16xi1>) -> tensor<1x4x8xf32> {{
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %empty = tensor.empty() : {SCORES}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {SCORES}) -> {SCORES}
  %product = linalg.batch_matmul ins(%q, %k : tensor<1x4x8xf32>, tensor<1x8x16xf32>) outs(%init : {SCORES}) -> {SCORES}
  %scores = linalg.generic {{indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%product, %bias, %mask : {SCORES}, {SCORES}, tensor<1x4x16xi1>) outs(%empty : {SCORES}) {{
  ^bb0(%x: f32, %b: f32, %m: i1, %o: f32):
{chain}
    linalg.yield {last} : f32
  }} -> {SCORES}
  %p = linalg.softmax dimension(2) ins(%scores : {SCORES}) outs(%empty : {SCORES}) -> {SCORES}
  %row = tensor.empty() : tensor<1x4x8xf32>
  %start = linalg.fill ins(%zero : f32) outs(%row : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %out = linalg.batch_matmul ins(%p, %v : {SCORES}, tensor<1x16x8xf32>) outs(%start : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %out : tensor<1x4x8xf32>
}}
"""


def usual_stack():
    """Of 8 MiB, also where whoever runs the tests has more."""
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))


def run(*command, folder, seconds=300):
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=seconds, preexec_fn=usual_stack)


OPERATIONS = {
    "a function": "math.sin {x} : f32",
    "twice": "arith.mulf {x}, {x} : f32",
    "a bias": "arith.minimumf {x}, {b} : f32",
    "a mask": "arith.select {m}, {x}, {i} : f32",
    "no bound": "arith.maximumf {i}, {x} : f32",
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_are_followed(tools, tmp_path, operation):
    (tmp_path / "graph.mlir").write_text(module(20000, OPERATIONS[operation]))
    done = run(tools / "gqa-opt", "graph.mlir", "--gqa-simplify=report=report.json", "-o", "out.mlir", folder=tmp_path)
    assert done.returncode == 0, done.stderr[:1000]
    assert [entry["status"] for entry in json.loads((tmp_path / "report.json").read_text())] == ["raised"]


def test_compute_the_same(tools, tmp_path):
    (tmp_path / "graph.mlir").write_text(module(4000, "arith.minimumf {x}, {b} : f32"))
    random = np.random.default_rng(0)
    q, k, v, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((1, 4, 8), (1, 8, 16), (1, 16, 8), (1, 4, 16)))
    scores = np.minimum(q.astype(np.float64) @ k, bias)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    out = p / p.sum(-1, keepdims=True) @ v
    np.savez(tmp_path / "arrays.npz", arg0=q, arg1=k, arg2=v, arg3=bias, arg4=np.ones((1, 4, 16), bool), out0=out.astype(np.float32))
    done = run(tools / "gqa-run", "graph.mlir", "--inputs=arrays.npz", "--expect=arrays.npz", "--no-cache", folder=tmp_path)
    assert done.returncode == 0, done.stderr[:1000] + done.stdout


def test_of_tensors_are_several_loops(tools, tmp_path):
    """Of one loop with all of it, fused operation by operation, the time would grow by the square."""
    lines, last = [], "%x"
    for number in range(20000):
        lines.append(f"  %y{number} = arith.{['minimumf', 'maximumf'][number % 2]} {last}, %{'ab'[number % 2]} : tensor<4xf32>")
        last = f"%y{number}"
    head = "func.func @main(%x: tensor<4xf32>, %a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {"
    (tmp_path / "graph.mlir").write_text("\n".join([head, *lines, f"  return {last} : tensor<4xf32>", "}", ""]))
    x, a, b = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.savez(tmp_path / "arrays.npz", arg0=x, arg1=a, arg2=b, out0=np.maximum(np.minimum(x, a), b))
    done = run(tools / "gqa-run", "graph.mlir", "--inputs=arrays.npz", "--expect=arrays.npz", "--no-cache", folder=tmp_path, seconds=60)
    assert done.returncode == 0, done.stderr[:1000] + done.stdout


PYTHON = """import threading, gqa
text = open("graph.mlir").read()
def explain():
    try: print(sum(remark.kind == "done" and remark.name == "Raised" for remark in gqa.explain(text).remarks))
    except ValueError as error: print(error)
thread = threading.Thread(target=explain)  # whose stack is one of the usual size as well
thread.start(), thread.join()
"""


def test_are_followed_from_python(tmp_path):
    (tmp_path / "graph.mlir").write_text(module(20000, "math.sin {x} : f32"))
    done = run(sys.executable, "-c", PYTHON, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr[:1000]


def test_that_are_too_long_are_refused(tools, tmp_path):
    (tmp_path / "graph.mlir").write_text(module(70000, "math.sin {x} : f32"))
    message = "70010 operations are each computed from the one before; expected at most 65536 in a row, and a loop where there are more\n"
    for command, code in ((["gqa-opt", "--gqa-simplify"], 1), (["gqa-run"], 2), (["gqa-compile", "--emit=asm"], 2)):
        done = run(tools / command[0], "graph.mlir", *command[1:], folder=tmp_path)
        assert done.returncode == code and message in done.stderr, done.stderr[:1000]
    assert message.strip() in run(sys.executable, "-c", PYTHON, folder=tmp_path).stdout
