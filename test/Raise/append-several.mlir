// Selects that write several rows of a cache in turn are one append.
// RUN: gqa-opt %s --gqa-raise --canonicalize --cse --split-input-file | FileCheck %s

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>

// Two tokens, the second one written last.
// CHECK-LABEL: @two_tokens
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<3x2x12x16xf32>, %[[NEW:[a-z0-9]+]]: tensor<3x2x2x16xf32>, %[[AT:[a-z0-9]+]]: tensor<2xi64>
// CHECK: %[[ALL:.*]] = gqa.append_kv %[[CACHE]], %[[NEW]] at %[[AT]]
// CHECK: return %[[ALL]]
func.func @two_tokens(%cache: tensor<3x2x12x16xf32>, %new: tensor<3x2x2x16xf32>, %at: tensor<2xi64>) -> tensor<3x2x12x16xf32> {
  %e = tensor.empty() : tensor<3x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%cache : tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%c: f32, %o: f32):
    %c0 = arith.constant 0 : index
    %b = linalg.index 0 : index
    %h = linalg.index 1 : index
    %s = linalg.index 2 : index
    %d = linalg.index 3 : index
    %p = tensor.extract %at[%c0] : tensor<2xi64>
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %i, %p : i64
    %n = tensor.extract %new[%b, %h, %c0, %d] : tensor<3x2x2x16xf32>
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  %1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%0 : tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%c: f32, %o: f32):
    %c1 = arith.constant 1 : index
    %b = linalg.index 0 : index
    %h = linalg.index 1 : index
    %s = linalg.index 2 : index
    %d = linalg.index 3 : index
    %p = tensor.extract %at[%c1] : tensor<2xi64>
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %i, %p : i64
    %n = tensor.extract %new[%b, %h, %c1, %d] : tensor<3x2x2x16xf32>
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  return %1 : tensor<3x2x12x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>

// A token of each sequence, each with a select of its own: cache.at[arange(2), at].set(new).
// CHECK-LABEL: @sequences
// CHECK: %[[EACH:.*]] = tensor.expand_shape %arg2 {{\[\[}}0, 1]] output_shape [2, 1]
// CHECK: gqa.append_kv %arg0, %arg1 at %[[EACH]]
func.func @sequences(%cache: tensor<2x2x12x16xf32>, %new: tensor<2x2x1x16xf32>, %at: tensor<2xi64>) -> tensor<2x2x12x16xf32> {
  %e = tensor.empty() : tensor<2x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%cache : tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%c: f32, %o: f32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = linalg.index 0 : index
    %h = linalg.index 1 : index
    %s = linalg.index 2 : index
    %d = linalg.index 3 : index
    %i = arith.index_cast %s : index to i64
    %p0 = tensor.extract %at[%c0] : tensor<2xi64>
    %is0 = arith.cmpi eq, %i, %p0 : i64
    %of0 = arith.cmpi eq, %b, %c0 : index
    %both0 = arith.andi %of0, %is0 : i1
    %n0 = tensor.extract %new[%c0, %h, %c0, %d] : tensor<2x2x1x16xf32>
    %r0 = arith.select %both0, %n0, %c : f32
    %p1 = tensor.extract %at[%c1] : tensor<2xi64>
    %is1 = arith.cmpi eq, %i, %p1 : i64
    %of1 = arith.cmpi eq, %b, %c1 : index
    %both1 = arith.andi %of1, %is1 : i1
    %n1 = tensor.extract %new[%c1, %h, %c0, %d] : tensor<2x2x1x16xf32>
    %r1 = arith.select %both1, %n1, %r0 : f32
    linalg.yield %r1 : f32
  } -> tensor<2x2x12x16xf32>
  return %0 : tensor<2x2x12x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#scalar = affine_map<(b, h, s, d) -> ()>

// A row that is written where a condition holds, as scatters that drop what is outside, goes nowhere elsewhere.
// CHECK-LABEL: @if_allowed
// CHECK: %[[AT:.*]] = linalg.generic
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : i64
// CHECK: gqa.append_kv %arg0, %arg1 at %[[AT]]
func.func @if_allowed(%cache: tensor<2x2x12x16xf32>, %new: tensor<2x2x1x16xf32>, %at: tensor<i64>, %allowed: tensor<i1>) -> tensor<2x2x12x16xf32> {
  %e = tensor.empty() : tensor<2x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #scalar, #scalar, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %allowed, %cache : tensor<2x2x1x16xf32>, tensor<i64>, tensor<i1>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %ok: i1, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %both = arith.andi %is, %ok : i1
    %r = arith.select %both, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  return %0 : tensor<2x2x12x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#scalar = affine_map<(b, h, s, d) -> ()>

// Rows of two tensors are two appends.
// CHECK-LABEL: @of_two_tensors
// CHECK: %[[FIRST:.*]] = gqa.append_kv %arg0, %arg1 at
// CHECK: %[[SECOND:.*]] = gqa.append_kv %[[FIRST]], %arg2 at
// CHECK: return %[[SECOND]]
func.func @of_two_tensors(%cache: tensor<2x2x12x16xf32>, %new: tensor<2x2x1x16xf32>, %other: tensor<2x2x1x16xf32>, %at: tensor<i64>, %then: tensor<i64>)
    -> tensor<2x2x12x16xf32> {
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
  %1 = linalg.generic {indexing_maps = [#row, #scalar, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%other, %then, %0 : tensor<2x2x1x16xf32>, tensor<i64>, tensor<2x2x12x16xf32>) outs(%e : tensor<2x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %r = arith.select %is, %n, %c : f32
    linalg.yield %r : f32
  } -> tensor<2x2x12x16xf32>
  return %1 : tensor<2x2x12x16xf32>
}
