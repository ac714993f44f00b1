// Score regions that do nothing and captured values that nothing reads are dropped.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

!q = tensor<2x6x3x8xf32>

// CHECK-LABEL: @identity
func.func @identity(%q: !q, %x: f32) -> !q {
  // CHECK-NEXT: gqa.attention %arg0, %arg0, %arg0 : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  // CHECK-NEXT: return
  %o = gqa.attention %q, %q, %q : (!q, !q, !q, f32) -> !q
    score(%s, %b, %h, %i, %j, %y = %x) {
      gqa.yield %s : f32
    }
  return %o : !q
}

// CHECK-LABEL: @identity_always_seen
func.func @identity_always_seen(%q: !q) -> !q {
  // CHECK-NOT: score
  %o = gqa.attention %q, %q, %q : (!q, !q, !q) -> !q
    score(%s, %b, %h, %i, %j) {
      %seen = arith.constant true
      gqa.yield %s, %seen : f32, i1
    }
  return %o : !q
}

// CHECK-LABEL: @always_seen
func.func @always_seen(%q: !q) -> !q {
  // CHECK: %[[T:.*]] = math.absf
  // CHECK-NEXT: gqa.yield %[[T]] : f32
  %o = gqa.attention %q, %q, %q : (!q, !q, !q) -> !q
    score(%s, %b, %h, %i, %j) {
      %seen = arith.cmpi sge, %i, %i : index
      %t = math.absf %s : f32
      gqa.yield %t, %seen : f32, i1
    }
  return %o : !q
}

// CHECK-LABEL: @no_seen_that_hides
func.func @no_seen_that_hides(%q: !q) -> !q {
  // CHECK: gqa.yield %{{.*}}, %{{.*}} : f32, i1
  %o = gqa.attention %q, %q, %q : (!q, !q, !q) -> !q
    score(%s, %b, %h, %i, %j) {
      %seen = arith.cmpi ne, %i, %j : index
      gqa.yield %s, %seen : f32, i1
    }
  return %o : !q
}

// The first capture is read twice, under two names; the second is not read.
// CHECK-LABEL: @captures
func.func @captures(%q: !q, %x: f32, %unused: tensor<4xf32>, %y: f32) -> !q {
  // CHECK: gqa.attention {{.*}}, f32, f32) -> {{.*}} score(%[[S:.*]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[X:.*]] = %arg1, %[[Y:.*]] = %arg3) {
  %o = gqa.attention %q, %q, %q : (!q, !q, !q, f32, tensor<4xf32>, f32, f32) -> !q
    score(%s, %b, %h, %i, %j, %x0 = %x, %u = %unused, %x1 = %x, %y0 = %y) {
      // CHECK: %[[T:.*]] = arith.mulf %[[S]], %[[X]]
      // CHECK: %[[U:.*]] = arith.addf %[[T]], %[[X]]
      // CHECK: arith.subf %[[U]], %[[Y]]
      %t = arith.mulf %s, %x0 : f32
      %r = arith.addf %t, %x1 : f32
      %z = arith.subf %r, %y0 : f32
      gqa.yield %z : f32
    }
  return %o : !q
}
