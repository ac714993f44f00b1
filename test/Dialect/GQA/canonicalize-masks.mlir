// Masks, biases and positions that hide nothing are dropped; those that hide one key stay.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

!q = tensor<2x6x3x8xf32>
!kv = tensor<2x2x5x8xf32>
!dyn = tensor<2x2x?x8xf32>
!dynq = tensor<2x6x?x8xf32>

// CHECK-LABEL: @mask_all_true
func.func @mask_all_true(%q: !q, %k: !kv, %n: tensor<2xi64>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 kv_len(%arg2) dead_row(uniform) :
  %m = arith.constant dense<true> : tensor<3x5xi1>
  %o = gqa.attention %q, %k, %k dead_row(uniform) kv_len(%n) mask(%m) : (!q, !kv, !kv, tensor<3x5xi1>, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @mask_filled_with_true
func.func @mask_filled_with_true(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %true = arith.constant true
  %e = tensor.empty() : tensor<2x6x3x5xi1>
  %m = linalg.fill ins(%true : i1) outs(%e : tensor<2x6x3x5xi1>) -> tensor<2x6x3x5xi1>
  %o = gqa.attention %q, %k, %k mask(%m) : (!q, !kv, !kv, tensor<2x6x3x5xi1>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_mask_partly_true
func.func @no_mask_partly_true(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 mask(%{{.*}}) :
  %m = arith.constant dense<[true, true, true, true, false]> : tensor<5xi1>
  %o = gqa.attention %q, %k, %k mask(%m) : (!q, !kv, !kv, tensor<5xi1>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_mask_all_false
func.func @no_mask_all_false(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 mask(%{{.*}}) :
  %m = arith.constant dense<false> : tensor<i1>
  %o = gqa.attention %q, %k, %k mask(%m) : (!q, !kv, !kv, tensor<i1>) -> !q
  return %o : !q
}

// CHECK-LABEL: @bias_zero
func.func @bias_zero(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %m = arith.constant dense<0.0> : tensor<3x5xf16>
  %o = gqa.attention %q, %k, %k bias(%m) : (!q, !kv, !kv, tensor<3x5xf16>) -> !q
  return %o : !q
}

// -0.0 + 0.0 is 0.0, and a score region can tell the two apart.
// CHECK-LABEL: @no_bias_zero_before_a_score_region
func.func @no_bias_zero_before_a_score_region(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 bias(%{{.*}}) :
  %m = arith.constant dense<0.0> : tensor<3x5xf16>
  %o = gqa.attention %q, %k, %k bias(%m) : (!q, !kv, !kv, tensor<3x5xf16>) -> !q
    score(%s, %b, %h, %i, %j) {
      %t = math.absf %s : f32
      gqa.yield %t : f32
    }
  return %o : !q
}

// CHECK-LABEL: @bias_negative_zero
func.func @bias_negative_zero(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %m = arith.constant dense<-0.0> : tensor<3x5xf16>
  %o = gqa.attention %q, %k, %k bias(%m) : (!q, !kv, !kv, tensor<3x5xf16>) -> !q
    score(%s, %b, %h, %i, %j) {
      %t = math.absf %s : f32
      gqa.yield %t : f32
    }
  return %o : !q
}

// CHECK-LABEL: @no_bias_small
func.func @no_bias_small(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 bias(%{{.*}}) :
  %m = arith.constant dense<1.0e-6> : tensor<3x5xf16>
  %o = gqa.attention %q, %k, %k bias(%m) : (!q, !kv, !kv, tensor<3x5xf16>) -> !q
  return %o : !q
}

// CHECK-LABEL: @kv_len_of_all_keys
func.func @kv_len_of_all_keys(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %n = arith.constant dense<5> : tensor<1xi32>
  %o = gqa.attention %q, %k, %k kv_len(%n) : (!q, !kv, !kv, tensor<1xi32>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_kv_len_of_fewer_keys
func.func @no_kv_len_of_fewer_keys(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 kv_len(%{{.*}}) :
  %n = arith.constant dense<4> : tensor<2xi64>
  %o = gqa.attention %q, %k, %k kv_len(%n) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_kv_len_of_unknown_keys
func.func @no_kv_len_of_unknown_keys(%q: !q, %k: !dyn) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 kv_len(%{{.*}}) :
  %n = arith.constant dense<4096> : tensor<2xi64>
  %o = gqa.attention %q, %k, %k kv_len(%n) : (!q, !dyn, !dyn, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @causal_past_all_keys
func.func @causal_past_all_keys(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %o = gqa.attention %q, %k, %k causal offset(4) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_causal_one_key_hidden
func.func @no_causal_one_key_hidden(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(3) :
  %o = gqa.attention %q, %k, %k causal offset(3) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_causal_of_unknown_keys
func.func @no_causal_of_unknown_keys(%q: !q, %k: !dyn) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(4) :
  %o = gqa.attention %q, %k, %k causal offset(4) : (!q, !dyn, !dyn) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_causal_of_unknown_offset
func.func @no_causal_of_unknown_offset(%q: !q, %k: !kv, %n: tensor<2xi64>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(%arg2) :
  %o = gqa.attention %q, %k, %k causal offset(%n) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @window_unbounded
func.func @window_unbounded(%q: !q, %k: !kv, %n: tensor<2xi64>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %o = gqa.attention %q, %k, %k offset(%n) window(-1, -1) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}

// CHECK-LABEL: @window_wide
func.func @window_wide(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %o = gqa.attention %q, %k, %k offset(1) window(3, 3) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_window_left_hides_one
func.func @no_window_left_hides_one(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 offset(1) window(2, 3) :
  %o = gqa.attention %q, %k, %k offset(1) window(2, 3) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_window_right_hides_one
func.func @no_window_right_hides_one(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 offset(1) window(3, 2) :
  %o = gqa.attention %q, %k, %k offset(1) window(3, 2) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// Causal hides what the right side of the window would.
// CHECK-LABEL: @window_right_of_causal
func.func @window_right_of_causal(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(2) :
  %o = gqa.attention %q, %k, %k causal offset(2) window(4, 0) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_window_of_unknown_queries
func.func @no_window_of_unknown_queries(%q: !dynq, %k: !kv) -> !dynq {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 offset(0) window(1000, -1) :
  %o = gqa.attention %q, %k, %k offset(0) window(1000, -1) : (!dynq, !kv, !kv) -> !dynq
  return %o : !dynq
}

// CHECK-LABEL: @offset_without_causal
func.func @offset_without_causal(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %o = gqa.attention %q, %k, %k offset(7) : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @offset_operand_without_causal
func.func @offset_operand_without_causal(%q: !q, %k: !kv, %n: tensor<2xi64>) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %o = gqa.attention %q, %k, %k offset(%n) : (!q, !kv, !kv, tensor<2xi64>) -> !q
  return %o : !q
}
