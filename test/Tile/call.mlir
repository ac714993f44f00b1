// An attention becomes a call of a function on buffers; the caller keeps its tensors, and what is static is not checked.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func @caller
// CHECK: %[[Q:.*]] = bufferization.to_buffer %arg0 read_only
// CHECK: %[[O:.*]] = memref.alloc() {alignment = 64 : i64} : memref<1x8x64x16xf32>
// CHECK: call @gqa_attention_0(%[[Q]]
// CHECK: bufferization.to_tensor %[[O]] restrict writable
func.func @caller(%q: tensor<1x8x64x16xf32>, %k: tensor<1x2x16x64xf32>, %v: tensor<1x2x64x16xf32>) -> tensor<1x8x64x16xf32> {
  %o = gqa.attention %q, %k, %v layout(k = "bhds")
    : (tensor<1x8x64x16xf32>, tensor<1x2x16x64xf32>, tensor<1x2x64x16xf32>) -> tensor<1x8x64x16xf32>
  return %o : tensor<1x8x64x16xf32>
}

// A layout is a view with other strides.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-NOT: cf.assert
// CHECK: memref.transpose %arg1 (d0, d1, d2, d3) -> (d0, d1, d3, d2)
// CHECK: tile.kernel grid({{.*}}) work(%{{.*}}) {
// CHECK: return

func.func @dynamic(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32>
  return %o : tensor<?x?x?x16xf32>
}

// CHECK-LABEL: func private @gqa_attention_1
// CHECK: cf.assert %{{.*}}, "gqa.attention: q and k differ in batch size"
// CHECK: cf.assert %{{.*}}, "gqa.attention: the number of key/value heads does not divide the number of query heads"
// CHECK: tile.kernel
