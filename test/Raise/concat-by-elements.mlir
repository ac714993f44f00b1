// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// StableHLO's concatenations arrive as loops that choose the piece of each element, or as slices that are written one behind the
// other; what follows (rotations, caches, sinks, repeats) is found behind `tensor.concat` only.

// CHECK-LABEL: @two(
// CHECK: tensor.concat dim(1) %arg0, %arg1
func.func @two(%a: tensor<2x5x3xf32>, %b: tensor<2x4x3xf32>) -> tensor<2x9x3xf32> {
  %c5 = arith.constant 5 : index
  %e = tensor.empty() : tensor<2x9x3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(x, y, z) -> (x, y, z)>], iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%e : tensor<2x9x3xf32>) {
  ^bb0(%out: f32):
    %x = linalg.index 0 : index
    %y = linalg.index 1 : index
    %z = linalg.index 2 : index
    %first = arith.cmpi ult, %y, %c5 : index
    %v = scf.if %first -> f32 {
      %0 = tensor.extract %a[%x, %y, %z] : tensor<2x5x3xf32>
      scf.yield %0 : f32
    } else {
      %p = arith.subi %y, %c5 : index
      %0 = tensor.extract %b[%x, %p, %z] : tensor<2x4x3xf32>
      scf.yield %0 : f32
    }
    linalg.yield %v : f32
  } -> tensor<2x9x3xf32>
  return %r : tensor<2x9x3xf32>
}

// CHECK-LABEL: @three(
// CHECK: tensor.concat dim(0) %arg0, %arg1, %arg0
func.func @three(%a: tensor<2xf32>, %b: tensor<4xf32>) -> tensor<8xf32> {
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(x) -> (x)>], iterator_types = ["parallel"]} outs(%e : tensor<8xf32>) {
  ^bb0(%out: f32):
    %x = linalg.index 0 : index
    %first = arith.cmpi ult, %x, %c2 : index
    %v = scf.if %first -> f32 {
      %0 = tensor.extract %a[%x] : tensor<2xf32>
      scf.yield %0 : f32
    } else {
      %second = arith.cmpi ult, %x, %c6 : index
      %w = scf.if %second -> f32 {
        %p = arith.subi %x, %c2 : index
        %0 = tensor.extract %b[%p] : tensor<4xf32>
        scf.yield %0 : f32
      } else {
        %p = arith.subi %x, %c6 : index
        %0 = tensor.extract %a[%p] : tensor<2xf32>
        scf.yield %0 : f32
      }
      scf.yield %w : f32
    }
    linalg.yield %v : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// The second piece is read from its second element on: no concatenation of these two.
// CHECK-LABEL: @no_other_place(
// CHECK-NOT: tensor.concat
// CHECK: scf.if
func.func @no_other_place(%a: tensor<2xf32>, %b: tensor<4xf32>) -> tensor<6xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %e = tensor.empty() : tensor<6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(x) -> (x)>], iterator_types = ["parallel"]} outs(%e : tensor<6xf32>) {
  ^bb0(%out: f32):
    %x = linalg.index 0 : index
    %first = arith.cmpi ult, %x, %c2 : index
    %v = scf.if %first -> f32 {
      %0 = tensor.extract %a[%x] : tensor<2xf32>
      scf.yield %0 : f32
    } else {
      %p = arith.subi %x, %c3 : index
      %q = arith.maxsi %p, %c1 : index
      %0 = tensor.extract %b[%q] : tensor<4xf32>
      scf.yield %0 : f32
    }
    linalg.yield %v : f32
  } -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// CHECK-LABEL: @written(
// CHECK: tensor.concat dim(1) %arg0, %arg1, %arg0
// CHECK-NOT: tensor.insert_slice
func.func @written(%a: tensor<2x2x3xf32>, %b: tensor<2x4x3xf32>) -> tensor<2x8x3xf32> {
  %e = tensor.empty() : tensor<2x8x3xf32>
  %0 = tensor.insert_slice %a into %e[0, 0, 0] [2, 2, 3] [1, 1, 1] : tensor<2x2x3xf32> into tensor<2x8x3xf32>
  %1 = tensor.insert_slice %b into %0[0, 2, 0] [2, 4, 3] [1, 1, 1] : tensor<2x4x3xf32> into tensor<2x8x3xf32>
  %2 = tensor.insert_slice %a into %1[0, 6, 0] [2, 2, 3] [1, 1, 1] : tensor<2x2x3xf32> into tensor<2x8x3xf32>
  return %2 : tensor<2x8x3xf32>
}

// A slice that is written over in part, one that a cache holds the rest of, and one along another dimension.
// CHECK-LABEL: @written_over(
// CHECK-NOT: tensor.concat
// CHECK-COUNT-2: tensor.insert_slice
func.func @written_over(%a: tensor<2x4xf32>, %b: tensor<2x3xf32>) -> tensor<2x6xf32> {
  %e = tensor.empty() : tensor<2x6xf32>
  %0 = tensor.insert_slice %a into %e[0, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<2x6xf32>
  %1 = tensor.insert_slice %b into %0[0, 3] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// CHECK-LABEL: @written_behind(
// CHECK-NOT: tensor.concat
// CHECK: tensor.insert_slice
func.func @written_behind(%cache: tensor<2x6xf32>, %b: tensor<2x3xf32>) -> tensor<2x6xf32> {
  %0 = tensor.insert_slice %b into %cache[0, 3] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// CHECK-LABEL: @written_in_two_dimensions(
// CHECK-NOT: tensor.concat
// CHECK-COUNT-2: tensor.insert_slice
func.func @written_in_two_dimensions(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<4x6xf32>
  %0 = tensor.insert_slice %a into %e[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x6xf32>
  %1 = tensor.insert_slice %b into %0[0, 3] [4, 3] [1, 1] : tensor<4x3xf32> into tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}
