// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// All keys but the last one have values: of sizes that are not known the slice is one shorter, which a loop over it and over the
// values does not make equal. An attention over the keys that have values would leave the last one out of the sum.
#id = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>

// CHECK-LABEL: @without_the_last(
// CHECK-NOT: gqa.attention
// CHECK: return
func.func @without_the_last(%q: tensor<6x7x16xf32>, %kt: tensor<6x16x?xf32>, %v: tensor<6x?x16xf32>) -> tensor<6x7x16xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : tensor<6x7x16xf32>
  %no_sum = arith.constant dense<0.0> : tensor<6x7xf32>
  %lowest = arith.constant dense<0xFF800000> : tensor<6x7xf32>
  %n = tensor.dim %kt, %c2 : tensor<6x16x?xf32>
  %init = tensor.empty(%n) : tensor<6x7x?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<6x7x?xf32>) -> tensor<6x7x?xf32>
  %s = linalg.batch_matmul ins(%q, %kt : tensor<6x7x16xf32>, tensor<6x16x?xf32>) outs(%zeros : tensor<6x7x?xf32>) -> tensor<6x7x?xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s : tensor<6x7x?xf32>) outs(%lowest : tensor<6x7xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %r = arith.maximumf %x, %acc : f32
    linalg.yield %r : f32
  } -> tensor<6x7xf32>
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<6x7x?xf32>, tensor<6x7xf32>) outs(%init : tensor<6x7x?xf32>) {
  ^bb0(%x: f32, %c: f32, %out: f32):
    %d = arith.subf %x, %c : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<6x7x?xf32>
  %l = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%e : tensor<6x7x?xf32>) outs(%no_sum : tensor<6x7xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %r = arith.addf %x, %acc : f32
    linalg.yield %r : f32
  } -> tensor<6x7xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : tensor<6x7x?xf32>, tensor<6x7xf32>) outs(%init : tensor<6x7x?xf32>) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %r = arith.divf %x, %sum : f32
    linalg.yield %r : f32
  } -> tensor<6x7x?xf32>
  %rest = arith.subi %n, %c1 : index
  %pv = tensor.extract_slice %p[0, 0, 0] [6, 7, %rest] [1, 1, 1] : tensor<6x7x?xf32> to tensor<6x7x?xf32>
  %o = linalg.batch_matmul ins(%pv, %v : tensor<6x7x?xf32>, tensor<6x?x16xf32>) outs(%none : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  return %o : tensor<6x7x16xf32>
}
