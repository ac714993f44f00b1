// Rows times the matrices of their groups, of tokens and their experts: few rows and many, weights along the sums and across. The
// PTX and, where ptxas and nvdisasm are at hand, what becomes of it: what kernels of many rows spill is around their loops.
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=ptx -o %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_90 --registers main 128 --spills main 120 --registers main_1 128 --spills main_1 120 --registers main_0 80 --loops main HMMA=64 LDSM=24 INSTRUCTIONS=150 --loops main_1 HMMA=64 LDSM=24 INSTRUCTIONS=140 --loops main_0 HMMA=4 INSTRUCTIONS=60

#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>

func.func @main(%x: tensor<4096x1x2048xbf16>, %z: tensor<8x1x2048xbf16>, %along: tensor<8x1024x2048xbf16>, %across: tensor<8x2048x1024xbf16>, %g: tensor<4096xi64>, %h: tensor<8xi64>)
    -> (tensor<4096x1x1024xf32>, tensor<4096x1x1024xf32>, tensor<8x1x1024xf32>, tensor<8x1x1024xf32>) {
  %zero = arith.constant 0.0 : f32
  %t = tensor.empty() : tensor<8x2048x1024xbf16>
  %turned = linalg.transpose ins(%along : tensor<8x1024x2048xbf16>) outs(%t : tensor<8x2048x1024xbf16>) permutation = [0, 2, 1]
  %e0 = tensor.empty() : tensor<4096x2048x1024xbf16>
  %s0 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<4096xi64>) outs(%e0 : tensor<4096x2048x1024xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %turned[%i, %k, %n] : tensor<8x2048x1024xbf16>
    linalg.yield %m : bf16
  } -> tensor<4096x2048x1024xbf16>
  %r0 = tensor.empty() : tensor<4096x1x1024xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%r0 : tensor<4096x1x1024xf32>) -> tensor<4096x1x1024xf32>
  %y0 = linalg.batch_matmul ins(%x, %s0 : tensor<4096x1x2048xbf16>, tensor<4096x2048x1024xbf16>) outs(%f0 : tensor<4096x1x1024xf32>) -> tensor<4096x1x1024xf32>
  %e1 = tensor.empty() : tensor<4096x2048x1024xbf16>
  %s1 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<4096xi64>) outs(%e1 : tensor<4096x2048x1024xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %across[%i, %k, %n] : tensor<8x2048x1024xbf16>
    linalg.yield %m : bf16
  } -> tensor<4096x2048x1024xbf16>
  %r1 = tensor.empty() : tensor<4096x1x1024xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%r1 : tensor<4096x1x1024xf32>) -> tensor<4096x1x1024xf32>
  %y1 = linalg.batch_matmul ins(%x, %s1 : tensor<4096x1x2048xbf16>, tensor<4096x2048x1024xbf16>) outs(%f1 : tensor<4096x1x1024xf32>) -> tensor<4096x1x1024xf32>
  %e2 = tensor.empty() : tensor<8x2048x1024xbf16>
  %s2 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h : tensor<8xi64>) outs(%e2 : tensor<8x2048x1024xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %turned[%i, %k, %n] : tensor<8x2048x1024xbf16>
    linalg.yield %m : bf16
  } -> tensor<8x2048x1024xbf16>
  %r2 = tensor.empty() : tensor<8x1x1024xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%r2 : tensor<8x1x1024xf32>) -> tensor<8x1x1024xf32>
  %y2 = linalg.batch_matmul ins(%z, %s2 : tensor<8x1x2048xbf16>, tensor<8x2048x1024xbf16>) outs(%f2 : tensor<8x1x1024xf32>) -> tensor<8x1x1024xf32>
  %e3 = tensor.empty() : tensor<8x2048x1024xbf16>
  %s3 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h : tensor<8xi64>) outs(%e3 : tensor<8x2048x1024xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %across[%i, %k, %n] : tensor<8x2048x1024xbf16>
    linalg.yield %m : bf16
  } -> tensor<8x2048x1024xbf16>
  %r3 = tensor.empty() : tensor<8x1x1024xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%r3 : tensor<8x1x1024xf32>) -> tensor<8x1x1024xf32>
  %y3 = linalg.batch_matmul ins(%z, %s3 : tensor<8x1x2048xbf16>, tensor<8x2048x1024xbf16>) outs(%f3 : tensor<8x1x1024xf32>) -> tensor<8x1x1024xf32>
  return %y0, %y1, %y2, %y3 : tensor<4096x1x1024xf32>, tensor<4096x1x1024xf32>, tensor<8x1x1024xf32>, tensor<8x1x1024xf32>
}
