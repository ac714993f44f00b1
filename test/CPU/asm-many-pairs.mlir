// The code of a prefill of bf16 where pairs are multiplied: both products are 24 sums in registers, 6 broadcast pairs for 4 vectors
// of rows, and nothing else in their loops.
// RUN: gqa-compile %s --target=cpu:znver4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s

// CHECK: loop fma=24 mul-add=0 broadcast=6 load-bytes=256 prefetch=0 spills=0 calls=0
// CHECK: loop fma=24 mul-add=0 broadcast=6 load-bytes=256 prefetch=0 spills=0 calls=0
// CHECK: task spilling-loops=0 libm=0 prefetch={{[1-9]}}
func.func @main(%q: tensor<1x8x2048x128xbf16>, %k: tensor<1x8x2048x128xbf16>, %v: tensor<1x8x2048x128xbf16>) -> tensor<1x8x2048x128xbf16> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>) -> tensor<1x8x2048x128xbf16>
  return %o : tensor<1x8x2048x128xbf16>
}
