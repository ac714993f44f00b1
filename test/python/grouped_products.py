"""Graphs of rows times the matrices of their groups, as tokens times their experts', and matrices for them."""

import numpy as np

MAPS = """#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>
"""


def text_of(rows, groups, depth, columns, along, dtype="bf16", adds=False, view=False):
    """Products of `rows` (None: dynamic) by matrices that lie along the sums or across them, in f32. With `adds` onto an argument;
    with `view` of rows that begin at a place that the call knows."""
    m = "?" if rows is None else rows
    x, w = f"tensor<{m}x1x{depth}x{dtype}>", f"tensor<{groups}x{f'{columns}x{depth}' if along else f'{depth}x{columns}'}x{dtype}>"
    turned, chosen, y = f"tensor<{groups}x{depth}x{columns}x{dtype}>", f"tensor<{m}x{depth}x{columns}x{dtype}>", f"tensor<{m}x1x{columns}xf32>"
    size = "%m" if rows is None else ""
    arguments = [f"%x: {x}", f"%w: {w}", f"%g: tensor<{m}xi64>"]
    lines = ["%zero = arith.constant 0.0 : f32", "%c0 = arith.constant 0 : index", f"%m = tensor.dim %g, %c0 : tensor<{m}xi64>"]
    if view:
        all = f"tensor<{rows * depth + 9}x{dtype}>"
        arguments = [f"%all: {all}", *arguments[1:], "%other: tensor<?xi8>"]
        lines += ["%at = tensor.dim %other, %c0 : tensor<?xi8>",
                  f"%flat = tensor.extract_slice %all[%at] [{rows * depth}] [1] : {all} to tensor<{rows * depth}x{dtype}>",
                  f"%x = tensor.expand_shape %flat [[0, 1, 2]] output_shape [{rows}, 1, {depth}] : tensor<{rows * depth}x{dtype}> into {x}"]
    if along:
        lines += [f"%t = tensor.empty() : {turned}",
                  f"%turned = linalg.transpose ins(%w : {w}) outs(%t : {turned}) permutation = [0, 2, 1]"]
    lines += [f"%e = tensor.empty({size}) : {chosen}",
              "%s = linalg.generic {indexing_maps = [#row, #each], iterator_types = [\"parallel\", \"parallel\", \"parallel\"]} "
              f"ins(%g : tensor<{m}xi64>) outs(%e : {chosen}) {{", f"^bb0(%in: i64, %o: {dtype}):",
              "  %i = arith.index_cast %in : i64 to index", "  %k = linalg.index 1 : index", "  %n = linalg.index 2 : index",
              f"  %a = tensor.extract {'%turned' if along else '%w'}[%i, %k, %n] : {turned}", f"  linalg.yield %a : {dtype}", f"}} -> {chosen}"]
    if adds:
        arguments.append(f"%onto: {y}")
    else:
        lines += [f"%room = tensor.empty({size}) : {y}", f"%onto = linalg.fill ins(%zero : f32) outs(%room : {y}) -> {y}"]
    lines += [f"%y = linalg.batch_matmul ins(%x, %s : {x}, {chosen}) outs(%onto : {y}) -> {y}", f"return %y : {y}"]
    return "\n".join([MAPS, f"func.func @main({', '.join(arguments)}) -> {y} {{", *lines, "}"])


def matrices(rows, groups, depth, columns, along, seed=1):
    """Rows and the groups' matrices, in f32."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32)
            for shape in [(rows, 1, depth), (groups, columns, depth) if along else (groups, depth, columns)]]
