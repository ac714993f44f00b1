// RUN: gqa-opt %s --gqa-share-kv=change-signature --split-input-file --remarks-filter=gqa-share-kv -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-share-kv --split-input-file | FileCheck %s --check-prefix=KEPT

// A decode step whose cache holds a head for each query head.
!Q = tensor<1x6x1x16xf32>
!K = tensor<1x2x1x16xf32>
!C = tensor<1x6x8x16xf32>
!D = tensor<1x6x9x16xf32>
// CHECK-LABEL: func.func @step(
// CHECK-SAME: %arg2: tensor<1x2x8x16xf32> {gqa.state = "k"}) -> (tensor<1x6x1x16xf32>, tensor<1x2x9x16xf32>)
// CHECK: %[[C:.*]] = gqa.append_kv %arg2, %arg1 : (tensor<1x2x8x16xf32>, tensor<1x2x1x16xf32>) -> tensor<1x2x9x16xf32>
// CHECK: %[[O:.*]] = gqa.attention %arg0, %[[C]], %[[C]]
// CHECK: return %[[O]], %[[C]]
// KEPT-LABEL: func.func @step(
// KEPT-SAME: tensor<1x6x8x16xf32>
// expected-remark @below {{@step has another signature: (tensor<1x6x1x16xf32>, tensor<1x2x1x16xf32>, tensor<1x2x8x16xf32>) -> (tensor<1x6x1x16xf32>, tensor<1x2x9x16xf32>)}}
func.func @step(%q: !Q, %k: !K, %c: !C {gqa.state = "k"}) -> (!Q, !D) {
  %kr = gqa.repeat_heads %k block groups(3) : !K -> !Q
  %all = gqa.append_kv %c, %kr : (!C, !Q) -> !D
  // expected-remark @below {{K and V have 2 heads instead of 6}}
  %o = gqa.attention %q, %all, %all : (!Q, !D, !D) -> !Q
  return %o, %all : !Q, !D
}

// The caller's own cache shrinks as well.
// CHECK-LABEL: func.func @passes_on(
// CHECK-SAME: %arg2: tensor<1x2x8x16xf32>) -> (tensor<1x6x1x16xf32>, tensor<1x2x9x16xf32>)
// CHECK-NEXT: %[[R:.*]]:2 = call @step(%arg0, %arg1, %arg2)
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1
// expected-remark @below {{@passes_on has another signature}}
func.func @passes_on(%q: !Q, %k: !K, %c: !C) -> (!Q, !D) {
  %o, %all = call @step(%q, %k, %c) : (!Q, !K, !C) -> (!Q, !D)
  return %o, %all : !Q, !D
}

// A caller that makes the cache passes the first copies, and gets all of them back.
// CHECK-LABEL: func.func @makes(
// CHECK-SAME: -> tensor<1x6x9x16xf32>
// CHECK: %[[C:.*]] = tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 2, 8, 16] [1, 3, 1, 1]
// CHECK: call @step(%arg0, %arg1, %[[C]])
// CHECK: gqa.repeat_heads {{.*}} block groups(3)
func.func @makes(%q: !Q, %k: !K, %x: tensor<1x6x128xf32>) -> !D {
  %c = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 6, 8, 16] : tensor<1x6x128xf32> into !C
  %o, %all = call @step(%q, %k, %c) : (!Q, !K, !C) -> (!Q, !D)
  return %all : !D
}

// -----

// Who refers to a function other than by a call might call it with the old cache.
!Q = tensor<1x6x1x16xf32>
!K = tensor<1x2x1x16xf32>
!C = tensor<1x6x8x16xf32>
!D = tensor<1x6x9x16xf32>
// CHECK-LABEL: func.func @negative_address(
// CHECK-SAME: tensor<1x6x8x16xf32>
// expected-remark @below {{the signature stays: something other than a call refers to @negative_address}}
func.func @negative_address(%q: !Q, %k: !K, %c: !C) -> !Q {
  %kr = gqa.repeat_heads %k block groups(3) : !K -> !Q
  %all = gqa.append_kv %c, %kr : (!C, !Q) -> !D
  // expected-remark @below {{K stays repeated: it is written to a cache}}
  // expected-remark @below {{V stays repeated: it is written to a cache}}
  %o = gqa.attention %q, %all, %all : (!Q, !D, !D) -> !Q
  return %o : !Q
}
func.func @refers() -> ((!Q, !K, !C) -> !Q) {
  %f = func.constant @negative_address : (!Q, !K, !C) -> !Q
  return %f : (!Q, !K, !C) -> !Q
}

// -----

// Fresh tokens with heads of their own: nothing says that the cache repeats any.
!Q = tensor<1x6x1x16xf32>
!C = tensor<1x6x8x16xf32>
!D = tensor<1x6x9x16xf32>
// CHECK-LABEL: func.func @negative_not_repeated(
// CHECK-SAME: tensor<1x6x8x16xf32>
func.func @negative_not_repeated(%q: !Q, %k: !Q, %c: !C) -> !Q {
  %all = gqa.append_kv %c, %k : (!C, !Q) -> !D
  %o = gqa.attention %q, %all, %all : (!Q, !D, !D) -> !Q
  return %o : !Q
}
