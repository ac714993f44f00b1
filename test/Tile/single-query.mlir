// One function serves a prompt and the steps that follow it: where the number of queries is known at run time only, a
// single query has kernels of its own.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[QUERIES:.*]] = memref.dim %arg0, %c2
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[QUERIES]], %c1
// CHECK: scf.if %[[ONE]] {
// CHECK: tile.qk
// CHECK-NOT: transposed
// CHECK: } else {
// CHECK: tile.qk {{.*}} transposed
func.func @main(%q: tensor<64x4x?x64xf32>, %k: tensor<64x2x?x64xf32>) -> tensor<64x4x?x64xf32> {
  %o = gqa.attention %q, %k, %k : (tensor<64x4x?x64xf32>, tensor<64x2x?x64xf32>, tensor<64x2x?x64xf32>) -> tensor<64x4x?x64xf32>
  return %o : tensor<64x4x?x64xf32>
}

// Sixteen heads in a group are rows enough by themselves.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.qk {{.*}} transposed
// CHECK-NOT: tile.qk
func.func @no_branch(%q: tensor<64x16x?x64xf32>, %k: tensor<64x1x?x64xf32>) -> tensor<64x16x?x64xf32> {
  %o = gqa.attention %q, %k, %k : (tensor<64x16x?x64xf32>, tensor<64x1x?x64xf32>, tensor<64x1x?x64xf32>) -> tensor<64x16x?x64xf32>
  return %o : tensor<64x16x?x64xf32>
}

// Where single queries go elsewhere, there is nothing to choose.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK-NOT: scf.if {{.*}} {
// CHECK: tile.qk {{.*}} transposed
// CHECK-NOT: tile.qk
func.func @no_branch_prompts_only(%q: tensor<64x4x?x64xf32>, %k: tensor<64x2x?x64xf32>) -> tensor<64x4x?x64xf32> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only} : (tensor<64x4x?x64xf32>, tensor<64x2x?x64xf32>, tensor<64x2x?x64xf32>) -> tensor<64x4x?x64xf32>
  return %o : tensor<64x4x?x64xf32>
}
