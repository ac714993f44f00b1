func.func @main(%q: tensor<2x6x33x24xf32>, %k: tensor<2x2x33x24xf32>, %v: tensor<2x2x33x24xf32>) -> tensor<2x6x33x24xf32> {
  %o = gqa.attention %q, %k, %v causal
     : (tensor<2x6x33x24xf32>, tensor<2x2x33x24xf32>, tensor<2x2x33x24xf32>) -> tensor<2x6x33x24xf32>
  return %o : tensor<2x6x33x24xf32>
}
