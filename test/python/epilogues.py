"""Graphs of products of few rows, with one operation behind them that reads their results, point by point, and rows in front that are
computed of a sum, as a norm's are."""

import numpy as np
import torch

# The operation's body, of one element of each product, then of the other operands: {t} is the products' type.
SILU = """
    %w = arith.extf %p0 : {t} to f32
    %n = arith.negf %w : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %s = arith.divf %w, %d : f32
    %r = arith.truncf %s : f32 to {t}
    %y = arith.mulf %r, %p1 : {t}"""
BIAS = "%y = arith.addf %p0, %q0 : {t}"
RELU = """%s = arith.maximumf %p0, %nought : {t}
    %y = arith.mulf %s, %s : {t}"""
SCALED = """%s = arith.mulf %p0, %q0 : {t}
    %y = arith.addf %s, %was : {t}"""
THREE = """%i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i32
    %k = arith.sitofp %j : i32 to {t}
    %s = arith.mulf %p0, %k : {t}
    %u = arith.subf %p1, %s : {t}
    %y = arith.addf %u, %p2 : {t}"""
WIDE = """%s = arith.addf %p0, %p1 : f32
    %y = arith.truncf %s : f32 to {t}"""

NORM = """
  %xs = tensor.empty({size}) : tensor<{m}xf32>
  %xf = linalg.fill ins(%zero32 : f32) outs(%xs : tensor<{m}xf32>) -> tensor<{m}xf32>
  %sum = linalg.generic {{indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}}
      ins(%from : {x}) outs(%xf : tensor<{m}xf32>) {{
  ^bb0(%p: {t}, %so: f32):
    %w = arith.extf %p : {t} to f32
    %s = arith.addf %so, %w : f32
    linalg.yield %s : f32
  }} -> tensor<{m}xf32>
  %xe = tensor.empty({size}) : {x}
  %x = linalg.generic {{indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (k)>,
      affine_map<(m, k) -> (m, k)>], iterator_types = ["parallel", "parallel"]}}
      ins(%from, %sum, %scale : {x}, tensor<{m}xf32>, tensor<{depth}x{t}>) outs(%xe : {x}) {{
  ^bb0(%p: {t}, %s: f32, %g: {t}, %out_: {t}):
    %high = arith.minimumf %s, %two : f32
    %both = arith.maximumf %high, %low : f32
    %narrow = arith.truncf %both : f32 to {t}
    %part = arith.mulf %narrow, %g : {t}
    %y = arith.addf %p, %part : {t}
    linalg.yield %y : {t}
  }} -> {x}"""

# Products, the maps of other operands, whether the operation reads what its result is to be, its body.
KINDS = {"silu": (2, [], False, SILU), "bias": (1, ["n"], False, BIAS), "relu": (1, [], False, RELU),
         "residual": (1, ["m, n"], False, BIAS), "scaled": (1, ["m"], True, SCALED), "three": (3, [], False, THREE),
         "wide": (2, [], False, WIDE)}


def text_of(kind, rows, width, depth, along=True, element="f16", batch=0, adds=False, heads=False, also=False, widths=None,
            norm=False, shows=False):
    """`rows` (None: dynamic) by as many weights as `kind` has, all of `width` columns, and what it computes of them. With `adds` products
    onto arguments, with `heads` in another shape; with `also` the first product is a result as well. `widths` are those of further
    products that nothing else reads. With `norm` the operand is computed of an argument and of its rows' sums; it is a result as well if
    it `shows`."""
    count, others, reads, body = KINDS[kind]
    result = "f32" if kind == "wide" else element
    b, m, d = f"{batch}x" if batch else "", "?" if rows is None else str(rows), "b, " if batch else ""
    maps = ", ".join(f"affine_map<({d}m, n, k) -> ({d}{each})>" for each in ("m, k", "n, k" if along else "k, n", "m, n"))
    x, flat = f"tensor<{b}{m}x{depth}x{element}>", f"tensor<{b}{m}x{width}x{result}>"
    arguments, lines, results, returned = [f"%x: {x}"], [f"%zero = arith.constant 0.0 : {result}", "%one = arith.constant 1.0 : f32",
                                                        f"%nought = arith.constant 0.0 : {element}"], [], []
    if norm:
        arguments = [f"%from: {x}", f"%scale: tensor<{depth}x{element}>"]
        lines += [f"%{name} = arith.constant {number} : f32" for name, number in (("zero32", 0.0), ("two", 2.0), ("low", -2.0))]
    size = "%m" if rows is None else ""
    if rows is None:
        lines += ["%c0 = arith.constant 0 : index", f"%m = tensor.dim {'%from' if norm else '%x'}, %c0 : {x}"]
    if norm:
        lines.append(NORM.format(t=element, m=m, x=x, depth=depth, size=size))
    for i, n in enumerate([width] * count + list(widths or ())):
        w, o = f"tensor<{b}{n}x{depth}x{element}>" if along else f"tensor<{b}{depth}x{n}x{element}>", f"tensor<{b}{m}x{n}x{result}>"
        arguments.append(f"%w{i}: {w}")
        if adds:
            arguments.append(f"%f{i}: {o}")
        else:
            lines += [f"%e{i} = tensor.empty({size}) : {o}", f"%f{i} = linalg.fill ins(%zero : {result}) outs(%e{i} : {o}) -> {o}"]
        lines.append(f"%r{i} = linalg.{'batch_' if batch else ''}matmul indexing_maps = [{maps}] "
                     f"ins(%x, %w{i} : {x}, {w}) outs(%f{i} : {o}) -> {o}")
        if i >= count:
            results.append(o)
            returned.append(f"%r{i}")
    loops, shape = f"{d}m, n", flat
    if heads:
        loops, shape = f"{d}m, n, h", f"tensor<{b}{m}x{width // 8}x8x{result}>"
        groups = "[[0], [1], [2, 3]]" if batch else "[[0], [1, 2]]"
        for i in range(count):
            lines.append(f"%h{i} = tensor.expand_shape %r{i} {groups} output_shape "
                         f"[{batch + ', ' if batch else ''}{rows}, {width // 8}, 8] : {flat} into {shape}")
    inputs = [(f"%{'h' if heads else 'r'}{i}", shape, loops) for i in range(count)]
    for i, map_ in enumerate(others):
        type_ = "tensor<" + "".join(f"{size}x" for size in ({"m": m, "n": width}[dim] for dim in map_.split(", "))) + f"{element}>"
        arguments.append(f"%o{i}: {type_}")
        inputs.append((f"%o{i}", type_, map_))
    out = shape.replace("f32", element)
    if reads:
        arguments.append(f"%out: {out}")
    else:
        lines.append(f"%out = tensor.empty({size}) : {out}")
    affine = ", ".join(f"affine_map<({loops}) -> ({map_})>" for _, _, map_ in [*inputs, (None, None, loops)])
    elements = [f"%p{i}: {result}" for i in range(count)] + [f"%q{i}: {element}" for i in range(len(others))]
    parallel = ", ".join(['"parallel"'] * (loops.count(",") + 1))
    lines += [f"%y = linalg.generic {{indexing_maps = [{affine}], iterator_types = [{parallel}]}} ins({', '.join(name for name, _, _ in inputs)} : "
              f"{', '.join(type_ for _, type_, _ in inputs)}) outs(%out : {out}) {{", f"^bb0({', '.join(elements)}, %was: {element}):",
              body.format(t=element), f"linalg.yield %y : {element}", f"}} -> {out}"]
    results, returned = [out, *results], ["%y", *returned]
    if also:
        results.append(flat)
        returned.append("%r0")
    if shows:
        results.append(x)
        returned.append("%x")
    lines.append(f"return {', '.join(returned)} : {', '.join(results)}")
    return "\n".join([f"func.func @main({', '.join(arguments)}) -> ({', '.join(results)}) {{", *lines, "}"])


def tensors_of(kind, rows, width, depth, along=True, element="f16", batch=0, adds=False, heads=False, widths=None, norm=False, seed=1):
    """Small integers, of which every sum is exact and no result depends on its order."""
    count, others, reads, _ = KINDS[kind]
    front, rng = (batch,) if batch else (), np.random.default_rng(seed)

    def whole(*shape, type_=element):
        numbers = torch.from_numpy(rng.integers(-1, 2, shape).astype(np.float32))
        return numbers.to({"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}[type_])
    tensors = [whole(*front, rows, depth)] + ([whole(depth)] if norm else [])
    for n in [width] * count + list(widths or ()):
        tensors.append(whole(*front, *((n, depth) if along else (depth, n))))
        if adds:
            tensors.append(whole(*front, rows, n, type_="f32" if kind == "wide" else element))
    tensors += [whole(*({"m": rows, "n": width}[dim] for dim in map_.split(", "))) for map_ in others]
    if reads:
        tensors.append(whole(*front, rows, *((width // 8, 8) if heads else (width,))))
    return tensors
