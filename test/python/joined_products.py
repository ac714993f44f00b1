"""Graphs of products of one operand of few rows by several weights, and matrices for them."""

import numpy as np


def text_of(rows, widths, depth, along, result="f16", batch=0, adds=False, view=False):
    """Products of `rows` (None: dynamic) by weights of `widths` columns, which lie along the sums or across them. With `adds` onto
    arguments; with `view` of an operand that begins at a place that the call knows."""
    b, m = f"{batch}x" if batch else "", "?" if rows is None else str(rows)
    d = "b, " if batch else ""
    maps = ", ".join(f"affine_map<({d}m, n, k) -> ({d}{each})>" for each in ("m, k", "n, k" if along else "k, n", "m, n"))
    x, zero = f"tensor<{b}{m}x{depth}xf16>", f"%zero = arith.constant 0.0 : {result}"
    arguments, lines, results = [f"%x: {x}"], [zero], []
    if view:
        arguments = [f"%all: tensor<{rows * depth + 9}xf16>", "%other: tensor<?xi8>"]
        lines += ["%c0 = arith.constant 0 : index", "%at = tensor.dim %other, %c0 : tensor<?xi8>",
                  f"%flat = tensor.extract_slice %all[%at] [{rows * depth}] [1] : tensor<{rows * depth + 9}xf16> to tensor<{rows * depth}xf16>",
                  f"%x = tensor.expand_shape %flat [[0, 1]] output_shape [{rows}, {depth}] : tensor<{rows * depth}xf16> into {x}"]
    if rows is None:
        lines += [f"%dim = arith.constant {1 if batch else 0} : index", f"%m = tensor.dim %x, %dim : {x}"]
    for i, width in enumerate(widths):
        w, o = f"tensor<{b}{width}x{depth}xf16>" if along else f"tensor<{b}{depth}x{width}xf16>", f"tensor<{b}{m}x{width}x{result}>"
        arguments.append(f"%w{i}: {w}")
        if adds:
            arguments.append(f"%f{i}: {o}")
        else:
            lines += [f"%e{i} = tensor.empty({'%m' if rows is None else ''}) : {o}",
                      f"%f{i} = linalg.fill ins(%zero : {result}) outs(%e{i} : {o}) -> {o}"]
        lines.append(f"%r{i} = linalg.{'batch_' if batch else ''}matmul indexing_maps = [{maps}] "
                     f"ins(%x, %w{i} : {x}, {w}) outs(%f{i} : {o}) -> {o}")
        results.append(o)
    lines.append(f"return {', '.join(f'%r{i}' for i in range(len(widths)))} : {', '.join(results)}")
    return "\n".join([f"func.func @main({', '.join(arguments)}) -> ({', '.join(results)}) {{", *lines, "}"])


def matrices(rows, widths, depth, along, batch=0, seed=1):
    rng, front = np.random.default_rng(seed), (batch,) if batch else ()
    return [rng.standard_normal((*front, *shape)).astype(np.float16)
            for shape in [(rows, depth), *((n, depth) if along else (depth, n) for n in widths)]]
