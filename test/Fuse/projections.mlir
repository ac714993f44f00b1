// RUN: gqa-opt %s --gqa-fuse-projections --split-input-file --remarks-filter-missed=gqa-fuse-projections -verify-diagnostics | FileCheck %s

// q, k and v of one input: one product, of which each reads its columns.
// CHECK-LABEL: @qkv(
// CHECK: %[[W:.*]] = arith.constant dense_resource<gqa_projections> : tensor<2x48xf32>
// CHECK: %[[ALL:.*]] = linalg.matmul ins(%arg0, %[[W]] : tensor<3x2xf32>, tensor<2x48xf32>) {{.*}} -> tensor<3x48xf32>
// CHECK: tensor.extract_slice %[[ALL]][0, 0] [3, 16] [1, 1]
// CHECK: tensor.extract_slice %[[ALL]][0, 16] [3, 16] [1, 1]
// CHECK: tensor.extract_slice %[[ALL]][0, 32] [3, 16] [1, 1]
// CHECK-NOT: linalg.matmul
// CHECK: dialect_resources
// CHECK: gqa_projections: "0x
func.func @qkv(%x: tensor<3x2xf32>) -> tensor<3x16xf32> {
  %wq = arith.constant dense<1.0> : tensor<2x16xf32>
  %wk = arith.constant dense<2.0> : tensor<2x16xf32>
  %wv = arith.constant dense<3.0> : tensor<2x16xf32>
  %z = arith.constant dense<0.0> : tensor<3x16xf32>
  %q = linalg.matmul ins(%x, %wq : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  %k = linalg.matmul ins(%x, %wk : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  %v = linalg.matmul ins(%x, %wv : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  %a = linalg.add ins(%q, %k : tensor<3x16xf32>, tensor<3x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  %b = linalg.mul ins(%a, %v : tensor<3x16xf32>, tensor<3x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %b : tensor<3x16xf32>
}

// -----

// Weights that are transposed on the way, and rows of which the number is not known.
// CHECK-LABEL: @transposed(
// CHECK: %[[W:.*]] = arith.constant dense_resource<gqa_projections> : tensor<48x2xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<48x2xf32>) {{.*}} permutation = [1, 0]
// CHECK: linalg.matmul ins(%arg0, %[[T]] : tensor<?x2xf32>, tensor<2x48xf32>)
func.func @transposed(%x: tensor<?x2xf32>, %e: tensor<?x32xf32>, %f: tensor<?x16xf32>) -> (tensor<?x2x16xf32>, tensor<?x1x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x2xf32>
  %w = arith.constant dense<1.0> : tensor<32x2xf32>
  %u = arith.constant dense<2.0> : tensor<16x2xf32>
  %we = tensor.empty() : tensor<2x32xf32>
  %ue = tensor.empty() : tensor<2x16xf32>
  %wt = linalg.transpose ins(%w : tensor<32x2xf32>) outs(%we : tensor<2x32xf32>) permutation = [1, 0]
  %ut = linalg.transpose ins(%u : tensor<16x2xf32>) outs(%ue : tensor<2x16xf32>) permutation = [1, 0]
  %ze = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %zf = linalg.fill ins(%zero : f32) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
  %a = linalg.matmul ins(%x, %wt : tensor<?x2xf32>, tensor<2x32xf32>) outs(%ze : tensor<?x32xf32>) -> tensor<?x32xf32>
  %b = linalg.matmul ins(%x, %ut : tensor<?x2xf32>, tensor<2x16xf32>) outs(%zf : tensor<?x16xf32>) -> tensor<?x16xf32>
  %ra = tensor.expand_shape %a [[0], [1, 2]] output_shape [%n, 2, 16] : tensor<?x32xf32> into tensor<?x2x16xf32>
  %rb = tensor.expand_shape %b [[0], [1, 2]] output_shape [%n, 1, 16] : tensor<?x16xf32> into tensor<?x1x16xf32>
  return %ra, %rb : tensor<?x2x16xf32>, tensor<?x1x16xf32>
}

// -----

// What is not cheaper stays apart.
// CHECK-LABEL: @apart(
// CHECK-COUNT-6: linalg.matmul
func.func @apart(%x: tensor<3x2xf32>, %wa: tensor<2x16xf32>) -> (tensor<3x16xf32>, tensor<3x16xf32>, tensor<2x16xf32>, tensor<3x4xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x16xf32>
  %u = arith.constant dense<2.0> : tensor<2x16xf32>
  %s = arith.constant dense<3.0> : tensor<2x4xf32>
  %c = arith.constant dense<4.0> : tensor<2x16xf32>
  %wide = arith.constant dense<5.0> : tensor<16x16xf32>
  %z = arith.constant dense<0.0> : tensor<3x16xf32>
  %zs = arith.constant dense<0.0> : tensor<3x4xf32>
  // expected-remark @below {{its weight is known only when the function is called, and would be copied in each call}}
  %a = linalg.matmul ins(%x, %wa : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  // expected-remark @below {{func.return needs its result as a whole}}
  %b = linalg.matmul ins(%x, %w : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  // expected-remark @below {{something else reads its weight as well, which would be there twice}}
  %d = linalg.matmul ins(%x, %u : tensor<3x2xf32>, tensor<2x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  // expected-remark @below {{a row of its result has only 16 bytes}}
  %e = linalg.matmul ins(%x, %s : tensor<3x2xf32>, tensor<2x4xf32>) outs(%zs : tensor<3x4xf32>) -> tensor<3x4xf32>
  %ee = linalg.exp ins(%e : tensor<3x4xf32>) outs(%zs : tensor<3x4xf32>) -> tensor<3x4xf32>
  // An input of its own; and a product that is added to something.
  %f = linalg.matmul ins(%b, %wide : tensor<3x16xf32>, tensor<16x16xf32>) outs(%z : tensor<3x16xf32>) -> tensor<3x16xf32>
  %g = linalg.matmul ins(%x, %c : tensor<3x2xf32>, tensor<2x16xf32>) outs(%a : tensor<3x16xf32>) -> tensor<3x16xf32>
  %h = linalg.add ins(%f, %d : tensor<3x16xf32>, tensor<3x16xf32>) outs(%g : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %b, %h, %u, %ee : tensor<3x16xf32>, tensor<3x16xf32>, tensor<2x16xf32>, tensor<3x4xf32>
}
