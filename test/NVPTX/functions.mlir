// REQUIRES: cuda-emulator
// Functions of f32 and bf16, with large angles, as the host computes them.
// RUN: gqa-run %s --outputs=%t.npz
// RUN: env GQA_CUDA_DRIVER=%{emulator} gqa-run %s --target=cuda:sm_80 --expect=%t.npz

func.func @main(%x: tensor<64x33xf32>, %y: tensor<64x33xbf16>) -> (tensor<64x33xf32>, tensor<64x33xf32>, tensor<64x33xf32>, tensor<64x33xbf16>) {
  %far = arith.constant dense<100000.0> : tensor<64x33xf32>
  %angle = arith.mulf %x, %far : tensor<64x33xf32>
  %sine = math.sin %angle : tensor<64x33xf32>
  %cosine = math.cos %x : tensor<64x33xf32>
  %0 = math.tanh %x : tensor<64x33xf32>
  %1 = math.erf %x : tensor<64x33xf32>
  %2 = math.exp %x : tensor<64x33xf32>
  %3 = math.log1p %2 : tensor<64x33xf32>
  %4 = arith.addf %0, %1 : tensor<64x33xf32>
  %5 = arith.addf %4, %3 : tensor<64x33xf32>
  %6 = math.exp %y : tensor<64x33xbf16>
  return %sine, %cosine, %5, %6 : tensor<64x33xf32>, tensor<64x33xf32>, tensor<64x33xf32>, tensor<64x33xbf16>
}
