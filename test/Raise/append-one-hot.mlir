// Sums of products with a one-hot vector that write a row of a cache are appends with positions.
// RUN: gqa-opt %s --gqa-raise --canonicalize --cse --split-input-file | FileCheck %s

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#batch = affine_map<(b, h, s, d) -> (b)>

// c (1 - h) + n h.
// CHECK-LABEL: @replaced
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: tensor<3x2x12x16xf32>, %[[NEW:[a-z0-9]+]]: tensor<3x2x1x16xf32>, %[[AT:[a-z0-9]+]]: tensor<3xi64>
// CHECK: %[[EACH:.*]] = tensor.expand_shape %[[AT]] {{\[\[}}0, 1]]
// CHECK: %[[ALL:.*]] = gqa.append_kv %[[CACHE]], %[[NEW]] at %[[EACH]]
// CHECK: return %[[ALL]]
func.func @replaced(%cache: tensor<3x2x12x16xf32>, %new: tensor<3x2x1x16xf32>, %at: tensor<3xi64>) -> tensor<3x2x12x16xf32> {
  %e = tensor.empty() : tensor<3x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #batch, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<3x2x1x16xf32>, tensor<3xi64>, tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %hot = arith.uitofp %is : i1 to f32
    %cold = arith.subf %one, %hot : f32
    %kept = arith.mulf %c, %cold : f32
    %put = arith.mulf %n, %hot : f32
    %r = arith.addf %kept, %put : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  return %0 : tensor<3x2x12x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#batch = affine_map<(b, h, s, d) -> (b)>

// c + n h: the new row is what stands at the position and n.
// CHECK-LABEL: @added
// CHECK: %[[ROW:.*]] = linalg.generic
// CHECK: tensor.extract %arg0
// CHECK: arith.addf
// CHECK: gqa.append_kv %arg0, %[[ROW]] at
func.func @added(%cache: tensor<3x2x12x16xf32>, %new: tensor<3x2x1x16xf32>, %at: tensor<3xi64>) -> tensor<3x2x12x16xf32> {
  %e = tensor.empty() : tensor<3x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #batch, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<3x2x1x16xf32>, tensor<3xi64>, tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %hot = arith.uitofp %is : i1 to f32
    %put = arith.mulf %n, %hot : f32
    %r = arith.addf %c, %put : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  return %0 : tensor<3x2x12x16xf32>
}

// -----

#all = affine_map<(b, h, s, d) -> (b, h, s, d)>
#row = affine_map<(b, h, s, d) -> (b, h, 0, d)>
#batch = affine_map<(b, h, s, d) -> (b)>

// Half of what was there stays; and a row that is no cache's: one-hot times n.
// CHECK-LABEL: @no_append
// CHECK-NOT: gqa.append_kv
func.func @no_append(%cache: tensor<3x2x12x16xf32>, %new: tensor<3x2x1x16xf32>, %at: tensor<3xi64>) -> (tensor<3x2x12x16xf32>, tensor<3x2x12x16xf32>) {
  %e = tensor.empty() : tensor<3x2x12x16xf32>
  %0 = linalg.generic {indexing_maps = [#row, #batch, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %cache : tensor<3x2x1x16xf32>, tensor<3xi64>, tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %hot = arith.uitofp %is : i1 to f32
    %cold = arith.subf %half, %hot : f32
    %kept = arith.mulf %c, %cold : f32
    %put = arith.mulf %n, %hot : f32
    %r = arith.addf %kept, %put : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  %z = arith.constant dense<0.0> : tensor<3x2x12x16xf32>
  %1 = linalg.generic {indexing_maps = [#row, #batch, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%new, %at, %z : tensor<3x2x1x16xf32>, tensor<3xi64>, tensor<3x2x12x16xf32>) outs(%e : tensor<3x2x12x16xf32>) {
  ^bb0(%n: f32, %p: i64, %c: f32, %o: f32):
    %s = linalg.index 2 : index
    %i = arith.index_cast %s : index to i64
    %is = arith.cmpi eq, %p, %i : i64
    %hot = arith.uitofp %is : i1 to f32
    %put = arith.mulf %n, %hot : f32
    %r = arith.addf %c, %put : f32
    linalg.yield %r : f32
  } -> tensor<3x2x12x16xf32>
  return %0, %1 : tensor<3x2x12x16xf32>, tensor<3x2x12x16xf32>
}
