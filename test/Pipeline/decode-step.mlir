// A decode step reads its cache once, in the kernel: nothing of its size is written, and no loop rotates the queries.
// RUN: gqa-opt %s --to=tiled --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-NOT: memref.copy
// CHECK-NOT: memref.alloc{{.*}}x9x
// CHECK-NOT: memref.alloc{{.*}}x10x
// CHECK-NOT: linalg.generic {{.*}} outs(%{{.*}} : memref<1x8x
// CHECK: call @gqa_attention_0
func.func @main(%q: tensor<1x8x1x64xf32>, %c: tensor<1x32xf32>, %s: tensor<1x32xf32>, %k: tensor<1x2x9x64xf32>,
                %v: tensor<1x2x9x64xf32>, %new_k: tensor<1x2x1x64xf32>, %new_v: tensor<1x2x1x64xf32>) -> tensor<1x8x1x64xf32> {
  %r = gqa.rotary %q, %c, %s half : tensor<1x8x1x64xf32>, tensor<1x32xf32>
  %n = gqa.rotary %new_k, %c, %s half : tensor<1x2x1x64xf32>, tensor<1x32xf32>
  %ka = gqa.append_kv %k, %n : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %va = gqa.append_kv %v, %new_v : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %r, %ka, %va : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}
