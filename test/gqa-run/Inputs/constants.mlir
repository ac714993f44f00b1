// A constant that an attention reads beside another kernel: it is on the device when the attention maps it.
func.func @main(%q: tensor<2x4x5x16xf32>, %k: tensor<2x2x5x16xf32>, %x: tensor<4x5xf32>) -> (tensor<2x4x5x16xf32>, tensor<4x5xf32>) {
  %table = arith.constant dense<[[0.1, -0.2, 0.3, -0.4, 0.5], [0.2, 0.4, 0.6, 0.8, 1.0], [-1.0, 0.0, 1.0, 0.5, 0.25], [0.7, 0.6, 0.5, 0.4, 0.3]]> : tensor<4x5xf32>
  %o = gqa.attention %q, %k, %k causal : (tensor<2x4x5x16xf32>, tensor<2x2x5x16xf32>, tensor<2x2x5x16xf32>, tensor<4x5xf32>) -> tensor<2x4x5x16xf32>
    score(%s, %b, %h, %i, %j, %t = %table) {
      %slope = tensor.extract %t[%h, %j] : tensor<4x5xf32>
      %r = arith.addf %s, %slope : f32
      gqa.yield %r : f32
    }
  %y = arith.mulf %x, %table : tensor<4x5xf32>
  return %o, %y : tensor<2x4x5x16xf32>, tensor<4x5xf32>
}
