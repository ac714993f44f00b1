// A cache and the tokens behind it stay where they are: blocks of keys are read from both.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func @step
// CHECK-NOT: gqa.append_kv
// CHECK: call @gqa_attention_0
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-SAME: %[[Q:.*]]: memref<1x8x1x64xf32, {{.*}}>, %[[K:.*]]: memref<1x2x?x64xf32, {{.*}}>, %[[NEW_K:.*]]: memref<1x2x1x64xf32, {{.*}}>, %[[V:.*]]: memref<1x2x?x64xf32, {{.*}}>, %[[NEW_V:.*]]: memref<1x2x1x64xf32, {{.*}}>, %{{.*}}: memref<1x8x1x64xf32, {{.*}}>
// CHECK: %[[PAST:.*]] = memref.dim %[[K]], %c2
// CHECK: %[[KEYS:.*]] = arith.addi %[[PAST]], %c1
// CHECK: cf.assert %{{.*}}, "gqa.attention: k and v differ in the number of keys"
// CHECK: tile.kernel
// CHECK: scf.for %[[J:.*]] = %{{.*}} to %{{.*}} step %c24
// CHECK: %[[N:.*]] = arith.minsi %{{.*}}, %c24
// CHECK: %[[LEFT:.*]] = arith.subi %[[PAST]], %[[J]]
// CHECK: %[[M:.*]] = arith.minsi %[[N]], %[[LEFT]]
// CHECK: %[[CACHED:.*]] = arith.maxsi %[[M]], %c0
// CHECK: %[[FIRST:.*]] = arith.minsi %[[J]], %[[PAST]]
// CHECK: %[[OLD:.*]] = memref.subview %[[K]][%{{.*}}, %{{.*}}, %[[FIRST]], 0] [1, 1, %[[CACHED]], 64]
// CHECK: %[[FRESH:.*]] = arith.subi %[[N]], %[[CACHED]]
// CHECK: %[[NEW:.*]] = memref.subview %[[NEW_K]][%{{.*}}, %{{.*}}, %{{.*}}, 0] [1, 1, %[[FRESH]], 64]
// CHECK: tile.pack %[[OLD]] into %{{.*}} then(%[[NEW]] :
// Only the cache is fetched ahead: new tokens have just been written.
// CHECK: tile.qk {{.*}} prefetch(
// CHECK: tile.pack %{{.*}} into %{{.*}} then(
func.func @step(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x?x64xf32>, %new_k: tensor<1x2x1x64xf32>, %v: tensor<1x2x?x64xf32>,
                %new_v: tensor<1x2x1x64xf32>) -> tensor<1x8x1x64xf32> {
  %ka = gqa.append_kv %k, %new_k : (tensor<1x2x?x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x?x64xf32>
  %va = gqa.append_kv %v, %new_v : (tensor<1x2x?x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x?x64xf32>
  %o = gqa.attention %q, %ka, %va : (tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// Values may have another past, or none; a row that sees no key yields the mean of all.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.pack {{.*}} then(
// CHECK: tile.pack {{.*}} into %{{[0-9]+}} : memref
// CHECK: tile.finish
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: tile.finish {{.*}} values(%{{.*}}, %{{.*}} : memref<60x64xf32, {{.*}}>, memref<4x64xf32, {{.*}}>) dead_row = uniform
func.func @keys_only(%q: tensor<32x8x1x64xf32>, %k: tensor<32x2x60x64xf32>, %new: tensor<32x2x4x64xf32>, %v: tensor<32x2x64x64xf32>,
                     %m: tensor<64xi1>) -> (tensor<32x8x1x64xf32>, tensor<32x8x1x64xf32>) {
  %ka = gqa.append_kv %k, %new : (tensor<32x2x60x64xf32>, tensor<32x2x4x64xf32>) -> tensor<32x2x64x64xf32>
  %o = gqa.attention %q, %ka, %v : (tensor<32x8x1x64xf32>, tensor<32x2x64x64xf32>, tensor<32x2x64x64xf32>) -> tensor<32x8x1x64xf32>
  %p = gqa.attention %q, %v, %ka mask(%m) dead_row(uniform)
    : (tensor<32x8x1x64xf32>, tensor<32x2x64x64xf32>, tensor<32x2x64x64xf32>, tensor<64xi1>) -> tensor<32x8x1x64xf32>
  return %o, %p : tensor<32x8x1x64xf32>, tensor<32x8x1x64xf32>
}
