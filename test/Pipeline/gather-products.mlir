// Products that read one tensor come to stand behind each other, with what they need and nothing else.
// RUN: gqa-opt %s --gqa-gather-products --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>

// A gate and its partner, with the activation of the one in between, and a bias of the first.
// CHECK-LABEL: @gate
// CHECK: %[[G:.*]] = linalg.matmul ins(%arg0, %arg1
// CHECK-NEXT: tensor.empty() : tensor<2x16xf32>
// CHECK-NEXT: linalg.fill
// CHECK-NEXT: linalg.matmul ins(%arg0, %arg2
// CHECK-NEXT: linalg.generic {{.*}} ins(%[[G]]
func.func @gate(%x: tensor<2x8xf32>, %gate: tensor<8x32xf32>, %up: tensor<8x16xf32>) -> (tensor<2x32xf32>, tensor<2x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x32xf32>) -> tensor<2x32xf32>
  %0 = linalg.matmul ins(%x, %gate : tensor<2x8xf32>, tensor<8x32xf32>) outs(%f : tensor<2x32xf32>) -> tensor<2x32xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<2x32xf32>) outs(%e : tensor<2x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %t = math.tanh %in : f32
    linalg.yield %t : f32
  } -> tensor<2x32xf32>
  %e1 = tensor.empty() : tensor<2x16xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x16xf32>) -> tensor<2x16xf32>
  %2 = linalg.matmul ins(%x, %up : tensor<2x8xf32>, tensor<8x16xf32>) outs(%f1 : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %1, %2 : tensor<2x32xf32>, tensor<2x16xf32>
}

// -----

// A family is what has one operand: those of %y are one of their own.
// CHECK-LABEL: @families
// CHECK: linalg.matmul ins(%arg0, %arg2
// CHECK-NEXT: linalg.matmul ins(%arg0, %arg3
// CHECK-NEXT: linalg.matmul ins(%arg1, %arg2
// CHECK-NEXT: linalg.matmul ins(%arg1, %arg3
func.func @families(%x: tensor<2x8xf32>, %y: tensor<2x8xf32>, %a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %f: tensor<2x8xf32>)
    -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) {
  %0 = linalg.matmul ins(%x, %a : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  %1 = linalg.matmul ins(%y, %a : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = linalg.matmul ins(%x, %b : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = linalg.matmul ins(%y, %b : tensor<2x8xf32>, tensor<8x8xf32>) outs(%f : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0, %1, %2, %3 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// Weights that depend on the first product, however far, are not there earlier.
// CHECK-LABEL: @negative_depends
// CHECK: linalg.matmul ins(%arg0, %arg1
// CHECK-NEXT: tensor.extract_slice
// CHECK-NEXT: math.tanh
// CHECK-NEXT: tensor.collapse_shape
// CHECK-NEXT: linalg.matmul
func.func @negative_depends(%x: tensor<8x8xf32>, %a: tensor<8x8xf32>, %f: tensor<8x8xf32>, %c: tensor<1x8x8xf32>) -> (tensor<8x8xf32>, tensor<1x8x8xf32>) {
  %0 = linalg.matmul ins(%x, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = tensor.extract_slice %c[0, 0, 0] [1, 8, 8] [1, 1, 1] : tensor<1x8x8xf32> to tensor<1x8x8xf32>
  %t = math.tanh %s : tensor<1x8x8xf32>
  %b = tensor.collapse_shape %t [[0, 1], [2]] : tensor<1x8x8xf32> into tensor<8x8xf32>
  %1 = linalg.matmul ins(%x, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%0 : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1, %t : tensor<8x8xf32>, tensor<1x8x8xf32>
}

// -----

// Work for the weights alone, such as widening them, is not done earlier either: they would be in memory longer.
// CHECK-LABEL: @negative_work
// CHECK: linalg.matmul
// CHECK-NEXT: math.absf
// CHECK-NEXT: math.tanh
// CHECK-NEXT: linalg.matmul
func.func @negative_work(%x: tensor<8x8xf32>, %a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %f: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %0 = linalg.matmul ins(%x, %a : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = math.absf %0 : tensor<8x8xf32>
  %2 = math.tanh %b : tensor<8x8xf32>
  %3 = linalg.matmul ins(%x, %2 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1, %3 : tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// What is asserted of sizes that are not known comes along, in front; that of a size that is known only behind other work
// keeps its product where it is.
// CHECK-LABEL: @asserted
// CHECK: linalg.matmul ins(%arg0, %arg1
// CHECK-NEXT: arith.cmpi
// CHECK-NEXT: scf.if
// CHECK-NEXT: cf.assert
// CHECK-NEXT: }
// CHECK-NEXT: linalg.matmul ins(%arg0, %arg2
// CHECK-NEXT: math.tanh
// CHECK-NEXT: tensor.extract
// CHECK: cf.assert
// CHECK-NEXT: linalg.matmul ins(%arg0, %arg3
func.func @asserted(%x: tensor<?x8xf32>, %a: tensor<8x8xf32>, %b: tensor<8x8xf32>, %c: tensor<8x8xf32>, %f: tensor<?x8xf32>, %n: index, %i: i1)
    -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %z = arith.constant 0.0 : f32
  %0 = linalg.matmul ins(%x, %a : tensor<?x8xf32>, tensor<8x8xf32>) outs(%f : tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = math.tanh %0 : tensor<?x8xf32>
  %fits = arith.cmpi slt, %n, %c0 : index
  scf.if %i {
    cf.assert %fits, "rows"
  }
  %2 = linalg.matmul ins(%x, %b : tensor<?x8xf32>, tensor<8x8xf32>) outs(%f : tensor<?x8xf32>) -> tensor<?x8xf32>
  %e = tensor.extract %1[%c0, %c0] : tensor<?x8xf32>
  %positive = arith.cmpf ogt, %e, %z : f32
  cf.assert %positive, "an element"
  %3 = linalg.matmul ins(%x, %c : tensor<?x8xf32>, tensor<8x8xf32>) outs(%f : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1, %2, %3 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
