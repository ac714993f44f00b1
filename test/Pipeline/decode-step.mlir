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

// -----

// A cache that is returned is copied once, for the caller; the attention reads the old one.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<1x2x9x64xf32>, %{{[a-z0-9]+}}: memref<1x2x1x64xf32>)
// CHECK: %[[ALL:.*]] = memref.alloc() {{.*}} : memref<1x2x10x64xf32>
// CHECK-NOT: memref<1x2x10x64xf32>{{$}}
// CHECK: %[[OLD:.*]] = memref.cast %[[K]]
// CHECK: call @gqa_attention_0(%{{.*}}, %[[OLD]],
// CHECK: return %{{.*}}, %[[ALL]]
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x64xf32>, %new: tensor<1x2x1x64xf32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>) {
  %ka = gqa.append_kv %k, %new : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o, %ka : tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>
}

// -----

// A cache of fixed size is an argument, and stays: one copy, written in place after that, without a branch.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %{{.*}}: memref<1x8x1x64xf32>, %[[K:.*]]: memref<1x2x512x64xf32>,
// CHECK-NOT: scf.if
// CHECK: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<1x2x512x64xf32>
// CHECK: memref.copy %[[K]], %[[COPY]]
// CHECK: memref.subview %[[COPY]]
// CHECK-NOT: memref.copy %{{.*}} : memref<1x2x512x64xf32> to
// CHECK-NOT: scf.if
// CHECK: return %{{.*}}, %[[COPY]]
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x512x64xf32>, %new: tensor<1x2x1x64xf32>, %at: tensor<1xi64>,
                %n: tensor<1xi64>) -> (tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>) {
  %ka = gqa.append_kv %k, %new at %at : (tensor<1x2x512x64xf32>, tensor<1x2x1x64xf32>, tensor<1xi64>) -> tensor<1x2x512x64xf32>
  %o = gqa.attention %q, %ka, %ka kv_len(%n)
    : (tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>, tensor<1xi64>) -> tensor<1x8x1x64xf32>
  return %o, %ka : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>
}

// -----

// The same with a cache that is donated to its result: no copy, and nothing to return but the output.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<1x2x512x64xf32> {gqa.donated_to = 1 : i64},
// CHECK-SAME: -> memref<1x8x1x64xf32>
// CHECK-NOT: memref.copy
// CHECK-NOT: cf.assert
// CHECK-NOT: memref.alloc{{.*}}512x64
// CHECK: %[[ROW:.*]] = memref.subview %[[K]]
// CHECK: linalg.generic {{.*}} outs(%[[ROW]] :
// CHECK: %[[ALL:.*]] = memref.cast %[[K]]
// CHECK: call @gqa_attention_0(%{{.*}}, %[[ALL]], %[[ALL]],
// CHECK: return %{{[^,]*}} : memref<1x8x1x64xf32>
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x512x64xf32> {gqa.donated_to = 1}, %new: tensor<1x2x1x64xf32>,
                %at: tensor<1xi64>, %n: tensor<1xi64>) -> (tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>) {
  %ka = gqa.append_kv %k, %new at %at : (tensor<1x2x512x64xf32>, tensor<1x2x1x64xf32>, tensor<1xi64>) -> tensor<1x2x512x64xf32>
  %o = gqa.attention %q, %ka, %ka kv_len(%n)
    : (tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>, tensor<1xi64>) -> tensor<1x8x1x64xf32>
  return %o, %ka : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>
}
