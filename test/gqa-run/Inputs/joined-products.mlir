// Products of one operand of few rows, whose weights lie along the sums or across them.

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

func.func @main(%x: tensor<1x1024xbf16>, %q: tensor<64x1024xbf16>, %k: tensor<16x1024xbf16>, %v: tensor<16x1024xbf16>)
    -> (tensor<1x64xbf16>, tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %zero = arith.constant 0.0 : bf16
  %e64 = tensor.empty() : tensor<1x64xbf16>
  %f64 = linalg.fill ins(%zero : bf16) outs(%e64 : tensor<1x64xbf16>) -> tensor<1x64xbf16>
  %e16 = tensor.empty() : tensor<1x16xbf16>
  %f16 = linalg.fill ins(%zero : bf16) outs(%e16 : tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %0 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %q : tensor<1x1024xbf16>, tensor<64x1024xbf16>) outs(%f64 : tensor<1x64xbf16>) -> tensor<1x64xbf16>
  %1 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %k : tensor<1x1024xbf16>, tensor<16x1024xbf16>) outs(%f16 : tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %2 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %v : tensor<1x1024xbf16>, tensor<16x1024xbf16>) outs(%f16 : tensor<1x16xbf16>) -> tensor<1x16xbf16>
  return %0, %1, %2 : tensor<1x64xbf16>, tensor<1x16xbf16>, tensor<1x16xbf16>
}

func.func @across(%x: tensor<8x256xbf16>, %a: tensor<256x128xbf16>, %b: tensor<256x64xbf16>) -> (tensor<8x128xbf16>, tensor<8x64xf32>) {
  %zero = arith.constant 0.0 : bf16
  %wide = arith.constant 0.0 : f32
  %ea = tensor.empty() : tensor<8x128xbf16>
  %fa = linalg.fill ins(%zero : bf16) outs(%ea : tensor<8x128xbf16>) -> tensor<8x128xbf16>
  %eb = tensor.empty() : tensor<8x64xf32>
  %fb = linalg.fill ins(%wide : f32) outs(%eb : tensor<8x64xf32>) -> tensor<8x64xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<8x256xbf16>, tensor<256x128xbf16>) outs(%fa : tensor<8x128xbf16>) -> tensor<8x128xbf16>
  %1 = linalg.matmul ins(%x, %b : tensor<8x256xbf16>, tensor<256x64xbf16>) outs(%fb : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0, %1 : tensor<8x128xbf16>, tensor<8x64xf32>
}
