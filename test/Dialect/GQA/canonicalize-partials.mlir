// gqa.merge with a partial result that saw nothing, gqa.append_kv of nothing.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

!o = tensor<2x6x3x8xf32>
!lse = tensor<2x6x3xf32>

// CHECK-LABEL: @merge_neutral
func.func @merge_neutral(%o: !o, %lse: !lse, %e: !o) -> (!o, !lse, !o, !lse) {
  // CHECK: return %arg0, %arg1, %arg0, %arg1
  %none = arith.constant dense<0xFF800000> : !lse
  %o0, %lse0 = gqa.merge %e, %none, %o, %lse : !o, !lse
  %o1, %lse1 = gqa.merge %o, %lse, %e, %none : !o, !lse
  return %o0, %lse0, %o1, %lse1 : !o, !lse, !o, !lse
}

// CHECK-LABEL: @no_merge_of_a_sink
func.func @no_merge_of_a_sink(%o: !o, %lse: !lse, %e: !o) -> !o {
  // CHECK: gqa.merge
  %sink = arith.constant dense<0.0> : !lse
  %o0, %lse0 = gqa.merge %e, %sink, %o, %lse : !o, !lse
  return %o0 : !o
}

// CHECK-LABEL: @append_nothing
func.func @append_nothing(%cache: !o, %none: tensor<2x6x0x8xf32>, %at: tensor<0xi64>) -> (!o, !o, !o) {
  // CHECK: return %arg0, %arg0, %arg0
  %a = gqa.append_kv %cache, %none : (!o, tensor<2x6x0x8xf32>) -> !o
  %b = gqa.append_kv %none, %cache : (tensor<2x6x0x8xf32>, !o) -> !o
  %c = gqa.append_kv %cache, %none at %at : (!o, tensor<2x6x0x8xf32>, tensor<0xi64>) -> !o
  return %a, %b, %c : !o, !o, !o
}

// CHECK-LABEL: @no_append_to_static_cache_of_no_tokens
func.func @no_append_to_static_cache_of_no_tokens(%fresh: tensor<2x6x?x8xf32>, %empty: tensor<2x6x0x8xf32>,
    %at: tensor<?xi64>) -> tensor<2x6x0x8xf32> {
  // CHECK: gqa.append_kv
  %a = gqa.append_kv %empty, %fresh at %at
    : (tensor<2x6x0x8xf32>, tensor<2x6x?x8xf32>, tensor<?xi64>) -> tensor<2x6x0x8xf32>
  return %a : tensor<2x6x0x8xf32>
}
