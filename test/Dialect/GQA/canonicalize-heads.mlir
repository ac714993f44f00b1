// Repeated heads fold into the attention that reads them.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

!q = tensor<1x12x4x8xf32>
!kv = tensor<1x2x5x8xf32>
!six = tensor<1x6x5x8xf32>
!full = tensor<1x12x5x8xf32>

// CHECK-LABEL: @share
// CHECK-SAME: %[[Q:.*]]: tensor<1x12x4x8xf32>, %[[K:.*]]: tensor<1x2x5x8xf32>, %[[V:.*]]: tensor<1x2x5x8xf32>
func.func @share(%q: !q, %k: !kv, %v: !kv) -> !q {
  // CHECK-NOT: repeat_heads
  // CHECK: gqa.attention %[[Q]], %[[K]], %[[V]] :
  %kr = gqa.repeat_heads %k block groups(6) : !kv -> !full
  %vr = gqa.repeat_heads %v block groups(6) : !kv -> !full
  %o = gqa.attention %q, %kr, %vr : (!q, !full, !full) -> !q
  return %o : !q
}

// A second user of the repeated heads keeps them, the attention does not read them.
// CHECK-LABEL: @share_second_user
func.func @share_second_user(%q: !q, %k: !kv) -> (!q, !full) {
  // CHECK: %[[KR:.*]] = gqa.repeat_heads %[[K:.*]] block
  // CHECK: gqa.attention %{{.*}}, %[[K]], %[[K]] :
  // CHECK: return %{{.*}}, %[[KR]]
  %kr = gqa.repeat_heads %k block groups(6) : !kv -> !full
  %o = gqa.attention %q, %kr, %kr : (!q, !full, !full) -> !q
  return %o, %kr : !q, !full
}

// The heads are at the same place in both layouts; what the other letters are called does not matter.
// CHECK-LABEL: @share_other_layout
func.func @share_other_layout(%q: !q, %k: tensor<1x2x8x5xf32>, %v: !kv) -> !q {
  // CHECK: gqa.attention %{{.*}}, %arg1, %arg2 layout(k = "bhds") :
  %kr = gqa.repeat_heads %k block groups(6) : tensor<1x2x8x5xf32> -> tensor<1x12x8x5xf32>
  %vr = gqa.repeat_heads %v block groups(6) : !kv -> !full
  %o = gqa.attention %q, %kr, %vr layout(k = "bhds") : (!q, tensor<1x12x8x5xf32>, !full) -> !q
  return %o : !q
}

// K of two heads repeated six times, V of three heads repeated four times: gcd(6, 4) = 2 is shared, six heads remain.
// CHECK-LABEL: @share_common_factor
func.func @share_common_factor(%q: !q, %k: !kv, %v: tensor<1x3x5x8xf32>) -> !q {
  // CHECK-DAG: %[[K:.*]] = gqa.repeat_heads %arg1 block groups(3) : tensor<1x2x5x8xf32> -> tensor<1x6x5x8xf32>
  // CHECK-DAG: %[[V:.*]] = gqa.repeat_heads %arg2 block groups(2) : tensor<1x3x5x8xf32> -> tensor<1x6x5x8xf32>
  // CHECK: gqa.attention %arg0, %[[K]], %[[V]] :
  %kr = gqa.repeat_heads %k block groups(6) : !kv -> !full
  %vr = gqa.repeat_heads %v block groups(4) : tensor<1x3x5x8xf32> -> !full
  %o = gqa.attention %q, %kr, %vr : (!q, !full, !full) -> !q
  return %o : !q
}

// An attention that is grouped already: 12 query heads, 6 repeated heads of 2.
// CHECK-LABEL: @share_grouped
func.func @share_grouped(%q: !q, %k: !kv) -> !q {
  // CHECK: gqa.attention %arg0, %arg1, %arg1 :
  %kr = gqa.repeat_heads %k block groups(3) : !kv -> !six
  %o = gqa.attention %q, %kr, %kr : (!q, !six, !six) -> !q
  return %o : !q
}

// The repeat knew the number of keys that causal needs; its operand does not.
// CHECK-LABEL: @share_keeps_sizes
func.func @share_keeps_sizes(%q: tensor<1x12x5x8xf32>, %k: tensor<1x?x?x8xf32>) -> tensor<1x12x5x8xf32> {
  // CHECK: %[[K:.*]] = tensor.cast %arg1 : tensor<1x?x?x8xf32> to tensor<1x2x5x8xf32>
  // CHECK: gqa.attention %arg0, %[[K]], %{{.*}} causal :
  %kr = gqa.repeat_heads %k block groups(6) : tensor<1x?x?x8xf32> -> !full
  %o = gqa.attention %q, %kr, %kr causal : (tensor<1x12x5x8xf32>, !full, !full) -> tensor<1x12x5x8xf32>
  return %o : tensor<1x12x5x8xf32>
}

// CHECK-LABEL: @share_dynamic
func.func @share_dynamic(%q: tensor<?x?x?x8xf32>, %k: tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32> {
  // CHECK-NEXT: gqa.attention %arg0, %arg1, %arg1 :
  %kr = gqa.repeat_heads %k block groups(6) : tensor<?x?x?x8xf32> -> tensor<?x?x?x8xf32>
  %o = gqa.attention %q, %kr, %kr
    : (tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>) -> tensor<?x?x?x8xf32>
  return %o : tensor<?x?x?x8xf32>
}

// Tiled order is another head map: query heads would have to be permuted.
// CHECK-LABEL: @no_share_tiled
func.func @no_share_tiled(%q: !q, %k: !kv) -> !q {
  // CHECK: %[[K:.*]] = gqa.repeat_heads %arg1 tiled
  // CHECK: gqa.attention %arg0, %[[K]], %[[K]]
  %kr = gqa.repeat_heads %k tiled groups(6) : !kv -> !full
  %o = gqa.attention %q, %kr, %kr : (!q, !full, !full) -> !q
  return %o : !q
}

// CHECK-LABEL: @no_share_k_alone
func.func @no_share_k_alone(%q: !q, %k: !kv, %v: !full) -> !q {
  // CHECK: %[[K:.*]] = gqa.repeat_heads %arg1 block groups(6)
  // CHECK: gqa.attention %arg0, %[[K]], %arg2
  %kr = gqa.repeat_heads %k block groups(6) : !kv -> !full
  %o = gqa.attention %q, %kr, %v : (!q, !full, !full) -> !q
  return %o : !q
}

// The repeat copies what the attention calls keys.
// CHECK-LABEL: @no_share_repeated_keys
func.func @no_share_repeated_keys(%q: tensor<1x5x4x8xf32>, %k: tensor<1x5x2x8xf32>) -> tensor<1x5x4x8xf32> {
  // CHECK: %[[K:.*]] = gqa.repeat_heads %arg1
  // CHECK: gqa.attention %arg0, %[[K]], %[[K]] :
  %kr = gqa.repeat_heads %k block groups(6) layout("bshd") : tensor<1x5x2x8xf32> -> tensor<1x5x12x8xf32>
  %o = gqa.attention %q, %kr, %kr : (tensor<1x5x4x8xf32>, tensor<1x5x12x8xf32>, tensor<1x5x12x8xf32>) -> tensor<1x5x4x8xf32>
  return %o : tensor<1x5x4x8xf32>
}

// CHECK-LABEL: @repeat_of_repeat
func.func @repeat_of_repeat(%x: !kv) -> (!full, !full, !full) {
  // CHECK-DAG: %[[A:.*]] = gqa.repeat_heads %arg0 block groups(3)
  // CHECK-DAG: %[[B:.*]] = gqa.repeat_heads %arg0 block groups(6) : tensor<1x2x5x8xf32> -> tensor<1x12x5x8xf32>
  // CHECK-DAG: %[[D:.*]] = gqa.repeat_heads %arg0 tiled groups(6) : tensor<1x2x5x8xf32> -> tensor<1x12x5x8xf32>
  // Two orders do not compose to one.
  // CHECK-DAG: %[[E:.*]] = gqa.repeat_heads %[[A]] tiled groups(2)
  // CHECK: return %[[B]], %[[D]], %[[E]]
  %a = gqa.repeat_heads %x block groups(3) : !kv -> !six
  %b = gqa.repeat_heads %a block groups(2) : !six -> !full
  %c = gqa.repeat_heads %x tiled groups(2) : !kv -> tensor<1x4x5x8xf32>
  %d = gqa.repeat_heads %c tiled groups(3) : tensor<1x4x5x8xf32> -> !full
  %e = gqa.repeat_heads %a tiled groups(2) : !six -> !full
  return %b, %d, %e : !full, !full, !full
}

// CHECK-LABEL: @repeat_by_one
func.func @repeat_by_one(%x: !kv, %y: tensor<1x?x5x8xf32>) -> (!kv, !kv) {
  // CHECK: %[[CAST:.*]] = tensor.cast %arg1
  // CHECK: return %arg0, %[[CAST]]
  %a = gqa.repeat_heads %x tiled groups(1) : !kv -> !kv
  %b = gqa.repeat_heads %y block groups(1) : tensor<1x?x5x8xf32> -> !kv
  return %a, %b : !kv, !kv
}

// CHECK-LABEL: @repeat_one_head
func.func @repeat_one_head(%x: tensor<1x1x5x8xf32>) -> !full {
  // CHECK: gqa.repeat_heads %arg0 block groups(12)
  %a = gqa.repeat_heads %x tiled groups(12) : tensor<1x1x5x8xf32> -> !full
  return %a : !full
}

// CHECK-LABEL: @repeat_inconsistent
func.func @repeat_inconsistent(%q: !q, %x: tensor<1x?x5x8xf32>) -> !q {
  // CHECK: gqa.repeat_heads
  %a = gqa.repeat_heads %x block groups(5) : tensor<1x?x5x8xf32> -> !full
  %o = gqa.attention %q, %a, %a : (!q, !full, !full) -> !q
  return %o : !q
}
