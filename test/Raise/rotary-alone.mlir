// RUN: gqa-opt %s --split-input-file --gqa-raise | FileCheck %s

// Rotations that no attention reads, in front of what else there is.
#all = affine_map<(b, s, h, t) -> (b, s, h, t)>
#table = affine_map<(b, s, h, t) -> (b, s, 0, t)>
#positions = affine_map<(n, t) -> (n)>
#rows = affine_map<(n, t) -> (n, t)>
!X = tensor<2x3x40xf32>
!H = tensor<2x3x5x8xf32>
!P = tensor<2x3x5x4xf32>

// Heads side by side, tables gathered at positions: the heads' layout follows from what the angles depend on.
// CHECK-LABEL: @gathered(
// CHECK-DAG: %[[X:.*]] = tensor.expand_shape %arg0
// CHECK-DAG: %[[COS:.*]] = tensor.expand_shape %{{.*}} : tensor<2x3x4xf32> into tensor<2x1x3x4xf32>
// CHECK: %[[R:.*]] = gqa.rotary %[[X]], %[[COS]], %{{.*}} half layout("bshd") : tensor<2x3x5x8xf32>
// CHECK-NOT: linalg.mul
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[R]]
// CHECK: return %[[Y]]
func.func @gathered(%arg: !X, %cos: tensor<50x4xf32>, %sin: tensor<50x4xf32>, %at: tensor<6xi64>) -> !X {
  %zp = tensor.empty() : !P
  %zt = tensor.empty() : tensor<6x4xf32>
  %x = tensor.expand_shape %arg [[0], [1], [2, 3]] output_shape [2, 3, 5, 8] : !X into !H
  %c0 = linalg.generic {indexing_maps = [#positions, #rows], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<6xi64>) outs(%zt : tensor<6x4xf32>) {
  ^bb0(%p: i64, %out: f32):
    %row = arith.index_cast %p : i64 to index
    %t = linalg.index 1 : index
    %e = tensor.extract %cos[%row, %t] : tensor<50x4xf32>
    linalg.yield %e : f32
  } -> tensor<6x4xf32>
  %s0 = linalg.generic {indexing_maps = [#positions, #rows], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<6xi64>) outs(%zt : tensor<6x4xf32>) {
  ^bb0(%p: i64, %out: f32):
    %row = arith.index_cast %p : i64 to index
    %t = linalg.index 1 : index
    %e = tensor.extract %sin[%row, %t] : tensor<50x4xf32>
    linalg.yield %e : f32
  } -> tensor<6x4xf32>
  %c = tensor.expand_shape %c0 [[0, 1], [2, 3]] output_shape [2, 3, 1, 4] : tensor<6x4xf32> into tensor<2x3x1x4xf32>
  %s = tensor.expand_shape %s0 [[0, 1], [2, 3]] output_shape [2, 3, 1, 4] : tensor<6x4xf32> into tensor<2x3x1x4xf32>
  %x1 = tensor.extract_slice %x[0, 0, 0, 0] [2, 3, 5, 4] [1, 1, 1, 1] : !H to !P
  %x2 = tensor.extract_slice %x[0, 0, 0, 4] [2, 3, 5, 4] [1, 1, 1, 1] : !H to !P
  %low = linalg.generic {indexing_maps = [#all, #all, #table, #table, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %c, %s : !P, !P, tensor<2x3x1x4xf32>, tensor<2x3x1x4xf32>) outs(%zp : !P) {
  ^bb0(%a: f32, %b: f32, %cc: f32, %ss: f32, %out: f32):
    %ac = arith.mulf %a, %cc : f32
    %bs = arith.mulf %b, %ss : f32
    %r = arith.subf %ac, %bs : f32
    linalg.yield %r : f32
  } -> !P
  %high = linalg.generic {indexing_maps = [#all, #all, #table, #table, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %c, %s : !P, !P, tensor<2x3x1x4xf32>, tensor<2x3x1x4xf32>) outs(%zp : !P) {
  ^bb0(%a: f32, %b: f32, %cc: f32, %ss: f32, %out: f32):
    %as = arith.mulf %a, %ss : f32
    %bc = arith.mulf %b, %cc : f32
    %r = arith.addf %as, %bc : f32
    linalg.yield %r : f32
  } -> !P
  %y = tensor.concat dim(3) %low, %high : (!P, !P) -> !H
  %out = tensor.collapse_shape %y [[0], [1], [2, 3]] : !H into !X
  return %out : !X
}

// -----

#all = affine_map<(s, d) -> (s, d)>
!X = tensor<9x8xf32>
!P = tensor<9x2xf32>

// Of one head without a batch, the first half of its elements, pairs side by side; the tail is copied.
// CHECK-LABEL: @one_head_in_part(
// CHECK: %[[X:.*]] = tensor.expand_shape %arg0 {{.*}} into tensor<1x1x9x8xf32>
// CHECK: %[[R:.*]] = gqa.rotary %[[X]], %{{.*}}, %{{.*}} interleaved : tensor<1x1x9x8xf32>, tensor<1x1x9x2xf32>
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[R]]
// CHECK: return %[[Y]]
func.func @one_head_in_part(%x: !X, %cos: !P, %sin: !P) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0] [9, 2] [1, 2] : !X to !P
  %x2 = tensor.extract_slice %x[0, 1] [9, 2] [1, 2] : !X to !P
  %tail = tensor.extract_slice %x[0, 4] [9, 4] [1, 1] : !X to tensor<9x4xf32>
  %low = linalg.generic {indexing_maps = [#all, #all, #all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !P, !P) outs(%z : !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %out: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %r = arith.subf %ac, %bs : f32
    linalg.yield %r : f32
  } -> !P
  %high = linalg.generic {indexing_maps = [#all, #all, #all, #all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !P, !P) outs(%z : !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %out: f32):
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r = arith.addf %bc, %as : f32
    linalg.yield %r : f32
  } -> !P
  %le = tensor.expand_shape %low [[0], [1, 2]] output_shape [9, 2, 1] : !P into tensor<9x2x1xf32>
  %he = tensor.expand_shape %high [[0], [1, 2]] output_shape [9, 2, 1] : !P into tensor<9x2x1xf32>
  %pairs = tensor.concat dim(2) %le, %he : (tensor<9x2x1xf32>, tensor<9x2x1xf32>) -> tensor<9x2x2xf32>
  %turned = tensor.collapse_shape %pairs [[0], [1, 2]] : tensor<9x2x2xf32> into tensor<9x4xf32>
  %y = tensor.concat dim(1) %turned, %tail : (tensor<9x4xf32>, tensor<9x4xf32>) -> !X
  return %y : !X
}
