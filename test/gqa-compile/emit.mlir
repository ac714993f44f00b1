// RUN: gqa-compile %s --emit=mlir:tiled --target=cpu:x86-64-v3 | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --emit=llvm --target=cpu:x86-64-v3 -o %t.ll && FileCheck %s --check-prefix=LLVM --input-file=%t.ll
// RUN: gqa-compile --emit=asm --target=cpu:x86-64-v4 - < %s | FileCheck %s --check-prefix=ASM

// RUN: gqa-compile %s --emit=obj --target=cpu:x86-64-v3 -o %t.o && llvm-nm %t.o | FileCheck %s --check-prefix=OBJ

// What an object calls is in the runtime and in the C library.
// OBJ-NOT: U _mlir
// OBJ: T gqa_entry
// OBJ: U gqa_rt_{{(aligned_)?}}alloc
// OBJ: R gqa_signature
// OBJ-NOT: U _mlir
// TILED: tile.kernel
// LLVM: define void @gqa_entry(ptr
// ASM: gqa_entry:
func.func @main(%q: tensor<1x2x4x16xf32>, %k: tensor<1x2x4x16xf32>) -> tensor<1x2x4x16xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>, tensor<1x2x4x16xf32>) -> tensor<1x2x4x16xf32>
  return %o : tensor<1x2x4x16xf32>
}
