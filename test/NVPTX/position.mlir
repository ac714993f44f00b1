// REQUIRES: cuda-emulator
// A static cache: new rows go where an argument says, and the host does not read it.
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=mlir:target 2>&1 | FileCheck %s --implicit-check-not=remark --implicit-check-not=gqa_rt_fail
// RUN: gqa-run %s --outputs=%t.npz
// RUN: env GQA_CUDA_DRIVER=%{emulator} gqa-run %s --target=cuda:sm_80 --expect=%t.npz

// CHECK: gqa.device_arguments = array<i64: 0, 1, 2>, gqa.device_results = array<i64: 0>
func.func @main(%cache: tensor<2x16x64xf16>, %new: tensor<2x1x64xf16>, %raw: tensor<i64>) -> tensor<2x16x64xf16> {
  %0 = tensor.extract %raw[] : tensor<i64>
  %c15 = arith.constant 15 : i64
  %1 = arith.andi %0, %c15 : i64 // of a random number
  %p = arith.index_cast %1 : i64 to index
  %2 = tensor.insert_slice %new into %cache[0, %p, 0] [2, 1, 64] [1, 1, 1] : tensor<2x1x64xf16> into tensor<2x16x64xf16>
  return %2 : tensor<2x16x64xf16>
}
