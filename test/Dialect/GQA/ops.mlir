// Every operation, clause and form survives printing and parsing, pretty and generic.
// RUN: gqa-opt %s --verify-roundtrip | FileCheck %s
// RUN: gqa-opt %s --mlir-print-op-generic | gqa-opt | FileCheck %s

!q = tensor<2x6x3x8xf32>
!kv = tensor<2x2x5x8xf32>

// CHECK-LABEL: @attention_plain
func.func @attention_plain(%q: !q, %k: !kv, %v: !kv) -> !q {
  // CHECK: gqa.attention %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv) -> !q
  return %o : !q
}

// CHECK-LABEL: @attention_lse
func.func @attention_lse(%q: !q, %k: !kv, %v: tensor<2x2x5x4xf32>) -> (tensor<2x6x3x4xf32>, tensor<2x6x3xf32>) {
  // CHECK: gqa.attention {{.*}} -> (tensor<2x6x3x4xf32>, tensor<2x6x3xf32>)
  %o, %lse = gqa.attention %q, %k, %v : (!q, !kv, tensor<2x2x5x4xf32>) -> (tensor<2x6x3x4xf32>, tensor<2x6x3xf32>)
  return %o, %lse : tensor<2x6x3x4xf32>, tensor<2x6x3xf32>
}

// CHECK-LABEL: @attention_f64_dynamic
func.func @attention_f64_dynamic(%q: tensor<?x?x?x?xf64>, %k: tensor<?x?x?x?xf64>)
    -> (tensor<?x?x?x?xf64>, tensor<?x?x?xf64>) {
  %o, %lse = gqa.attention %q, %k, %k
    : (tensor<?x?x?x?xf64>, tensor<?x?x?x?xf64>, tensor<?x?x?x?xf64>) -> (tensor<?x?x?x?xf64>, tensor<?x?x?xf64>)
  return %o, %lse : tensor<?x?x?x?xf64>, tensor<?x?x?xf64>
}

// CHECK-LABEL: @attention_empty_batch
func.func @attention_empty_batch(%q: tensor<0x4x0x8xf16>, %k: tensor<0x2x0x8xf16>) -> tensor<0x4x0x8xf16> {
  // CHECK: gqa.attention {{.*}} causal :
  %o = gqa.attention %q, %k, %k causal
    : (tensor<0x4x0x8xf16>, tensor<0x2x0x8xf16>, tensor<0x2x0x8xf16>) -> tensor<0x4x0x8xf16>
  return %o : tensor<0x4x0x8xf16>
}

// CHECK-LABEL: @attention_constants
func.func @attention_constants(%q: !q, %k: !kv, %v: !kv) -> !q {
  // CHECK: causal offset(-2) window(3, -1) scale(0.088388347648318447) softcap(5.000000e+01) dead_row(uniform) :
  %o = gqa.attention %q, %k, %v dead_row(uniform) softcap(50.0) scale(0.08838834764831844) window(3, -1) offset(-2) causal
    : (!q, !kv, !kv) -> !q
  // CHECK: scale(-0.000000e+00) dead_row(nan) {note = "kept"} :
  %p = gqa.attention %q, %o, %o scale(-0.0) dead_row(nan) {note = "kept"} : (!q, !q, !q) -> !q
  return %p : !q
}

// CHECK-LABEL: @attention_operands
func.func @attention_operands(%q: !q, %k: !kv, %v: !kv, %mask: tensor<3x5xi1>, %bias: tensor<6x1x5xf16>,
    %len: tensor<2xi64>, %offset: tensor<1xi32>, %sinks: tensor<6xbf16>, %scale: f32) -> !q {
  // CHECK: causal offset(%[[OFFSET:.*]]) scale(%{{.*}}) mask(%{{.*}}) bias(%{{.*}}) kv_len(%{{.*}}) sinks(%{{.*}}) :
  // CHECK-SAME: tensor<3x5xi1>, tensor<6x1x5xf16>, tensor<2xi64>, tensor<1xi32>, tensor<6xbf16>, f32)
  %o = gqa.attention %q, %k, %v causal mask(%mask) bias(%bias) kv_len(%len) offset(%offset) sinks(%sinks) scale(%scale)
    : (!q, !kv, !kv, tensor<3x5xi1>, tensor<6x1x5xf16>, tensor<2xi64>, tensor<1xi32>, tensor<6xbf16>, f32) -> !q
  return %o : !q
}

// CHECK-LABEL: @attention_layouts
func.func @attention_layouts(%q: tensor<2x3x6x8xf32>, %k: tensor<2x2x8x5xf32>, %v: tensor<5x2x2x8xf32>)
    -> tensor<6x2x3x8xf32> {
  // CHECK: layout(q = "bshd", k = "bhds", v = "sbhd", o = "hbsd") :
  %o = gqa.attention %q, %k, %v layout(o = "hbsd", v = "sbhd", k = "bhds", q = "bshd")
    : (tensor<2x3x6x8xf32>, tensor<2x2x8x5xf32>, tensor<5x2x2x8xf32>) -> tensor<6x2x3x8xf32>
  return %o : tensor<6x2x3x8xf32>
}

// CHECK-LABEL: @attention_score
func.func @attention_score(%q: !q, %k: !kv, %v: !kv, %ids: tensor<2x5xi64>, %shift: f32) -> !q {
  // CHECK: gqa.attention {{.*}}, tensor<2x5xi64>, f32) -> tensor<2x6x3x8xf32> score(%[[S:.*]], %[[B:.*]], %{{.*}}, %[[I:.*]], %[[J:.*]], %[[IDS:.*]] = %{{.*}}, %[[SHIFT:.*]] = %{{.*}}) {
  %o = gqa.attention %q, %k, %v : (!q, !kv, !kv, tensor<2x5xi64>, f32) -> !q
    score(%s, %b, %h, %i, %j, %id = %ids, %t = %shift) {
      // CHECK: tensor.extract %[[IDS]][%[[B]], %[[I]]]
      %mine = tensor.extract %id[%b, %i] : tensor<2x5xi64>
      %other = tensor.extract %id[%b, %j] : tensor<2x5xi64>
      %seen = arith.cmpi eq, %mine, %other : i64
      // CHECK: arith.addf %[[S]], %[[SHIFT]] : f32
      %r = arith.addf %s, %t : f32
      // CHECK: gqa.yield %{{.*}}, %{{.*}} : f32, i1
      gqa.yield %r, %seen : f32, i1
    }
  return %o : !q
}

// CHECK-LABEL: @attention_score_f64
func.func @attention_score_f64(%q: tensor<1x2x3x4xf64>) -> tensor<1x2x3x4xf64> {
  %o = gqa.attention %q, %q, %q : (tensor<1x2x3x4xf64>, tensor<1x2x3x4xf64>, tensor<1x2x3x4xf64>) -> tensor<1x2x3x4xf64>
    score(%s, %b, %h, %i, %j) {
      // CHECK: gqa.yield %{{.*}} : f64
      gqa.yield %s : f64
    }
  return %o : tensor<1x2x3x4xf64>
}

// CHECK-LABEL: @merge
func.func @merge(%o: !q, %lse: tensor<2x6x3xf32>, %t: tensor<2x3x6x8xf16>) -> (!q, tensor<2x3x6x8xf16>) {
  // CHECK: gqa.merge %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x6x3x8xf32>, tensor<2x6x3xf32>
  %r, %l = gqa.merge %o, %lse, %o, %lse : !q, tensor<2x6x3xf32>
  // CHECK: gqa.merge {{.*}} layout("bshd") : tensor<2x3x6x8xf16>, tensor<2x6x3xf32>
  %r2, %l2 = gqa.merge %t, %l, %t, %lse layout("bshd") : tensor<2x3x6x8xf16>, tensor<2x6x3xf32>
  return %r, %r2 : !q, tensor<2x3x6x8xf16>
}

// CHECK-LABEL: @rotary
func.func @rotary(%x: !q, %cos: tensor<3x4xf32>, %t: tensor<2x3x6x8xf16>, %c: tensor<2x1x3x2xf64>)
    -> (!q, tensor<2x3x6x8xf16>) {
  // CHECK: gqa.rotary %{{.*}}, %{{.*}}, %{{.*}} half : tensor<2x6x3x8xf32>, tensor<3x4xf32>
  %r = gqa.rotary %x, %cos, %cos half : !q, tensor<3x4xf32>
  // CHECK: gqa.rotary {{.*}} interleaved layout("bshd") : tensor<2x3x6x8xf16>, tensor<2x1x3x2xf64>
  %r2 = gqa.rotary %t, %c, %c interleaved layout("bshd") : tensor<2x3x6x8xf16>, tensor<2x1x3x2xf64>
  return %r, %r2 : !q, tensor<2x3x6x8xf16>
}

// CHECK-LABEL: @repeat_heads
func.func @repeat_heads(%x: !kv, %t: tensor<?x?x?x8xf32>) -> (tensor<2x6x5x8xf32>, tensor<?x?x?x8xf32>) {
  // CHECK: gqa.repeat_heads %{{.*}} block groups(3) : tensor<2x2x5x8xf32> -> tensor<2x6x5x8xf32>
  %r = gqa.repeat_heads %x block groups(3) : !kv -> tensor<2x6x5x8xf32>
  // CHECK: gqa.repeat_heads %{{.*}} tiled groups(2) layout("bshd") : tensor<?x?x?x8xf32> -> tensor<?x?x?x8xf32>
  %r2 = gqa.repeat_heads %t tiled groups(2) layout("bshd") : tensor<?x?x?x8xf32> -> tensor<?x?x?x8xf32>
  return %r, %r2 : tensor<2x6x5x8xf32>, tensor<?x?x?x8xf32>
}

// CHECK-LABEL: @append_kv
func.func @append_kv(%cache: !kv, %new: tensor<2x2x1x8xf32>, %p: tensor<1xi64>, %pb: tensor<2x1xi32>,
    %t: tensor<2x5x2x8xf32>) -> (tensor<2x2x6x8xf32>, !kv, !kv, tensor<2x10x2x8xf32>) {
  // CHECK: gqa.append_kv %{{.*}}, %{{.*}} : (tensor<2x2x5x8xf32>, tensor<2x2x1x8xf32>) -> tensor<2x2x6x8xf32>
  %a = gqa.append_kv %cache, %new : (!kv, tensor<2x2x1x8xf32>) -> tensor<2x2x6x8xf32>
  // CHECK: gqa.append_kv {{.*}} at %{{.*}} : ({{.*}}, tensor<1xi64>)
  %b = gqa.append_kv %cache, %new at %p : (!kv, tensor<2x2x1x8xf32>, tensor<1xi64>) -> !kv
  // CHECK: gqa.append_kv {{.*}} at %{{.*}} : ({{.*}}, tensor<2x1xi32>)
  %c = gqa.append_kv %cache, %new at %pb : (!kv, tensor<2x2x1x8xf32>, tensor<2x1xi32>) -> !kv
  // CHECK: gqa.append_kv {{.*}} layout("bshd")
  %d = gqa.append_kv %t, %t layout("bshd") : (tensor<2x5x2x8xf32>, tensor<2x5x2x8xf32>) -> tensor<2x10x2x8xf32>
  return %a, %b, %c, %d : tensor<2x2x6x8xf32>, !kv, !kv, tensor<2x10x2x8xf32>
}

// CHECK-LABEL: @dequantize
func.func @dequantize(%x: tensor<2x2x5x8xi8>, %y: tensor<?x2x?x8xbf16>, %s: tensor<2x5x1xf16>, %z: tensor<f32>) -> (!kv, tensor<?x2x?x8xf64>) {
  // CHECK: gqa.dequantize %{{.*}} scale(%{{.*}} : tensor<2x5x1xf16>) zero(%{{.*}} : tensor<f32>) unsigned : tensor<2x2x5x8xi8> -> tensor<2x2x5x8xf32>
  %a = gqa.dequantize %x scale(%s : tensor<2x5x1xf16>) zero(%z : tensor<f32>) unsigned : tensor<2x2x5x8xi8> -> !kv
  // CHECK: gqa.dequantize %{{.*}} : tensor<?x2x?x8xbf16> -> tensor<?x2x?x8xf64>
  %b = gqa.dequantize %y : tensor<?x2x?x8xbf16> -> tensor<?x2x?x8xf64>
  return %a, %b : !kv, tensor<?x2x?x8xf64>
}
