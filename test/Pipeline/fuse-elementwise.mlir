// RUN: gqa-opt %s --gqa-fuse-elementwise --canonicalize | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#one = affine_map<(i) -> (i)>

// Named operations are generalised and join their only reader.
// CHECK-LABEL: @chain
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %a = linalg.add ins(%x, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %b = linalg.exp ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %b : tensor<4x8xf32>
}

// A root per row stays apart from its use per element.
// CHECK-LABEL: @no_root_per_element
// CHECK: math.rsqrt
// CHECK: linalg.generic
// CHECK: arith.mulf
func.func @no_root_per_element(%x: tensor<4x8xf32>, %v: tensor<4xf32>) -> tensor<4x8xf32> {
  %er = tensor.empty() : tensor<4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [#one, #one], iterator_types = ["parallel"]} ins(%v : tensor<4xf32>) outs(%er : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %q = math.rsqrt %i : f32
    linalg.yield %q : f32
  } -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %r : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %q: f32, %o: f32):
    %p = arith.mulf %i, %q : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// Products stay for the runtime.
// CHECK-LABEL: @no_product
// CHECK: linalg.matmul
func.func @no_product(%x: tensor<4x8xf32>, %y: tensor<8x2xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %m = linalg.matmul ins(%x, %y : tensor<4x8xf32>, tensor<8x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %m : tensor<4x2xf32>
}

// What is only widened is read narrow by each reader.
// CHECK-LABEL: @widening
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x8xbf16>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x8xbf16>, tensor<4xf32>)
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @widening(%x: tensor<4x8xbf16>, %z: tensor<4xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xbf16>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: bf16, %o: f32):
    %q = arith.extf %i : bf16 to f32
    linalg.yield %q : f32
  } -> tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%wide : tensor<4x8xf32>) outs(%z : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %q = arith.addf %i, %o : f32
    linalg.yield %q : f32
  } -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%wide, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: f32, %q: f32, %o: f32):
    %p = arith.mulf %i, %q : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// What is not written stays as it was; a dimension of one element is written as a whole.
// CHECK-LABEL: @first_of_each_row
// CHECK-SAME: %{{.*}}: tensor<4xf32>, %[[BEFORE:.*]]: tensor<4x8xf32>
// CHECK: %[[FIRST:.*]] = linalg.generic
// CHECK: tensor.insert_slice %[[FIRST]] into %[[BEFORE]][0, 0] [4, 1] [1, 1] : tensor<4xf32> into tensor<4x8xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x1xf32>)
func.func @first_of_each_row(%x: tensor<4xf32>, %before: tensor<4x8xf32>, %column: tensor<4x1xf32>)
    -> (tensor<4x8xf32>, tensor<4x1xf32>) {
  %er = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%er : tensor<4xf32>) -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#one, affine_map<(i) -> (i, 0)>], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%before : tensor<4x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<4x8xf32>
  %c = linalg.generic {indexing_maps = [#one, affine_map<(i) -> (i, 0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%column : tensor<4x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %n = arith.negf %i : f32
    linalg.yield %n : f32
  } -> tensor<4x1xf32>
  return %b, %c : tensor<4x8xf32>, tensor<4x1xf32>
}
