// RUN: gqa-opt %s --to=fused | FileCheck %s --check-prefix=FUSED
// RUN: gqa-opt %s --to=tiled --dump-phases=%t | FileCheck %s --check-prefix=TILED
// RUN: FileCheck %s --check-prefix=FUSED < %t/3-fused.mlir
// RUN: not ls %t/5-target.mlir
// RUN: gqa-opt %s --to=target | FileCheck %s --check-prefix=TARGET
// RUN: not gqa-opt %s --to=fussed 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not gqa-opt %s --dump-phases=%t 2>&1 | FileCheck %s --check-prefix=ALONE

// FUSED: gqa.attention
// TILED-NOT: tensor<
// TILED: tile.kernel
// TARGET-NOT: memref<
// TARGET: llvm.func @main
// UNKNOWN: there is no phase 'fussed'; expected input, raised, shared, fused, tiled, target or binary
// ALONE: --dump-phases writes what the phases make, and none is asked for; add --to=<phase>
func.func @main(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x8x16xf32>) -> tensor<1x4x8x16xf32> {
  %o = gqa.attention %q, %k, %k causal
     : (tensor<1x4x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>) -> tensor<1x4x8x16xf32>
  return %o : tensor<1x4x8x16xf32>
}
