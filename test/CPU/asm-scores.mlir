// Score mathematics leaves no loop over single numbers, and calls nothing: ALiBi as a region, a softcap, documents.

// RUN: gqa-compile %s --function=decode --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=DECODE
// RUN: gqa-compile %s --function=decode --target=cpu:x86-64-v4 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=DECODE
// The tasks that merge come first; they scale single rows.
// DECODE: task {{.*}}
// DECODE: task {{.*}} libm=0 {{.*}} scalar-loops=0

// So it is without a region.
// RUN: gqa-compile %s --function=prefill --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=PREFILL
// RUN: gqa-compile %s --function=plain --target=cpu:x86-64-v3 --emit=asm | %{python} %S/Inputs/hot_loops.py | FileCheck %s --check-prefix=PREFILL
// PREFILL: task {{.*}} libm=0 {{.*}} scalar-loops=0

func.func @decode(%q: tensor<1x32x1x128xf32>, %k: tensor<1x8x8192x128xf32>, %v: tensor<1x8x8192x128xf32>, %slopes: tensor<32xf32>,
                  %documents: tensor<8192xi32>) -> tensor<1x32x1x128xf32> {
  %o = gqa.attention %q, %k, %v softcap(30.0)
    : (tensor<1x32x1x128xf32>, tensor<1x8x8192x128xf32>, tensor<1x8x8192x128xf32>, tensor<32xf32>, tensor<8192xi32>) -> tensor<1x32x1x128xf32>
    score(%s, %b, %h, %i, %j, %t = %slopes, %d = %documents) {
      %slope = tensor.extract %t[%h] : tensor<32xf32>
      %distance = arith.subi %j, %i : index
      %word = arith.index_cast %distance : index to i64
      %number = arith.sitofp %word : i64 to f32
      %bias = arith.mulf %slope, %number : f32
      %y = arith.addf %s, %bias : f32
      %of_query = tensor.extract %d[%i] : tensor<8192xi32>
      %of_key = tensor.extract %d[%j] : tensor<8192xi32>
      %seen = arith.cmpi eq, %of_query, %of_key : i32
      gqa.yield %y, %seen : f32, i1
    }
  return %o : tensor<1x32x1x128xf32>
}
func.func @prefill(%q: tensor<1x64x512x128xf32>, %slopes: tensor<64xf32>) -> tensor<1x64x512x128xf32> {
  %o = gqa.attention %q, %q, %q softcap(30.0)
    : (tensor<1x64x512x128xf32>, tensor<1x64x512x128xf32>, tensor<1x64x512x128xf32>, tensor<64xf32>) -> tensor<1x64x512x128xf32>
    score(%s, %b, %h, %i, %j, %t = %slopes) {
      %slope = tensor.extract %t[%h] : tensor<64xf32>
      %distance = arith.subi %j, %i : index
      %word = arith.index_cast %distance : index to i64
      %number = arith.sitofp %word : i64 to f32
      %bias = arith.mulf %slope, %number : f32
      %y = arith.addf %s, %bias : f32
      gqa.yield %y : f32
    }
  return %o : tensor<1x64x512x128xf32>
}
func.func @plain(%q: tensor<1x64x512x128xf32>) -> tensor<1x64x512x128xf32> {
  %o = gqa.attention %q, %q, %q : (tensor<1x64x512x128xf32>, tensor<1x64x512x128xf32>, tensor<1x64x512x128xf32>) -> tensor<1x64x512x128xf32>
  return %o : tensor<1x64x512x128xf32>
}
