// RUN: gqa-opt %s --gqa-tile --canonicalize --cse | FileCheck %s

// One task per (batch, key/value head, block of queries); the group's 4 heads times 16 queries are the rows of a tile.

// RUN: gqa-opt %s --gqa-tile --canonicalize --cse | FileCheck %s --check-prefix=STATIC
// Sizes that are all known need no check.
// STATIC: func private @gqa_attention_0
// STATIC-NOT: cf.assert
// STATIC: func private @gqa_attention_2

// CHECK-LABEL: func @causal
// CHECK: %[[Q:.*]] = bufferization.to_buffer %arg0 read_only
// CHECK: %[[O:.*]] = memref.alloc() {{.*}} : memref<1x8x64x16xf32>
// CHECK: call @gqa_attention_0(%[[Q]]
// CHECK: bufferization.to_tensor %[[O]] restrict writable
func.func @causal(%q: tensor<1x8x64x16xf32>, %k: tensor<1x2x64x16xf32>, %v: tensor<1x2x64x16xf32>) -> tensor<1x8x64x16xf32> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x8x64x16xf32>, tensor<1x2x64x16xf32>, tensor<1x2x64x16xf32>) -> tensor<1x8x64x16xf32>
  return %o : tensor<1x8x64x16xf32>
}

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.kernel grid(%[[B:.*]] = %c1, %[[H:.*]] = %c2, %[[T:.*]] = %c4)
// Later queries go first, and keys behind the last query of the tile are not visited.
// CHECK: %[[BLOCK:.*]] = arith.subi %c3, %[[T]]
// CHECK: %[[I:.*]] = arith.muli %[[BLOCK]], %c16
// CHECK: %[[LAST:.*]] = arith.addi %[[I]], %[[N:.*]] : index
// CHECK: %[[END:.*]] = arith.minsi %[[LAST]], %c64
// CHECK: tile.init
// CHECK: scf.for %[[J:.*]] = %c0 to %[[END]] step %c64 {
// CHECK: memref.subview %arg1[%[[B]], %[[H]], %[[J]], 0]
// CHECK: tile.qk
// CHECK: tile.score %{{.*}} at(%[[B]], %{{.*}}, %[[I]], %[[J]]) queries(%[[N]]) {{.*}} last(%c0)
// CHECK: tile.softmax_step
// CHECK: tile.pv
// CHECK: tile.finish {{.*}} dead_row = zero

// CHECK-LABEL: func private @gqa_attention_1(
// CHECK-SAME: %[[MASK:[^:]*]]: memref<64xi1, strided<[?], offset: ?>>, %[[LEN:[^:]*]]: memref<2xi32
// A mask that broadcasts becomes a view with strides of zero, a layout a transposed view.
// CHECK: memref.transpose %arg1 (d0, d1, d2, d3) -> (d0, d1, d3, d2)
// CHECK: memref.reinterpret_cast %[[MASK]] to {{.*}} sizes: [2, 2, 1, 64], strides: [0, 0, 0, %{{.*}}]
// CHECK: tile.kernel
// CHECK: memref.load %[[LEN]]
// A window's lower bound starts the loop.
// CHECK: scf.for %{{.*}} = %c28 to
// CHECK: tile.score {{.*}} first(%c28) mask(%{{.*}} : memref<2x2x1x64xi1, strided<[?, ?, ?, ?], offset: ?>>)
// CHECK: tile.finish {{.*}} lse({{.*}}) values({{.*}}) dead_row = uniform
func.func @clauses(%q: tensor<2x2x1x16xf16>, %k: tensor<2x2x16x64xf16>, %v: tensor<2x2x64x8xf16>,
                   %mask: tensor<64xi1>, %n: tensor<2xi32>) -> (tensor<2x2x1x8xf16>, tensor<2x2x1xf32>) {
  %o, %l = gqa.attention %q, %k, %v mask(%mask) kv_len(%n) offset(32) window(4, -1) dead_row(uniform) layout(k = "bhds")
    : (tensor<2x2x1x16xf16>, tensor<2x2x16x64xf16>, tensor<2x2x64x8xf16>, tensor<64xi1>, tensor<2xi32>)
    -> (tensor<2x2x1x8xf16>, tensor<2x2x1xf32>)
  return %o, %l : tensor<2x2x1x8xf16>, tensor<2x2x1xf32>
}

// Captured tensors are read from their buffers, within their bounds; sizes known at run time only are compared.
// CHECK-LABEL: func private @gqa_attention_2(
// CHECK-SAME: %[[TABLE:[^:]*]]: memref<?xf32, strided<[?], offset: ?>>, %[[X:[^:]*]]: f32
// CHECK: cf.assert %{{.*}}, "gqa.attention: q and k differ in batch size"
// CHECK: cf.assert %{{.*}}, "gqa.attention: the number of key/value heads does not divide the number of query heads"
// CHECK: tile.score {{.*}} score {
// CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[HEAD:.*]]: index, %{{.*}}: index, %{{.*}}: index):
// CHECK: %[[LOW:.*]] = arith.minsi %[[HEAD]]
// CHECK: %[[INDEX:.*]] = arith.maxsi %[[LOW]], %c0
// CHECK: memref.load %[[TABLE]][%[[INDEX]]]
// CHECK: arith.mulf %{{.*}}, %[[X]]
// CHECK: tile.yield
func.func @score(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>, %v: tensor<?x?x?x16xf32>, %table: tensor<?xf32>,
                 %x: f32) -> tensor<?x?x?x16xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?xf32>, f32) -> tensor<?x?x?x16xf32>
    score(%s, %b, %h, %i, %j, %t = %table, %y = %x) {
      %e = tensor.extract %t[%h] : tensor<?xf32>
      %a = arith.addf %s, %e : f32
      %r = arith.mulf %a, %y : f32
      gqa.yield %r : f32
    }
  return %o : tensor<?x?x?x16xf32>
}
