// Two tiles are not enough for many cores: the keys are split into 4 parts of at least 256, whose states a second kernel
// merges.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[O:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x4x64xf32>
// CHECK: %[[M:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x4xf32>
// CHECK: %[[L:.*]] = memref.alloc() {alignment = 64 : i64} : memref<8x4xf32>
// CHECK: tile.kernel grid(%{{.*}} = %c1, %{{.*}} = %c2, %{{.*}} = %c1, %[[PART:.*]] = %c4)
// The keys in use are shared out, in whole blocks.
// CHECK: memref.load %arg3
// CHECK: %[[SHARE:.*]] = arith.maxsi %{{.*}}, %c256
// CHECK: %[[BEGIN:.*]] = arith.muli %[[PART]], %[[SHARE]]
// CHECK: %[[STOP:.*]] = arith.addi %[[BEGIN]], %[[SHARE]]
// CHECK: %[[END:.*]] = arith.minsi %{{.*}}, %[[STOP]]
// A sink belongs to the first part only.
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[PART]], %c0
// CHECK: scf.if %[[FIRST]] {
// CHECK: tile.init {{.*}} sinks(%{{.*}} : memref<4xf32, {{.*}}>) queries(%c1)
// CHECK: } else {
// CHECK-NOT: sinks
// CHECK: tile.init
// CHECK: }
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK-NOT: tile.finish
// CHECK: %[[TO:.*]] = memref.subview %[[O]][%[[AT:.*]], 0, 0] [1, 4, 64]
// CHECK: memref.copy %{{.*}}, %[[TO]]
// CHECK: memref.copy
// CHECK: memref.copy

// CHECK: tile.kernel grid(%{{.*}} = %c1, %{{.*}} = %c2, %{{.*}} = %c1)
// CHECK-NOT: sinks
// CHECK: tile.init %[[SUM:.*]], %[[MAX:.*]], %[[TOTAL:.*]] :
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1 {
// CHECK-DAG: %[[O1:.*]] = memref.subview %[[O]][
// CHECK-DAG: %[[M1:.*]] = memref.subview %[[M]][
// CHECK-DAG: %[[L1:.*]] = memref.subview %[[L]][
// CHECK: tile.merge %[[O1]], %{{.*}}, %{{.*}} into %[[SUM]], %[[MAX]], %[[TOTAL]] scale(%cst)
// CHECK: }
// CHECK: tile.finish %[[SUM]], %[[MAX]], %[[TOTAL]] into
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @split(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x1000x64xf32>, %n: tensor<1xi32>, %s: tensor<8xf32>) -> tensor<1x8x1x64xf32> {
  %o = gqa.attention %q, %k, %k kv_len(%n) sinks(%s)
    : (tensor<1x8x1x64xf32>, tensor<1x2x1000x64xf32>, tensor<1x2x1000x64xf32>, tensor<1xi32>, tensor<8xf32>)
    -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// 66 tiles are enough, however many keys there are.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK-NOT: memref.alloc
// CHECK: tile.kernel grid(%{{.*}} = %c33, %{{.*}} = %c2, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK: tile.finish
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @no_split_of_many_tiles(%q: tensor<33x8x1x64xf32>, %k: tensor<33x2x1000x64xf32>) -> tensor<33x8x1x64xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<33x8x1x64xf32>, tensor<33x2x1000x64xf32>, tensor<33x2x1000x64xf32>) -> tensor<33x8x1x64xf32>
  return %o : tensor<33x8x1x64xf32>
}

// CHECK-LABEL: func private @gqa_attention_2
// CHECK-NOT: memref.alloc
// CHECK: tile.kernel grid(%{{.*}} = %c1, %{{.*}} = %c2, %{{.*}} = %c1, %{{.*}} = %c1)
func.func @no_split_of_few_keys(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x256x64xf32>) -> tensor<1x8x1x64xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x8x1x64xf32>, tensor<1x2x256x64xf32>, tensor<1x2x256x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}
