// What torch's export widens only to round it again is attention of the narrow type.
// RUN: gqa-opt %s --gqa-narrow-attention --cse --split-input-file | FileCheck %s

#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#turn = affine_map<(b, h, s, d) -> (b, s, h, d)>

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

// An output that is used as it is stays, and so do queries that are f32 themselves.
// CHECK-LABEL: @negative_wide_output
// CHECK: gqa.attention {{.*}} -> tensor<1x2x1x64xf32>
func.func @negative_wide_output(%q: tensor<1x2x1x64xf32>, %k: tensor<1x2x9x64xbf16>) -> tensor<1x2x1x64xf32> {
  %k32 = gqa.dequantize %k : tensor<1x2x9x64xbf16> -> tensor<1x2x9x64xf32>
  %o32 = gqa.attention %q, %k32, %k32 : (tensor<1x2x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x2x1x64xf32>
  return %o32 : tensor<1x2x1x64xf32>
}
