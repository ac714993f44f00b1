// RUN: gqa-opt %s --inline --gqa-raise --gqa-share-kv | FileCheck %s

// Heads looked up by a table, or by a number that is computed for each: what the table lists is a head map.
!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>
!F = tensor<2x6x9x16xf32>
#id = affine_map<(b, h, j, d) -> (b, h, j, d)>
#table = affine_map<(b, h, j, d) -> (h)>
#one = affine_map<(h) -> (h)>

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
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @listed(%q: !Q, %k: !K, %v: !K) -> !Q {
  %table = arith.constant dense<[0, 0, 0, 1, 1, 1]> : tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// PyTorch's `arange(6) // 3` goes through floats, and its indices may count from the end.
// CHECK-LABEL: @divided(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @divided(%q: !Q, %k: !K, %v: !K) -> !Q {
  %e = tensor.empty() : tensor<6xi64>
  %table = linalg.generic {indexing_maps = [#one], iterator_types = ["parallel"]} outs(%e : tensor<6xi64>) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    %three = arith.constant 3 : i64
    %a = arith.sitofp %x : i64 to f64
    %b = arith.sitofp %three : i64 to f64
    %c = arith.divf %a, %b : f64
    %floor = math.floor %c : f64
    %y = arith.fptosi %floor : f64 to i64
    %zero = arith.constant 0 : i64
    %two = arith.constant 2 : i64
    %negative = arith.cmpi slt, %y, %zero : i64
    %wrapped = arith.addi %y, %two : i64
    %z = arith.select %negative, %wrapped, %y : i64
    linalg.yield %z : i64
  } -> tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// One slice of a head for each query head.
// CHECK-LABEL: @concatenated(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @concatenated(%q: !Q, %k: !K, %v: !K) -> !Q {
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 1, 9, 16] [1, 1, 1, 1] : !K to tensor<2x1x9x16xf32>
  %k1 = tensor.extract_slice %k[0, 1, 0, 0] [2, 1, 9, 16] [1, 1, 1, 1] : !K to tensor<2x1x9x16xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 1, 9, 16] [1, 1, 1, 1] : !K to tensor<2x1x9x16xf32>
  %v1 = tensor.extract_slice %v[0, 1, 0, 0] [2, 1, 9, 16] [1, 1, 1, 1] : !K to tensor<2x1x9x16xf32>
  %kf = tensor.concat dim(1) %k0, %k0, %k0, %k1, %k1, %k1 : (tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>) -> !F
  %vf = tensor.concat dim(1) %v0, %v0, %v0, %v1, %v1, %v1 : (tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>, tensor<2x1x9x16xf32>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// Three heads each, but not side by side: no head map says that, so that query heads are put into another order.
// CHECK-LABEL: @no_map(
// CHECK: tensor.extract %arg0
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @no_map(%q: !Q, %k: !K, %v: !K) -> !Q {
  %table = arith.constant dense<[0, 1, 1, 0, 0, 1]> : tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// Two heads for the first and four for the second.
// CHECK-LABEL: @negative_uneven(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>)
func.func @negative_uneven(%q: !Q, %k: !K, %v: !K) -> !Q {
  %table = arith.constant dense<[0, 0, 1, 1, 1, 1]> : tensor<6xi64>
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// A table that only the caller knows.
// CHECK-LABEL: @negative_given(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>)
func.func @negative_given(%q: !Q, %k: !K, %v: !K, %table: tensor<6xi64>) -> !Q {
  %kf = func.call @gather(%k, %table) : (!K, tensor<6xi64>) -> !F
  %vf = func.call @gather(%v, %table) : (!K, tensor<6xi64>) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}
