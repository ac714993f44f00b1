// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Sizes that are not known look alike; only what is proven to be the same size may be exchanged.
!Q = tensor<6x7x16xf32>
!K = tensor<6x?x16xf32>
!S = tensor<6x7x?xf32>
!R = tensor<6x7xf32>

// The slice is what attention reads, not the cache that it is taken from.
// CHECK-LABEL: @part_of_a_cache(
// CHECK: %[[KS:.*]] = tensor.extract_slice %arg1
// CHECK: %[[VS:.*]] = tensor.extract_slice %arg2
// CHECK: %[[K:.*]] = tensor.expand_shape %[[KS]]
// CHECK: %[[V:.*]] = tensor.expand_shape %[[VS]]
// CHECK: gqa.attention %{{.*}}, %[[K]], %[[V]]
func.func @part_of_a_cache(%q: !Q, %k: !K, %v: !K, %n: index) -> !Q {
  %zero = arith.constant 0.0 : f32
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %ks = tensor.extract_slice %k[0, 0, 0] [6, %n, 16] [1, 1, 1] : !K to !K
  %vs = tensor.extract_slice %v[0, 0, 0] [6, %n, 16] [1, 1, 1] : !K to !K
  %e = tensor.empty(%n) : !S
  %zs = linalg.fill ins(%zero : f32) outs(%e : !S) -> !S
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %ks : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vs : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The denominator leaves out the last keys.
// CHECK-LABEL: @sum_over_a_part(
// CHECK-NOT: gqa.attention
// CHECK: return
func.func @sum_over_a_part(%q: !Q, %k: !K, %v: !K, %n: index, %part: index) -> !Q {
  %zero = arith.constant 0.0 : f32
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %e = tensor.empty(%n) : !S
  %zs = linalg.fill ins(%zero : f32) outs(%e : !S) -> !S
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %some = tensor.extract_slice %p[0, 0, 0] [6, 7, %part] [1, 1, 1] : !S to !S
  %l = linalg.reduce { arith.addf } ins(%some : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// A slice of the whole size is the cache itself.
// CHECK-LABEL: @whole_cache(
// CHECK-NOT: extract_slice
// CHECK: gqa.attention
func.func @whole_cache(%q: !Q, %k: !K, %v: !K) -> !Q {
  %one = arith.constant 1 : index
  %all = tensor.dim %k, %one : !K
  %allv = tensor.dim %v, %one : !K
  %zero = arith.constant 0.0 : f32
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %ks = tensor.extract_slice %k[0, 0, 0] [6, %all, 16] [1, 1, 1] : !K to !K
  %vs = tensor.extract_slice %v[0, 0, 0] [6, %allv, 16] [1, 1, 1] : !K to !K
  %e = tensor.empty(%all) : !S
  %zs = linalg.fill ins(%zero : f32) outs(%e : !S) -> !S
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %ks : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vs : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}
