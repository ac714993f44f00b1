// RUN: gqa-opt %s --gqa-decompose --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-decompose --canonicalize --cse \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --cse --canonicalize | FileCheck %s --check-prefix=BUFFERS

// CHECK-LABEL: @rotary_half
// CHECK: tensor.empty() : tensor<2x7x6x16xbf16>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x7x6x8xbf16>)
// CHECK: arith.subf %{{.*}} : f32
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 0, 0] [2, 7, 6, 8]
// CHECK: linalg.generic
// CHECK: arith.addf %{{.*}} : f32
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 0, 8] [2, 7, 6, 8]
// CHECK-NOT: tensor.insert_slice
// One buffer, and no copy.
// BUFFERS-LABEL: @rotary_half
// BUFFERS: memref.alloc
// BUFFERS-NOT: memref.{{(alloc|copy)}}
// BUFFERS: return
func.func @rotary_half(%x: tensor<2x7x6x16xbf16>, %c: tensor<7x8xf32>, %s: tensor<7x8xf32>) -> tensor<2x7x6x16xbf16> {
  %r = gqa.rotary %x, %c, %s half layout("bshd") : tensor<2x7x6x16xbf16>, tensor<7x8xf32>
  return %r : tensor<2x7x6x16xbf16>
}

// The elements beyond the rotated ones are copied.
// CHECK-LABEL: @rotary_partial_interleaved
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 2, %{{.*}}, 3] [1, 1, 1, 2]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 1] [1, 2, %{{.*}}, 3] [1, 1, 1, 2]
// CHECK: tensor.insert_slice %{{.*}}[0, 0, 0, 6] [1, 2, %{{.*}}, 2]
func.func @rotary_partial_interleaved(%x: tensor<1x2x?x8xf32>, %c: tensor<?x3xf32>, %s: tensor<?x3xf32>) -> tensor<1x2x?x8xf32> {
  %r = gqa.rotary %x, %c, %s interleaved : tensor<1x2x?x8xf32>, tensor<?x3xf32>
  return %r : tensor<1x2x?x8xf32>
}

// CHECK-LABEL: @repeat_block
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x2x4x5x8xf32>)
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1, 2], [3], [4]]
func.func @repeat_block(%x: tensor<1x2x5x8xf32>) -> tensor<1x8x5x8xf32> {
  %r = gqa.repeat_heads %x block groups(4) : tensor<1x2x5x8xf32> -> tensor<1x8x5x8xf32>
  return %r : tensor<1x8x5x8xf32>
}

// CHECK-LABEL: @repeat_tiled
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x5x4x2x8xf32>)
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1], [2, 3], [4]]
func.func @repeat_tiled(%x: tensor<1x5x2x8xf32>) -> tensor<1x5x8x8xf32> {
  %r = gqa.repeat_heads %x tiled groups(4) layout("bshd") : tensor<1x5x2x8xf32> -> tensor<1x5x8x8xf32>
  return %r : tensor<1x5x8x8xf32>
}

// CHECK-LABEL: @append_concat
// CHECK-SAME: %[[CACHE:.*]]: tensor<2x?x6x16xf32>, %[[FRESH:.*]]: tensor<2x1x6x16xf32>
// CHECK: %[[PAST:.*]] = tensor.dim %[[CACHE]]
// CHECK: %[[ROOM:.*]] = tensor.empty
// CHECK: %[[OLD:.*]] = tensor.insert_slice %[[CACHE]] into %[[ROOM]][0, 0, 0, 0]
// CHECK: tensor.insert_slice %[[FRESH]] into %[[OLD]][0, %[[PAST]], 0, 0] [2, 1, 6, 16]
// BUFFERS-LABEL: @append_concat
// BUFFERS: memref.alloc
// BUFFERS-NOT: memref.alloc
// BUFFERS-COUNT-2: memref.copy
// BUFFERS-NOT: memref.copy
// BUFFERS: return
func.func @append_concat(%cache: tensor<2x?x6x16xf32>, %fresh: tensor<2x1x6x16xf32>) -> tensor<2x?x6x16xf32> {
  %r = gqa.append_kv %cache, %fresh layout("bshd") : (tensor<2x?x6x16xf32>, tensor<2x1x6x16xf32>) -> tensor<2x?x6x16xf32>
  return %r : tensor<2x?x6x16xf32>
}

// CHECK-LABEL: @append_nothing
// CHECK-SAME: %[[CACHE:.*]]: tensor<1x2x4x8xf32>, %{{.*}}: tensor<1x2x0x8xf32>
// CHECK-NEXT: %[[OPEN:.*]] = tensor.cast %[[CACHE]]
// CHECK-NEXT: return %[[OPEN]]
func.func @append_nothing(%cache: tensor<1x2x4x8xf32>, %fresh: tensor<1x2x0x8xf32>) -> tensor<1x2x?x8xf32> {
  %r = gqa.append_kv %cache, %fresh : (tensor<1x2x4x8xf32>, tensor<1x2x0x8xf32>) -> tensor<1x2x?x8xf32>
  return %r : tensor<1x2x?x8xf32>
}

// A position outside of the cache writes nothing.
// CHECK-LABEL: @append_indexed
// CHECK: scf.for
// CHECK: scf.for
// CHECK: arith.cmpi sge
// CHECK: %[[SLT:.*]] = arith.cmpi slt
// CHECK: %[[INSIDE:.*]] = arith.andi %{{.*}}, %[[SLT]]
// CHECK: %[[AT:.*]] = arith.maxsi
// What is outside of the cache leaves the row at its end as it is.
// CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0, %[[AT]], 0] [1, 6, 1, 16]
// CHECK: linalg.generic
// CHECK: arith.select %[[INSIDE]]
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%{{.*}}, 0, %[[AT]], 0] [1, 6, 1, 16]
// A cache that may be written is written in place.
// BUFFERS-LABEL: @append_indexed
// BUFFERS-NOT: memref.{{(alloc|copy)}}
// BUFFERS: return %arg0
func.func @append_indexed(%cache: tensor<2x6x64x16xf32>, %fresh: tensor<2x6x3x16xf32>, %at: tensor<2x3xi32>) -> tensor<2x6x64x16xf32> {
  %r = gqa.append_kv %cache, %fresh at %at : (tensor<2x6x64x16xf32>, tensor<2x6x3x16xf32>, tensor<2x3xi32>) -> tensor<2x6x64x16xf32>
  return %r : tensor<2x6x64x16xf32>
}

// A cache that may have no place at all.
// CHECK-LABEL: @append_indexed_dynamic
// CHECK: scf.if
// CHECK: tensor.insert_slice
func.func @append_indexed_dynamic(%cache: tensor<2x6x?x16xf32>, %fresh: tensor<2x6x3x16xf32>, %at: tensor<3xi32>) -> tensor<2x6x?x16xf32> {
  %r = gqa.append_kv %cache, %fresh at %at : (tensor<2x6x?x16xf32>, tensor<2x6x3x16xf32>, tensor<3xi32>) -> tensor<2x6x?x16xf32>
  return %r : tensor<2x6x?x16xf32>
}

// CHECK-LABEL: @merge
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x32x1xf32>, tensor<1x32x1xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x32x1x128xf16>)
// CHECK: arith.divf %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @merge(%o0: tensor<1x32x1x128xf16>, %lse0: tensor<1x32x1xf32>, %o1: tensor<1x32x1x128xf16>, %lse1: tensor<1x32x1xf32>)
    -> (tensor<1x32x1x128xf16>, tensor<1x32x1xf32>) {
  %o, %lse = gqa.merge %o0, %lse0, %o1, %lse1 : tensor<1x32x1x128xf16>, tensor<1x32x1xf32>
  return %o, %lse : tensor<1x32x1x128xf16>, tensor<1x32x1xf32>
}

// CHECK-NOT: gqa.
