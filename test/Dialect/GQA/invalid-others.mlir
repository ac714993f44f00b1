// One function per constraint of the operations around gqa.attention, named after it.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

func.func @merge_c1_layout(%o: tensor<2x6x3x8xf32>, %l: tensor<2x6x3xf32>) {
  // expected-error @below {{layout is "bhs", expected a permutation of "bhsd"}}
  %r:2 = gqa.merge %o, %l, %o, %l layout("bhs") : tensor<2x6x3x8xf32>, tensor<2x6x3xf32>
  return
}

// -----

func.func @merge_c2_lse_shape(%o: tensor<2x6x3x8xf32>, %l: tensor<2x3x6xf32>) {
  // expected-error @below {{lse is 'tensor<2x3x6xf32>', expected B x H x S of 'tensor<2x6x3x8xf32>' in layout "bhsd"}}
  %r:2 = gqa.merge %o, %l, %o, %l : tensor<2x6x3x8xf32>, tensor<2x3x6xf32>
  return
}

// -----

func.func @merge_c3_lse_f64(%o: tensor<2x6x3x8xf32>, %l: tensor<2x6x3xf64>) {
  // expected-error @below {{lse is 'tensor<2x6x3xf64>', expected elements of type f32}}
  %r:2 = gqa.merge %o, %l, %o, %l : tensor<2x6x3x8xf32>, tensor<2x6x3xf64>
  return
}

// -----

func.func @merge_c3_lse_f32(%o: tensor<2x6x3x8xf64>, %l: tensor<2x6x3xf32>) {
  // expected-error @below {{lse is 'tensor<2x6x3xf32>', expected elements of type f64}}
  %r:2 = gqa.merge %o, %l, %o, %l : tensor<2x6x3x8xf64>, tensor<2x6x3xf32>
  return
}

// -----

func.func @merge_c4_too_many_elements(%o: tensor<4294967296x4294967296x1x1xf32>, %l: tensor<?x?x?xf32>) {
  // expected-error @below {{has 2^60 elements or more}}
  %r:2 = gqa.merge %o, %l, %o, %l : tensor<4294967296x4294967296x1x1xf32>, tensor<?x?x?xf32>
  return
}

// -----

func.func @rotary_c1_layout(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xf32>) {
  // expected-error @below {{layout is "dshh", expected a permutation of "bhsd"}}
  %r = gqa.rotary %x, %c, %c half layout("dshh") : tensor<2x6x3x8xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @rotary_c2_rank_zero(%x: tensor<2x6x3x8xf32>, %c: tensor<f32>) {
  // expected-error @below {{cos is 'tensor<f32>' and sin 'tensor<f32>', expected one tensor type of f16, bf16, f32 or f64, of rank 1 to 4, with a static last dimension}}
  %r = gqa.rotary %x, %c, %c half : tensor<2x6x3x8xf32>, tensor<f32>
  return
}

// -----

func.func @rotary_c2_dynamic(%x: tensor<2x6x3x8xf32>, %c: tensor<3x?xf32>) {
  // expected-error @below {{expected one tensor type of f16, bf16, f32 or f64, of rank 1 to 4, with a static last dimension}}
  %r = gqa.rotary %x, %c, %c half : tensor<2x6x3x8xf32>, tensor<3x?xf32>
  return
}

// -----

func.func @rotary_c2_integers(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xi32>) {
  // expected-error @below {{expected one tensor type of f16, bf16, f32 or f64, of rank 1 to 4, with a static last dimension}}
  %r = gqa.rotary %x, %c, %c half : tensor<2x6x3x8xf32>, tensor<3x4xi32>
  return
}

// -----

func.func @rotary_c2_sin_differs(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xf32>, %s: tensor<3x4xf16>) {
  // expected-error @below {{cos is 'tensor<3x4xf32>' and sin 'tensor<3x4xf16>', expected one tensor type}}
  %r = "gqa.rotary"(%x, %c, %s) <{kind = #gqa<rotary half>}> : (tensor<2x6x3x8xf32>, tensor<3x4xf32>, tensor<3x4xf16>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @rotary_c3_rotates_too_much(%x: tensor<2x6x3x8xf32>, %c: tensor<3x5xf32>) {
  // expected-error @below {{rotates 10 elements (twice the last dimension of cos), but the head dimension is 8}}
  %r = gqa.rotary %x, %c, %c half : tensor<2x6x3x8xf32>, tensor<3x5xf32>
  return
}

// -----

func.func @rotary_c4_does_not_broadcast(%x: tensor<?x6x3x8xf32>, %c: tensor<2x4xf32>) {
  // expected-error @below {{cos is 'tensor<2x4xf32>', which does not broadcast to B x H x S x R/2 = ? x 6 x 3 x 4}}
  %r = gqa.rotary %x, %c, %c half : tensor<?x6x3x8xf32>, tensor<2x4xf32>
  return
}

// -----

func.func @rotary_c5_encoding(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xf32, "e">) {
  // expected-error @below {{has an encoding, expected a plain dense tensor}}
  %r = gqa.rotary %x, %c, %c half : tensor<2x6x3x8xf32>, tensor<3x4xf32, "e">
  return
}

// -----

func.func @repeat_heads_c1_layout(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{layout is "", expected a permutation of "bhsd"}}
  %r = gqa.repeat_heads %x block groups(1) layout("") : tensor<2x6x3x8xf32> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_heads_c2_groups(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{groups is 0, expected at least 1}}
  %r = gqa.repeat_heads %x block groups(0) : tensor<2x6x3x8xf32> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_heads_c3_heads(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{result is 'tensor<2x6x3x8xf32>', expected 2 times the heads of the operand, 'tensor<2x12x3x8xf32>'}}
  %r = gqa.repeat_heads %x tiled groups(2) : tensor<2x6x3x8xf32> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_heads_c3_layout(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{result is 'tensor<2x12x3x8xf32>', expected 2 times the heads of the operand, 'tensor<2x6x6x8xf32>'}}
  %r = gqa.repeat_heads %x block groups(2) layout("bshd") : tensor<2x6x3x8xf32> -> tensor<2x12x3x8xf32>
  return
}

// -----

func.func @repeat_heads_c3_element_type(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{result is 'tensor<2x6x3x8xf16>', expected 1 times the heads}}
  %r = gqa.repeat_heads %x block groups(1) : tensor<2x6x3x8xf32> -> tensor<2x6x3x8xf16>
  return
}

// -----

func.func @repeat_heads_c4_groups_overflow(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{groups is 4611686018427387904, which makes more heads than can be counted}}
  %r = gqa.repeat_heads %x block groups(4611686018427387904) : tensor<2x6x3x8xf32> -> tensor<2x?x3x8xf32>
  return
}

// -----

func.func @append_kv_c1_layout(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{layout is "bhsdx", expected a permutation of "bhsd"}}
  %r = gqa.append_kv %x, %x layout("bhsdx") : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x6x8xf32>
  return
}

// -----

func.func @append_kv_c2_element_type(%x: tensor<2x6x3x8xf32>, %y: tensor<2x6x1x8xf16>) {
  // expected-error @below {{fresh is 'tensor<2x6x1x8xf16>', expected the element type, batch size, heads and head dimension of the cache, 'tensor<2x6x3x8xf32>'}}
  %r = gqa.append_kv %x, %y : (tensor<2x6x3x8xf32>, tensor<2x6x1x8xf16>) -> tensor<2x6x4x8xf32>
  return
}

// -----

func.func @append_kv_c2_heads(%x: tensor<2x6x3x8xf32>, %y: tensor<2x5x1x8xf32>) {
  // expected-error @below {{fresh is 'tensor<2x5x1x8xf32>', expected the element type, batch size, heads}}
  %r = gqa.append_kv %x, %y : (tensor<2x6x3x8xf32>, tensor<2x5x1x8xf32>) -> tensor<2x6x4x8xf32>
  return
}

// -----

func.func @append_kv_c2_result_head_dimension(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{the result is 'tensor<2x6x6x4xf32>', expected the element type, batch size, heads}}
  %r = gqa.append_kv %x, %x : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x6x4xf32>
  return
}

// -----

func.func @append_kv_c3_concat(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{result has 3 tokens, expected 6, those of cache and fresh}}
  %r = gqa.append_kv %x, %x : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @append_kv_c3_indexed(%x: tensor<2x6x3x8xf32>, %p: tensor<3xi64>) {
  // expected-error @below {{result has 6 tokens, expected 3, those of the cache}}
  %r = gqa.append_kv %x, %x at %p : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<3xi64>) -> tensor<2x6x6x8xf32>
  return
}

// -----

func.func @append_kv_c4_positions(%x: tensor<2x6x3x8xf32>, %p: tensor<2xi64>) {
  // expected-error @below {{positions is 'tensor<2xi64>', expected one per fresh token (3), or batch size x that}}
  %r = gqa.append_kv %x, %x at %p : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<2xi64>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @append_kv_c4_positions_per_batch(%x: tensor<2x6x3x8xf32>, %y: tensor<2x6x?x8xf32>, %p: tensor<1x3xi64>) {
  // expected-error @below {{positions is 'tensor<1x3xi64>', expected one per fresh token (?), or batch size x that}}
  %r = gqa.append_kv %x, %y at %p : (tensor<2x6x3x8xf32>, tensor<2x6x?x8xf32>, tensor<1x3xi64>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @append_kv_c5_too_many_elements(%x: tensor<4294967296x4294967296x1x1xf32>) {
  // expected-error @below {{has 2^60 elements or more}}
  %r = gqa.append_kv %x, %x : (tensor<4294967296x4294967296x1x1xf32>, tensor<4294967296x4294967296x1x1xf32>) -> tensor<4294967296x4294967296x1x1xf32>
  return
}

// -----

func.func @dequantize_c1_shape(%x: tensor<2x6x3x8xi8>) {
  // expected-error @below {{result is 'tensor<2x6x4x8xf32>', expected the shape and a wider type than that of x, 'tensor<2x6x3x8xi8>'}}
  %r = gqa.dequantize %x : tensor<2x6x3x8xi8> -> tensor<2x6x4x8xf32>
  return
}

// -----

func.func @dequantize_c1_not_wider(%x: tensor<2x6x3x8xf16>) {
  // expected-error @below {{result is 'tensor<2x6x3x8xbf16>', expected the shape and a wider type than that of x, 'tensor<2x6x3x8xf16>'}}
  %r = gqa.dequantize %x : tensor<2x6x3x8xf16> -> tensor<2x6x3x8xbf16>
  return
}

// -----

func.func @dequantize_c2_scale(%x: tensor<2x6x3x8xi8>, %s: tensor<4xf32>) {
  // expected-error @below {{scale is 'tensor<4xf32>', which does not broadcast to x, 'tensor<2x6x3x8xi8>'}}
  %r = gqa.dequantize %x scale(%s : tensor<4xf32>) : tensor<2x6x3x8xi8> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @dequantize_c2_zero(%x: tensor<2x6x3x8xi8>, %z: tensor<2x1x1xf32>) {
  // expected-error @below {{zero is 'tensor<2x1x1xf32>', which does not broadcast to x, 'tensor<2x6x3x8xi8>'}}
  %r = gqa.dequantize %x zero(%z : tensor<2x1x1xf32>) : tensor<2x6x3x8xi8> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @dequantize_c3_unsigned_floats(%x: tensor<2x6x3x8xf16>) {
  // expected-error @below {{is unsigned, expected integers, found 'f16'}}
  %r = gqa.dequantize %x unsigned : tensor<2x6x3x8xf16> -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @dequantize_c4_too_many_elements(%x: tensor<4294967296x4294967296x1x1xi8>) {
  // expected-error @below {{has 2^60 elements or more}}
  %r = gqa.dequantize %x : tensor<4294967296x4294967296x1x1xi8> -> tensor<4294967296x4294967296x1x1xf32>
  return
}

// -----

func.func @yield_outside_of_attention(%x: f32) {
  // expected-error @below {{'gqa.yield' op expects parent op 'gqa.attention'}}
  gqa.yield %x : f32
  return
}
