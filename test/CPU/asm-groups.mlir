// The code of a decode step for groups that no block of registers divides evenly, and for few heads, on AVX2.

// RUN: gqa-compile %s --function=seven --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=SEVEN
// RUN: gqa-compile %s --function=two --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=TWO

// Scores of 4 and of 3 heads with 3 keys; values of 4 and of 3 heads, not of 6 and one.
// SEVEN: loop fma=48 mul-add=0 broadcast=0 {{.*}} spills=0 calls=0
// SEVEN-NEXT: loop fma=36 mul-add=0 broadcast=0 {{.*}} spills=0 calls=0
// SEVEN: loop fma=64 mul-add=0 broadcast=32 {{.*}} spills=0 calls=0
// SEVEN-NEXT: loop fma=48 mul-add=0 broadcast=24 {{.*}} spills=0 calls=0
func.func @seven(%q: tensor<1x14x1x128xbf16>, %k: tensor<1x2x4096x128xbf16>, %v: tensor<1x2x4096x128xbf16>) -> tensor<1x14x1x128xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x14x1x128xbf16>, tensor<1x2x4096x128xbf16>, tensor<1x2x4096x128xbf16>) -> tensor<1x14x1x128xbf16>
  return %o : tensor<1x14x1x128xbf16>
}

// Values that are widened are in registers, beside 8 sums.
// TWO: loop fma=32 mul-add=0 broadcast=0 {{.*}} spills=0 calls=0
// TWO: loop fma=16 mul-add=0 broadcast=4 load-bytes=128 {{.*}} spills=0 calls=0
func.func @two(%q: tensor<1x4x1x128xbf16>, %k: tensor<1x2x4096x128xbf16>, %v: tensor<1x2x4096x128xbf16>) -> tensor<1x4x1x128xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x4x1x128xbf16>, tensor<1x2x4096x128xbf16>, tensor<1x2x4096x128xbf16>) -> tensor<1x4x1x128xbf16>
  return %o : tensor<1x4x1x128xbf16>
}
