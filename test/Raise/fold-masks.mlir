// Conditions of score regions as attributes and operands; what they cannot say stays.
// RUN: gqa-opt %s --gqa-fold-masks --canonicalize --cse | FileCheck %s

!q = tensor<2x8x?x64xf32>
!kv = tensor<2x2x?x64xf32>

// CHECK-LABEL: @causal
// CHECK: gqa.attention %{{.*}} causal offset(0) : {{.*}}-> tensor<2x8x?x64xf32>{{$}}
func.func @causal(%q: !q, %k: !kv, %v: !kv) -> !q {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv) -> !q score(%s, %b, %h, %i, %j) {
    %seen = arith.cmpi sge, %i, %j : index
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !q
}

// A window to the left, and what documents say beside it.
// CHECK-LABEL: @documents
// CHECK-SAME: %[[DOC:[a-z0-9]+]]: tensor<128xi32>
// CHECK: gqa.attention %{{.*}} causal offset(0) window(16, -1)
// CHECK-SAME: score(%[[S:.*]], %{{.*}}, %{{.*}}, %[[I:.*]], %[[J:.*]], %[[C:.*]] = %[[DOC]])
// CHECK-NOT: cmpi s
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : i32
// CHECK-NEXT: gqa.yield %[[S]], %[[SAME]]
func.func @documents(%q: !q, %k: !kv, %v: !kv, %doc: tensor<128xi32>) -> !q {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv, tensor<128xi32>) -> !q score(%s, %b, %h, %i, %j, %c = %doc) {
    %width = arith.constant 16 : index
    %past = arith.cmpi sle, %j, %i : index
    %distance = arith.subi %i, %j : index
    %near = arith.cmpi sle, %distance, %width : index
    %e = tensor.extract %c[%i] : tensor<128xi32>
    %f = tensor.extract %c[%j] : tensor<128xi32>
    %same = arith.cmpi eq, %e, %f : i32
    %x = arith.andi %past, %same : i1
    %y = arith.andi %near, %x : i1
    gqa.yield %s, %y : f32, i1
  }
  return %o : !q
}

// Positions and lengths that are data, by a score of -inf; the rest of the score stays.
// CHECK-LABEL: @decode
// CHECK-SAME: %[[AT:[a-z0-9]+]]: tensor<2xi64>, %[[LENGTH:[a-z0-9]+]]: tensor<2xi32>
// CHECK: gqa.attention %{{.*}} causal offset(%[[AT]]) kv_len(%[[LENGTH]]) : {{.*}}score(%[[S:[a-z0-9]+]],
// CHECK-NOT: arith.select
// CHECK: %[[HALF:.*]] = arith.mulf %[[S]]
// CHECK-NEXT: gqa.yield %[[HALF]] : f32
func.func @decode(%q: !q, %k: !kv, %v: !kv, %at: tensor<2xi64>, %length: tensor<2xi32>) -> !q {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv, tensor<2xi64>, tensor<2xi32>) -> !q
      score(%s, %b, %h, %i, %j, %c0 = %at, %c1 = %length) {
    %e = tensor.extract %c0[%b] : tensor<2xi64>
    %first = arith.index_cast %e : i64 to index
    %place = arith.addi %first, %i : index
    %past = arith.cmpi sge, %place, %j : index
    %f = tensor.extract %c1[%b] : tensor<2xi32>
    %count = arith.index_cast %f : i32 to index
    %used = arith.cmpi slt, %j, %count : index
    %seen = arith.andi %used, %past : i1
    %none = arith.constant 0xFF800000 : f32
    %t = arith.constant 0.5 : f32
    %half = arith.mulf %s, %t : f32
    %r = arith.select %seen, %half, %none : f32
    gqa.yield %r : f32
  }
  return %o : !q
}

// A prefix is no bound of one side.
// CHECK-LABEL: @prefix
// CHECK: gqa.attention %{{[^:]*}} : {{.*}}score
// CHECK: arith.ori
func.func @prefix(%q: !q, %k: !kv, %v: !kv) -> !q {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv) -> !q score(%s, %b, %h, %i, %j) {
    %n = arith.constant 30 : index
    %past = arith.cmpi sge, %i, %j : index
    %first = arith.cmpi slt, %j, %n : index
    %seen = arith.ori %past, %first : i1
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !q
}

// Two positions are not mixed: the attention's own stays, and the region's condition too.
// CHECK-LABEL: @own_position
// CHECK: gqa.attention %{{.*}} causal offset(3) :
// CHECK: %[[SEEN:.*]] = arith.cmpi sge
// CHECK: gqa.yield %{{.*}}, %[[SEEN]]
func.func @own_position(%q: !q, %k: !kv, %v: !kv) -> !q {
  %o = gqa.attention %q, %k, %v causal offset(3) : (!q, !kv, !kv) -> !q score(%s, %b, %h, %i, %j) {
    %seen = arith.cmpi sge, %i, %j : index
    gqa.yield %s, %seen : f32, i1
  }
  return %o : !q
}

// A large negative number is a score like another: only -inf hides.
// CHECK-LABEL: @finite_fill
// CHECK: gqa.attention %{{[^:]*}} : {{.*}}score
// CHECK: arith.select
func.func @finite_fill(%q: !q, %k: !kv, %v: !kv) -> !q {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv) -> !q score(%s, %b, %h, %i, %j) {
    %low = arith.constant -1.0e9 : f32
    %seen = arith.cmpi sge, %i, %j : index
    %r = arith.select %seen, %s, %low : f32
    gqa.yield %r : f32
  }
  return %o : !q
}
