// RUN: gqa-run %s | FileCheck %s
// RUN: gqa-run %s --reference | FileCheck %s
// RUN: gqa-run %s --no-simplify | FileCheck %s

// A computation that writes the first of each row, and reads none.
// CHECK: out0: f32[2x3] = -1 7 7 -2 7 7
func.func @main() -> tensor<2x3xf32> {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %before = arith.constant dense<7.0> : tensor<2x3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i, 0)>], iterator_types = ["parallel"]}
      ins(%x : tensor<2xf32>) outs(%before : tensor<2x3xf32>) {
  ^bb0(%i: f32, %o: f32):
    %n = arith.negf %i : f32
    linalg.yield %n : f32
  } -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}
