// RUN: gqa-opt %s --gqa-share-kv | FileCheck %s

!Q = tensor<2x6x7x16xf32>
!K = tensor<2x2x9x16xf32>

// CHECK-LABEL: @block(
// CHECK-NOT: gqa.repeat_heads
// CHECK: gqa.attention %arg0, %arg1, %arg2 : (tensor<2x6x7x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @block(%q: !Q, %k: !K, %v: !K) -> !Q {
  %kr = gqa.repeat_heads %k block groups(3) : !K -> tensor<2x6x9x16xf32>
  %vr = gqa.repeat_heads %v block groups(3) : !K -> tensor<2x6x9x16xf32>
  %o = gqa.attention %q, %kr, %vr : (!Q, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>) -> !Q
  return %o : !Q
}

// Who else reads the repeated K still gets it.
// CHECK-LABEL: @another_user(
// CHECK: %[[REPEATED:.*]] = gqa.repeat_heads %arg1
// CHECK: %[[O:.*]] = gqa.attention %arg0, %arg1, %arg2 :
// CHECK: return %[[O]], %[[REPEATED]]
func.func @another_user(%q: !Q, %k: !K, %v: !K) -> (!Q, tensor<2x6x9x16xf32>) {
  %kr = gqa.repeat_heads %k block groups(3) : !K -> tensor<2x6x9x16xf32>
  %vr = gqa.repeat_heads %v block groups(3) : !K -> tensor<2x6x9x16xf32>
  %o = gqa.attention %q, %kr, %vr : (!Q, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>) -> !Q
  return %o, %kr : !Q, tensor<2x6x9x16xf32>
}

// K and V repeated differently share what they have in common: groups of gcd(6, 3).
// CHECK-LABEL: @different_groups(
// CHECK: %[[K:.*]] = gqa.repeat_heads %arg1 block groups(2)
// CHECK: gqa.attention %arg0, %[[K]], %arg2 : {{.*}}tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>
func.func @different_groups(%q: !Q, %k: tensor<2x1x9x16xf32>, %v: !K) -> !Q {
  %kr = gqa.repeat_heads %k block groups(6) : tensor<2x1x9x16xf32> -> tensor<2x6x9x16xf32>
  %vr = gqa.repeat_heads %v block groups(3) : !K -> tensor<2x6x9x16xf32>
  %o = gqa.attention %q, %kr, %vr : (!Q, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>) -> !Q
  return %o : !Q
}
