// RUN: gqa-opt %s --inline --gqa-raise --gqa-share-kv | FileCheck %s

// Heads that a product with a matrix of zeros and ones repeats: where each row has a single one, a head map.
!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>
!F = tensor<2x6x9x16xf32>
!M = tensor<6x2xf32>
#matrix = affine_map<(b, h, j, d, g) -> (h, g)>
#few = affine_map<(b, h, j, d, g) -> (b, g, j, d)>
#full = affine_map<(b, h, j, d, g) -> (b, h, j, d)>

func.func private @product(%k: !K, %matrix: !M) -> !F {
  %zero = arith.constant dense<0.0> : !F
  %f = linalg.generic {indexing_maps = [#matrix, #few, #full], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%matrix, %k : !M, !K) outs(%zero : !F) {
  ^bb0(%m: f32, %x: f32, %sum: f32):
    %y = arith.mulf %m, %x : f32
    %z = arith.addf %sum, %y : f32
    linalg.yield %z : f32
  } -> !F
  return %f : !F
}

// CHECK-LABEL: @groups(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @groups(%q: !Q, %k: !K, %v: !K) -> !Q {
  %m = arith.constant dense<[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]> : !M
  %kf = func.call @product(%k, %m) : (!K, !M) -> !F
  %vf = func.call @product(%v, %m) : (!K, !M) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// The matrix is computed: h mod 2 == g.
// CHECK-LABEL: @by_turns(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @by_turns(%q: !Q, %k: !K, %v: !K) -> !Q {
  %e = tensor.empty() : !M
  %m = linalg.generic {indexing_maps = [affine_map<(h, g) -> (h, g)>], iterator_types = ["parallel", "parallel"]} outs(%e : !M) {
  ^bb0(%out: f32):
    %c2 = arith.constant 2 : index
    %h = linalg.index 0 : index
    %g = linalg.index 1 : index
    %r = arith.remui %h, %c2 : index
    %is = arith.cmpi eq, %r, %g : index
    %x = arith.uitofp %is : i1 to f32
    linalg.yield %x : f32
  } -> !M
  %kf = func.call @product(%k, %m) : (!K, !M) -> !F
  %vf = func.call @product(%v, %m) : (!K, !M) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}

// Two ones in a row are a sum of heads, and a two is no one.
// CHECK-LABEL: @no_one_hot(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>)
func.func @no_one_hot(%q: !Q, %k: !K, %v: !K) -> !Q {
  %m = arith.constant dense<[[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]> : !M
  %n = arith.constant dense<[[2.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]> : !M
  %kf = func.call @product(%k, %m) : (!K, !M) -> !F
  %vf = func.call @product(%v, %n) : (!K, !M) -> !F
  %o = gqa.attention %q, %kf, %vf : (!Q, !F, !F) -> !Q
  return %o : !Q
}
