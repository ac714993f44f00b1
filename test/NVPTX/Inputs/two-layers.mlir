#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i, 0)>
#column = affine_map<(i, j) -> (j)>

func.func @main(%x: tensor<4x64xf32>, %w0: tensor<64x64xf32>, %w1: tensor<64x64xf32>, %g0: tensor<64xf32>, %g1: tensor<64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x64xf32>
  %es = tensor.empty() : tensor<4x1xf32>

  %z0 = linalg.fill ins(%zero : f32) outs(%es : tensor<4x1xf32>) -> tensor<4x1xf32>
  %s0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x64xf32>) outs(%z0 : tensor<4x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %in : f32
    %1 = arith.addf %0, %out : f32
    linalg.yield %1 : f32
  } -> tensor<4x1xf32>
  %n0 = linalg.generic {indexing_maps = [#id, #row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s0, %g0 : tensor<4x64xf32>, tensor<4x1xf32>, tensor<64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %s: f32, %g: f32, %out: f32):
    %0 = math.rsqrt %s : f32
    %1 = arith.mulf %in, %0 : f32
    %2 = arith.mulf %1, %g : f32
    linalg.yield %2 : f32
  } -> tensor<4x64xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  %m0 = linalg.matmul ins(%n0, %w0 : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f0 : tensor<4x64xf32>) -> tensor<4x64xf32>
  %a0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%m0 : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x64xf32>
  %q0 = linalg.matmul ins(%a0, %w1 : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f0 : tensor<4x64xf32>) -> tensor<4x64xf32>

  %s1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%q0 : tensor<4x64xf32>) outs(%z0 : tensor<4x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %in : f32
    %1 = arith.addf %0, %out : f32
    linalg.yield %1 : f32
  } -> tensor<4x1xf32>
  %n1 = linalg.generic {indexing_maps = [#id, #row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q0, %s1, %g1 : tensor<4x64xf32>, tensor<4x1xf32>, tensor<64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %s: f32, %g: f32, %out: f32):
    %0 = math.rsqrt %s : f32
    %1 = arith.mulf %in, %0 : f32
    %2 = arith.mulf %1, %g : f32
    linalg.yield %2 : f32
  } -> tensor<4x64xf32>
  %m1 = linalg.matmul ins(%n1, %w0 : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f0 : tensor<4x64xf32>) -> tensor<4x64xf32>
  %a1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%m1 : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x64xf32>
  %q1 = linalg.matmul ins(%a1, %w1 : tensor<4x64xf32>, tensor<64x64xf32>) outs(%f0 : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %q1 : tensor<4x64xf32>
}
