// Where sizes are known at run time only, so is the number of parts; with one the first kernel writes the result and the
// second has no tasks.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: arith.ceildivsi %{{.*}}, %c256
// CHECK: %[[PARTS:.*]] = arith.maxsi %{{.*}}, %c1
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[PARTS]], %c1
// CHECK: %[[ROOM:.*]] = arith.select %[[ONE]], %c0, %{{.*}}
// CHECK: memref.alloc(%[[ROOM]]) {alignment = 64 : i64} : memref<?x4x64xf32>
// CHECK: tile.kernel grid(%{{.*}} = %[[BATCH:.*]], %{{.*}} = %c2, %{{.*}} = %c1, %{{.*}} = %[[PARTS]])
// CHECK: scf.for
// CHECK: scf.if %[[ONE]] {
// CHECK: tile.finish
// CHECK: } else {
// CHECK: memref.copy
// CHECK: }
// CHECK: %[[MERGED:.*]] = arith.select %[[ONE]], %c0, %[[BATCH]]
// CHECK: tile.kernel grid(%{{.*}} = %[[MERGED]], %{{.*}} = %c2, %{{.*}} = %c1)
// CHECK: tile.merge
// CHECK: tile.finish
func.func @cache(%q: tensor<?x8x1x64xf32>, %k: tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32> {
  %o = gqa.attention %q, %k, %k : (tensor<?x8x1x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x1x64xf32>
  return %o : tensor<?x8x1x64xf32>
}
