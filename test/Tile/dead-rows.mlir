// Rows that see no key, and sinks.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// The mean of all values below the length.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[LEN:.*]] = arith.maxsi %{{.*}}, %c0
// CHECK: %[[ALL:.*]] = memref.subview %arg2[%{{.*}}, %{{.*}}, 0, 0] [1, 1, %[[LEN]], 8]
// CHECK: tile.finish {{.*}} lse(%{{.*}} : memref<2x1xf32, {{.*}}>) values(%[[ALL]] : {{.*}}) dead_row = uniform
func.func @uniform(%q: tensor<64x4x1x16xf16>, %k: tensor<64x2x64x16xf16>, %v: tensor<64x2x64x8xf16>, %n: tensor<64xi32>)
    -> (tensor<64x4x1x8xf16>, tensor<64x4x1xf32>) {
  %o, %l = gqa.attention %q, %k, %v kv_len(%n) dead_row(uniform)
    : (tensor<64x4x1x16xf16>, tensor<64x2x64x16xf16>, tensor<64x2x64x8xf16>, tensor<64xi32>)
    -> (tensor<64x4x1x8xf16>, tensor<64x4x1xf32>)
  return %o, %l : tensor<64x4x1x8xf16>, tensor<64x4x1xf32>
}

// In a merge as well, once all parts are joined.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.kernel
// CHECK-NOT: dead_row
// CHECK: tile.kernel
// CHECK: tile.merge
// CHECK: tile.finish {{.*}} dead_row = nan
func.func @split(%q: tensor<1x4x1x16xf32>, %k: tensor<1x2x512x16xf32>, %n: tensor<1xi32>) -> tensor<1x4x1x16xf32> {
  %o = gqa.attention %q, %k, %k kv_len(%n) dead_row(nan)
    : (tensor<1x4x1x16xf32>, tensor<1x2x512x16xf32>, tensor<1x2x512x16xf32>, tensor<1xi32>) -> tensor<1x4x1x16xf32>
  return %o : tensor<1x4x1x16xf32>
}

// With a sink no row is dead.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: %[[SINKS:.*]] = memref.subview %arg3[%{{.*}}] [2] [1]
// CHECK: tile.init {{.*}} sinks(%[[SINKS]] : {{.*}}) queries(%c1) scale(
// CHECK: tile.finish {{.*}} dead_row = zero
func.func @sinks(%q: tensor<64x4x1x16xf32>, %k: tensor<64x2x64x16xf32>, %s: tensor<4xf64>) -> tensor<64x4x1x16xf32> {
  %o = gqa.attention %q, %k, %k sinks(%s) dead_row(uniform)
    : (tensor<64x4x1x16xf32>, tensor<64x2x64x16xf32>, tensor<64x2x64x16xf32>, tensor<4xf64>) -> tensor<64x4x1x16xf32>
  return %o : tensor<64x4x1x16xf32>
}
