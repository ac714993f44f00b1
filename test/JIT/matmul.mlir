// Products of every type and orientation against loops: integers small enough to be exact in all of them.
// RUN: gqa-run %s --outputs=%t.npz && gqa-run %s --reference --expect=%t.npz --tolerance=0
// RUN: gqa-run %s | FileCheck %s
// CHECK: out0: f32[2x2] = 19 22 43 50
// CHECK: out1: f16[2x2] = 17 23 39 53
// CHECK: out2: bf16[2x2] = 119 122 143 150
// CHECK: out3: f64[1x2x2] = 19 22 43 50
func.func @main() -> (tensor<2x2xf32>, tensor<2x2xf16>, tensor<2x2xbf16>, tensor<1x2x2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf32>
  %z = arith.constant dense<0.0> : tensor<2x2xf32>
  %plain = linalg.matmul ins(%a, %b : tensor<2x2xf32>, tensor<2x2xf32>) outs(%z : tensor<2x2xf32>) -> tensor<2x2xf32>

  %ah = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf16>
  %bh = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf16>
  %zh = arith.constant dense<0.0> : tensor<2x2xf16>
  %eh = tensor.empty() : tensor<2x2xf16>
  %th = linalg.transpose ins(%bh : tensor<2x2xf16>) outs(%eh : tensor<2x2xf16>) permutation = [1, 0]
  %half = linalg.matmul ins(%ah, %th : tensor<2x2xf16>, tensor<2x2xf16>) outs(%zh : tensor<2x2xf16>) -> tensor<2x2xf16>

  %ab = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xbf16>
  %bb = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xbf16>
  %more = arith.constant dense<100.0> : tensor<2x2xbf16>
  %added = linalg.matmul ins(%ab, %bb : tensor<2x2xbf16>, tensor<2x2xbf16>) outs(%more : tensor<2x2xbf16>) -> tensor<2x2xbf16>

  %ad = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf64>
  %bd = arith.constant dense<[[[5.0, 6.0], [7.0, 8.0]]]> : tensor<1x2x2xf64>
  %zd = arith.constant dense<0.0> : tensor<1x2x2xf64>
  %batch = linalg.batch_matmul ins(%ad, %bd : tensor<1x2x2xf64>, tensor<1x2x2xf64>) outs(%zd : tensor<1x2x2xf64>) -> tensor<1x2x2xf64>
  return %plain, %half, %added, %batch : tensor<2x2xf32>, tensor<2x2xf16>, tensor<2x2xbf16>, tensor<1x2x2xf64>
}
