// Where the heads of a token lie side by side, a task works on several, block by block, so that memory is read from end to end.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// All eight heads are what a token is: one group, and more parts instead.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-DAG: %[[HEADS:.*]] = arith.constant 8 : index
// CHECK: tile.kernel grid(%{{.*}} = %c1, %[[GROUP:.*]] = %c1, %{{.*}} = %c1, %[[PART:.*]] = %c64)
// CHECK-DAG: %[[Q:.*]] = tile.scratch : memref<32x128xf32>
// CHECK-DAG: %[[O:.*]] = tile.scratch : memref<32x128xf32>
// CHECK: scf.for %{{.*}} = %c0 to %[[HEADS]]
// CHECK: tile.pack {{.*}} crossed
// CHECK: tile.init
// CHECK: scf.for %[[KEY:.*]] = %{{.*}} to %{{.*}} step %c24
// CHECK: scf.for %[[HEAD:.*]] = %c0 to %[[HEADS]]
// Rows that lie one behind the other, a share for each head.
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [12, 128], strides: [128, 1]
// CHECK: tile.qk {{.*}} prefetch(
// CHECK: tile.softmax_step
// CHECK: tile.pv {{.*}} prefetch(
// CHECK: scf.for %{{.*}} = %c0 to %[[HEADS]]
// CHECK: memref.copy
func.func @all_heads(%q: tensor<1x1x32x128xf32>, %k: tensor<1x8192x8x128xf32>, %v: tensor<1x8192x8x128xf32>) -> tensor<1x1x32x128xf32> {
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd")
    : (tensor<1x1x32x128xf32>, tensor<1x8192x8x128xf32>, tensor<1x8192x8x128xf32>) -> tensor<1x1x32x128xf32>
  return %o : tensor<1x1x32x128xf32>
}

// What L2 has room for: 4 of 32 heads, whose part of six tokens each brings.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.kernel grid(%{{.*}} = %c1, %{{.*}} = %c8,
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [3, 512], strides: [%{{.*}}, 1]
func.func @some_heads(%q: tensor<1x1x32x128xf32>, %k: tensor<1x2048x32x128xf32>, %v: tensor<1x2048x32x128xf32>) -> tensor<1x1x32x128xf32> {
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd")
    : (tensor<1x1x32x128xf32>, tensor<1x2048x32x128xf32>, tensor<1x2048x32x128xf32>) -> tensor<1x1x32x128xf32>
  return %o : tensor<1x1x32x128xf32>
}

// Heads behind each other: one a task.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: tile.kernel grid(%{{.*}} = %c1, %{{.*}} = %c8, %{{.*}} = %c1, %{{.*}} = %c8)
func.func @head_major(%q: tensor<1x32x1x128xf32>, %k: tensor<1x8x8192x128xf32>, %v: tensor<1x8x8192x128xf32>) -> tensor<1x32x1x128xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x32x1x128xf32>, tensor<1x8x8192x128xf32>, tensor<1x8x8192x128xf32>) -> tensor<1x32x1x128xf32>
  return %o : tensor<1x32x1x128xf32>
}
