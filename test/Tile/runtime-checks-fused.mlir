// What gqa.append_kv and gqa.rotary ask of sizes holds where a kernel takes them over.
// RUN: not gqa-run %s --inputs=2x8x3x16xf32,3x4xf32,3x4xf32,2x2x7x16xf32,1x2x3x16xf32,2x2x10x16xf32 2>&1 | FileCheck %s --check-prefix=BATCH
// RUN: not gqa-run %s --inputs=2x8x3x16xf32,3x4xf32,3x4xf32,2x2x7x16xf32,2x3x3x16xf32,2x2x10x16xf32 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not gqa-run %s --inputs=2x8x3x16xf32,3x4xf32,3x4xf32,2x2x7x16xf32,2x2x3x20xf32,2x2x10x16xf32 2>&1 | FileCheck %s --check-prefix=DIM
// RUN: not gqa-run %s --inputs=2x8x3x16xf32,3x4xf32,3x4xf32,2x2x7x16xf32,2x2x4x16xf32,2x2x10x16xf32 2>&1 | FileCheck %s --check-prefix=KEYS
// RUN: not gqa-run %s --inputs=2x8x3x16xf32,3x4xf32,2x4xf32,2x2x7x16xf32,2x2x3x16xf32,2x2x10x16xf32 2>&1 | FileCheck %s --check-prefix=ANGLES
// RUN: not gqa-run %s --inputs=2x8x3x6xf32,3x4xf32,3x4xf32,2x2x7x6xf32,2x2x3x6xf32,2x2x10x6xf32 2>&1 | FileCheck %s --check-prefix=PAIRS
// RUN: not gqa-run %s --function=total --inputs=2x8x3x16xf32,2x2x7x16xf32,2x2x4x16xf32 2>&1 | FileCheck %s --check-prefix=TOTAL
// RUN: not gqa-run %s --function=narrow --inputs=2x8x3x16xf32,2x2x7x16xi8,6x1xf32,f32 2>&1 | FileCheck %s --check-prefix=SCALE
// RUN: gqa-run %s --function=narrow --inputs=2x8x3x16xf32,2x2x7x16xi8,7x1xf32,f32 | FileCheck %s --check-prefix=GOOD
// RUN: gqa-run %s --inputs=2x8x3x16xf32,1x4xf32,3x4xf32,2x2x7x16xf32,2x2x3x16xf32,2x2x10x16xf32 | FileCheck %s --check-prefix=GOOD

// BATCH: gqa.attention: the cached and the fresh k differ in batch size
// HEADS: gqa.attention: the cached and the fresh k differ in the number of heads
// DIM: gqa.attention: the cached and the fresh k differ in their head dimension
// KEYS: gqa.attention: k and v differ in the number of keys
// ANGLES: gqa.attention: sin does not broadcast to batch x heads x queries x pairs
// PAIRS: gqa.attention: the rotation has more elements than the head dimension of q
// TOTAL: gqa.attention: the cached and the fresh k do not have 10 tokens together
// SCALE: gqa.attention: the scale of k does not broadcast to it
// GOOD: out0: f32[2x8x3x16]
func.func @main(%q: tensor<?x?x?x?xf32>, %c: tensor<?x4xf32>, %s: tensor<?x4xf32>, %k: tensor<?x?x?x?xf32>,
                %new: tensor<?x?x?x?xf32>, %v: tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32> {
  %r = gqa.rotary %q, %c, %s half : tensor<?x?x?x?xf32>, tensor<?x4xf32>
  %ka = gqa.append_kv %k, %new : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %o = gqa.attention %r, %ka, %v : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  return %o : tensor<?x?x?x?xf32>
}

func.func @total(%q: tensor<2x8x3x16xf32>, %k: tensor<2x2x?x16xf32>, %new: tensor<2x2x?x16xf32>) -> tensor<2x8x3x16xf32> {
  %ka = gqa.append_kv %k, %new : (tensor<2x2x?x16xf32>, tensor<2x2x?x16xf32>) -> tensor<2x2x10x16xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<2x8x3x16xf32>, tensor<2x2x10x16xf32>, tensor<2x2x10x16xf32>) -> tensor<2x8x3x16xf32>
  return %o : tensor<2x8x3x16xf32>
}

func.func @narrow(%q: tensor<2x8x3x16xf32>, %x: tensor<?x?x?x?xi8>, %s: tensor<?x1xf32>, %z: tensor<f32>) -> tensor<2x8x3x16xf32> {
  %k = gqa.dequantize %x scale(%s : tensor<?x1xf32>) zero(%z : tensor<f32>) : tensor<?x?x?x?xi8> -> tensor<?x?x?x?xf32>
  %o = gqa.attention %q, %k, %k : (tensor<2x8x3x16xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> tensor<2x8x3x16xf32>
  return %o : tensor<2x8x3x16xf32>
}
