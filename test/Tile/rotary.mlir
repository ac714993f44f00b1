// Queries are rotated in a task's own memory, in front of their packing.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3+emulate-amx --canonicalize --cse | FileCheck %s --check-prefix=AMX
// RUN: gqa-opt %s --gqa-tile=target=cpu:znver4 --canonicalize --cse --remarks-filter-missed=gqa-tile -verify-diagnostics | FileCheck %s --check-prefix=PAIRS

// CHECK-LABEL: func @token_major
// CHECK-NOT: gqa.rotary
// CHECK: call @gqa_attention_0
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-SAME: %[[Q:.*]]: memref<2x64x8x64xbf16, {{.*}}>, %[[COS:.*]]: memref<2x1x64x16xf32, {{.*}}>, %[[SIN:.*]]: memref<2x1x64x16xf32, {{.*}}>, %{{.*}}: memref<2x2x64x64xbf16
// One angle for all heads is a stride of zero.
// CHECK: memref.reinterpret_cast %[[COS]] to offset: [%{{.*}}], sizes: [2, 8, 64, 16], strides: [%{{.*}}, 0, %{{.*}}, %{{.*}}]
// CHECK: tile.kernel
// CHECK: %[[N:.*]] = arith.minsi %{{.*}}, %c12
// CHECK: %[[ROOM:.*]] = tile.scratch : memref<4x12x64xf32>
// CHECK: %[[ROTATED:.*]] = memref.subview %[[ROOM]][0, 0, 0] [4, %[[N]], 64]
// CHECK: tile.rotate %{{.*}} by %{{.*}}, %{{.*}} half into %[[ROTATED]]
// CHECK: tile.pack %[[ROTATED]] into %{{.*}} queries(%c12) transposed
// The rotation is rounded where products are of bf16, and only there.
// AMX-LABEL: func private @gqa_attention_0
// AMX: tile.rotate {{.*}} memref<4x?x64xbf16, strided<[1024, 64, 1]>>
// PAIRS-LABEL: func private @gqa_attention_0
// PAIRS: tile.rotate {{.*}} memref<4x?x64xbf16, strided<[1024, 64, 1]>>
func.func @token_major(%q: tensor<2x64x8x64xbf16>, %c: tensor<2x1x64x16xf32>, %s: tensor<2x1x64x16xf32>, %k: tensor<2x2x64x64xbf16>)
    -> tensor<2x8x64x64xbf16> {
  %r = gqa.rotary %q, %c, %s half layout("bshd") : tensor<2x64x8x64xbf16>, tensor<2x1x64x16xf32>
  %o = gqa.attention %r, %k, %k causal layout(q = "bshd")
    : (tensor<2x64x8x64xbf16>, tensor<2x2x64x64xbf16>, tensor<2x2x64x64xbf16>) -> tensor<2x8x64x64xbf16>
  return %o : tensor<2x8x64x64xbf16>
}

// Rounded queries would put lse out of its bounds.
// AMX-LABEL: func private @gqa_attention_1
// AMX: tile.rotate {{.*}} memref<4x?x64xf32, strided<[768, 64, 1]>>
// AMX-NOT: interleaved
// PAIRS-LABEL: func private @gqa_attention_1
// PAIRS: tile.rotate {{.*}} memref<4x?x64xf32, strided<[768, 64, 1]>>
// PAIRS-NOT: interleaved
func.func @lse(%q: tensor<2x8x64x64xbf16>, %c: tensor<64x16xf32>, %s: tensor<64x16xf32>, %k: tensor<2x2x64x64xbf16>)
    -> (tensor<2x8x64x64xbf16>, tensor<2x8x64xf32>) {
  %r = gqa.rotary %q, %c, %s half : tensor<2x8x64x64xbf16>, tensor<64x16xf32>
  // expected-remark @below {{queries are rotated on their way and lse is a result}}
  %o, %l = gqa.attention %r, %k, %k causal
    : (tensor<2x8x64x64xbf16>, tensor<2x2x64x64xbf16>, tensor<2x2x64x64xbf16>) -> (tensor<2x8x64x64xbf16>, tensor<2x8x64xf32>)
  return %o, %l : tensor<2x8x64x64xbf16>, tensor<2x8x64xf32>
}
