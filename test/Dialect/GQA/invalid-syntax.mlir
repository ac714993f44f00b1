// What the parsers of the operations say about text that they do not understand.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

func.func @clause_unknown(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{unknown clause 'paged' of gqa.attention, expected causal, offset, window, scale, softcap, mask, bias, kv_len, sinks, dead_row or layout}}
  %o = gqa.attention %q, %k, %v paged(%k) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @clause_twice(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{clause 'causal' given twice}}
  %o = gqa.attention %q, %k, %v causal offset(0) causal : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @clause_and_attribute(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'softcap' given twice}}
  %o = gqa.attention %q, %k, %v softcap(1.0) {softcap = 2.0 : f64} : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @layout_of_unknown_operand(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{layout of 'x', expected q, k, v or o}}
  %o = gqa.attention %q, %k, %v layout(x = "bhsd") : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @layout_twice(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{layout of 'q' given twice}}
  %o = gqa.attention %q, %k, %v layout(q = "bhsd", q = "bshd") : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @dead_row_unknown(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{dead_row 'maybe', expected zero, nan or uniform}}
  %o = gqa.attention %q, %k, %v dead_row(maybe) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @window_of_one_number(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{expected ','}}
  %o = gqa.attention %q, %k, %v window(3) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @scale_of_a_word(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{expected floating point literal}}
  %o = gqa.attention %q, %k, %v scale(big) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @types_too_few(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{custom op 'gqa.attention' number of operands and types do not match: got 3 operands and 1 types}}
  %o = gqa.attention %q, %k, %v causal : (tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @score_arguments_missing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{score region with 4 arguments, expected the score, b, h, i, j and captured values}}
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32> score(%s, %b, %h, %i) { gqa.yield %s : f32 }
  return
}

// -----

func.func @score_argument_captures_nothing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{expected '='}}
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32> score(%s, %b, %h, %i, %j, %x) { gqa.yield %s : f32 }
  return
}

// -----

func.func @score_types_missing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{types of 3 operands, but there are 4}}
  %o = gqa.attention %q, %k, %v : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32> score(%s, %b, %h, %i, %j, %x = %q) { gqa.yield %s : f32 }
  return
}

// -----

func.func @rotary_kind(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xf32>) {
  // expected-error @below {{found 'spiral', expected half or interleaved}}
  %r = gqa.rotary %x, %c, %c spiral : tensor<2x6x3x8xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @repeat_order(%x: tensor<2x2x5x8xf32>) {
  // expected-error @below {{found 'shuffled', expected block or tiled}}
  %r = gqa.repeat_heads %x shuffled groups(2) : tensor<2x2x5x8xf32> -> tensor<2x4x5x8xf32>
  return
}
