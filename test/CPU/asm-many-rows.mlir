// The code of prefill: 12 sums in the registers of AVX2, 24 in those of AVX-512, and nothing else in their loops. Lines are
// fetched in front of them.

// RUN: gqa-compile %s --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX2
// RUN: gqa-compile %s --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX512

// Scores: 6 keys times 2 vectors of queries; values: 6 rows times 2 vectors.
// AVX2: loop fma=12 mul-add=0 broadcast=6 load-bytes=64 prefetch=0 spills=0 calls=0
// AVX2: loop fma=12 mul-add=0 broadcast=6 load-bytes=64 prefetch=0 spills=0 calls=0
// AVX2: task {{.*}} libm=0 prefetch={{[1-9]}}

// Scores: 8 keys times 3 vectors; values: 6 rows times 4 vectors.
// AVX512: loop fma=24 mul-add=0 broadcast=8 load-bytes=192 prefetch=0 spills=0 calls=0
// AVX512: loop fma=24 mul-add=0 broadcast=6 load-bytes=256 prefetch=0 spills=0 calls=0
// AVX512: task spilling-loops=0 libm=0 prefetch={{[1-9]}}

func.func @main(%q: tensor<1x8x2048x128xf32>, %k: tensor<1x8x2048x128xf32>, %v: tensor<1x8x2048x128xf32>) -> tensor<1x8x2048x128xf32> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x8x2048x128xf32>, tensor<1x8x2048x128xf32>, tensor<1x8x2048x128xf32>) -> tensor<1x8x2048x128xf32>
  return %o : tensor<1x8x2048x128xf32>
}
