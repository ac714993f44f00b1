// What a launch takes of the host's stack is there once for all iterations of a loop: it is given back when the function ends.
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=llvm | FileCheck %s

// CHECK-LABEL: define void @gqa_entry(
// CHECK: br i1
// CHECK-NOT: alloca
// CHECK: ret void
func.func @main(%start: tensor<64xf32>, %n: index) -> tensor<64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %start) -> (tensor<64xf32>) {
    %e = tensor.empty() : tensor<64xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%t : tensor<64xf32>) outs(%e : tensor<64xf32>) {
    ^bb0(%x: f32, %out: f32):
      %y = arith.addf %x, %one : f32
      linalg.yield %y : f32
    } -> tensor<64xf32>
    scf.yield %s : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}
