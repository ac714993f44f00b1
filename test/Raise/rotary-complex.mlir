// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Pairs as complex numbers, turned by a product, the table being computed: two of the three pieces of the result are rotated.
!X = tensor<5x9x12xf32>
!P = tensor<5x9x4xcomplex<f32>>
!T = tensor<9x4xcomplex<f32>>
#all = affine_map<(h, s, t) -> (h, s, t)>
#table = affine_map<(h, s, t) -> (s, t)>
#angle = affine_map<(s, t) -> (s, t)>
#pair = affine_map<(h, s, t, p) -> (h, s, t)>
#parts = affine_map<(h, s, t, p) -> (h, s, t, p)>

// CHECK-LABEL: @by_a_product(
// CHECK: %[[X:.*]] = tensor.expand_shape %arg0
// CHECK: %[[COS:.*]] = linalg.generic
// CHECK: math.cos
// CHECK: %[[SIN:.*]] = linalg.generic
// CHECK: math.sin
// CHECK: %[[R:.*]] = gqa.rotary %[[X]], %[[COS]], %[[SIN]] interleaved : tensor<1x5x9x12xf32>, tensor<1x1x9x4xf32>
// CHECK-NOT: complex.
// CHECK: return
func.func @by_a_product(%x: !X, %angles: tensor<9x4xf32>) -> !X {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %head = tensor.extract_slice %x[0, 0, 0] [5, 9, 8] [1, 1, 1] : !X to tensor<5x9x8xf32>
  %tail = tensor.extract_slice %x[0, 0, 8] [5, 9, 4] [1, 1, 1] : !X to tensor<5x9x4xf32>
  %pairs = tensor.expand_shape %head [[0], [1], [2, 3]] output_shape [5, 9, 4, 2] : tensor<5x9x8xf32> into tensor<5x9x4x2xf32>
  %pe = tensor.empty() : !P
  %te = tensor.empty() : !T
  %re = tensor.empty() : tensor<5x9x4x2xf32>
  %z = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel", "parallel"]} outs(%pe : !P) {
  ^bb0(%out: complex<f32>):
    %h = linalg.index 0 : index
    %s = linalg.index 1 : index
    %t = linalg.index 2 : index
    %a = tensor.extract %pairs[%h, %s, %t, %c0] : tensor<5x9x4x2xf32>
    %b = tensor.extract %pairs[%h, %s, %t, %c1] : tensor<5x9x4x2xf32>
    %ab = complex.create %a, %b : complex<f32>
    linalg.yield %ab : complex<f32>
  } -> !P
  %turn = linalg.generic {indexing_maps = [#angle, #angle], iterator_types = ["parallel", "parallel"]} ins(%angles : tensor<9x4xf32>) outs(%te : !T) {
  ^bb0(%angle: f32, %out: complex<f32>):
    %c = math.cos %angle : f32
    %s = math.sin %angle : f32
    %cs = complex.create %c, %s : complex<f32>
    linalg.yield %cs : complex<f32>
  } -> !T
  %turned = linalg.generic {indexing_maps = [#all, #table, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%z, %turn : !P, !T) outs(%pe : !P) {
  ^bb0(%a: complex<f32>, %b: complex<f32>, %out: complex<f32>):
    %ab = complex.mul %a, %b : complex<f32>
    linalg.yield %ab : complex<f32>
  } -> !P
  %real = linalg.generic {indexing_maps = [#pair, #parts], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%turned : !P) outs(%re : tensor<5x9x4x2xf32>) {
  ^bb0(%in: complex<f32>, %out: f32):
    %a = complex.re %in : complex<f32>
    %b = complex.im %in : complex<f32>
    %which = linalg.index 3 : index
    %first = arith.cmpi eq, %which, %c0 : index
    %part = arith.select %first, %a, %b : f32
    linalg.yield %part : f32
  } -> tensor<5x9x4x2xf32>
  %y = tensor.collapse_shape %real [[0], [1], [2, 3]] : tensor<5x9x4x2xf32> into tensor<5x9x8xf32>
  %whole = tensor.concat dim(2) %y, %tail : (tensor<5x9x8xf32>, tensor<5x9x4xf32>) -> !X
  return %whole : !X
}

// Three pieces: the halves and the tail.
!Q = tensor<5x9x4xf32>
#half = affine_map<(h, s, t) -> (s, t)>
// CHECK-LABEL: @three_pieces(
// CHECK: %[[X:.*]] = tensor.expand_shape %arg0
// CHECK: gqa.rotary %[[X]], {{.*}} half : tensor<1x5x9x12xf32>, tensor<1x1x9x4xf32>
// CHECK-NOT: tensor.concat
func.func @three_pieces(%x: !X, %cos: tensor<9x4xf32>, %sin: tensor<9x4xf32>) -> !X {
  %e = tensor.empty() : !Q
  %x1 = tensor.extract_slice %x[0, 0, 0] [5, 9, 4] [1, 1, 1] : !X to !Q
  %x2 = tensor.extract_slice %x[0, 0, 4] [5, 9, 4] [1, 1, 1] : !X to !Q
  %x3 = tensor.extract_slice %x[0, 0, 8] [5, 9, 4] [1, 1, 1] : !X to !Q
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #half, #half, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !Q, !Q, tensor<9x4xf32>, tensor<9x4xf32>) outs(%e, %e : !Q, !Q) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.addf %bc, %as : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!Q, !Q)
  %y = tensor.concat dim(2) %low, %high, %x3 : (!Q, !Q, !Q) -> !X
  return %y : !X
}
