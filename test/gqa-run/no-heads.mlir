// No query heads have neither rows nor tiles, whether the compiler knows that there are none or not: nothing is read of them.
// REQUIRES: cuda-emulator
// RUN: env GQA_CUDA_DRIVER=%{emulator} gqa-run %s --target=cuda:sm_80 --inputs=1x0x5x64xbf16,1x2x7x64xbf16 | FileCheck %s
// RUN: env GQA_CUDA_DRIVER=%{emulator} GQA_EMULATOR=sm=90 gqa-run %s --target=cuda:sm_90a --inputs=1x0x5x64xbf16,1x2x7x64xbf16 | FileCheck %s
// RUN: sed 's/1x0x/1x?x/g' %s > %t.mlir
// RUN: env GQA_CUDA_DRIVER=%{emulator} gqa-run %t.mlir --target=cuda:sm_80 --inputs=1x0x5x64xbf16,1x2x7x64xbf16 | FileCheck %s

// CHECK: out0: bf16[1x0x5x64] =
func.func @main(%q: tensor<1x0x?x64xbf16>, %k: tensor<1x2x?x64xbf16>) -> tensor<1x0x?x64xbf16> {
  %o = gqa.attention %q, %k, %k : (tensor<1x0x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x0x?x64xbf16>
  return %o : tensor<1x0x?x64xbf16>
}
