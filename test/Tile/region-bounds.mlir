// A score region that hides keys by their positions bounds the loop over blocks of keys, tile by tile.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

!Q = tensor<16x4x300x64xf32>
!K = tensor<16x2x900x64xf32>

// Prefix-LM: behind the tile's last query, or behind the prefix of the batch element, nothing is seen.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK-SAME: %[[PREFIX:[^:]*]]: memref<16xi64, strided<[?], offset: ?>>
// CHECK: tile.kernel
// CHECK: memref.load %[[PREFIX]][
// CHECK: arith.maxsi
// CHECK: %[[END:.*]] = arith.minsi %{{.*}}, %c900
// CHECK: scf.for %{{.*}} = %c0 to %[[END]] step
func.func @prefix(%q: !Q, %k: !K, %prefix: tensor<16xi64>) -> !Q {
  %o = gqa.attention %q, %k, %k : (!Q, !K, !K, tensor<16xi64>) -> !Q score(%s, %b, %h, %i, %j, %p = %prefix) {
    %e = tensor.extract %p[%b] : tensor<16xi64>
    %n = arith.index_cast %e : i64 to index
    %inside = arith.cmpi slt, %j, %n : index
    %past = arith.cmpi sge, %i, %j : index
    %seen = arith.ori %inside, %past : i1
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !Q
}

// Blocks on the diagonal: from the first query's block to the last one's, in whole blocks of the loop.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.kernel
// CHECK: %[[LAST:.*]] = arith.divsi %{{.*}}, %c100
// CHECK: %[[NEXT:.*]] = arith.addi %[[LAST]], %c1
// CHECK: %[[BEHIND:.*]] = arith.muli %[[NEXT]], %c100
// CHECK: %[[END:.*]] = arith.minsi %[[BEHIND]], %c900
// CHECK: arith.divsi %{{.*}}, %c100
// CHECK: %[[PART:.*]] = arith.remsi %{{.*}}, %c48
// CHECK: %[[BEGIN:.*]] = arith.subi %{{.*}}, %[[PART]]
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step %c48
func.func @diagonal(%q: !Q, %k: !K) -> !Q {
  %o = gqa.attention %q, %k, %k : (!Q, !K, !K) -> !Q score(%s, %b, %h, %i, %j) {
    %c = arith.constant 100 : index
    %x = arith.divui %i, %c : index
    %y = arith.divui %j, %c : index
    %seen = arith.cmpi eq, %x, %y : index
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !Q
}

// Documents: keys between the first and the last whose number lies between those of the tile's queries.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: tile.kernel
// CHECK: %[[RANGE:.*]]:2 = scf.for
// CHECK: memref.load
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: %[[KEYS:.*]]:2 = scf.for %{{.*}} = %c0 to %c900 step %c1 iter_args(%{{.*}} = %c900, %{{.*}} = %c0)
// CHECK: arith.cmpi sge, %{{.*}}, %[[RANGE]]#0
// CHECK: arith.cmpi sle, %{{.*}}, %[[RANGE]]#1
// CHECK: %[[END:.*]] = arith.minsi %[[KEYS]]#1, %c900
// CHECK: arith.minsi %[[KEYS]]#0
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[END]] step %c48
func.func @documents(%q: !Q, %k: !K, %dq: tensor<16x300xi64>, %dk: tensor<16x900xi64>) -> !Q {
  %o = gqa.attention %q, %k, %k : (!Q, !K, !K, tensor<16x300xi64>, tensor<16x900xi64>) -> !Q
    score(%s, %b, %h, %i, %j, %x = %dq, %y = %dk) {
    %m = tensor.extract %x[%b, %i] : tensor<16x300xi64>
    %n = tensor.extract %y[%b, %j] : tensor<16x900xi64>
    %seen = arith.cmpi eq, %n, %m : i64
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !Q
}

// What differs by head bounds nothing, as little as an `or` with a condition that bounds nothing.
// CHECK-LABEL: func private @gqa_attention_3
// CHECK: tile.kernel
// CHECK: scf.for %{{.*}} = %c0 to %c900
func.func @no_bound(%q: !Q, %k: !K) -> !Q {
  %o = gqa.attention %q, %k, %k : (!Q, !K, !K) -> !Q score(%s, %b, %h, %i, %j) {
    %c = arith.constant 3 : index
    %rest = arith.remui %j, %c : index
    %third = arith.cmpi eq, %rest, %h : index
    %past = arith.cmpi sge, %i, %j : index
    %seen = arith.ori %third, %past : i1
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !Q
}
