// RUN: gqa-opt %s --inline --gqa-share-kv | FileCheck %s

// Heads of K and V in an order that is no head map: query heads are put into that of the heads that they read.
!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>
!F = tensor<2x6x9x16xf32>
#id = affine_map<(b, h, j, d) -> (b, h, j, d)>
#table = affine_map<(b, h, j, d) -> (h)>

func.func private @gather(%k: !K, %table: tensor<6xi64>) -> !F {
  %e = tensor.empty() : !F
  %f = linalg.generic {indexing_maps = [#table, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%table : tensor<6xi64>) outs(%e : !F) {
  ^bb0(%x: i64, %out: f32):
    %b = linalg.index 0 : index
    %h = arith.index_cast %x : i64 to index
    %j = linalg.index 2 : index
    %d = linalg.index 3 : index
    %y = tensor.extract %k[%b, %h, %j, %d] : !K
    linalg.yield %y : f32
  } -> !F
  return %f : !F
}

// CHECK-LABEL: @listed(
// CHECK-DAG: %[[ORDER:.*]] = arith.constant dense<[0, 3, 5, 1, 2, 4]> : tensor<6xi64>
// CHECK-DAG: %[[PLACES:.*]] = arith.constant dense<[0, 3, 4, 1, 5, 2]> : tensor<6xi64>
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[ORDER]] : tensor<6xi64>)
// CHECK: tensor.extract %arg0
// CHECK: %[[O:.*]] = gqa.attention %[[Q]], %arg1, %arg2 {{.*}}: (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[PLACES]] : tensor<6xi64>)
// CHECK: tensor.extract %[[O]]
func.func @listed(%q: !Q, %k: !K, %v: !K) -> !Q {
  %table = arith.constant dense<[0, 1, 1, 0, 1, 0]> : tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// Not the same of K and V; one head more often than the other; a bias of each head: as they are.
// CHECK-LABEL: @no_list(
// CHECK-COUNT-3: gqa.attention {{.*}}tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>
func.func @no_list(%q: !Q, %k: !K, %v: !K, %bias: tensor<1x6x1x9xf32>) -> (!Q, !Q, !Q) {
  %table = arith.constant dense<[0, 1, 1, 0, 0, 1]> : tensor<6xi64>
  %other = arith.constant dense<[1, 0, 1, 0, 0, 1]> : tensor<6xi64>
  %uneven = arith.constant dense<[0, 1, 1, 0, 1, 1]> : tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %vo = func.call @gather(%v, %other) : (!K, tensor<6xi64>) -> !F
  %ku = func.call @gather(%k, %uneven) : (!K, tensor<6xi64>) -> !F
  %vu = func.call @gather(%v, %uneven) : (!K, tensor<6xi64>) -> !F
  %0 = gqa.attention %q, %kf, %vo : (!Q, !F, !F) -> !Q
  %1 = gqa.attention %q, %ku, %vu : (!Q, !F, !F) -> !Q
  %2 = gqa.attention %q, %kf, %vf bias(%bias) : (!Q, !F, !F, tensor<1x6x1x9xf32>) -> !Q
  return %0, %1, %2 : !Q, !Q, !Q
}

// All sequences read the keys of one: an attention has as many of both.
// CHECK-LABEL: @no_batch(
// CHECK: gqa.attention {{.*}}tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>
func.func @no_batch(%q: !Q, %k: tensor<1x2x9x16xf32>) -> !Q {
  %table = arith.constant dense<[0, 1, 1, 0, 1, 0]> : tensor<6xi64>
  %c0 = arith.constant 0 : index
  %e = tensor.empty() : !F
  %f = linalg.generic {indexing_maps = [#table, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%table : tensor<6xi64>) outs(%e : !F) {
  ^bb0(%x: i64, %out: f32):
    %h = arith.index_cast %x : i64 to index
    %j = linalg.index 2 : index
    %d = linalg.index 3 : index
    %y = tensor.extract %k[%c0, %h, %j, %d] : tensor<1x2x9x16xf32>
    linalg.yield %y : f32
  } -> !F
  %o = gqa.attention %q, %f, %f : (!Q, !F, !F) -> !Q
  return %o : !Q
}
