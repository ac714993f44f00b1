// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A table of each head is causal if all of them are; a table that leaves a place as it was is not a constant.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<2x3x16xf32>
!K = tensor<2x16x3xf32>
!V = tensor<2x3x16xf32>
!S = tensor<2x3x3xf32>
!R = tensor<2x3xf32>

// CHECK-LABEL: @all_heads_alike(
// CHECK: gqa.attention {{.*}} causal scale
func.func @all_heads_alike(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[
    [[0., -3.4e38, -3.4e38], [0., 0., -3.4e38], [0., 0., 0.]],
    [[0., -3.4e38, -3.4e38], [0., 0., -3.4e38], [0., 0., 0.]]]> : !S
  %t = linalg.add ins(%qk, %c : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @heads_differ(
// CHECK-NOT: causal scale
// CHECK: gqa.attention {{.*}} bias(
func.func @heads_differ(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[
    [[0., -3.4e38, -3.4e38], [0., 0., -3.4e38], [0., 0., 0.]],
    [[0., 0., 0.], [0., 0., 0.], [0., 0., 0.]]]> : !S
  %t = linalg.add ins(%qk, %c : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

#first = affine_map<(h, i) -> (h, i, 0)>
#hi = affine_map<(h, i) -> (h, i)>
// CHECK-LABEL: @first_key_written(
// CHECK: %[[B:.*]] = linalg.generic
// CHECK: %[[X:.*]] = tensor.expand_shape %[[B]]
// CHECK: gqa.attention {{.*}} bias(%[[X]])
func.func @first_key_written(%q: !Q, %k: !K, %v: !V, %bias: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %b = linalg.generic {indexing_maps = [#hi, #first], iterator_types = ["parallel", "parallel"]}
      ins(%zr : !R) outs(%bias : !S) {
  ^bb0(%a: f32, %x: f32):
    linalg.yield %a : f32
  } -> !S
  %t = linalg.add ins(%qk, %b : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
