func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = func.call @layer(%x) : (tensor<64xf32>) -> tensor<64xf32>
  %1 = func.call @layer(%0) : (tensor<64xf32>) -> tensor<64xf32>
  return %1 : tensor<64xf32>
}
func.func private @layer(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = math.exp %x : tensor<64xf32>
  return %0 : tensor<64xf32>
}
