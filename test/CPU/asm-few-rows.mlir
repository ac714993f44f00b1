// The code of a decode step: products are fused multiply-adds, their loops call nothing and keep nothing on the stack.

// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX2
// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX512
// RUN: gqa-compile %s --function=bf16 --target=cpu:znver3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=BF16
// RUN: gqa-compile %s --function=bf16 --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=BF16
// RUN: gqa-compile %s --function=bf16 --target=cpu:haswell --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=BF16
// RUN: gqa-compile %s --function=bf16 --target=cpu:skylake --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=BF16
// A rotation and an append in front leave the loops as they are.
// RUN: gqa-compile %s --function=step --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX2
// RUN: gqa-compile %s --function=step --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX512
// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=SSE2

// Scores, a quarter of the head dimension: 3 keys, and as many bytes of queries again for 4 heads; 6 lines are asked
// for meanwhile, twice each. Values: 64 bytes of 2 keys for 4 heads, and 2 lines.
// AVX2: loop fma=48 mul-add=0 broadcast=0 load-bytes=896 prefetch=12 spills=0 calls=0
// AVX2: loop fma=16 mul-add=0 broadcast=8 load-bytes=128 prefetch=4 spills=0 calls=0
// AVX2: task {{.*}} libm=0

// 4 keys, half of the head dimension; 2 keys and half of their values.
// AVX512: loop fma=64 mul-add=0 broadcast=0 load-bytes=2048 prefetch=32 spills=0 calls=0
// AVX512: loop fma=32 mul-add=0 broadcast=8 load-bytes=512 prefetch=16 spills=0 calls=0
// AVX512: task {{.*}} libm=0

// Half as many bytes of values; words of keys are read twice, as even and odd numbers. Sums and operands fill the registers, for
// whatever processor instructions are put in order.
// BF16: loop fma=48 mul-add=0 broadcast=0 load-bytes=896 prefetch=8 spills=0 calls=0
// BF16: loop fma=32 mul-add=0 broadcast=16 load-bytes=128 prefetch=4 spills=0 calls=0
// BF16: task {{.*}} libm=0
// Where pairs are multiplied, half as many products: 4 keys and all of the head dimension; of 2 keys half of their values.
// RUN: gqa-compile %s --function=bf16 --target=cpu:znver4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=PAIRS
// PAIRS: loop fma=64 mul-add={{[0-9]+}} broadcast=0 load-bytes=2{{[0-9]+}} prefetch=32 spills=0 calls=0
// PAIRS: loop fma=16 mul-add=0 broadcast=4 load-bytes=256 prefetch=8 spills=0 calls=0
// PAIRS: task {{.*}} libm=0

// Without fused multiply-adds there are two instructions, not a call of the C library.
// SSE2: loop fma=0
// SSE2: task {{.*}} libm=0

func.func @f32(%q: tensor<1x32x1x128xf32>, %k: tensor<1x8x8192x128xf32>, %v: tensor<1x8x8192x128xf32>) -> tensor<1x32x1x128xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x32x1x128xf32>, tensor<1x8x8192x128xf32>, tensor<1x8x8192x128xf32>) -> tensor<1x32x1x128xf32>
  return %o : tensor<1x32x1x128xf32>
}
func.func @bf16(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x8192x128xbf16>, %v: tensor<1x8x8192x128xbf16>) -> tensor<1x32x1x128xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x32x1x128xbf16>, tensor<1x8x8192x128xbf16>, tensor<1x8x8192x128xbf16>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}
func.func @step(%q: tensor<1x32x1x128xf32>, %c: tensor<1x64xf32>, %k: tensor<1x8x8191x128xf32>, %v: tensor<1x8x8191x128xf32>,
                %new: tensor<1x8x1x128xf32>) -> tensor<1x32x1x128xf32> {
  %r = gqa.rotary %q, %c, %c half : tensor<1x32x1x128xf32>, tensor<1x64xf32>
  %ka = gqa.append_kv %k, %new : (tensor<1x8x8191x128xf32>, tensor<1x8x1x128xf32>) -> tensor<1x8x8192x128xf32>
  %va = gqa.append_kv %v, %new : (tensor<1x8x8191x128xf32>, tensor<1x8x1x128xf32>) -> tensor<1x8x8192x128xf32>
  %o = gqa.attention %r, %ka, %va
    : (tensor<1x32x1x128xf32>, tensor<1x8x8192x128xf32>, tensor<1x8x8192x128xf32>) -> tensor<1x32x1x128xf32>
  return %o : tensor<1x32x1x128xf32>
}
