// The code of an attention in tile registers: registers are configured once, every product of a 2 x 2 block needs one load,
// and no tile goes to the stack.
// RUN: gqa-compile %s --target=cpu:sapphirerapids --emit=asm | %{python} %S/Inputs/tile_loops.py | FileCheck %s

// Scores: 128 elements of the head dimension in steps of 32, for two blocks of rows.
// CHECK: loop products=32 loads=32 stores=8 zeros=8 spills=0
// The output stays in registers while the keys pass by.
// CHECK-NEXT: loop products=[[N:[0-9]+]] loads=[[N]] stores=0 zeros=0 spills=0
// CHECK-NOT: spills={{[1-9]}}
// CHECK: task configurations=1 libm=0
// CHECK-NOT: task
func.func @main(%q: tensor<1x8x1024x128xbf16>, %k: tensor<1x2x1024x128xbf16>, %v: tensor<1x2x1024x128xbf16>)
    -> tensor<1x8x1024x128xbf16> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x8x1024x128xbf16>, tensor<1x2x1024x128xbf16>, tensor<1x2x1024x128xbf16>) -> tensor<1x8x1024x128xbf16>
  return %o : tensor<1x8x1024x128xbf16>
}
