// Slices that are inserted at positions, by themselves or in loops as scatters become, are appends.
// RUN: gqa-opt %s --gqa-raise --canonicalize --cse --split-input-file | FileCheck %s

!Cache = tensor<3x2x12x16xf32>
!New = tensor<3x2x4x16xf32>

// Four tokens from one position on.
// CHECK-LABEL: @one_slice
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<3x2x12x16xf32>, %[[NEW:[a-z0-9]+]]: tensor<3x2x4x16xf32>, %[[AT:[a-z0-9]+]]: index
// CHECK: %[[POSITIONS:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<4xi64>)
// CHECK: %[[T:.*]] = linalg.index 0
// CHECK: arith.addi
// CHECK: gqa.append_kv %[[CACHE]], %[[NEW]] at %[[POSITIONS]] :
func.func @one_slice(%cache: !Cache, %new: !New, %at: index) -> !Cache {
  %0 = tensor.insert_slice %new into %cache[0, 0, %at, 0] [3, 2, 4, 16] [1, 1, 1, 1] : !New into !Cache
  return %0 : !Cache
}

// -----

!Cache = tensor<3x2x12x16xf32>
!New = tensor<3x2x1x16xf32>

// One token's position is the number that it was.
// CHECK-LABEL: @one_token
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<3x2x12x16xf32>, %[[NEW:[a-z0-9]+]]: tensor<3x2x1x16xf32>, %[[AT:[a-z0-9]+]]: index
// CHECK-NEXT: %[[NUMBER:.*]] = arith.index_cast %[[AT]] : index to i64
// CHECK-NEXT: %[[POSITION:.*]] = tensor.from_elements %[[NUMBER]] : tensor<1xi64>
// CHECK-NEXT: gqa.append_kv %[[CACHE]], %[[NEW]] at %[[POSITION]] :
func.func @one_token(%cache: !Cache, %new: !New, %at: index) -> !Cache {
  %0 = tensor.insert_slice %new into %cache[0, 0, %at, 0] [3, 2, 1, 16] [1, 1, 1, 1] : !New into !Cache
  return %0 : !Cache
}

// -----

!Cache = tensor<3x12x2x16xf32>
!New = tensor<3x4x2x16xf32>

// Each sequence from a position of its own on, where all of the slice is inside.
// CHECK-LABEL: @each_sequence
// CHECK: %[[POSITIONS:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<3x4xi64>)
// CHECK: arith.cmpi sle
// CHECK: arith.select
// CHECK: gqa.append_kv %arg0, %arg1 at %[[POSITIONS]] layout("bshd")
// CHECK-NOT: scf.for
func.func @each_sequence(%cache: !Cache, %new: !New, %at: tensor<3xi32>) -> !Cache {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %0 = scf.for %b = %c0 to %c3 step %c1 iter_args(%into = %cache) -> (!Cache) {
    %x = tensor.extract %at[%b] : tensor<3xi32>
    %p = arith.index_cast %x : i32 to index
    %below = arith.cmpi sge, %p, %c0 : index
    %above = arith.cmpi sle, %p, %c8 : index
    %inside = arith.andi %below, %above : i1
    %1 = scf.if %inside -> (!Cache) {
      %s = tensor.extract_slice %new[%b, 0, 0, 0] [1, 4, 2, 16] [1, 1, 1, 1] : !New to tensor<4x2x16xf32>
      %w = tensor.insert_slice %s into %into[%b, %p, 0, 0] [1, 4, 2, 16] [1, 1, 1, 1] : tensor<4x2x16xf32> into !Cache
      scf.yield %w : !Cache
    } else {
      scf.yield %into : !Cache
    }
    scf.yield %1 : !Cache
  }
  return %0 : !Cache
}

// -----

!Cache = tensor<3x2x12x16xf32>

// One loop over tokens, sequences and heads, the last one fastest: 4 x 3 x 2 rows.
// CHECK-LABEL: @all_in_one_loop
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<3x2x12x16xf32>, %{{[a-z0-9]+}}: tensor<4x3x2x16xf32>, %[[AT:[a-z0-9]+]]: tensor<4xi64>
// CHECK: gqa.append_kv %[[CACHE]], %{{.*}} at %[[AT]] : {{.*}}tensor<3x2x4x16xf32>, tensor<4xi64>
// CHECK-NOT: scf.for
func.func @all_in_one_loop(%cache: !Cache, %new: tensor<4x3x2x16xf32>, %at: tensor<4xi64>) -> !Cache {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c6 = arith.constant 6 : index
  %c24 = arith.constant 24 : index
  %rows = tensor.collapse_shape %new [[0, 1, 2], [3]] : tensor<4x3x2x16xf32> into tensor<24x16xf32>
  %0 = scf.for %r = %c0 to %c24 step %c1 iter_args(%into = %cache) -> (!Cache) {
    %h = arith.remui %r, %c2 : index
    %bt = arith.divui %r, %c2 : index
    %b = arith.remui %bt, %c3 : index
    %t = arith.divui %r, %c6 : index
    %x = tensor.extract %at[%t] : tensor<4xi64>
    %p = arith.index_cast %x : i64 to index
    %s = tensor.extract_slice %rows[%r, 0] [1, 16] [1, 1] : tensor<24x16xf32> to tensor<16xf32>
    %w = tensor.insert_slice %s into %into[%b, %h, %p, 0] [1, 1, 1, 16] [1, 1, 1, 1] : tensor<16xf32> into !Cache
    scf.yield %w : !Cache
  } {gqa.unordered}
  return %0 : !Cache
}

// -----

!Cache = tensor<3x2x12x16xf32>
!New = tensor<3x2x4x16xf32>

// Half of the heads; every other token; slices that are added to what is there, or are moved in the cache: as they are.
// CHECK-LABEL: @no_append
// CHECK-NOT: gqa.append_kv
func.func @no_append(%cache: !Cache, %new: !New, %half: tensor<3x1x4x16xf32>, %at: index) -> (!Cache, !Cache, !Cache, !Cache) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %0 = tensor.insert_slice %half into %cache[0, 1, %at, 0] [3, 1, 4, 16] [1, 1, 1, 1] : tensor<3x1x4x16xf32> into !Cache
  %1 = tensor.insert_slice %new into %cache[0, 0, %at, 0] [3, 2, 4, 16] [1, 1, 2, 1] : !New into !Cache
  %2 = scf.for %b = %c0 to %c3 step %c1 iter_args(%into = %cache) -> (!Cache) {
    %old = tensor.extract_slice %into[%b, 0, %at, 0] [1, 2, 4, 16] [1, 1, 1, 1] : !Cache to tensor<2x4x16xf32>
    %s = tensor.extract_slice %new[%b, 0, 0, 0] [1, 2, 4, 16] [1, 1, 1, 1] : !New to tensor<2x4x16xf32>
    %sum = linalg.add ins(%old, %s : tensor<2x4x16xf32>, tensor<2x4x16xf32>) outs(%old : tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
    %w = tensor.insert_slice %sum into %into[%b, 0, %at, 0] [1, 2, 4, 16] [1, 1, 1, 1] : tensor<2x4x16xf32> into !Cache
    scf.yield %w : !Cache
  }
  %3 = scf.for %b = %c0 to %c3 step %c1 iter_args(%into = %cache) -> (!Cache) {
    %s = tensor.extract_slice %into[%b, 0, 0, 0] [1, 2, 4, 16] [1, 1, 1, 1] : !Cache to tensor<2x4x16xf32>
    %w = tensor.insert_slice %s into %into[%b, 0, %at, 0] [1, 2, 4, 16] [1, 1, 1, 1] : tensor<2x4x16xf32> into !Cache
    scf.yield %w : !Cache
  }
  return %0, %1, %2, %3 : !Cache, !Cache, !Cache, !Cache
}
