// A select that writes a row at a position, and leaves the rest of a cache, is an append with positions.
// RUN: gqa-opt %s --gqa-raise --canonicalize --cse --split-input-file | FileCheck %s

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#scalar = affine_map<(b, h, s, d) -> ()>

// CHECK-LABEL: @at_a_position
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<2x2x12x16xf32>, %[[NEW:[a-z0-9]+]]: tensor<2x2x1x16xf32>, %[[AT:[a-z0-9]+]]: tensor<i64>
// CHECK: %[[ONE:.*]] = tensor.expand_shape %[[AT]] [] output_shape [1]
// CHECK: %[[ALL:.*]] = gqa.append_kv %[[CACHE]], %[[NEW]] at %[[ONE]]
// CHECK: return %[[ALL]]
func.func @at_a_position(%cache: tensor<2x2x12x16xf32>, %new: tensor<2x2x1x16xf32>, %at: tensor<i64>) -> tensor<2x2x12x16xf32> {
  %e = tensor.empty() : tensor<2x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scalar, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<2x2x1x16xf32>, tensor<i64>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  return %0 : tensor<2x2x12x16xf32>
}

// -----

#all = affine_map<(b, s, h, d) -> (b, s, h, d)>
#row = affine_map<(b, s, h, d) -> (b, 0, h, d)>
#batch = affine_map<(b, s, h, d) -> (b)>

// Each sequence has a position, and the write is one behind it; tokens come in front of heads.
// CHECK-LABEL: @behind_a_position_of_each
// CHECK: linalg.generic
// CHECK: arith.addi
// CHECK: gqa.append_kv %{{.*}}, %{{.*}} at %{{.*}} layout("bshd") : (tensor<3x12x2x16xf32>, tensor<3x1x2x16xf32>, tensor<3x1xi64>)
// CHECK-NOT: arith.select
func.func @behind_a_position_of_each(%cache: tensor<3x12x2x16xf32>, %new: tensor<3x1x2x16xf32>, %at: tensor<3xi64>) -> tensor<3x12x2x16xf32> {
  %c1 = arith.constant 1 : i64
  %e = tensor.empty() : tensor<3x12x2x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #batch, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<3x1x2x16xf32>, tensor<3xi64>, tensor<3x12x2x16xf32>) outs(%e : tensor<3x12x2x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %s = linalg.index 1 : index
    %i = arith.index_cast %s : index to i64
    %next = arith.addi %p, %c1 : i64
    %is = arith.cmpi eq, %i, %next : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<3x12x2x16xf32>
  return %0 : tensor<3x12x2x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#heads = affine_map<(b, h, s, d) -> (h)>
#scalar = affine_map<(b, h, s, d) -> ()>
#turned = affine_map<(b, h, s, d) -> (h, b, s, d)>

// Positions that differ between heads, a cache that is read elsewhere, a range of tokens: as they are.
// CHECK-LABEL: @no_append
// CHECK-NOT: gqa.append_kv
// CHECK-COUNT-3: arith.select
func.func @no_append(%cache: tensor<2x2x12x16xf32>, %new: tensor<2x2x1x16xf32>, %at: tensor<2xi64>, %p: tensor<i64>)
    -> (tensor<2x2x12x16xf32>, tensor<2x2x12x16xf32>, tensor<2x2x12x16xf32>) {
  %e = tensor.empty() : tensor<2x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #heads, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<2x2x1x16xf32>, tensor<2xi64>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %q: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %q, %i : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  %1 = linalg.generic {indexing_maps = [#row, #scalar, #turned, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %p, %cache : tensor<2x2x1x16xf32>, tensor<i64>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %q: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %q, %i : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  %2 = linalg.generic {indexing_maps = [#row, #heads, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<2x2x1x16xf32>, tensor<2xi64>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %q: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi sge, %q, %i : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  return %0, %1, %2 : tensor<2x2x12x16xf32>, tensor<2x2x12x16xf32>, tensor<2x2x12x16xf32>
}
