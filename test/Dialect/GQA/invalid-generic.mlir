// Generic form says what no pretty form can: nothing in it crashes the verifier or the printer.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics
// RUN: not gqa-opt %s --split-input-file 2>&1 | FileCheck %s
// CHECK: see current operation:
// CHECK-NEXT: "gqa.attention"(

func.func @layout_is_a_number(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{invalid properties {operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, q_layout = 4 : i64} for op gqa.attention: Invalid attribute `q_layout` in property conversion: 4 : i64}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, q_layout = 4 : i64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @dead_row_is_a_number(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{invalid properties {dead_row = 1 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>} for op gqa.attention: Invalid attribute `dead_row` in property conversion: 1 : i32}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, dead_row = 1 : i32}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @window_of_three_numbers(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{window is [1, 2, 3], expected two numbers}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, window = array<i64: 1, 2, 3>, offset = 0 : i64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @window_of_no_numbers(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{window is [], expected two numbers}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, window = array<i64>, offset = 0 : i64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @offset_of_i32(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op attribute 'offset' failed to satisfy constraint: 64-bit signless integer attribute}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, offset = 0 : i32}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @scale_of_f32(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op attribute 'scale' failed to satisfy constraint: 64-bit float attribute}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, scale = 1.0 : f32}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @scale_is_nan(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{scale is nan, expected a number that is finite as 'f32'}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, scale = 0x7FF8000000000000 : f64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @softcap_is_infinite(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op softcap is INF, expected a number that is positive and finite as 'f32'}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>, softcap = 0x7FF0000000000000 : f64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_missing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op requires one region}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_of_two(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op requires one region}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({}, {}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_block_is_empty(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{empty block: expect at least a terminator}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_ends_without_yield(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
  // expected-error @below {{block with no terminator}}
  %x = arith.addf %s, %s : f32
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_ends_with_other_terminator(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{score region must end with gqa.yield}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
  "llvm.unreachable"() : () -> ()
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_of_two_blocks(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op region #0 ('score') failed to verify constraint: region with at most 1 blocks}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
  cf.br ^bb1
^bb1:
  gqa.yield %s : f32
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c17_region_arguments(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{score region takes ('f32'), expected the score, b, h, i, j and the captured values: ('f32', 'index', 'index', 'index', 'index')}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32):
  gqa.yield %s : f32
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c17_capture_without_argument(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{score region takes ('f32', 'index', 'index', 'index', 'index'), expected}}
  %o = "gqa.attention"(%q, %k, %v, %q) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
  gqa.yield %s : f32
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c18_captures_without_region(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{has captured values but no score region}}
  %o = "gqa.attention"(%q, %k, %v, %q) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @region_uses_value_from_above(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({
^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
  // expected-error @below {{'tensor.extract' op using value defined outside the region}}
  %x = tensor.extract %q[%b, %h, %i, %j] : tensor<2x6x3x8xf32>
  gqa.yield %x : f32
}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @segments_missing_operand(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op expected 3 or more operands, but found 2}}
  %o = "gqa.attention"(%q, %k) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @segments_of_wrong_sum(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op operand count (3) does not match with the total size (4) specified in attribute 'operandSegmentSizes'}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @segments_negative(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op 'operandSegmentSizes' attribute cannot have negative elements}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 2, -1, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @segments_of_wrong_length(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{invalid properties {operandSegmentSizes = array<i32: 1, 1, 1>} for op gqa.attention: size mismatch in attribute conversion: 3 vs 10}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @attention_c13_two_scales(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %f: f32) {
  // expected-error @below {{scale and offset are each an attribute or an operand, not both}}
  %o = "gqa.attention"(%q, %k, %v, %f) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 1, 0>, scale = 1.0 : f64}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, f32) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @results_missing(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op expected 1 or more results}}
  "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> ()
  return
}

// -----

func.func @results_of_three(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op result group starting at #1 requires 0 or 1 element, but found 2}}
  %o:3 = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> (tensor<2x6x3x8xf32>, tensor<2x6x3xf32>, tensor<2x6x3xf32>)
  return
}

// -----

func.func @q_is_a_memref(%q: memref<2x6x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op operand #0 must be rank-4 tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'memref<2x6x3x8xf32>'}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({}) : (memref<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @q_is_unranked(%q: tensor<*xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>) {
  // expected-error @below {{'gqa.attention' op operand #0 must be rank-4 tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<*xf32>'}}
  %o = "gqa.attention"(%q, %k, %v) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}> ({}) : (tensor<*xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_groups_missing(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{'gqa.repeat_heads' op requires attribute 'groups'}}
  %r = "gqa.repeat_heads"(%x) <{order = #gqa<head_order block>}> : (tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_order_missing(%x: tensor<2x6x3x8xf32>) {
  // expected-error @below {{'gqa.repeat_heads' op requires attribute 'order'}}
  %r = "gqa.repeat_heads"(%x) <{groups = 1 : i64}> : (tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @repeat_of_scalar(%x: f32) {
  // expected-error @below {{'gqa.repeat_heads' op operand #0 must be rank-4 tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values, but got 'f32'}}
  %r = "gqa.repeat_heads"(%x) <{groups = 1 : i64, order = #gqa<head_order block>}> : (f32) -> f32
  return
}

// -----

func.func @merge_types_differ(%o: tensor<2x6x3x8xf32>, %p: tensor<2x6x3x4xf32>, %l: tensor<2x6x3xf32>) {
  // expected-error @below {{'gqa.merge' op failed to verify that all of {o0, o1, output} have same type}}
  %r:2 = "gqa.merge"(%o, %l, %p, %l) : (tensor<2x6x3x8xf32>, tensor<2x6x3xf32>, tensor<2x6x3x4xf32>, tensor<2x6x3xf32>) -> (tensor<2x6x3x8xf32>, tensor<2x6x3xf32>)
  return
}

// -----

func.func @merge_without_operands() {
  // expected-error @below {{'gqa.merge' op expected 4 operands, but found 0}}
  %r:2 = "gqa.merge"() : () -> (tensor<2x6x3x8xf32>, tensor<2x6x3xf32>)
  return
}

// -----

func.func @rotary_result_differs(%x: tensor<2x6x3x8xf32>, %c: tensor<3x4xf32>) {
  // expected-error @below {{'gqa.rotary' op failed to verify that all of {x, output} have same type}}
  %r = "gqa.rotary"(%x, %c, %c) <{kind = #gqa<rotary half>}> : (tensor<2x6x3x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<2x6x3x4xf32>
  return
}

// -----

func.func @append_kv_with_four_operands(%x: tensor<2x6x3x8xf32>, %p: tensor<3xi64>) {
  // expected-error @below {{'gqa.append_kv' op operand group starting at #2 requires 0 or 1 element, but found 2}}
  %r = "gqa.append_kv"(%x, %x, %p, %p) : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<3xi64>, tensor<3xi64>) -> tensor<2x6x3x8xf32>
  return
}

// -----

func.func @append_kv_positions_of_floats(%x: tensor<2x6x3x8xf32>, %p: tensor<3xf32>) {
  // expected-error @below {{'gqa.append_kv' op operand #2 must be rank-1 or rank-2 tensor of 32-bit signless integer or 64-bit signless integer values, but got 'tensor<3xf32>'}}
  %r = "gqa.append_kv"(%x, %x, %p) : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<3xf32>) -> tensor<2x6x3x8xf32>
  return
}
