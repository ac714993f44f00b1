// RUN: gqa-opt %s --gqa-share-kv --remarks-filter-missed=gqa-share-kv -verify-diagnostics | FileCheck %s

!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>
!R = tensor<2x6x9x16xf32>

// CHECK-LABEL: @different_orders(
// CHECK: %[[K:.*]] = gqa.repeat_heads %arg1 tiled
// CHECK: %[[V:.*]] = gqa.repeat_heads %arg2 block
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @different_orders(%q: !Q, %k: !K, %v: !K) -> !Q {
  %kr = gqa.repeat_heads %k tiled groups(3) : !K -> !R
  %vr = gqa.repeat_heads %v block groups(3) : !K -> !R
  // expected-remark @below {{K stays repeated}}
  // expected-remark @below {{V stays repeated}}
  %o = gqa.attention %q, %kr, %vr : (!Q, !R, !R) -> !Q
  return %o : !Q
}

// A bias of each head keeps the heads where they are.
// CHECK-LABEL: @tiled_with_bias(
// CHECK: gqa.repeat_heads
// CHECK-NOT: linalg.transpose
func.func @tiled_with_bias(%q: !Q, %k: !K, %v: !K, %bias: tensor<1x6x1x9xf32>) -> !Q {
  %kr = gqa.repeat_heads %k tiled groups(3) : !K -> !R
  %vr = gqa.repeat_heads %v tiled groups(3) : !K -> !R
  // expected-remark @below {{K stays repeated}}
  // expected-remark @below {{V stays repeated}}
  %o = gqa.attention %q, %kr, %vr bias(%bias) : (!Q, !R, !R, tensor<1x6x1x9xf32>) -> !Q
  return %o : !Q
}

// K alone is repeated: V has a head for each query head.
// CHECK-LABEL: @only_keys(
// CHECK: gqa.repeat_heads %arg1
func.func @only_keys(%q: !Q, %k: !K, %v: !R) -> !Q {
  %kr = gqa.repeat_heads %k block groups(3) : !K -> !R
  // expected-remark @below {{K stays repeated}}
  %o = gqa.attention %q, %kr, %v : (!Q, !R, !R) -> !Q
  return %o : !Q
}

// Heads that are widened by scales of their own differ.
// CHECK-LABEL: @negative_dequantize(
// CHECK: gqa.attention {{.*}} : (tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>)
func.func @negative_dequantize(%q: tensor<1x6x7x16xf32>, %c: tensor<1x2x7x16xbf16>, %s: tensor<6x1x1xf32>) -> tensor<1x6x7x16xf32> {
  %cr = gqa.repeat_heads %c block groups(3) : tensor<1x2x7x16xbf16> -> tensor<1x6x7x16xbf16>
  %k = gqa.dequantize %cr scale(%s : tensor<6x1x1xf32>) : tensor<1x6x7x16xbf16> -> tensor<1x6x7x16xf32>
  // expected-remark @below {{K stays repeated: its copies are widened by factors of their own}}
  // expected-remark @below {{V stays repeated: its copies are widened by factors of their own}}
  %o = gqa.attention %q, %k, %k : (tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>) -> tensor<1x6x7x16xf32>
  return %o : tensor<1x6x7x16xf32>
}
