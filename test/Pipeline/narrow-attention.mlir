// What torch's export widens only to round it again is attention of the narrow type.
// RUN: gqa-opt %s --gqa-narrow-attention --cse --split-input-file | FileCheck %s

#id = affine_map<(b, h, s, d) -> (b, h, s, d)>

// CHECK-LABEL: @widened
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x6x1x64xbf16>, %[[K:[a-z0-9]+]]: tensor<1x2x9x64xbf16>, %[[V:[a-z0-9]+]]: tensor<1x2x9x64xbf16>
// CHECK: %[[O:.*]] = gqa.attention %[[Q]], %[[K]], %[[V]] {{.*}} -> tensor<1x6x1x64xbf16>
// CHECK: return %[[O]]
func.func @widened(%q: tensor<1x6x1x64xbf16>, %k: tensor<1x2x9x64xbf16>, %v: tensor<1x2x9x64xbf16>) -> tensor<1x6x1x64xbf16> {
  %e = tensor.empty() : tensor<1x6x1x64xf32>
  %q32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%q : tensor<1x6x1x64xbf16>) outs(%e : tensor<1x6x1x64xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<1x6x1x64xf32>
  %k32 = gqa.dequantize %k : tensor<1x2x9x64xbf16> -> tensor<1x2x9x64xf32>
  %v32 = gqa.dequantize %v : tensor<1x2x9x64xbf16> -> tensor<1x2x9x64xf32>
  %o32 = gqa.attention %q32, %k32, %v32 : (tensor<1x6x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x6x1x64xf32>
  %r = tensor.empty() : tensor<1x6x1x64xbf16>
  %o = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%o32 : tensor<1x6x1x64xf32>) outs(%r : tensor<1x6x1x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<1x6x1x64xbf16>
  return %o : tensor<1x6x1x64xbf16>
}

// -----

// A cache that grows is widened in two parts, and returned as it came: it is one concatenation, of narrow numbers, then.
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
// CHECK-LABEL: @growing
// CHECK-SAME: %[[Q:[a-z0-9]+]]: {{.*}}, %[[K:[a-z0-9]+]]: tensor<1x2x8x64xbf16>, %[[V:[a-z0-9]+]]: tensor<1x8x2x64xbf16>, %[[K1:[a-z0-9]+]]: {{.*}}, %[[V1:[a-z0-9]+]]: tensor
// CHECK-NOT: dequantize
// CHECK-DAG: %[[KEYS:.*]] = gqa.append_kv %[[K]], %[[K1]] : {{.*}} -> tensor<1x2x9x64xbf16>
// CHECK-DAG: %[[VALUES:.*]] = gqa.append_kv %[[V]], %[[V1]] layout("bshd") : {{.*}} -> tensor<1x9x2x64xbf16>
// CHECK-NOT: concat
// CHECK: %[[O:.*]] = gqa.attention %[[Q]], %[[KEYS]], %[[VALUES]] {{.*}} -> tensor<1x6x1x64xbf16>
// CHECK-NOT: concat
// CHECK: return %[[O]], %[[KEYS]], %[[VALUES]]
func.func @growing(%q: tensor<1x6x1x64xbf16>, %k: tensor<1x2x8x64xbf16>, %v: tensor<1x8x2x64xbf16>, %k1: tensor<1x2x1x64xbf16>,
                   %v1: tensor<1x1x2x64xbf16>) -> (tensor<1x6x1x64xbf16>, tensor<1x2x9x64xbf16>, tensor<1x9x2x64xbf16>) {
  %keys = tensor.concat dim(2) %k, %k1 : (tensor<1x2x8x64xbf16>, tensor<1x2x1x64xbf16>) -> tensor<1x2x9x64xbf16>
  %q32 = gqa.dequantize %q : tensor<1x6x1x64xbf16> -> tensor<1x6x1x64xf32>
  %ka = gqa.dequantize %k : tensor<1x2x8x64xbf16> -> tensor<1x2x8x64xf32>
  %kb = gqa.dequantize %k1 : tensor<1x2x1x64xbf16> -> tensor<1x2x1x64xf32>
  %k32 = gqa.append_kv %ka, %kb : (tensor<1x2x8x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x9x64xf32>
  %va = gqa.dequantize %v : tensor<1x8x2x64xbf16> -> tensor<1x8x2x64xf32>
  %vb = gqa.dequantize %v1 : tensor<1x1x2x64xbf16> -> tensor<1x1x2x64xf32>
  %v32 = gqa.append_kv %va, %vb layout("bshd") : (tensor<1x8x2x64xf32>, tensor<1x1x2x64xf32>) -> tensor<1x9x2x64xf32>
  %o32 = gqa.attention %q32, %k32, %v32 layout(v = "bshd") : (tensor<1x6x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x9x2x64xf32>) -> tensor<1x6x1x64xf32>
  %r = tensor.empty() : tensor<1x6x1x64xbf16>
  %o = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%o32 : tensor<1x6x1x64xf32>) outs(%r : tensor<1x6x1x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<1x6x1x64xbf16>
  %values = tensor.concat dim(1) %v, %v1 : (tensor<1x8x2x64xbf16>, tensor<1x1x2x64xbf16>) -> tensor<1x9x2x64xbf16>
  return %o, %keys, %values : tensor<1x6x1x64xbf16>, tensor<1x2x9x64xbf16>, tensor<1x9x2x64xbf16>
}

// -----

#id = affine_map<(b, h, s, d) -> (b, h, s, d)>

// The rounding may know sizes that the attention does not.
// CHECK-LABEL: @known_sizes
// CHECK: %[[O:.*]] = gqa.attention {{.*}} -> tensor<1x2x?x64xbf16>
// CHECK: %[[CAST:.*]] = tensor.cast %[[O]] : tensor<1x2x?x64xbf16> to tensor<1x2x3x64xbf16>
// CHECK: return %[[CAST]]
func.func @known_sizes(%q: tensor<1x2x?x64xbf16>, %k: tensor<1x2x9x64xbf16>) -> tensor<1x2x3x64xbf16> {
  %q32 = gqa.dequantize %q : tensor<1x2x?x64xbf16> -> tensor<1x2x?x64xf32>
  %k32 = gqa.dequantize %k : tensor<1x2x9x64xbf16> -> tensor<1x2x9x64xf32>
  %o32 = gqa.attention %q32, %k32, %k32 : (tensor<1x2x?x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x2x?x64xf32>
  %r = tensor.empty() : tensor<1x2x3x64xbf16>
  %o = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%o32 : tensor<1x2x?x64xf32>) outs(%r : tensor<1x2x3x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<1x2x3x64xbf16>
  return %o : tensor<1x2x3x64xbf16>
}

// -----

// An output that is used as it is stays, and so do queries that are f32 themselves.
// CHECK-LABEL: @negative_wide_output
// CHECK: gqa.attention {{.*}} -> tensor<1x2x1x64xf32>
func.func @negative_wide_output(%q: tensor<1x2x1x64xf32>, %k: tensor<1x2x9x64xbf16>) -> tensor<1x2x1x64xf32> {
  %k32 = gqa.dequantize %k : tensor<1x2x9x64xbf16> -> tensor<1x2x9x64xf32>
  %o32 = gqa.attention %q, %k32, %k32 : (tensor<1x2x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x2x1x64xf32>
  return %o32 : tensor<1x2x1x64xf32>
}
