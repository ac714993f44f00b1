"""StableHLO from JAX: imported through torch-mlir's passes, recognised, with the numbers of NumPy."""

import json
import subprocess

import numpy as np
import pytest

# jax 0.10.2 of: q times k grouped by einsum, where(tril(ones), scores, -inf), softmax, times v; layout b s h d.
GROUPED = r"""
module @jit_grouped attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<2x5x6x8xf32>, %arg1: tensor<2x5x2x8xf32>, %arg2: tensor<2x5x2x8xf32>) -> (tensor<2x5x6x8xf32> {jax.result_info = "result"}) {
    %0 = stablehlo.reshape %arg0 : (tensor<2x5x6x8xf32>) -> tensor<2x5x2x3x8xf32>
    %cst = stablehlo.constant dense<0.353553385> : tensor<f32>
    %1 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<2x5x2x3x8xf32>
    %2 = stablehlo.multiply %0, %1 : tensor<2x5x2x3x8xf32>
    %3 = stablehlo.dot_general %arg1, %2, batching_dims = [0, 2] x [0, 2], contracting_dims = [3] x [4], precision = [DEFAULT, DEFAULT] : (tensor<2x5x2x8xf32>, tensor<2x5x2x3x8xf32>) -> tensor<2x2x5x5x3xf32>
    %4 = stablehlo.transpose %3, dims = [0, 1, 4, 3, 2] : (tensor<2x2x5x5x3xf32>) -> tensor<2x2x3x5x5xf32>
    %c = stablehlo.constant dense<true> : tensor<i1>
    %5 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i1>) -> tensor<5x5xi1>
    %6 = call @tril(%5) : (tensor<5x5xi1>) -> tensor<5x5xi1>
    %cst_0 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %7 = call @_where(%6, %4, %cst_0) : (tensor<5x5xi1>, tensor<2x2x3x5x5xf32>, tensor<f32>) -> tensor<2x2x3x5x5xf32>
    %cst_1 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %8 = stablehlo.reduce(%7 init: %cst_1) applies stablehlo.maximum across dimensions = [4] : (tensor<2x2x3x5x5xf32>, tensor<f32>) -> tensor<2x2x3x5xf32>
    %cst_2 = stablehlo.constant dense<0xFF800000> : tensor<f32>
    %9 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<2x2x3x5xf32>
    %10 = stablehlo.maximum %9, %8 : tensor<2x2x3x5xf32>
    %11 = stablehlo.broadcast_in_dim %10, dims = [0, 1, 2, 3] : (tensor<2x2x3x5xf32>) -> tensor<2x2x3x5x1xf32>
    %12 = stablehlo.broadcast_in_dim %11, dims = [0, 1, 2, 3, 4] : (tensor<2x2x3x5x1xf32>) -> tensor<2x2x3x5x5xf32>
    %13 = stablehlo.subtract %7, %12 : tensor<2x2x3x5x5xf32>
    %14 = stablehlo.exponential %13 : tensor<2x2x3x5x5xf32>
    %cst_3 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %15 = stablehlo.reduce(%14 init: %cst_3) applies stablehlo.add across dimensions = [4] : (tensor<2x2x3x5x5xf32>, tensor<f32>) -> tensor<2x2x3x5xf32>
    %16 = stablehlo.broadcast_in_dim %15, dims = [0, 1, 2, 3] : (tensor<2x2x3x5xf32>) -> tensor<2x2x3x5x1xf32>
    %17 = stablehlo.broadcast_in_dim %16, dims = [0, 1, 2, 3, 4] : (tensor<2x2x3x5x1xf32>) -> tensor<2x2x3x5x5xf32>
    %18 = stablehlo.divide %14, %17 : tensor<2x2x3x5x5xf32>
    %19 = stablehlo.dot_general %arg2, %18, batching_dims = [0, 2] x [0, 1], contracting_dims = [1] x [4], precision = [DEFAULT, DEFAULT] : (tensor<2x5x2x8xf32>, tensor<2x2x3x5x5xf32>) -> tensor<2x2x8x3x5xf32>
    %20 = stablehlo.transpose %19, dims = [0, 4, 1, 3, 2] : (tensor<2x2x8x3x5xf32>) -> tensor<2x5x2x3x8xf32>
    %21 = stablehlo.reshape %20 : (tensor<2x5x2x3x8xf32>) -> tensor<2x5x6x8xf32>
    return %21 : tensor<2x5x6x8xf32>
  }
  func.func private @tril(%arg0: tensor<5x5xi1>) -> tensor<5x5xi1> {
    %0 = stablehlo.iota dim = 0 : tensor<5x5xi32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %1 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<5x5xi32>
    %2 = stablehlo.add %0, %1 : tensor<5x5xi32>
    %3 = stablehlo.iota dim = 1 : tensor<5x5xi32>
    %4 = stablehlo.compare GE, %2, %3, SIGNED : (tensor<5x5xi32>, tensor<5x5xi32>) -> tensor<5x5xi1>
    %c_0 = stablehlo.constant dense<false> : tensor<i1>
    %5 = stablehlo.broadcast_in_dim %c_0, dims = [] : (tensor<i1>) -> tensor<5x5xi1>
    %6 = stablehlo.select %4, %arg0, %5 : tensor<5x5xi1>, tensor<5x5xi1>
    return %6 : tensor<5x5xi1>
  }
  func.func private @_where(%arg0: tensor<5x5xi1>, %arg1: tensor<2x2x3x5x5xf32>, %arg2: tensor<f32>) -> tensor<2x2x3x5x5xf32> {
    %0 = stablehlo.convert %arg2 : tensor<f32>
    %1 = stablehlo.broadcast_in_dim %arg0, dims = [3, 4] : (tensor<5x5xi1>) -> tensor<2x2x3x5x5xi1>
    %2 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<2x2x3x5x5xf32>
    %3 = stablehlo.select %1, %arg1, %2 : tensor<2x2x3x5x5xi1>, tensor<2x2x3x5x5xf32>
    return %3 : tensor<2x2x3x5x5xf32>
  }
}
"""


def reference(q, k, v):
    q, k, v = (x.astype(np.float64).transpose(0, 2, 1, 3) for x in (q, k, v))
    k, v = (x.repeat(q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5
    scores[..., ~np.tri(q.shape[2], dtype=bool)] = -np.inf
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).astype(np.float32)


def test_grouped_attention(importer, tools, tmp_path):
    (tmp_path / "jax.mlir").write_text(GROUPED)
    done = importer("jax.mlir", "-o", "graph.mlir")
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((2, 5, 6, 8), (2, 5, 2, 8), (2, 5, 2, 8))]
    np.savez(tmp_path / "arrays.npz", **{f"arg{i}": x for i, x in enumerate(arrays)}, out0=reference(*arrays))
    done = subprocess.run([tools / "gqa-run", "graph.mlir", "--inputs=arrays.npz", "--expect=arrays.npz", "--report=r.json"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    entry, = json.loads((tmp_path / "r.json").read_text())
    want = {"status": "raised", "q_heads": 6, "kv_heads": 2, "head_dim": 8, "causal": True}
    assert {key: entry.get(key) for key in want} == want


# JAX's fori_loop and scan: a counter that goes up to a number, or to one that the loop carries along.
COUNTED = """
func.func @main(%x: tensor<3xf32>, %n: tensor<i32>) -> (tensor<3xf32>, tensor<i32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %r:3 = stablehlo.while(%i = %zero, %y = %x, %limit = %n) : tensor<i32>, tensor<3xf32>, tensor<i32>
  cond {
    %goes = stablehlo.compare LT, %i, %limit, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %goes : tensor<i1>
  } do {
    %f = stablehlo.convert %i : (tensor<i32>) -> tensor<f32>
    %b = stablehlo.broadcast_in_dim %f, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %s = stablehlo.add %y, %y : tensor<3xf32>
    %z = stablehlo.add %s, %b : tensor<3xf32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %next, %z, %limit : tensor<i32>, tensor<3xf32>, tensor<i32>
  }
  return %r#1, %r#0 : tensor<3xf32>, tensor<i32>
}"""

CONDITIONAL = """
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %most = stablehlo.constant dense<1.0e2> : tensor<f32>
  %r = stablehlo.while(%y = %x) : tensor<f32>
  cond {
    %goes = stablehlo.compare LT, %y, %most, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %goes : tensor<i1>
  } do {
    %z = stablehlo.add %y, %y : tensor<f32>
    stablehlo.return %z : tensor<f32>
  }
  return %r : tensor<f32>
}"""

BRANCHES = """
func.func @main(%n: tensor<i32>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.case"(%n) ({
    stablehlo.return %x : tensor<3xf32>
  }, {
    %y = stablehlo.negate %x : tensor<3xf32>
    stablehlo.return %y : tensor<3xf32>
  }, {
    %y = chlo.square %x : tensor<3xf32> -> tensor<3xf32>
    stablehlo.return %y : tensor<3xf32>
  }) : (tensor<i32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}"""

# cache.at[arange(2), place].set(rows)
ROWS = """
func.func @main(%x: tensor<2x5x3xf32>, %i: tensor<2xi32>, %u: tensor<2x3xf32>) -> tensor<2x5x3xf32> {
  %b = stablehlo.iota dim = 0 : tensor<2x1xi32>
  %p = stablehlo.reshape %i : (tensor<2xi32>) -> tensor<2x1xi32>
  %at = stablehlo.concatenate %b, %p, dim = 1 : (tensor<2x1xi32>, tensor<2x1xi32>) -> tensor<2x2xi32>
  %r = "stablehlo.scatter"(%x, %at, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1],
      inserted_window_dims = [0, 1], scatter_dims_to_operand_dims = [0, 1], index_vector_dim = 1>}> ({
  ^bb0(%old: tensor<f32>, %new: tensor<f32>):
    stablehlo.return %new : tensor<f32>
  }) : (tensor<2x5x3xf32>, tensor<2x2xi32>, tensor<2x3xf32>) -> tensor<2x5x3xf32>
  return %r : tensor<2x5x3xf32>
}"""

# A dynamic_update_slice for each sequence, as vmap makes it.
SLICES = """
func.func @main(%x: tensor<2x5x3xf32>, %i: tensor<2x1xi32>, %u: tensor<2x2x3xf32>) -> tensor<2x5x3xf32> {
  %r = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1, 2],
      input_batching_dims = [0], scatter_indices_batching_dims = [0], scatter_dims_to_operand_dims = [1], index_vector_dim = 1>}> ({
  ^bb0(%old: tensor<f32>, %new: tensor<f32>):
    %sum = stablehlo.add %old, %new : tensor<f32>
    stablehlo.return %sum : tensor<f32>
  }) : (tensor<2x5x3xf32>, tensor<2x1xi32>, tensor<2x2x3xf32>) -> tensor<2x5x3xf32>
  return %r : tensor<2x5x3xf32>
}"""

# jax.nn.dot_product_attention says how its products accumulate.
ALGORITHM = """
func.func @main(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %r = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT], algorithm = <lhs_precision_type = f32,
      rhs_precision_type = f32, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1,
      num_primitive_operations = 1, allow_imprecise_accumulation = false> : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}"""

# What JAX makes of argsort and sort with two operands: a comparison in which NaN is last, and of two zeros none is first.
SORT = """
func.func @main(%x: tensor<2x7xf32>, %y: tensor<2x7xi32>) -> (tensor<2x7xf32>, tensor<2x7xi32>) {
  %r:2 = "stablehlo.sort"(%x, %y) <{dimension = 1 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i32>, %d: tensor<i32>):
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %nan = stablehlo.constant dense<0x7FC00000> : tensor<f32>
    %a0 = stablehlo.compare EQ, %a, %zero, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %a1 = stablehlo.select %a0, %zero, %a : tensor<i1>, tensor<f32>
    %a2 = stablehlo.compare NE, %a, %a, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %a3 = stablehlo.select %a2, %nan, %a1 : tensor<i1>, tensor<f32>
    %b0 = stablehlo.compare EQ, %b, %zero, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %b1 = stablehlo.select %b0, %zero, %b : tensor<i1>, tensor<f32>
    %b2 = stablehlo.compare NE, %b, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %b3 = stablehlo.select %b2, %nan, %b1 : tensor<i1>, tensor<f32>
    %less = stablehlo.compare LT, %a3, %b3, TOTALORDER : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %less : tensor<i1>
  }) : (tensor<2x7xf32>, tensor<2x7xi32>) -> (tensor<2x7xf32>, tensor<2x7xi32>)
  return %r#0, %r#1 : tensor<2x7xf32>, tensor<2x7xi32>
}"""

# Along the first dimension, from the largest on.
SORT_DOWN = """
func.func @main(%x: tensor<5x3xi32>) -> tensor<5x3xi32> {
  %r = "stablehlo.sort"(%x) <{dimension = 0 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %more = stablehlo.compare GT, %a, %b, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %more : tensor<i1>
  }) : (tensor<5x3xi32>) -> tensor<5x3xi32>
  return %r : tensor<5x3xi32>
}"""

TOP = """
func.func @main(%x: tensor<2x7xf32>) -> (tensor<2x3xf32>, tensor<2x3xi32>) {
  %values, %places = chlo.top_k(%x, k = 3) : tensor<2x7xf32> -> (tensor<2x3xf32>, tensor<2x3xi32>)
  return %values, %places : tensor<2x3xf32>, tensor<2x3xi32>
}"""


def counted(x, n):
    for i in range(n):
        x = x + x + np.float32(i)
    return x, np.int32(max(n, 0))


def conditional(x):
    while x < 100:
        x = x + x
    return x


def branches(n, x):
    return x if n == 0 else -x if n == 1 else x * x


def rows(x, i, u):
    x = x.copy()
    for b in range(2):
        if 0 <= i[b] < 5:
            x[b, i[b]] = u[b]
    return x


def slices(x, i, u):
    x = x.copy()
    for b in range(2):
        if 0 <= i[b, 0] <= 3:
            x[b, i[b, 0]:i[b, 0] + 2] += u[b]
    return x


def sort(x, y):
    order = np.argsort(x, 1, kind="stable")
    return np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)


def sort_down(x):
    return -np.sort(-x, 0)


def top(x):
    order = np.argsort(-x, 1, kind="stable")[:, :3].astype(np.int32)
    return np.take_along_axis(x, order, 1), order


TIES = np.array([[3, 0, np.nan, -np.inf, -0.0, 3, np.inf], [1, 1, 1, 1, -1, -1, -1]], np.float32)


def f32(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def i32(*values):
    return np.array(values, np.int32)


@pytest.mark.parametrize("text, function, arguments", [
    (COUNTED, counted, (f32(3), np.int32(4))), (COUNTED, counted, (f32(3), np.int32(-1))), (CONDITIONAL, conditional, (np.float32(3),)),
    *((BRANCHES, branches, (np.int32(n), f32(3))) for n in (0, 1, 2, -1, 7)),
    (ROWS, rows, (f32(2, 5, 3), i32(4, 0), f32(2, 3))), (ROWS, rows, (f32(2, 5, 3), i32(-1, 5), f32(2, 3))),
    (SLICES, slices, (f32(2, 5, 3), i32([3], [0]), f32(2, 2, 3))), (SLICES, slices, (f32(2, 5, 3), i32([4], [1]), f32(2, 2, 3))),
    (ALGORITHM, np.matmul, (f32(2, 3), f32(3, 4))), (SORT, sort, (TIES, np.arange(14, dtype=np.int32).reshape(2, 7))),
    (SORT_DOWN, sort_down, (i32([3, 1, 2], [3, 5, 2], [-1, 9, 2], [4, 1, 2], [0, 0, 2]),)), (TOP, top, (f32(2, 7),))])
def test_operation(text, function, arguments, importer, tools, tmp_path):
    (tmp_path / "jax.mlir").write_text(f"module {{{text}\n}}")
    done = importer("jax.mlir", "-o", "graph.mlir")
    assert done.returncode == 0, done.stderr
    results = function(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    np.savez(tmp_path / "arrays.npz", **{f"arg{i}": x for i, x in enumerate(arguments)}, **{f"out{i}": x for i, x in enumerate(results)})
    done = subprocess.run([tools / "gqa-run", "graph.mlir", "--inputs=arrays.npz", "--expect=arrays.npz"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout


def test_loop_that_counts_is_a_for(importer, tmp_path):
    (tmp_path / "jax.mlir").write_text(f"module {{{COUNTED}\n}}")
    assert importer("jax.mlir", "-o", "graph.mlir").returncode == 0
    text = (tmp_path / "graph.mlir").read_text()
    assert "scf.for" in text and "scf.while" not in text


def test_text_that_is_no_stablehlo(importer, tmp_path):
    (tmp_path / "junk.mlir").write_text("junk")
    done = importer("junk.mlir", "-o", "graph.mlir")
    assert done.returncode != 0 and "not a module of StableHLO" in done.stderr


def test_module_without_main(importer, tmp_path):
    (tmp_path / "other.mlir").write_text("func.func @other(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }")
    done = importer("other.mlir", "-o", "graph.mlir")
    assert done.returncode != 0 and "has no function @main; it has other" in done.stderr
