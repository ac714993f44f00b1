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

// One of several caches that stand together: its tokens begin where theirs do, but they are not all of them.
// CHECK-LABEL: @one_of_several_caches(
// CHECK-DAG: %[[K:.*]] = tensor.expand_shape %arg1
// CHECK-DAG: %[[V:.*]] = tensor.expand_shape %arg2
// CHECK-DAG: %[[KS:.*]] = tensor.extract_slice %[[K]]
// CHECK-DAG: %[[VS:.*]] = tensor.extract_slice %[[V]]
// CHECK-DAG: %[[KO:.*]] = tensor.expand_shape %[[KS]]
// CHECK-DAG: %[[VO:.*]] = tensor.expand_shape %[[VS]]
// CHECK: gqa.attention %{{.*}}, %[[KO]], %[[VO]]
func.func @one_of_several_caches(%q: !Q, %k: !K, %v: !K, %n: index) -> !Q {
  %zero = arith.constant 0.0 : f32
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %k4 = tensor.expand_shape %k [[0], [1, 2], [3]] output_shape [6, 4, %n, 16] : !K into tensor<6x4x?x16xf32>
  %v4 = tensor.expand_shape %v [[0], [1, 2], [3]] output_shape [6, 4, %n, 16] : !K into tensor<6x4x?x16xf32>
  %ks = tensor.extract_slice %k4[0, 0, 0, 0] [6, 1, %n, 16] [1, 1, 1, 1] : tensor<6x4x?x16xf32> to !K
  %vs = tensor.extract_slice %v4[0, 0, 0, 0] [6, 1, %n, 16] [1, 1, 1, 1] : tensor<6x4x?x16xf32> to !K
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
