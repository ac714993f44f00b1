// RUN: gqa-opt %s --gqa-raise --split-input-file --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s

// Keys and values that are widened from a narrow cache: (x - zero) * scale, in the spellings of front ends.
!N = tensor<1x2x5x8xf32>
!I = tensor<1x2x5x8xi8>
!S = tensor<1x2x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#perToken = affine_map<(b, h, s, d) -> (b, h, s)>
#perChannel = affine_map<(b, h, s, d) -> (h, d)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// sitofp(x) * scale per token; and the integer difference of DequantizeLinear, per channel.
// CHECK-LABEL: @integers(
// CHECK-DAG: %[[K:.*]] = gqa.dequantize %arg1 scale(%{{.*}} : tensor<1x2x5x1xf32>) : tensor<1x2x5x8xi8> -> tensor<1x2x5x8xf32>
// CHECK-DAG: %[[V:.*]] = gqa.dequantize %arg2 scale(%{{.*}} : tensor<1x2x1x8xf32>) zero(%{{.*}} : tensor<1x2x1x8xf32>) unsigned : tensor<1x2x5x8xi8> -> tensor<1x2x5x8xf32>
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @integers(%q: !N, %k: !I, %v: !I, %sk: tensor<1x2x5xf32>, %sv: tensor<2x8xf32>, %zv: tensor<2x8xi8>) -> !N {
  %e = tensor.empty() : !N
  %kw = linalg.generic {indexing_maps = [#id, #perToken, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k, %sk : !I, tensor<1x2x5xf32>) outs(%e : !N) {
  ^bb0(%x: i8, %y: f32, %o: f32):
    %f = arith.sitofp %x : i8 to f32
    %r = arith.mulf %f, %y : f32
    linalg.yield %r : f32
  } -> !N
  %vw = linalg.generic {indexing_maps = [#id, #perChannel, #perChannel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%v, %zv, %sv : !I, tensor<2x8xi8>, tensor<2x8xf32>) outs(%e : !N) {
  ^bb0(%x: i8, %z: i8, %y: f32, %o: f32):
    %xi = arith.extui %x : i8 to i32
    %zi = arith.extui %z : i8 to i32
    %di = arith.subi %xi, %zi : i32
    %f = arith.sitofp %di : i32 to f32
    %r = arith.mulf %y, %f : f32
    linalg.yield %r : f32
  } -> !N
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !N
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !N, !N) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !N) outs(%zo : !N) -> !N
  return %r : !N
}

// -----

!N = tensor<1x2x5x8xf32>
!S = tensor<1x2x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// A cache of bf16, and one of int8 with new tokens behind it: each part is widened for itself.
// CHECK-LABEL: @parts(
// CHECK-DAG: %[[K:.*]] = gqa.dequantize %arg1 : tensor<1x2x5x8xbf16> -> tensor<1x2x5x8xf32>
// CHECK-DAG: %[[OLD:.*]] = gqa.dequantize %arg2 scale(%{{.*}} : tensor<1x1x1x1xf32>) : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xf32>
// CHECK-DAG: %[[NEW:.*]] = gqa.dequantize %arg3 scale(%{{.*}} : tensor<1x1x1x1xf32>) : tensor<1x2x1x8xi8> -> tensor<1x2x1x8xf32>
// CHECK: %[[V:.*]] = gqa.append_kv %[[OLD]], %[[NEW]]
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @parts(%q: !N, %k: tensor<1x2x5x8xbf16>, %v: tensor<1x2x4x8xi8>, %vn: tensor<1x2x1x8xi8>) -> !N {
  %e = tensor.empty() : !N
  %kw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<1x2x5x8xbf16>) outs(%e : !N) {
  ^bb0(%x: bf16, %o: f32):
    %f = arith.extf %x : bf16 to f32
    linalg.yield %f : f32
  } -> !N
  %all = tensor.concat dim(2) %v, %vn : (tensor<1x2x4x8xi8>, tensor<1x2x1x8xi8>) -> tensor<1x2x5x8xi8>
  %c = arith.constant 0.0625 : f32
  %vw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%all : tensor<1x2x5x8xi8>) outs(%e : !N) {
  ^bb0(%x: i8, %o: f32):
    %f = arith.sitofp %x : i8 to f32
    %r = arith.mulf %f, %c : f32
    linalg.yield %r : f32
  } -> !N
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !N
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !N, !N) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !N) outs(%zo : !N) -> !N
  return %r : !N
}

// -----

!N = tensor<1x2x5x8xf32>
!B = tensor<1x2x5x8xi8>
!S = tensor<1x2x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#perHead = affine_map<(b, h, s, d) -> (h)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// Floats of 8 bits, which came as bytes.
// CHECK-LABEL: @fp8(
// CHECK-DAG: %[[K8:.*]] = arith.bitcast %arg1 : tensor<1x2x5x8xi8> to tensor<1x2x5x8xf8E4M3FN>
// CHECK-DAG: %[[V8:.*]] = arith.bitcast %arg2 : tensor<1x2x5x8xi8> to tensor<1x2x5x8xf8E5M2>
// CHECK-DAG: %[[K:.*]] = gqa.dequantize %[[K8]] scale(%{{.*}} : tensor<1x2x1x1xf32>) : tensor<1x2x5x8xf8E4M3FN> -> tensor<1x2x5x8xf32>
// CHECK-DAG: %[[V:.*]] = gqa.dequantize %[[V8]] : tensor<1x2x5x8xf8E5M2> -> tensor<1x2x5x8xf32>
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @fp8(%q: !N, %k: !B, %v: !B, %sk: tensor<2xf32>) -> !N {
  %e = tensor.empty() : !N
  %k8 = arith.bitcast %k : !B to tensor<1x2x5x8xf8E4M3FN>
  %v8 = arith.bitcast %v : !B to tensor<1x2x5x8xf8E5M2>
  %kw = linalg.generic {indexing_maps = [#id, #perHead, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k8, %sk : tensor<1x2x5x8xf8E4M3FN>, tensor<2xf32>) outs(%e : !N) {
  ^bb0(%x: f8E4M3FN, %y: f32, %o: f32):
    %f = arith.extf %x : f8E4M3FN to f32
    %r = arith.mulf %f, %y : f32
    linalg.yield %r : f32
  } -> !N
  %vw = arith.extf %v8 : tensor<1x2x5x8xf8E5M2> to !N
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !N
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !N, !N) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !N) outs(%zo : !N) -> !N
  return %r : !N
}

// -----

!N = tensor<1x2x5x8xf32>
!S = tensor<1x2x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>

#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// What is not taken is said: a scale for groups of channels of each token, and a difference that wraps around.
// CHECK-LABEL: @kept(
// CHECK-NOT: gqa.dequantize
// CHECK: gqa.attention
func.func @kept(%q: !N, %k: tensor<1x2x5x8xi8>, %v: tensor<1x2x5x8xi8>, %s: tensor<1x2x5x8xf32>) -> !N {
  %e = tensor.empty() : !N
  // expected-remark @below {{the attention reads a cache that is widened in memory: scale or zero differ along the head dimension of each token}}
  %kw = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k, %s : tensor<1x2x5x8xi8>, tensor<1x2x5x8xf32>) outs(%e : !N) {
  ^bb0(%x: i8, %y: f32, %o: f32):
    %f = arith.sitofp %x : i8 to f32
    %r = arith.mulf %f, %y : f32
    linalg.yield %r : f32
  } -> !N
  %three = arith.constant 3 : i8
  // expected-remark @below {{the attention reads a cache that is widened in memory: it is computed of bytes in another way than (x - zero) * scale}}
  %vw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%v : tensor<1x2x5x8xi8>) outs(%e : !N) {
  ^bb0(%x: i8, %o: f32):
    %d = arith.subi %x, %three : i8
    %f = arith.sitofp %d : i8 to f32
    linalg.yield %f : f32
  } -> !N
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !N
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !N, !N) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !N) outs(%zo : !N) -> !N
  return %r : !N
}

// -----

!Q = tensor<1x6x5x8xf32>
!I = tensor<1x2x5x8xi8>
!R = tensor<1x6x5x8xi8>
!S = tensor<1x6x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#perToken = affine_map<(b, h, s, d) -> (b, h, s)>
#shared = affine_map<(b, h, s, d) -> (b, s)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>
#five = affine_map<(b, h, g, s, d) -> (b, h, g, s, d)>
#from = affine_map<(b, h, g, s, d) -> (b, h, s, d)>

// Repeats in front of the widening, of the cache and of its scales, come behind it.
// CHECK-LABEL: @repeated(
// CHECK-DAG: %[[K:.*]] = gqa.dequantize %arg1 scale(%{{.*}} : tensor<1x1x5x1xf32>) : tensor<1x2x5x8xi8> -> tensor<1x2x5x8xf32>
// CHECK-DAG: %[[V:.*]] = gqa.dequantize %arg2 scale(%{{.*}} : tensor<1x2x5x1xf32>) : tensor<1x2x5x8xi8> -> tensor<1x2x5x8xf32>
// CHECK: %[[KR:.*]] = gqa.repeat_heads %[[K]] block groups(3)
// CHECK: %[[VR:.*]] = gqa.repeat_heads %[[V]] block groups(3)
// CHECK: gqa.attention %arg0, %[[KR]], %[[VR]]
func.func @repeated(%q: !Q, %k: !I, %v: !I, %sk: tensor<1x5xf32>, %sv: tensor<1x2x5xf32>) -> !Q {
  %e5 = tensor.empty() : tensor<1x2x3x5x8xi8>
  %k5 = linalg.generic {indexing_maps = [#from, #five], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%k : !I) outs(%e5 : tensor<1x2x3x5x8xi8>) {
  ^bb0(%x: i8, %o: i8):
    linalg.yield %x : i8
  } -> tensor<1x2x3x5x8xi8>
  %kr = tensor.collapse_shape %k5 [[0], [1, 2], [3], [4]] : tensor<1x2x3x5x8xi8> into !R
  %v5 = linalg.generic {indexing_maps = [#from, #five], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
    ins(%v : !I) outs(%e5 : tensor<1x2x3x5x8xi8>) {
  ^bb0(%x: i8, %o: i8):
    linalg.yield %x : i8
  } -> tensor<1x2x3x5x8xi8>
  %vr = tensor.collapse_shape %v5 [[0], [1, 2], [3], [4]] : tensor<1x2x3x5x8xi8> into !R
  %es5 = tensor.empty() : tensor<1x2x3x5xf32>
  %s5 = linalg.generic {indexing_maps = [affine_map<(b, h, g, s) -> (b, h, s)>, affine_map<(b, h, g, s) -> (b, h, g, s)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%sv : tensor<1x2x5xf32>) outs(%es5 : tensor<1x2x3x5xf32>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  } -> tensor<1x2x3x5xf32>
  %svr = tensor.collapse_shape %s5 [[0], [1, 2], [3]] : tensor<1x2x3x5xf32> into tensor<1x6x5xf32>
  %e = tensor.empty() : !Q
  %kw = linalg.generic {indexing_maps = [#id, #shared, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kr, %sk : !R, tensor<1x5xf32>) outs(%e : !Q) {
  ^bb0(%x: i8, %y: f32, %o: f32):
    %f = arith.sitofp %x : i8 to f32
    %r = arith.mulf %f, %y : f32
    linalg.yield %r : f32
  } -> !Q
  %vw = linalg.generic {indexing_maps = [#id, #perToken, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%vr, %svr : !R, tensor<1x6x5xf32>) outs(%e : !Q) {
  ^bb0(%x: i8, %y: f32, %o: f32):
    %f = arith.sitofp %x : i8 to f32
    %r = arith.mulf %f, %y : f32
    linalg.yield %r : f32
  } -> !Q
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !Q, !Q) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !Q) outs(%zo : !Q) -> !Q
  return %r : !Q
}

// -----

!N = tensor<1x2x5x8xf32>
!I = tensor<1x2x5x8xi8>
!S = tensor<1x2x5x5xf32>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// Bytes that were signed when they became wider, and unsigned when they became floats: -1 is neither -1 nor 255.
// CHECK-LABEL: @signs(
// CHECK-NOT: gqa.dequantize
// CHECK: gqa.attention
func.func @signs(%q: !N, %k: !I, %v: !I) -> !N {
  %e = tensor.empty() : !N
  // expected-remark @below {{it is computed of bytes in another way than (x - zero) * scale}}
  %kw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : !I) outs(%e : !N) {
  ^bb0(%x: i8, %o: f32):
    %i = arith.extsi %x : i8 to i16
    %f = arith.uitofp %i : i16 to f32
    linalg.yield %f : f32
  } -> !N
  // expected-remark @below {{it is computed of bytes in another way than (x - zero) * scale}}
  %vw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%v : !I) outs(%e : !N) {
  ^bb0(%x: i8, %o: f32):
    %i = arith.extsi %x : i8 to i16
    %w = arith.extui %i : i16 to i32
    %f = arith.sitofp %w : i32 to f32
    linalg.yield %f : f32
  } -> !N
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !N
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !N, !N) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %vw : !S, !N) outs(%zo : !N) -> !N
  return %r : !N
}

// -----

!D = tensor<1x2x5x8xf64>
!F = tensor<1x2x5x8xf32>
!S = tensor<1x2x5x5xf64>
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// f32 is no narrow cache.
// CHECK-LABEL: @doubles(
// CHECK-NOT: gqa.dequantize
// CHECK: gqa.attention
func.func @doubles(%q: !D, %k: !F, %v: !D) -> !D {
  %e = tensor.empty() : !D
  %kw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : !F) outs(%e : !D) {
  ^bb0(%x: f32, %o: f64):
    %f = arith.extf %x : f32 to f64
    linalg.yield %f : f64
  } -> !D
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !D
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kw : !D, !D) outs(%zs : !S) -> !S
  %es = tensor.empty() : !S
  %p = linalg.softmax dimension(3) ins(%qk : !S) outs(%es : !S) -> !S
  %r = linalg.contract indexing_maps = [#s, #k, #q] ins(%p, %v : !S, !D) outs(%zo : !D) -> !D
  return %r : !D
}

// -----

#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#one = affine_map<(b, h, s, d) -> ()>
// Queries of fp8 beside keys of fp8.
// CHECK-LABEL: @queries(
// CHECK-DAG: %[[Q:.*]] = gqa.dequantize %arg0 scale(%{{.*}} : tensor<1x1x1x1xf32>) : tensor<1x4x5x8xf8E4M3FN> -> tensor<1x4x5x8xf16>
// CHECK-DAG: %[[K:.*]] = gqa.dequantize %arg1 : tensor<1x4x5x8xf8E4M3FN> -> tensor<1x4x5x8xf16>
// CHECK: gqa.attention %[[Q]], %[[K]], %[[K]]
func.func @queries(%q: tensor<1x4x5x8xf8E4M3FN>, %k: tensor<1x4x5x8xf8E4M3FN>, %t: tensor<f32>) -> tensor<1x4x5x8xf16> {
  %e = tensor.empty() : tensor<1x4x5x8xf16>
  %qw = linalg.generic {indexing_maps = [#id, #one, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q, %t : tensor<1x4x5x8xf8E4M3FN>, tensor<f32>) outs(%e : tensor<1x4x5x8xf16>) {
  ^bb0(%x: f8E4M3FN, %y: f32, %o: f16):
    %f = arith.extf %x : f8E4M3FN to f32
    %p = arith.mulf %f, %y : f32
    %r = arith.truncf %p : f32 to f16
    linalg.yield %r : f16
  } -> tensor<1x4x5x8xf16>
  %kw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<1x4x5x8xf8E4M3FN>) outs(%e : tensor<1x4x5x8xf16>) {
  ^bb0(%x: f8E4M3FN, %o: f16):
    %r = arith.extf %x : f8E4M3FN to f16
    linalg.yield %r : f16
  } -> tensor<1x4x5x8xf16>
  %o = gqa.attention %qw, %kw, %kw : (tensor<1x4x5x8xf16>, tensor<1x4x5x8xf16>, tensor<1x4x5x8xf16>) -> tensor<1x4x5x8xf16>
  return %o : tensor<1x4x5x8xf16>
}
