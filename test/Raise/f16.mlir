// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Products and operands in f16, the softmax in f32: casts on the way are precision, not mathematics.
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!H = tensor<6x7x9xf16>
#id = affine_map<(h, i, j) -> (h, i, j)>

// CHECK-LABEL: @softmax_in_f32(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00) {{.*}} -> tensor<1x6x7x16xf16>
// CHECK-NOT: linalg
func.func @softmax_in_f32(%q: tensor<6x7x16xf16>, %k: tensor<6x16x9xf16>, %v: tensor<6x9x16xf16>) -> tensor<6x7x16xf16> {
  %zh = arith.constant dense<0.0> : !H
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<6x7x16xf32>
  %eo = tensor.empty() : tensor<6x7x16xf16>
  %h = linalg.batch_matmul ins(%q, %k : tensor<6x7x16xf16>, tensor<6x16x9xf16>) outs(%zh : !H) -> !H
  %qk = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h : !H) outs(%zs : !S) {
  ^bb0(%a: f16, %x: f32):
    %y = arith.extf %a : f16 to f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %wh = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w : !S) outs(%zh : !H) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !H
  %o = linalg.batch_matmul ins(%wh, %v : !H, tensor<6x9x16xf16>) outs(%zo : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  %oh = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%o : tensor<6x7x16xf32>) outs(%eo : tensor<6x7x16xf16>) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> tensor<6x7x16xf16>
  return %oh : tensor<6x7x16xf16>
}

// An output that stays in f32 makes all of it an attention in f32: that is where the products were computed.
// CHECK-LABEL: @output_in_f32(
// CHECK: %[[Q:.*]] = arith.extf {{.*}} to tensor<1x6x7x16xf32>
// CHECK: %[[K:.*]] = gqa.dequantize
// CHECK: %[[V:.*]] = gqa.dequantize
// CHECK: gqa.attention %[[Q]], %[[K]], %[[V]] {{.*}} -> tensor<1x6x7x16xf32>
// CHECK-NOT: linalg
func.func @output_in_f32(%q: tensor<6x7x16xf16>, %k: tensor<6x16x9xf16>, %v: tensor<6x9x16xf16>) -> tensor<6x7x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<6x7x16xf32>
  %qk = linalg.batch_matmul ins(%q, %k : tensor<6x7x16xf16>, tensor<6x16x9xf16>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, tensor<6x9x16xf16>) outs(%zo : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  return %o : tensor<6x7x16xf32>
}
