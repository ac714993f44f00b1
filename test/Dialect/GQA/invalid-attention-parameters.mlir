// (C13) to (C20) of gqa.attention: parameters, positions, the score region, limits. One function per constraint.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

func.func @attention_c13_scale_too_large_for_f32(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{scale is 1.000000e+39, expected a number that is finite as 'f32'}}
  %o = gqa.attention %q, %k, %v scale(1.0e39)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c13_no_default_scale(%q: tensor<2x6x3x0xf32>, %k: tensor<2x2x5x0xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{scale is missing, and 1 / sqrt(Dk) is infinite because the head dimension of k is 0}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x0xf32>, tensor<2x2x5x0xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c14_window_below_minus_one(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{window is [-2, 0], expected two numbers, how many keys to the left and to the right, each -1 (unbounded) or more and below 2^60}}
  %o = gqa.attention %q, %k, %v offset(0) window(-2, 0)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c14_window_too_large(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{window is [0, 1152921504606846976], expected two numbers}}
  %o = gqa.attention %q, %k, %v offset(0) window(0, 1152921504606846976)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c14_offset_too_large(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{offset is -1152921504606846976, expected a number between -2^60 and 2^60}}
  %o = gqa.attention %q, %k, %v causal offset(-1152921504606846976)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c15_softcap_zero(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{softcap is 0.000000e+00, expected a number that is positive and finite as 'f32'}}
  %o = gqa.attention %q, %k, %v softcap(0.0)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c15_softcap_negative(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{softcap is -5.000000e+01, expected a number that is positive and finite as 'f32'}}
  %o = gqa.attention %q, %k, %v softcap(-50.0)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c15_softcap_vanishes_in_f32(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{softcap is 1.000000e-50, expected a number that is positive and finite as 'f32'}}
  %o = gqa.attention %q, %k, %v softcap(1.0e-50)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c16_causal_without_offset(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{causal or window with Sq not provably equal to Skv needs offset(...): 0 aligns the first query with the first key, Skv - Sq the last with the last}}
  %o = gqa.attention %q, %k, %v causal
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c16_window_of_dynamic_keys(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x8xf32>) {
  // expected-error @below {{causal or window with Sq not provably equal to Skv needs offset(...)}}
  %o = gqa.attention %q, %k, %v window(4, 0)
    : (tensor<2x6x3x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c18_captures_memref(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %m: memref<6xf32>) {
  // expected-error @below {{captures a value of type 'memref<6xf32>', expected a scalar or a ranked tensor of them}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, memref<6xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j, %c = %m) {
      gqa.yield %s : f32
    }
  return
}

// -----

func.func @attention_c20_encoding(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32, "sparse">, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'tensor<2x2x5x8xf32, "sparse">' has an encoding, expected a plain dense tensor}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32, "sparse">, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c20_too_many_elements(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x4294967296x4294967296xf32>) {
  // expected-error @below {{'tensor<2x2x4294967296x4294967296xf32>' has 2^60 elements or more, which nothing can address}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x4294967296x4294967296xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c20_too_many_elements_beside_an_empty_dimension(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<0x2x4294967296x4294967296xf32>) {
  // expected-error @below {{'tensor<0x2x4294967296x4294967296xf32>' has 2^60 elements or more}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<0x2x4294967296x4294967296xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c20_too_many_scores(%q: tensor<1x1x2147483648x1xf32>, %k: tensor<1x1x2147483648x1xf32>, %v: tensor<1x1x2147483648x1xf32>) {
  // expected-error @below {{score matrix B x Hq x Sq x Skv has 2^60 elements or more}}
  %o = gqa.attention %q, %k, %v
    : (tensor<1x1x2147483648x1xf32>, tensor<1x1x2147483648x1xf32>, tensor<1x1x2147483648x1xf32>) -> tensor<1x1x2147483648x1xf32>
  return
}

// -----

func.func @attention_c17_yields_index(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      // expected-error @below {{'gqa.yield' op yields ('index'), expected the score, 'f32', and optionally an i1 that says whether the key is seen}}
      gqa.yield %i : index
    }
  return
}

// -----

func.func @attention_c17_yields_nothing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      // expected-error @below {{'gqa.yield' op yields (), expected the score, 'f32'}}
      "gqa.yield"() : () -> ()
    }
  return
}

// -----

func.func @attention_c17_seen_is_not_i1(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      // expected-error @below {{'gqa.yield' op yields ('f32', 'f32'), expected the score, 'f32'}}
      gqa.yield %s, %s : f32, f32
    }
  return
}

// -----

func.func @attention_c19_side_effect(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      // expected-error @below {{'memref.alloc' op has side effects, which a score region must not have}}
      %m = memref.alloc() : memref<4xf32>
      gqa.yield %s : f32
    }
  return
}

// -----

func.func @attention_c19_tensor_result(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      // expected-error @below {{'arith.constant' op in a score region, expected operations on scalars without regions; capture tensors and use arith.select for control flow}}
      %m = arith.constant dense<1.0> : tensor<4xf32>
      gqa.yield %s : f32
    }
  return
}

// -----

func.func @attention_c19_region(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
    score(%s, %b, %h, %i, %j) {
      %c = arith.cmpi eq, %i, %j : index
      // expected-error @below {{'scf.if' op in a score region, expected operations on scalars without regions}}
      %r = scf.if %c -> f32 {
        scf.yield %s : f32
      } else {
        scf.yield %s : f32
      }
      gqa.yield %r : f32
    }
  return
}
