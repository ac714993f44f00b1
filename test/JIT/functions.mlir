// Polynomials of f32 against the C library, inside and beyond their ranges.
// RUN: gqa-run %s --outputs=%t.npz && gqa-run %s --reference --expect=%t.npz --tolerance=1e-6
// RUN: gqa-run %s | FileCheck %s
// CHECK: out0: f32[12] = 0 1 inf 2.71828 0.606531 0
// CHECK: out1: f32[12] = -1 0 1 0.761594 -0.462117 -1
#id = affine_map<(i) -> (i)>
func.func @main() -> (tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf16>) {
  %x = arith.constant dense<[0xFF800000, 0.0, 0x7F800000, 1.0, -0.5, -200.0, 10.0, 0x7FC00000, 1.0e-40, 200.0, -0.0, 0.001]> : tensor<12xf32>
  %e = tensor.empty() : tensor<12xf32>
  %eh = tensor.empty() : tensor<12xf16>
  %exp = linalg.exp ins(%x : tensor<12xf32>) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  %tanh = linalg.tanh ins(%x : tensor<12xf32>) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  %erf = linalg.erf ins(%x : tensor<12xf32>) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  %log = linalg.log ins(%x : tensor<12xf32>) outs(%e : tensor<12xf32>) -> tensor<12xf32>
  %r:3 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<12xf32>) outs(%e, %e, %eh : tensor<12xf32>, tensor<12xf32>, tensor<12xf16>) {
  ^bb0(%i: f32, %o0: f32, %o1: f32, %o2: f16):
    %two = arith.constant 2 : i64
    %p = math.fpowi %i, %two : f32, i64
    %l = math.log1p %i : f32
    %h = arith.truncf %i : f32 to f16
    %he = math.exp %h : f16
    linalg.yield %p, %l, %he : f32, f32, f16
  } -> (tensor<12xf32>, tensor<12xf32>, tensor<12xf16>)
  return %exp, %tanh, %erf, %log, %r#0, %r#1, %r#2
       : tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf16>
}
