// RUN: gqa-compile %s --emit=ptx --target=cuda:sm_80 | FileCheck %s --check-prefix=PTX
// RUN: gqa-compile %s --emit=llvm --target=cuda:sm_80 | FileCheck %s --check-prefix=IMAGE
// RUN: gqa-compile %s --emit=obj --target=cuda:sm_80,cpu:x86-64 -o %t.o
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=OBJECT --implicit-check-not=' U _mlir'

// PTX: .visible .entry gqa_attention_0
// IMAGE: @gqa_cuda_images = internal constant [1 x { ptr, ptr, i64, i64 }]
// OBJECT-DAG: D gqa_cuda_module
// OBJECT-DAG: T gqa_entry
// OBJECT-DAG: U gqa_rt_cuda_launch
// OBJECT-DAG: R gqa_signature
func.func @main(%q: tensor<1x2x4x16xf16>, %k: tensor<1x2x4x16xf16>) -> tensor<1x2x4x16xf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x2x4x16xf16>, tensor<1x2x4x16xf16>, tensor<1x2x4x16xf16>) -> tensor<1x2x4x16xf16>
  return %o : tensor<1x2x4x16xf16>
}
