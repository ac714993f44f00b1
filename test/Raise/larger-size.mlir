// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// The larger of two batches that are the same, as exporters compute a broadcast: positions that are gathered from all sequences
// side by side are those of the sequence.
!Q = tensor<?x?x16xf32>
!K = tensor<?x16x?xf32>
!S = tensor<?x?x?xf32>
!R = tensor<?x?xf32>
#id = affine_map<(b, i, j) -> (b, i, j)>
#position = affine_map<(b, i) -> (b, i)>

// CHECK-LABEL: @larger_of_the_same(
// CHECK: gqa.attention {{.*}} causal offset(0)
// CHECK-NOT: score(
func.func @larger_of_the_same(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %b = tensor.dim %q, %c0 : !Q
  %n = tensor.dim %q, %c1 : !Q
  %b6 = arith.muli %b, %c6 : index
  %back = arith.divsi %b6, %c6 : index
  %batch = arith.maxui %b, %back : index
  %total = arith.muli %b, %n : index
  %ie = tensor.empty(%b, %n) : tensor<?x?xindex>
  %iota = linalg.generic {indexing_maps = [#position], iterator_types = ["parallel", "parallel"]} outs(%ie : tensor<?x?xindex>) {
  ^bb0(%x: index):
    %i = linalg.index 1 : index
    linalg.yield %i : index
  } -> tensor<?x?xindex>
  %positions = tensor.collapse_shape %iota [[0, 1]] : tensor<?x?xindex> into tensor<?xindex>
  %se = tensor.empty(%batch, %n, %n) : !S
  %re = tensor.empty(%batch, %n) : !R
  %qe = tensor.empty(%batch, %n) : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zq = linalg.fill ins(%zero : f32) outs(%qe : !Q) -> !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qk : !S) outs(%se : !S) {
  ^bb0(%a: f32, %x: f32):
    %at = linalg.index 0 : index
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %row = arith.muli %at, %n : index
    %place = arith.addi %row, %i : index
    %single = arith.cmpi eq, %total, %c1 : index
    %read = arith.select %single, %c0, %place : index
    %position = tensor.extract %positions[%read] : tensor<?xindex>
    %seen = arith.cmpi sle, %j, %position : index
    %y = arith.select %seen, %a, %low : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%se : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zq : !Q) -> !Q
  return %o : !Q
}
