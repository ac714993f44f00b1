// What scores are beyond products times a positive constant.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// A mask that broadcasts becomes a view with strides of zero. With tile.score scores are no longer in units of the scale.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-SAME: %[[MASK:[^:]*]]: memref<200xi1, strided<[?], offset: ?>>, %[[BIAS:[^:]*]]: memref<4x1x1xf16
// CHECK: memref.reinterpret_cast %[[MASK]] to {{.*}} sizes: [64, 4, 1, 200], strides: [0, 0, 0, %{{.*}}]
// CHECK: memref.reinterpret_cast %[[BIAS]] to {{.*}} sizes: [64, 4, 1, 200], strides: [0, %{{.*}}, 0, 0]
// CHECK: tile.kernel grid(%[[B:.*]] = %c64, %[[KV:.*]] = %c2,
// CHECK: %[[H:.*]] = arith.muli %[[KV]], %c2
// CHECK: scf.for %[[J:.*]] = %c0 to
// CHECK: tile.qk
// CHECK: tile.score %{{.*}} at(%[[B]], %[[H]], %c0, %[[J]]) heads(%c2) queries(%c1) period(%c1) keys(%{{.*}}) scale(%[[SCALE:.*]]) softcap = 3.000000e+01 bias({{.*}} : memref<64x4x1x200xf16, {{.*}}>) mask({{.*}} : memref<64x4x1x200xi1, {{.*}}>) :
// CHECK: tile.softmax_step {{.*}} scale(%[[UNIT:.*]]) :
// CHECK: tile.finish {{.*}} scale(%[[UNIT]])
func.func @clauses(%q: tensor<64x4x1x16xf32>, %k: tensor<64x2x200x16xf32>, %mask: tensor<200xi1>, %bias: tensor<4x1x1xf16>)
    -> tensor<64x4x1x16xf32> {
  %o = gqa.attention %q, %k, %k softcap(30.0) bias(%bias) mask(%mask)
    : (tensor<64x4x1x16xf32>, tensor<64x2x200x16xf32>, tensor<64x2x200x16xf32>, tensor<200xi1>, tensor<4x1x1xf16>)
    -> tensor<64x4x1x16xf32>
  return %o : tensor<64x4x1x16xf32>
}

// Captured tensors are read from their buffers, within their bounds.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK-SAME: %[[TABLE:[^:]*]]: memref<?xf32, strided<[?], offset: ?>>, %[[X:[^:]*]]: f32
// CHECK: tile.score {{.*}} score {
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[HEAD:.*]]: index, %{{.*}}: index, %{{.*}}: index):
// CHECK: %[[LOW:.*]] = arith.minsi %[[HEAD]]
// CHECK: %[[INDEX:.*]] = arith.maxsi %[[LOW]], %c0
// CHECK: memref.load %[[TABLE]][%[[INDEX]]]
// CHECK: arith.mulf %{{.*}}, %[[X]]
// CHECK: tile.yield
func.func @region(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>, %table: tensor<?xf32>, %x: f32) -> tensor<?x?x?x16xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?xf32>, f32) -> tensor<?x?x?x16xf32>
    score(%s, %b, %h, %i, %j, %t = %table, %y = %x) {
      %e = tensor.extract %t[%h] : tensor<?xf32>
      %a = arith.addf %s, %e : f32
      %r = arith.mulf %a, %y : f32
      gqa.yield %r : f32
    }
  return %o : tensor<?x?x?x16xf32>
}

// A scale that may be zero or negative is no unit.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: tile.score {{.*}} scale(%arg3) :
// CHECK-LABEL: func private @gqa_attention_3
// CHECK: tile.score
// CHECK-LABEL: func private @gqa_attention_4
// CHECK-NOT: tile.score
// CHECK: tile.softmax_step {{.*}} scale(%cst) :
func.func @scales(%q: tensor<64x2x1x16xf32>, %k: tensor<64x1x64x16xf32>, %x: f32)
    -> (tensor<64x2x1x16xf32>, tensor<64x2x1x16xf32>, tensor<64x2x1x16xf32>) {
  %0 = gqa.attention %q, %k, %k scale(%x)
    : (tensor<64x2x1x16xf32>, tensor<64x1x64x16xf32>, tensor<64x1x64x16xf32>, f32) -> tensor<64x2x1x16xf32>
  %1 = gqa.attention %q, %k, %k scale(-1.0)
    : (tensor<64x2x1x16xf32>, tensor<64x1x64x16xf32>, tensor<64x1x64x16xf32>) -> tensor<64x2x1x16xf32>
  %2 = gqa.attention %q, %k, %k scale(0.5)
    : (tensor<64x2x1x16xf32>, tensor<64x1x64x16xf32>, tensor<64x1x64x16xf32>) -> tensor<64x2x1x16xf32>
  return %0, %1, %2 : tensor<64x2x1x16xf32>, tensor<64x2x1x16xf32>, tensor<64x2x1x16xf32>
}
