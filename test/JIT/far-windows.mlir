// An offset so far beyond the keys that not even a window of 2^41 keys reaches back to them: every row is dead.
// RUN: gqa-run %s | FileCheck %s
// CHECK: out0: f32[1x4x3x5] = 0 0 0 0 0 0
func.func @main(%q: tensor<1x4x3x5xf32>, %k: tensor<1x2x3x5xf32>) -> tensor<1x4x3x5xf32> {
  %o = gqa.attention %q, %k, %k window(2199023255552, -1) offset(4398046511104)
    : (tensor<1x4x3x5xf32>, tensor<1x2x3x5xf32>, tensor<1x2x3x5xf32>) -> tensor<1x4x3x5xf32>
  return %o : tensor<1x4x3x5xf32>
}
