// Constants become attributes; dead-row rules and results that nothing needs are dropped.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

!q = tensor<2x6x3x8xf32>
!kv = tensor<2x2x5x8xf32>
!dyn = tensor<2x2x?x8xf32>
!dynq = tensor<2x6x?x8xf32>

// CHECK-LABEL: @scale_constant
func.func @scale_constant(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 scale(2.500000e-01) :
  %c = arith.constant 0.25 : f16
  %o = gqa.attention %q, %k, %k scale(%c) : (!q, !kv, !kv, f16) -> !q
  return %o : !q
}

// 1 / sqrt(8), written by somebody: it stays to be seen.
// CHECK-LABEL: @scale_default_stays
func.func @scale_default_stays(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 scale(0.35355339059327379) :
  %o = gqa.attention %q, %k, %k scale(0.35355339059327379) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// The attribute must be finite, an operand may be anything.
// CHECK-LABEL: @no_scale_infinite
func.func @no_scale_infinite(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 scale(%{{.*}}) :
  %c = arith.constant 0x7F800000 : f32
  %o = gqa.attention %q, %k, %k scale(%c) : (!q, !kv, !kv, f32) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_scale_too_large
func.func @no_scale_too_large(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 scale(%{{.*}}) :
  %c = arith.constant 1.0e39 : f64
  %o = gqa.attention %q, %k, %k scale(%c) : (!q, !kv, !kv, f64) -> !q
  return %o : !q
}

// CHECK-LABEL: @offset_constant
func.func @offset_constant(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(-2) :
  %n = arith.constant dense<-2> : tensor<2xi32>
  %o = gqa.attention %q, %k, %k causal offset(%n) : (!q, !kv, !kv, tensor<2xi32>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_offset_per_batch
func.func @no_offset_per_batch(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(%{{.*}}) :
  %n = arith.constant dense<[1, 2]> : tensor<2xi64>
  %o = gqa.attention %q, %k, %k causal offset(%n) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_offset_too_large
func.func @no_offset_too_large(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(%{{.*}}) :
  %n = arith.constant dense<4611686018427387904> : tensor<2xi64>
  %o = gqa.attention %q, %k, %k causal offset(%n) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// No key is hidden, but infinite inputs may make all scores -inf.
// CHECK-LABEL: @no_dead_row_plain
func.func @no_dead_row_plain(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 dead_row(nan) :
  %o = gqa.attention %q, %k, %k dead_row(nan) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @dead_row_causal
func.func @dead_row_causal(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(0) dead_row(nan) :
  %o = gqa.attention %q, %k, %k causal offset(0) dead_row(uniform) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// Query 2 stands at key 4, the last one.
// CHECK-LABEL: @dead_row_causal_own_key
func.func @dead_row_causal_own_key(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(2) window(0, 0) dead_row(nan) :
  %o = gqa.attention %q, %k, %k causal offset(2) window(0, 0) dead_row(uniform) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @dead_row_sinks
func.func @dead_row_sinks(%q: !q, %k: !kv, %n: tensor<2xi64>, %x: tensor<6xf32>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 kv_len(%arg2) sinks(%arg3) :
  %o = gqa.attention %q, %k, %k kv_len(%n) sinks(%x) dead_row(nan) : (!q, !kv, !kv, tensor<2xi64>, tensor<6xf32>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_dead_row_negative_offset
func.func @no_dead_row_negative_offset(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(-1) dead_row(uniform) :
  %o = gqa.attention %q, %k, %k causal offset(-1) dead_row(uniform) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// Query 2 stands at key 5, past the last one.
// CHECK-LABEL: @no_dead_row_window_leaves
func.func @no_dead_row_window_leaves(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(3) window(0, 0) dead_row(uniform) :
  %o = gqa.attention %q, %k, %k causal offset(3) window(0, 0) dead_row(uniform) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_dead_row_kv_len
func.func @no_dead_row_kv_len(%q: !q, %k: !kv, %n: tensor<2xi64>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 kv_len(%arg2) dead_row(uniform) :
  %o = gqa.attention %q, %k, %k kv_len(%n) dead_row(uniform) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// There may be no key at all.
// CHECK-LABEL: @no_dead_row_unknown_keys
func.func @no_dead_row_unknown_keys(%q: !q, %k: !dyn) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 dead_row(uniform) :
  %o = gqa.attention %q, %k, %k dead_row(uniform) : (!q, !dyn, !dyn) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_dead_row_score
func.func @no_dead_row_score(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 dead_row(nan) :
  %o = gqa.attention %q, %k, %k dead_row(nan) : (!q, !kv, !kv) -> !q
    score(%s, %b, %h, %i, %j) {
      %t = math.absf %s : f32
      gqa.yield %t : f32
    }
  return %o : !q
}

// CHECK-LABEL: @lse_unused
func.func @lse_unused(%q: !q, %k: !kv) -> !q {
  // CHECK: %{{.*}} = gqa.attention %arg0, %arg1, %arg1 softcap(3.000000e+01) {note = "kept"} : {{.*}} -> tensor<2x6x3x8xf32>
  %o, %lse = gqa.attention %q, %k, %k softcap(30.0) {note = "kept"} : (!q, !kv, !kv) -> (!q, tensor<2x6x3xf32>)
  return %o : !q
}
