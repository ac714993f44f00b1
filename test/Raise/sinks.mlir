// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A logit that adds to the sum and has no value row: one more column of the scores that is dropped behind the softmax, or
// one more exponential in the sum.
#row = affine_map<(h, i, j) -> (h, i)>
#head = affine_map<(h, i, j) -> (h)>
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!T = tensor<6x7x10xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @one_more_column(
// CHECK: gqa.attention {{.*}} sinks(
func.func @one_more_column(%q: !Q, %k: !K, %v: !V, %sink: tensor<6xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %zt = arith.constant dense<0.0> : !T
  %zc = arith.constant dense<0.0> : tensor<6x7x1xf32>
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %column = linalg.broadcast ins(%sink : tensor<6xf32>) outs(%zc : tensor<6x7x1xf32>) dimensions = [1, 2]
  %all = tensor.concat dim(2) %qk, %column : (!S, tensor<6x7x1xf32>) -> !T
  %p = linalg.softmax dimension(2) ins(%all : !T) outs(%zt : !T) -> !T
  %w = tensor.extract_slice %p[0, 0, 0] [6, 7, 9] [1, 1, 1] : !T to !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @in_the_sum(
// CHECK: gqa.attention {{.*}} sinks(
func.func @in_the_sum(%q: !Q, %k: !K, %v: !V, %sink: tensor<6xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#id, #row, #row, #head, #id],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %l, %m, %sink : !S, !R, !R, tensor<6xf32>) outs(%zs : !S) {
  ^bb0(%e: f32, %sum: f32, %max: f32, %s: f32, %x: f32):
    %shifted = arith.subf %s, %max : f32
    %more = math.exp %shifted : f32
    %total = arith.addf %sum, %more : f32
    %y = arith.divf %e, %total : f32
    linalg.yield %y : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// A column that differs by query is no operand: it is the partial result (0, sink), merged.
// CHECK-LABEL: @by_query(
// CHECK: %[[O:.*]], %[[LSE:.*]] = gqa.attention
// CHECK: %[[ZERO:.*]] = linalg.fill
// CHECK: gqa.merge %[[O]], %[[LSE]], %[[ZERO]],
func.func @by_query(%q: !Q, %k: !K, %v: !V, %column: tensor<6x7x1xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %zt = arith.constant dense<0.0> : !T
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %all = tensor.concat dim(2) %qk, %column : (!S, tensor<6x7x1xf32>) -> !T
  %p = linalg.softmax dimension(2) ins(%all : !T) outs(%zt : !T) -> !T
  %w = tensor.extract_slice %p[0, 0, 0] [6, 7, 9] [1, 1, 1] : !T to !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
