// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Positions are looked up in a flattened table of 2 x S of them, at b * S + j: with S as a symbol the lookup gives j, and the
// mask is causal.
#one = affine_map<(b, i, j) -> (b, i, j)>
#two = affine_map<(b, i) -> (b, i)>

// CHECK-LABEL: @gathered(
// CHECK: gqa.attention {{.*}} causal {{.*}}offset(0)
// CHECK-NOT: score(
// CHECK: return
func.func @gathered(%q: tensor<2x?x16xf32>, %k: tensor<2x?x16xf32>, %v: tensor<2x?x16xf32>) -> tensor<2x?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %c1 = arith.constant 1 : index
  %n = tensor.dim %q, %c1 : tensor<2x?x16xf32>
  %table = tensor.empty(%n) : tensor<2x?xi64>
  %positions = linalg.generic {indexing_maps = [#two], iterator_types = ["parallel", "parallel"]} outs(%table : tensor<2x?xi64>) {
  ^bb0(%x: i64):
    %i = linalg.index 1 : index
    %y = arith.index_cast %i : index to i64
    linalg.yield %y : i64
  } -> tensor<2x?xi64>
  %flat = tensor.collapse_shape %positions [[0, 1]] : tensor<2x?xi64> into tensor<?xi64>
  %e = tensor.empty(%n, %n) : tensor<2x?x?xf32>
  %zs = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(b, i, j, d) -> (b, i, d)>, affine_map<(b, i, j, d) -> (b, j, d)>, affine_map<(b, i, j, d) -> (b, i, j)>]
      ins(%q, %k : tensor<2x?x16xf32>, tensor<2x?x16xf32>) outs(%zs : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %s = linalg.generic {indexing_maps = [#one, #one], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %b = linalg.index 0 : index
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %start = arith.muli %b, %n : index
    %row = arith.addi %start, %i : index
    %column = arith.addi %start, %j : index
    %pi = tensor.extract %flat[%row] : tensor<?xi64>
    %pj = tensor.extract %flat[%column] : tensor<?xi64>
    %seen = arith.cmpi sle, %pj, %pi : i64
    %r = arith.select %seen, %x, %low : f32
    linalg.yield %r : f32
  } -> tensor<2x?x?xf32>
  %er = tensor.empty(%n) : tensor<2x?xf32>
  %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<2x?xf32>) -> tensor<2x?xf32>
  %lr = linalg.fill ins(%low : f32) outs(%er : tensor<2x?xf32>) -> tensor<2x?xf32>
  %m = linalg.reduce { arith.maximumf } ins(%s : tensor<2x?x?xf32>) outs(%lr : tensor<2x?xf32>) dimensions = [2]
  %mb = linalg.broadcast ins(%m : tensor<2x?xf32>) outs(%e : tensor<2x?x?xf32>) dimensions = [2]
  %d = linalg.sub ins(%s, %mb : tensor<2x?x?xf32>, tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %p = linalg.exp ins(%d : tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %l = linalg.reduce { arith.addf } ins(%p : tensor<2x?x?xf32>) outs(%zr : tensor<2x?xf32>) dimensions = [2]
  %lb = linalg.broadcast ins(%l : tensor<2x?xf32>) outs(%e : tensor<2x?x?xf32>) dimensions = [2]
  %w = linalg.div ins(%p, %lb : tensor<2x?x?xf32>, tensor<2x?x?xf32>) outs(%e : tensor<2x?x?xf32>) -> tensor<2x?x?xf32>
  %eo = tensor.empty(%n) : tensor<2x?x16xf32>
  %zo = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
  %o = linalg.batch_matmul ins(%w, %v : tensor<2x?x?xf32>, tensor<2x?x16xf32>) outs(%zo : tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
  return %o : tensor<2x?x16xf32>
}
