"""Whole graphs for mutations.py: a small one for each kind of kernel around attentions whose threads wait for one another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import gqa
import epilogues
import grouped_products
import joined_products


@dataclass
class Graph:
    text: str
    inputs: list
    function: str = "main"
    processors: int | None = None

    @property
    def kernels(self):
        """How the names of those begin that are mutated; an attention's are those of an attention's cases."""
        return self.function

    def results(self, target):
        results = gqa.compile(self.text, self.function, target=target)(*map(torch.as_tensor, self.inputs))
        return [np.from_dlpack(each) for each in (results if isinstance(results, tuple) else (results,))]


# A row is a block of four warps. They join a sum in shared memory, read a number that one thread then stores something else in, and
# read elements, of which each thread has stored a part, in another order.
ROWS = """
#points = affine_map<(i, j, k) -> (i, j, k)>
#crossed = affine_map<(i, j, k) -> (i, k, j)>
#row = affine_map<(i, j, k) -> (i)>
#once = affine_map<(i) -> (i)>
func.func @main(%x: tensor<3x24x24xf32>, %f: tensor<3xf32> {gqa.donated_to = 2})
    -> (tensor<3x24x24xf32>, tensor<3x24x24xf32>, tensor<3xf32>) {
  %zero = arith.constant 0.0 : f32
  %points = tensor.empty() : tensor<3x24x24xf32>
  %row = tensor.empty() : tensor<3xf32>
  %none = linalg.fill ins(%zero : f32) outs(%row : tensor<3xf32>) -> tensor<3xf32>
  %sum = linalg.generic {indexing_maps = [#points, #row], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x : tensor<3x24x24xf32>) outs(%none : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  %mean = linalg.generic {indexing_maps = [#once, #once], iterator_types = ["parallel"]}
      ins(%sum : tensor<3xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  %y = linalg.generic {indexing_maps = [#points, #row, #points], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %mean : tensor<3x24x24xf32>, tensor<3xf32>) outs(%points : tensor<3x24x24xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x24x24xf32>
  %z = linalg.generic {indexing_maps = [#points, #crossed, #points], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%y, %y : tensor<3x24x24xf32>, tensor<3x24x24xf32>) outs(%points : tensor<3x24x24xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x24x24xf32>
  return %y, %z, %mean : tensor<3x24x24xf32>, tensor<3x24x24xf32>, tensor<3xf32>
}
"""

# A row is a warp, of which each lane reads what one of them then stores something else in.
SHORT_ROWS = """
#points = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<3x40xf32>, %f: tensor<3xf32> {gqa.donated_to = 0}) -> tensor<3xf32> {
  %sum = linalg.generic {indexing_maps = [#points, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<3x40xf32>) outs(%f : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  return %sum : tensor<3xf32>
}
"""

# A kernel of each kind beside an attention, in the image of which sm_90a's kernels begin before those in front have ended: products,
# points that are not theirs alone, and a row.
STEP = """
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#points = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<1x256xf16>, %wq: tensor<256x256xf16>, %wg: tensor<256x256xf16>, %k: tensor<1x1x600x64xf16>,
                %v: tensor<1x1x600x64xf16>) -> tensor<1x256xf16> {
  %none = arith.constant 0.0 : f16
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x256xf16>
  %f = linalg.fill ins(%none : f16) outs(%e : tensor<1x256xf16>) -> tensor<1x256xf16>
  %er = tensor.empty() : tensor<1xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<1xf32>) -> tensor<1xf32>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %wq : tensor<1x256xf16>, tensor<256x256xf16>)
      outs(%f : tensor<1x256xf16>) -> tensor<1x256xf16>
  %1 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %wg : tensor<1x256xf16>, tensor<256x256xf16>)
      outs(%f : tensor<1x256xf16>) -> tensor<1x256xf16>
  %2 = linalg.tanh ins(%0 : tensor<1x256xf16>) outs(%e : tensor<1x256xf16>) -> tensor<1x256xf16>
  %q = tensor.expand_shape %2 [[0], [1, 2, 3]] output_shape [1, 4, 1, 64] : tensor<1x256xf16> into tensor<1x4x1x64xf16>
  %o = gqa.attention %q, %k, %v : (tensor<1x4x1x64xf16>, tensor<1x1x600x64xf16>, tensor<1x1x600x64xf16>) -> tensor<1x4x1x64xf16>
  %3 = tensor.collapse_shape %o [[0], [1, 2, 3]] : tensor<1x4x1x64xf16> into tensor<1x256xf16>
  %sum = linalg.generic {indexing_maps = [#points, #row], iterator_types = ["parallel", "reduction"]}
      ins(%3 : tensor<1x256xf16>) outs(%fr : tensor<1xf32>) {
  ^bb0(%a: f16, %b: f32):
    %5 = arith.extf %a : f16 to f32
    %6 = arith.mulf %5, %5 : f32
    %7 = arith.addf %b, %6 : f32
    linalg.yield %7 : f32
  } -> tensor<1xf32>
  %4 = linalg.generic {indexing_maps = [#points, #points, #points, #row, #points], iterator_types = ["parallel", "parallel"]}
      ins(%0, %1, %3, %sum : tensor<1x256xf16>, tensor<1x256xf16>, tensor<1x256xf16>, tensor<1xf32>) outs(%e : tensor<1x256xf16>) {
  ^bb0(%h: f16, %g: f16, %a: f16, %s: f32, %b: f16):
    %5 = arith.truncf %s : f32 to f16
    %6 = arith.divf %a, %5 : f16
    %7 = arith.mulf %6, %g : f16
    %8 = arith.addf %7, %h : f16
    linalg.yield %8 : f16
  } -> tensor<1x256xf16>
  return %4 : tensor<1x256xf16>
}
"""

# An argmax along rows; an argmin and sums along columns.
SEARCHES = (Path(__file__).parents[1] / "gqa-run/Inputs/reductions.mlir").read_text()


def normal(*shape):
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


def grouped(along):
    """Two tiles of rows, of which runs of three groups are parts, and three blocks of sums, the last one short."""
    rows, groups, depth, columns = 150, 3, 152, 40
    numbers = np.arange(rows) * groups // rows
    return Graph(grouped_products.text_of(rows, groups, depth, columns, along, "f16"),
                 [*(x.astype(np.float16) for x in grouped_products.matrices(rows, groups, depth, columns, along)), numbers])


def products(along):
    """Of more chunks than a block has warps, and a rest."""
    rows, widths, depth = 8, (24, 136, 64), 1096
    return Graph(joined_products.text_of(rows, widths, depth, along), joined_products.matrices(rows, widths, depth, along))


# Rows, columns and elements of a sum; of two rows each block computes the operand as well.
EPILOGUE, PROLOGUE = (8, 24, 1000), (2, 24, 1000)

GRAPHS = {
    "products_along": products(along=True),
    "products_across": products(along=False),
    "epilogue": Graph(epilogues.text_of("silu", *EPILOGUE), epilogues.tensors_of("silu", *EPILOGUE)),
    "prologue": Graph(epilogues.text_of("silu", *PROLOGUE, norm=True), epilogues.tensors_of("silu", *PROLOGUE, norm=True)),
    "grouped_along": grouped(along=True),
    "grouped_across": grouped(along=False),
    "row_kernel": Graph(ROWS, [normal(3, 24, 24), np.array([100, -200, 300], np.float32)]),
    "short_rows": Graph(SHORT_ROWS, [normal(3, 40), normal(3)]),
    "row_search": Graph(SEARCHES, []),
    "columns": Graph(SEARCHES, [normal(700, 33), torch.from_numpy(normal(3, 300, 5)).bfloat16(), normal(517, 3)], "columns"),
}
# What sm_90a has in an image of its own waits for the kernels in front.
STEPS = {"step": Graph(STEP, [normal(*shape).astype(np.float16) for shape in ((1, 256), (256, 256), (256, 256), (1, 1, 600, 64),
                                                                              (1, 1, 600, 64))])}
