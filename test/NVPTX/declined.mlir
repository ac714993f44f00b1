// What no kernel can do is an error that names it; what the tensor cores cannot, a remark.
// RUN: gqa-opt %s --gqa-tile=target=cuda --split-input-file --verify-diagnostics

func.func @f64(%q: tensor<1x4x3x16xf64>) -> tensor<1x4x3x16xf64> {
  // expected-error @+1 {{'gqa.attention' op cannot be compiled for cuda: expected f16, bf16 or f32, found f64}}
  %o = gqa.attention %q, %q, %q : (tensor<1x4x3x16xf64>, tensor<1x4x3x16xf64>, tensor<1x4x3x16xf64>) -> tensor<1x4x3x16xf64>
  return %o : tensor<1x4x3x16xf64>
}

// -----

func.func @dynamic_head(%q: tensor<1x4x3x?xf16>) -> tensor<1x4x3x?xf16> {
  // expected-error @+1 {{expected a known key head dimension from 1 to 1024, found a dynamic one}}
  %o = gqa.attention %q, %q, %q : (tensor<1x4x3x?xf16>, tensor<1x4x3x?xf16>, tensor<1x4x3x?xf16>) -> tensor<1x4x3x?xf16>
  return %o : tensor<1x4x3x?xf16>
}

// -----

func.func @arc(%q: tensor<1x4x3x16xf16>) -> tensor<1x4x3x16xf16> {
  %o = gqa.attention %q, %q, %q : (tensor<1x4x3x16xf16>, tensor<1x4x3x16xf16>, tensor<1x4x3x16xf16>) -> tensor<1x4x3x16xf16>
    score(%s, %b, %h, %i, %j) {
      // expected-error @+1 {{'math.atan' op in a score region cannot be compiled for cuda}}
      %t = math.atan %s : f32
      gqa.yield %t : f32
    }
  return %o : tensor<1x4x3x16xf16>
}

// -----

func.func @f32(%q: tensor<1x4x3x16xf32>) -> tensor<1x4x3x16xf32> {
  // expected-remark @+1 {{attention runs without tensor cores on cuda: its type is f32}}
  %o = gqa.attention %q, %q, %q : (tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>, tensor<1x4x3x16xf32>) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}

// -----

func.func @odd(%q: tensor<1x4x3x20xf16>) -> tensor<1x4x3x20xf16> {
  // expected-remark @+1 {{without tensor cores on cuda: the key head dimension is 20, not a multiple of 8 and at most 576}}
  %o = gqa.attention %q, %q, %q : (tensor<1x4x3x20xf16>, tensor<1x4x3x20xf16>, tensor<1x4x3x20xf16>) -> tensor<1x4x3x20xf16>
  return %o : tensor<1x4x3x20xf16>
}

// -----

func.func @layout(%q: tensor<1x4x3x16xf16>, %k: tensor<1x4x16x3xf16>) -> tensor<1x4x3x16xf16> {
  // expected-remark @+1 {{without tensor cores on cuda: layout "bhds" of k does not keep a head contiguous}}
  %o = gqa.attention %q, %k, %q layout(k = "bhds")
    : (tensor<1x4x3x16xf16>, tensor<1x4x16x3xf16>, tensor<1x4x3x16xf16>) -> tensor<1x4x3x16xf16>
  return %o : tensor<1x4x3x16xf16>
}

// -----

func.func @zero_point(%q: tensor<1x4x1x32xf16>, %k: tensor<1x2x64x32xi8>, %z: tensor<f32>, %v: tensor<1x2x64x32xf16>) -> tensor<1x4x1x32xf16> {
  %kw = gqa.dequantize %k zero(%z : tensor<f32>) : tensor<1x2x64x32xi8> -> tensor<1x2x64x32xf16>
  // expected-remark @+1 {{keys are widened in memory on cuda: they have a zero point}}
  %o = gqa.attention %q, %kw, %v : (tensor<1x4x1x32xf16>, tensor<1x2x64x32xf16>, tensor<1x2x64x32xf16>) -> tensor<1x4x1x32xf16>
  return %o : tensor<1x4x1x32xf16>
}

// -----

func.func @scaled_elements(%q: tensor<1x4x64x32xf16>, %k: tensor<1x2x64x32xf16>, %v: tensor<1x2x64x32xf8E5M2>,
                           %s: tensor<64x32xf32>) -> tensor<1x4x64x32xf16> {
  %vw = gqa.dequantize %v scale(%s : tensor<64x32xf32>) : tensor<1x2x64x32xf8E5M2> -> tensor<1x2x64x32xf16>
  // expected-remark @+1 {{values are widened in memory on cuda: each element has a scale of its own}}
  %o = gqa.attention %q, %k, %vw : (tensor<1x4x64x32xf16>, tensor<1x2x64x32xf16>, tensor<1x2x64x32xf16>) -> tensor<1x4x64x32xf16>
  return %o : tensor<1x4x64x32xf16>
}

// -----

func.func @narrow_queries(%q: tensor<1x4x64x32xf8E5M2>, %k: tensor<1x2x64x32xf8E5M2>, %v: tensor<1x2x64x32xf16>) -> tensor<1x4x64x32xf16> {
  %qw = gqa.dequantize %q : tensor<1x4x64x32xf8E5M2> -> tensor<1x4x64x32xf16>
  %kw = gqa.dequantize %k : tensor<1x2x64x32xf8E5M2> -> tensor<1x2x64x32xf16>
  // expected-remark @+1 {{queries are widened in memory on cuda: only sm_90a multiplies floats of 8 bits}}
  %o = gqa.attention %qw, %kw, %v : (tensor<1x4x64x32xf16>, tensor<1x2x64x32xf16>, tensor<1x2x64x32xf16>) -> tensor<1x4x64x32xf16>
  return %o : tensor<1x4x64x32xf16>
}

// -----

// All warps of a prompt's tile widen a narrow cache on its way.
func.func @no_remark_narrow_prompt(%q: tensor<1x4x64x32xf16>, %k: tensor<1x2x64x32xf16>, %v: tensor<1x2x64x32xf8E5M2>) -> tensor<1x4x64x32xf16> {
  %vw = gqa.dequantize %v : tensor<1x2x64x32xf8E5M2> -> tensor<1x2x64x32xf16>
  %o = gqa.attention %q, %k, %vw : (tensor<1x4x64x32xf16>, tensor<1x2x64x32xf16>, tensor<1x2x64x32xf16>) -> tensor<1x4x64x32xf16>
  return %o : tensor<1x4x64x32xf16>
}

// -----

// A tile has no room for larger groups, whose parts the compiler would have to know.
func.func @heads(%q: tensor<1x?x3x192xf16>, %k: tensor<1x?x16x192xf16>) -> tensor<1x?x3x192xf16> {
  // expected-remark @+1 {{attention runs without tensor cores on cuda where more than 64 query heads share a key/value head: how many do is known in the call alone}}
  %o = gqa.attention %q, %k, %k : (tensor<1x?x3x192xf16>, tensor<1x?x16x192xf16>, tensor<1x?x16x192xf16>) -> tensor<1x?x3x192xf16>
  return %o : tensor<1x?x3x192xf16>
}
