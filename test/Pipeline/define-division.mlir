// RUN: gqa-opt %s --gqa-define-division | FileCheck %s

// CHECK-LABEL: func @without_sign
// CHECK: %[[ZERO:.*]] = arith.cmpi eq, %arg1, %{{.*}} : i32
// CHECK: %[[SAFE:.*]] = arith.select %[[ZERO]], %{{.*}}, %arg1 : i32
// CHECK: %[[Q:.*]] = arith.divui %arg0, %[[SAFE]] : i32
// CHECK: %[[NONE:.*]] = arith.constant -1 : i32
// CHECK: %[[R:.*]] = arith.select %[[ZERO]], %[[NONE]], %[[Q]] : i32
// CHECK: return %[[R]]
func.func @without_sign(%a: i32, %b: i32) -> i32 {
  %q = arith.divui %a, %b : i32
  return %q : i32
}

// CHECK-LABEL: func @remainder
// CHECK: %[[ZERO:.*]] = arith.cmpi eq, %arg1, %{{.*}} : i64
// CHECK: %[[MINUS:.*]] = arith.cmpi eq, %arg1, %{{.*}} : i64
// CHECK: %[[REFUSED:.*]] = arith.ori %[[ZERO]], %[[MINUS]] : i1
// CHECK: %[[SAFE:.*]] = arith.select %[[REFUSED]], %{{.*}}, %arg1 : i64
// CHECK: %[[Q:.*]] = arith.remsi %arg0, %[[SAFE]] : i64
// CHECK: %[[R:.*]] = arith.select %[[ZERO]], %arg0, %[[Q]] : i64
// CHECK: return %[[R]]
func.func @remainder(%a: i64, %b: i64) -> i64 {
  %q = arith.remsi %a, %b : i64
  return %q : i64
}

// CHECK-LABEL: func @no_change_of_constants
// CHECK-NOT: arith.select
// CHECK: return
func.func @no_change_of_constants(%a: index) -> (index, index) {
  %c3 = arith.constant 3 : index
  %most = arith.constant -1 : index
  %q = arith.floordivsi %a, %c3 : index
  %r = arith.divui %a, %most : index
  return %q, %r : index, index
}

// CHECK-LABEL: func @region
// CHECK: score
// CHECK: arith.select
// CHECK: arith.floordivsi
// CHECK: gqa.yield
func.func @region(%q: tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32> {
  %o = gqa.attention %q, %q, %q : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
    score(%s, %b, %h, %i, %j) {
      %d = arith.floordivsi %i, %j : index
      %c = arith.cmpi sgt, %d, %h : index
      gqa.yield %s, %c : f32, i1
    }
  return %o : tensor<1x2x4x8xf32>
}

// CHECK-LABEL: func @named
// CHECK: linalg.generic
// CHECK: arith.select
// CHECK: arith.divsi
func.func @named(%a: tensor<4xi32>, %b: tensor<4xi32>, %c: tensor<4xi32>) -> tensor<4xi32> {
  %q = linalg.div ins(%a, %b : tensor<4xi32>, tensor<4xi32>) outs(%c : tensor<4xi32>) -> tensor<4xi32>
  return %q : tensor<4xi32>
}

// CHECK-LABEL: func @named_floats
// CHECK: linalg.div
func.func @named_floats(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  %q = linalg.div ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%c : tensor<4xf32>) -> tensor<4xf32>
  return %q : tensor<4xf32>
}

// CHECK-LABEL: func @of_index
// CHECK: %[[SAFE:.*]] = arith.select %{{.*}}, %{{.*}}, %arg1 : index
// CHECK: %[[Q:.*]] = arith.floordivsi %arg0, %[[SAFE]] : index
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[Q]] : index
// CHECK: %[[ALSO:.*]] = arith.select %[[ZERO:.*]], %{{.*}}, %arg1 : index
// CHECK: %[[R:.*]] = arith.remui %arg0, %[[ALSO]] : index
// CHECK: arith.select %[[ZERO]], %arg0, %[[R]] : index
func.func @of_index(%a: index, %b: index) -> (index, index) {
  %q = index.floordivs %a, %b
  %r = index.remu %a, %b
  return %q, %r : index, index
}
