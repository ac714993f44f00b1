// RUN: gqa-opt %s --gqa-share-kv | FileCheck %s

!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>
!R = tensor<2x6x9x16xf32>

// Query heads 0 to 5 read K/V heads 0 1 0 1 0 1: in the order 0 2 4 1 3 5 those of a group stand together.
// CHECK-LABEL: @tiled(
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %arg0 {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 3, 2, 7, 16]
// CHECK: %[[SWAPPED:.*]] = linalg.transpose ins(%[[SPLIT]] {{.*}} permutation = [0, 2, 1, 3, 4]
// CHECK: %[[Q:.*]] = tensor.collapse_shape %[[SWAPPED]] {{\[}}[0], [1, 2], [3], [4]] : tensor<2x2x3x7x16xf32>
// CHECK: %[[O:.*]] = gqa.attention %[[Q]], %arg1, %arg2 :
// CHECK: %[[OSPLIT:.*]] = tensor.expand_shape %[[O]] {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 2, 3, 7, 16]
// CHECK: %[[BACK:.*]] = linalg.transpose ins(%[[OSPLIT]] {{.*}} permutation = [0, 2, 1, 3, 4]
// CHECK: %[[RESULT:.*]] = tensor.collapse_shape %[[BACK]] {{\[}}[0], [1, 2], [3], [4]] : tensor<2x3x2x7x16xf32>
// CHECK: return %[[RESULT]]
func.func @tiled(%q: !Q, %k: !K, %v: !K) -> !Q {
  %kr = gqa.repeat_heads %k tiled groups(3) : !K -> !R
  %vr = gqa.repeat_heads %v tiled groups(3) : !K -> !R
  %o = gqa.attention %q, %kr, %vr : (!Q, !R, !R) -> !Q
  return %o : !Q
}

// The heads of lse are its second dimension, whatever the layouts.
// CHECK-LABEL: @layouts_and_lse(
// CHECK: tensor.expand_shape %arg0 {{\[}}[0], [1], [2, 3], [4]] output_shape [2, 7, 3, 2, 16]
// CHECK: %[[O:.*]], %[[LSE:.*]] = gqa.attention
// CHECK-DAG: tensor.expand_shape %[[O]] {{\[}}[0], [1], [2, 3], [4]] output_shape [2, 7, 2, 3, 16]
// CHECK-DAG: tensor.expand_shape %[[LSE]] {{\[}}[0], [1, 2], [3]] output_shape [2, 2, 3, 7]
func.func @layouts_and_lse(%q: tensor<2x7x6x16xf32>, %k: !K, %v: !K) -> (tensor<2x7x6x16xf32>, tensor<2x6x7xf32>) {
  %kr = gqa.repeat_heads %k tiled groups(3) : !K -> !R
  %vr = gqa.repeat_heads %v tiled groups(3) : !K -> !R
  %o, %lse = gqa.attention %q, %kr, %vr layout(q = "bshd", o = "bshd")
    : (tensor<2x7x6x16xf32>, !R, !R) -> (tensor<2x7x6x16xf32>, tensor<2x6x7xf32>)
  return %o, %lse : tensor<2x7x6x16xf32>, tensor<2x6x7xf32>
}

// How many query heads there are is not known: they cannot be taken apart.
// CHECK-LABEL: @no_sizes(
// CHECK: gqa.repeat_heads %arg1 tiled
func.func @no_sizes(%q: tensor<2x?x7x16xf32>, %k: !K) -> tensor<2x?x7x16xf32> {
  %r = gqa.repeat_heads %k tiled groups(3) : !K -> tensor<2x?x9x16xf32>
  %o = gqa.attention %q, %r, %r : (tensor<2x?x7x16xf32>, tensor<2x?x9x16xf32>, tensor<2x?x9x16xf32>) -> tensor<2x?x7x16xf32>
  return %o : tensor<2x?x7x16xf32>
}
