// RUN: gqa-opt %s --inline --gqa-raise --gqa-share-kv | FileCheck %s

// A slice of repeated heads is a repeat of a slice.
!Q = tensor<2x6x7x8xf32>
!K = tensor<2x2x9x16xf32>
!G = tensor<2x2x3x9x16xf32>
!F = tensor<2x6x9x16xf32>
#kept = affine_map<(b, h, g, j, d) -> (b, h, j, d)>
#each = affine_map<(b, h, g, j, d) -> (b, h, g, j, d)>

func.func private @repeat(%k: !K) -> !F {
  %e = tensor.empty() : !G
  %g = linalg.generic {indexing_maps = [#kept, #each], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%k : !K) outs(%e : !G) {
  ^bb0(%x: f32, %out: f32):
    linalg.yield %x : f32
  } -> !G
  %f = tensor.collapse_shape %g [[0], [1, 2], [3], [4]] : !G into !F
  return %f : !F
}

// Half of the head dimension, the second for K.
// CHECK-LABEL: @head_dimension(
// CHECK: %[[K:.*]] = tensor.extract_slice %{{.*}}[0, 0, 0, 8] [2, 2, 9, 8] [1, 1, 1, 1] : tensor<2x2x9x16xf32>
// CHECK: %[[V:.*]] = tensor.extract_slice %{{.*}}[0, 0, 0, 0] [2, 2, 9, 8] [1, 1, 1, 1] : tensor<2x2x9x16xf32>
// CHECK: gqa.attention %{{.*}}, %[[K]], %[[V]]
func.func @head_dimension(%q: !Q, %k: !K, %v: !K) -> !Q {
  %kf = func.call @repeat(%k) : (!K) -> !F
  %vf = func.call @repeat(%v) : (!K) -> !F
  %ks = tensor.extract_slice %kf[0, 0, 0, 8] [2, 6, 9, 8] [1, 1, 1, 1] : !F to tensor<2x6x9x8xf32>
  %vs = tensor.extract_slice %vf[0, 0, 0, 0] [2, 6, 9, 8] [1, 1, 1, 1] : !F to tensor<2x6x9x8xf32>
  %o = gqa.attention %q, %ks, %vs : (!Q, tensor<2x6x9x8xf32>, tensor<2x6x9x8xf32>) -> !Q
  return %o : !Q
}

// The last keys.
// CHECK-LABEL: @keys(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x5x16xf32>, tensor<2x2x5x16xf32>)
func.func @keys(%q: tensor<2x6x7x16xf32>, %k: !K, %v: !K) -> tensor<2x6x7x16xf32> {
  %kf = func.call @repeat(%k) : (!K) -> !F
  %vf = func.call @repeat(%v) : (!K) -> !F
  %ks = tensor.extract_slice %kf[0, 0, 4, 0] [2, 6, 5, 16] [1, 1, 1, 1] : !F to tensor<2x6x5x16xf32>
  %vs = tensor.extract_slice %vf[0, 0, 4, 0] [2, 6, 5, 16] [1, 1, 1, 1] : !F to tensor<2x6x5x16xf32>
  %o = gqa.attention %q, %ks, %vs : (tensor<2x6x7x16xf32>, tensor<2x6x5x16xf32>, tensor<2x6x5x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// One device's heads of two: those of the second K/V head.
// CHECK-LABEL: @heads(
// CHECK: gqa.attention {{.*}} : (tensor<2x3x7x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>)
func.func @heads(%q: tensor<2x3x7x16xf32>, %k: !K, %v: !K) -> tensor<2x3x7x16xf32> {
  %kf = func.call @repeat(%k) : (!K) -> !F
  %vf = func.call @repeat(%v) : (!K) -> !F
  %ks = tensor.extract_slice %kf[0, 3, 0, 0] [2, 3, 9, 16] [1, 1, 1, 1] : !F to tensor<2x3x9x16xf32>
  %vs = tensor.extract_slice %vf[0, 3, 0, 0] [2, 3, 9, 16] [1, 1, 1, 1] : !F to tensor<2x3x9x16xf32>
  %o = gqa.attention %q, %ks, %vs : (tensor<2x3x7x16xf32>, tensor<2x3x9x16xf32>, tensor<2x3x9x16xf32>) -> tensor<2x3x7x16xf32>
  return %o : tensor<2x3x7x16xf32>
}

// Heads of two groups, neither of them whole: nothing is repeated evenly.
// CHECK-LABEL: @uneven_heads(
// CHECK: gqa.attention {{.*}} : (tensor<2x3x7x16xf32>, tensor<2x3x9x16xf32>, tensor<2x3x9x16xf32>)
func.func @uneven_heads(%q: tensor<2x3x7x16xf32>, %k: !K, %v: !K) -> tensor<2x3x7x16xf32> {
  %kf = func.call @repeat(%k) : (!K) -> !F
  %vf = func.call @repeat(%v) : (!K) -> !F
  %ks = tensor.extract_slice %kf[0, 1, 0, 0] [2, 3, 9, 16] [1, 1, 1, 1] : !F to tensor<2x3x9x16xf32>
  %vs = tensor.extract_slice %vf[0, 1, 0, 0] [2, 3, 9, 16] [1, 1, 1, 1] : !F to tensor<2x3x9x16xf32>
  %o = gqa.attention %q, %ks, %vs : (tensor<2x3x7x16xf32>, tensor<2x3x9x16xf32>, tensor<2x3x9x16xf32>) -> tensor<2x3x7x16xf32>
  return %o : tensor<2x3x7x16xf32>
}
