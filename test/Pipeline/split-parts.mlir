// RUN: gqa-opt %s --gqa-split-parts --split-input-file | FileCheck %s --check-prefixes=CHECK,SPLIT
// RUN: gqa-opt %s --gqa-split-parts --gqa-fuse-elementwise --canonicalize --split-input-file | FileCheck %s --check-prefixes=CHECK,FUSED

#id = affine_map<(i, j) -> (i, j)>

// Both halves of a rotation go to the cache at once, where the place is one.
// CHECK-LABEL: @halves
// SPLIT: %[[ROW:.*]] = tensor.extract_slice %{{.*}}[%{{.*}}, 0] [1, 128]
// SPLIT: %[[FIRST:.*]] = tensor.extract_slice %[[ROW]][0, 0] [1, 64]
// SPLIT: linalg.generic {{.*}} outs(%[[FIRST]]
// SPLIT: %[[HALF:.*]] = tensor.insert_slice %{{.*}} into %[[ROW]][0, 0] [1, 64]
// SPLIT: %[[SECOND:.*]] = tensor.extract_slice %[[HALF]][0, 64] [1, 64]
// FUSED-COUNT-2: linalg.generic
// FUSED-NOT: linalg.generic
// CHECK: return
func.func @halves(%x: tensor<1x64xf32>, %y: tensor<1x64xf32>, %cache: tensor<16x128xf32>, %p: index, %inside: i1) -> tensor<16x128xf32> {
  %room = tensor.empty() : tensor<1x64xf32>
  %whole = tensor.empty() : tensor<1x128xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<1x64xf32>) outs(%room : tensor<1x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<1x64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<1x64xf32>) outs(%room : tensor<1x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.absf %in : f32
    linalg.yield %0 : f32
  } -> tensor<1x64xf32>
  %half = tensor.insert_slice %a into %whole[0, 0] [1, 64] [1, 1] : tensor<1x64xf32> into tensor<1x128xf32>
  %both = tensor.insert_slice %b into %half[0, 64] [1, 64] [1, 1] : tensor<1x64xf32> into tensor<1x128xf32>
  %row = tensor.extract_slice %cache[%p, 0] [1, 128] [1, 1] : tensor<16x128xf32> to tensor<1x128xf32>
  %kept = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%both : tensor<1x128xf32>) outs(%row : tensor<1x128xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.select %inside, %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<1x128xf32>
  %new = tensor.insert_slice %kept into %cache[%p, 0] [1, 128] [1, 1] : tensor<1x128xf32> into tensor<16x128xf32>
  return %new : tensor<16x128xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Pairs of elements are parts as well; parts that leave a hole, or that others read, are none.
// CHECK-LABEL: @pairs
// SPLIT-COUNT-4: linalg.generic
// SPLIT: return
func.func @pairs(%x: tensor<2x4xf32>, %y: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %room = tensor.empty() : tensor<2x4xf32>
  %whole = tensor.empty() : tensor<2x8xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<2x4xf32>) outs(%room : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.absf %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x4xf32>) outs(%room : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %even = tensor.insert_slice %b into %whole[0, 0] [2, 4] [1, 2] : tensor<2x4xf32> into tensor<2x8xf32>
  %all = tensor.insert_slice %c into %even[0, 1] [2, 4] [1, 2] : tensor<2x4xf32> into tensor<2x8xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%all : tensor<2x8xf32>) outs(%whole : tensor<2x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// CHECK-LABEL: @negative_hole
// SPLIT: linalg.generic
// SPLIT: linalg.generic
// SPLIT: linalg.generic
// SPLIT-SAME: ins(%{{.*}} : tensor<2x9xf32>)
func.func @negative_hole(%x: tensor<2x4xf32>) -> tensor<2x9xf32> {
  %room = tensor.empty() : tensor<2x4xf32>
  %whole = tensor.empty() : tensor<2x9xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x4xf32>) outs(%room : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.absf %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %c = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x4xf32>) outs(%room : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x4xf32>
  %first = tensor.insert_slice %b into %whole[0, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<2x9xf32>
  %all = tensor.insert_slice %c into %first[0, 5] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<2x9xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%all : tensor<2x9xf32>) outs(%whole : tensor<2x9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<2x9xf32>
  return %r : tensor<2x9xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// Slices that stay at one place are no parts, nor are those that go backwards.
// CHECK-LABEL: @negative_stride
// SPLIT-COUNT-3: linalg.generic
// SPLIT-NOT: linalg.generic
// CHECK: return
func.func @negative_stride(%x: tensor<4xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %room = tensor.empty() : tensor<4xf32>
  %whole = tensor.empty() : tensor<8xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%room : tensor<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %still = tensor.insert_slice %x into %whole[0] [4] [0] : tensor<4xf32> into tensor<8xf32>
  %both = tensor.insert_slice %a into %still[4] [4] [0] : tensor<4xf32> into tensor<8xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%both : tensor<8xf32>) outs(%whole : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.absf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %back = tensor.insert_slice %x into %whole[3] [4] [-1] : tensor<4xf32> into tensor<8xf32>
  %all = tensor.insert_slice %a into %back[7] [4] [-1] : tensor<4xf32> into tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%all : tensor<8xf32>) outs(%whole : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.absf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %r, %s : tensor<8xf32>, tensor<8xf32>
}
