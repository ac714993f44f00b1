// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// What PyTorch exports of grouped heads: a repeat by broadcast and collapse, batch and heads in one dimension, a maximum
// that carries the place where it is, and a causal mask from positions.

#e4 = affine_map<(b, h, i, j) -> (b, h, i, j)>
#r4 = affine_map<(b, h, i, j) -> (b, h, i)>
#u4 = affine_map<(b, h, i, j) -> (b, h, i, 0)>
!S = tensor<2x6x7x7xf32>

// CHECK-LABEL: @grouped(
// CHECK-SAME: %[[Q:[^:]*]]: tensor<2x6x7x16xf32>, %[[K:[^:]*]]: tensor<2x2x7x16xf32>, %[[V:[^:]*]]: tensor<2x2x7x16xf32>
// CHECK: %[[KR:.*]] = gqa.repeat_heads %[[K]] block groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
// CHECK: %[[VR:.*]] = gqa.repeat_heads %[[V]] block groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
// CHECK: %[[O:.*]] = gqa.attention %[[Q]], %[[KR]], %[[VR]] causal dead_row(nan) {gqa.candidate
// CHECK: tensor.collapse_shape %[[O]]
// CHECK-NOT: linalg
func.func @grouped(%q: tensor<2x6x7x16xf32>, %k: tensor<2x2x7x16xf32>, %v: tensor<2x2x7x16xf32>) -> tensor<12x7x16xf32> {
  %five = arith.constant dense<0.0> : tensor<2x2x3x7x16xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x2x7x16xf32>) outs(%five : tensor<2x2x3x7x16xf32>) dimensions = [2]
  %vb = linalg.broadcast ins(%v : tensor<2x2x7x16xf32>) outs(%five : tensor<2x2x3x7x16xf32>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<2x2x3x7x16xf32> into tensor<2x6x7x16xf32>
  %kte = tensor.empty() : tensor<2x6x16x7xf32>
  %kt = linalg.transpose ins(%kr : tensor<2x6x7x16xf32>) outs(%kte : tensor<2x6x16x7xf32>) permutation = [0, 1, 3, 2]
  %q3 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<2x6x7x16xf32> into tensor<12x7x16xf32>
  %k3 = tensor.collapse_shape %kt [[0, 1], [2], [3]] : tensor<2x6x16x7xf32> into tensor<12x16x7xf32>
  %v3 = tensor.collapse_shape %vb [[0, 1, 2], [3], [4]] : tensor<2x2x3x7x16xf32> into tensor<12x7x16xf32>
  %s0 = arith.constant dense<0.0> : tensor<12x7x7xf32>
  %qk = linalg.batch_matmul ins(%q3, %k3 : tensor<12x7x16xf32>, tensor<12x16x7xf32>) outs(%s0 : tensor<12x7x7xf32>) -> tensor<12x7x7xf32>
  %s = tensor.expand_shape %qk [[0, 1], [2], [3]] output_shape [2, 6, 7, 7] : tensor<12x7x7xf32> into !S
  %e = tensor.empty() : !S
  %masked = linalg.generic {indexing_maps = [#e4, #e4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s : !S) outs(%e : !S) {
  ^bb0(%in: f32, %out: f32):
    %scale = arith.constant 0.25 : f32
    %fill = arith.constant 0xFF7FFFFF : f32
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %i64 = arith.index_cast %i : index to i64
    %j64 = arith.index_cast %j : index to i64
    %seen = arith.cmpi sge, %i64, %j64 : i64
    %scaled = arith.mulf %in, %scale : f32
    %y = arith.select %seen, %scaled, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %low = arith.constant dense<0xFF800000> : tensor<2x6x7xf32>
  %first = arith.constant dense<0> : tensor<2x6x7xi64>
  %max:2 = linalg.generic {indexing_maps = [#e4, #r4, #r4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%masked : !S) outs(%low, %first : tensor<2x6x7xf32>, tensor<2x6x7xi64>) {
  ^bb0(%in: f32, %acc: f32, %at: i64):
    %j = linalg.index 3 : index
    %j64 = arith.index_cast %j : index to i64
    %m = arith.maximumf %in, %acc : f32
    %c = arith.cmpf ogt, %in, %acc : f32
    %a = arith.select %c, %j64, %at : i64
    linalg.yield %m, %a : f32, i64
  } -> (tensor<2x6x7xf32>, tensor<2x6x7xi64>)
  %maxu = tensor.expand_shape %max#0 [[0], [1], [2, 3]] output_shape [2, 6, 7, 1] : tensor<2x6x7xf32> into tensor<2x6x7x1xf32>
  %p = linalg.generic {indexing_maps = [#e4, #u4, #e4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%masked, %maxu : !S, tensor<2x6x7x1xf32>) outs(%e : !S) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %d = arith.subf %in, %m : f32
    %x = math.exp %d : f32
    linalg.yield %x : f32
  } -> !S
  %zu = arith.constant dense<0.0> : tensor<2x6x7x1xf32>
  %l = linalg.generic {indexing_maps = [#e4, #u4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p : !S) outs(%zu : tensor<2x6x7x1xf32>) {
  ^bb0(%in: f32, %acc: f32):
    %a = arith.addf %in, %acc : f32
    linalg.yield %a : f32
  } -> tensor<2x6x7x1xf32>
  %w = linalg.generic {indexing_maps = [#e4, #u4, #e4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p, %l : !S, tensor<2x6x7x1xf32>) outs(%e : !S) {
  ^bb0(%in: f32, %sum: f32, %out: f32):
    %y = arith.divf %in, %sum : f32
    linalg.yield %y : f32
  } -> !S
  %w3 = tensor.collapse_shape %w [[0, 1], [2], [3]] : !S into tensor<12x7x7xf32>
  %o0 = arith.constant dense<0.0> : tensor<12x7x16xf32>
  %o = linalg.batch_matmul ins(%w3, %v3 : tensor<12x7x7xf32>, tensor<12x7x16xf32>) outs(%o0 : tensor<12x7x16xf32>) -> tensor<12x7x16xf32>
  return %o : tensor<12x7x16xf32>
}
