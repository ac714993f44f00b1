// One empty tensor, and one fill, for each operation that writes to them: a model's layers are no aliases of each other.
// RUN: gqa-opt %s --gqa-separate-destinations --split-input-file | FileCheck %s

// CHECK-LABEL: @empty
// CHECK: %[[A:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: linalg.exp {{.*}} outs(%[[A]] :
// CHECK: %[[B:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: linalg.exp {{.*}} outs(%[[B]] :
func.func @empty(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.exp ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// CHECK-LABEL: @fill
// CHECK: %[[A:.*]] = tensor.empty() : tensor<8x8xf32>
// CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} outs(%[[A]] :
// CHECK: linalg.matmul {{.*}} outs(%[[ZERO]] :
// CHECK: %[[B:.*]] = tensor.empty() : tensor<8x8xf32>
// CHECK: %[[ANOTHER:.*]] = linalg.fill {{.*}} outs(%[[B]] :
// CHECK: linalg.matmul {{.*}} outs(%[[ANOTHER]] :
func.func @fill(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%z : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = linalg.matmul ins(%a, %0 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%z : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// -----

// The memory of what is written late begins late.
// CHECK-LABEL: @late
// CHECK: %[[A:.*]] = linalg.exp
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4xf64>
// CHECK-NEXT: %[[Z:.*]] = linalg.fill {{.*}} outs(%[[E]] :
// CHECK-NEXT: linalg.generic {{.*}} ins(%[[A]] : {{.*}}) outs(%[[Z]] :
#row = affine_map<(d0) -> (d0)>
func.func @late(%x: tensor<4xf32>) -> tensor<4xf64> {
  %c0 = arith.constant 0.0 : f64
  %late = tensor.empty() : tensor<4xf64>
  %zero = linalg.fill ins(%c0 : f64) outs(%late : tensor<4xf64>) -> tensor<4xf64>
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%0 : tensor<4xf32>) outs(%zero : tensor<4xf64>) {
  ^bb0(%in: f32, %out: f64):
    %wide = arith.extf %in : f32 to f64
    %sum = arith.addf %wide, %out : f64
    linalg.yield %sum : f64
  } -> tensor<4xf64>
  return %1 : tensor<4xf64>
}

// -----

// What only reads a fill shares it.
// CHECK-LABEL: @readers
// CHECK-COUNT-1: linalg.fill
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @readers() -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %0 = linalg.exp ins(%z : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %z, %0 : tensor<4xf32>, tensor<4xf32>
}

// -----

// What nobody else reads is written over; not what has another reader, nor where the caller gets the result.
// CHECK-LABEL: @over
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK: %[[A:.*]] = linalg.exp
// CHECK: %[[B:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[X]] : {{.*}}) outs(%[[A]] :
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: linalg.generic {{.*}} ins(%[[B]], %[[X]] : {{.*}}) outs(%[[E]] :
#map = affine_map<(d0) -> (d0)>
func.func @over(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%a, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.addf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %c = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%b, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  return %c : tensor<4xf32>
}
