// (C1) to (C12) of gqa.attention: types, layouts, sizes. One function per constraint, named after it.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

func.func @attention_c1_v_element_type_differs(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf16>) {
  // expected-error @below {{'gqa.attention' op element type of v is 'f16', expected that of q, 'f32'; cast it first}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf16>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c1_output_element_type_differs(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{element type of the output is 'f16', expected that of q, 'f32'}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf16>
  return
}

// -----

func.func @attention_c2_layout_repeats_letter(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{layout of k is "bhss", expected a permutation of "bhsd"}}
  %o = gqa.attention %q, %k, %v layout(k = "bhss")
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c2_layout_unknown_letter(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{layout of o is "bhsx", expected a permutation of "bhsd"}}
  %o = gqa.attention %q, %k, %v layout(o = "bhsx")
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c2_layout_too_long(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{layout of q is "bhsdd", expected a permutation of "bhsd"}}
  %o = gqa.attention %q, %k, %v layout(q = "bhsdd")
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c3_batch_of_k_differs(%q: tensor<2x6x3x8xf32>, %k: tensor<3x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{batch size of q is 2, but that of k is 3}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<3x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c3_batch_of_v_differs(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<1x2x5x8xf32>) {
  // expected-error @below {{batch size of q is 2, but that of v is 1}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<1x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c4_kv_heads_differ(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x3x5x8xf32>) {
  // expected-error @below {{number of heads of k is 2, but that of v is 3}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x3x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c5_kv_heads_do_not_divide(%q: tensor<2x6x3x8xf32>, %k: tensor<2x4x5x8xf32>, %v: tensor<2x4x5x8xf32>) {
  // expected-error @below {{number of key/value heads, 4, does not divide the number of query heads, 6}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x4x5x8xf32>, tensor<2x4x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c5_no_kv_heads(%q: tensor<2x6x3x8xf32>, %k: tensor<2x0x5x8xf32>, %v: tensor<2x0x5x8xf32>) {
  // expected-error @below {{number of key/value heads, 0, does not divide the number of query heads, 6}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x0x5x8xf32>, tensor<2x0x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c6_keys_differ(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x4x8xf32>) {
  // expected-error @below {{number of keys of k is 5, but that of v is 4}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x4x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c7_head_dimensions_differ(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x16xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{head dimension of q is 8, but that of k is 16}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x16xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c7_layout_counts(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x8x8xf32>) {
  // expected-error @below {{head dimension of q is 8, but that of k is 5}}
  %o = gqa.attention %q, %k, %v layout(k = "bhds")
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x8x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c8_output_shape(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{output is 'tensor<2x6x3x4xf32>', expected B x Hq x Sq x Dv in layout "bhsd", 'tensor<2x6x3x8xf32>'}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x4xf32>
  return
}

// -----

func.func @attention_c8_output_layout(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{output is 'tensor<2x6x3x8xf32>', expected B x Hq x Sq x Dv in layout "bshd", 'tensor<2x3x6x8xf32>'}}
  %o = gqa.attention %q, %k, %v layout(o = "bshd")
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c9_lse_shape(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{lse is 'tensor<2x3x6xf32>', expected B x Hq x Sq, 'tensor<2x6x3xf32>'}}
  %o, %lse = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> (tensor<2x6x3x8xf32>, tensor<2x3x6xf32>)
  return
}

// -----

func.func @attention_c9_lse_element_type(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{lse is 'tensor<2x6x3xf64>', expected B x Hq x Sq, 'tensor<2x6x3xf32>'}}
  %o, %lse = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> (tensor<2x6x3x8xf32>, tensor<2x6x3xf64>)
  return
}

// -----

func.func @attention_c10_mask_does_not_broadcast(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %m: tensor<2x3x5xi1>) {
  // expected-error @below {{mask is 'tensor<2x3x5xi1>', which does not broadcast to the scores, B x Hq x Sq x Skv = 'tensor<2x6x3x5xi1>'}}
  %o = gqa.attention %q, %k, %v mask(%m)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x3x5xi1>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c10_bias_does_not_broadcast(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %m: tensor<3x4xf32>) {
  // expected-error @below {{bias is 'tensor<3x4xf32>', which does not broadcast to the scores, B x Hq x Sq x Skv = 'tensor<2x6x3x5xf32>'}}
  %o = gqa.attention %q, %k, %v bias(%m)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<3x4xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c11_kv_len_size(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %n: tensor<3xi64>) {
  // expected-error @below {{kv_len has 3 elements, expected one or 2, the batch size}}
  %o = gqa.attention %q, %k, %v kv_len(%n)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<3xi64>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c11_offset_size(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %n: tensor<0xi32>) {
  // expected-error @below {{offset has 0 elements, expected one or 2, the batch size}}
  %o = gqa.attention %q, %k, %v causal offset(%n)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<0xi32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c12_sinks_size(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %n: tensor<2xf32>) {
  // expected-error @below {{sinks has 2 elements, expected 6, the number of query heads}}
  %o = gqa.attention %q, %k, %v sinks(%n)
    : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_rank(%q: tensor<2x6x3x8xf32>, %k: tensor<2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op operand #1 must be rank-4 tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<2x5x8xf32>'}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xf32>, tensor<2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_unsupported_element_type(%q: tensor<2x6x3x8xi8>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op operand #0 must be rank-4 tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<2x6x3x8xi8>'}}
  %o = gqa.attention %q, %k, %v
    : (tensor<2x6x3x8xi8>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xi8>
  return
}
