// The code of a decode step: products are fused multiply-adds, their loops keep nothing on the stack and call nothing.

// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX2
// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX512
// RUN: gqa-compile %s --function=bf16 --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=BF16
// A rotation and an append in front leave the loops as they are.
// RUN: gqa-compile %s --function=step --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX2
// RUN: gqa-compile %s --function=step --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=AVX512
// RUN: gqa-compile %s --function=f32 --target=cpu:x86-64 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=SSE2

// Scores: 2 keys of 512 bytes, once for all 4 heads, and as many bytes of queries again for each pair of heads; 16 lines of
// values are fetched meanwhile. Values: 64 bytes of one key for 4 heads, and a line of the next keys.
// AVX2: loop fma=128 mul-add=8 broadcast=0 load-bytes=3072 prefetch=16 spills=0 calls=0
// AVX2: loop fma=8 mul-add=0 broadcast=4 load-bytes=64 prefetch=1 spills=0 calls=0
// AVX2: task {{.*}} libm=0

// AVX512: loop fma=128 mul-add={{.*}} load-bytes=4096 prefetch=32 spills={{[0-2]}} calls=0
// AVX512: loop fma=16 mul-add=0 broadcast=4 load-bytes=256 prefetch=4 spills=0 calls=0
// AVX512: task {{.*}} libm=0

// Half as many bytes of keys and values.
// BF16: loop fma=128 mul-add=8 broadcast=0 load-bytes=2560 prefetch=8 spills={{[0-2]}} calls=0
// BF16: loop fma=8 mul-add=0 broadcast=4 load-bytes=32 prefetch=1 spills=0 calls=0
// BF16: task {{.*}} libm=0

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
