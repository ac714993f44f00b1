// RUN: gqa-opt %s --gqa-guard-accesses | FileCheck %s

// CHECK-LABEL: func @read
// CHECK: cf.assert %{{.*}}, "ERROR: Runtime op verification failed{{.*}}out-of-bounds access{{.*}}guard-accesses.mlir
// CHECK: tensor.extract
func.func @read(%x: tensor<?xf32>, %i: index) -> f32 {
  %e = tensor.extract %x[%i] : tensor<?xf32>
  return %e : f32
}

// CHECK-LABEL: func @no_score_region
// CHECK-NOT: cf.assert
// CHECK: gqa.yield
func.func @no_score_region(%q: tensor<1x2x4x8xf32>, %table: tensor<?xf32>) -> tensor<1x2x4x8xf32> {
  %o = gqa.attention %q, %q, %q
    : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<?xf32>) -> tensor<1x2x4x8xf32>
    score(%s, %b, %h, %i, %j, %t = %table) {
      %e = tensor.extract %t[%j] : tensor<?xf32>
      %r = arith.addf %s, %e : f32
      gqa.yield %r : f32
    }
  return %o : tensor<1x2x4x8xf32>
}
