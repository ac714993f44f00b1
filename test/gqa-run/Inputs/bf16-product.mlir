func.func @main(%x: tensor<3x64xbf16>, %w: tensor<64x48xbf16>) -> tensor<3x48xbf16> {
  %zero = arith.constant 0.0 : bf16
  %room = tensor.empty() : tensor<3x48xbf16>
  %init = linalg.fill ins(%zero : bf16) outs(%room : tensor<3x48xbf16>) -> tensor<3x48xbf16>
  %y = linalg.matmul ins(%x, %w : tensor<3x64xbf16>, tensor<64x48xbf16>) outs(%init : tensor<3x48xbf16>) -> tensor<3x48xbf16>
  return %y : tensor<3x48xbf16>
}
