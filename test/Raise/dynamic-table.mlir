// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Positions that are looked up in a table: where sizes are not known, the lookup is one of the whole table only if the
// coordinates provably run over all of it. They come by tensors with unit dimensions around the one of unknown size.
!Q = tensor<6x?x16xf32>
!K = tensor<6x16x?xf32>
!S = tensor<6x?x?xf32>
!R = tensor<6x?xf32>
!P = tensor<?xi64>
#all = affine_map<(h, i, j) -> (h, i, j)>
#query = affine_map<(h, i, j) -> (0, i, 0)>
#key = affine_map<(h, i, j) -> (0, 0, j)>
#position = affine_map<(i) -> (i)>

// CHECK-LABEL: @whole_table(
// CHECK-NOT: tensor.extract %
// CHECK: gqa.attention {{.*}} causal offset(0)
// CHECK-NOT: tensor.extract %
// CHECK: return
func.func @whole_table(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %one = arith.constant 1 : index
  %n = tensor.dim %q, %one : !Q
  %pe = tensor.empty(%n) : !P
  %p = linalg.generic {indexing_maps = [#position], iterator_types = ["parallel"]} outs(%pe : !P) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> !P
  %te = tensor.empty(%n) : !P
  %table = linalg.generic {indexing_maps = [#position], iterator_types = ["parallel"]} outs(%te : !P) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> !P
  %rows = tensor.expand_shape %p [[0, 1, 2]] output_shape [1, %n, 1] : !P into tensor<1x?x1xi64>
  %columns = tensor.expand_shape %p [[0, 1, 2]] output_shape [1, 1, %n] : !P into tensor<1x1x?xi64>
  %se = tensor.empty(%n, %n) : !S
  %re = tensor.empty(%n) : !R
  %oe = tensor.empty(%n) : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#all, #query, #key, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %rows, %columns : !S, tensor<1x?x1xi64>, tensor<1x1x?xi64>) outs(%se : !S) {
  ^bb0(%s: f32, %row: i64, %column: i64, %out: f32):
    %i = arith.index_cast %row : i64 to index
    %j = arith.index_cast %column : i64 to index
    %ti = tensor.extract %table[%i] : !P
    %tj = tensor.extract %table[%j] : !P
    %seen = arith.cmpi sle, %tj, %ti : i64
    %masked = arith.select %seen, %s, %low : f32
    linalg.yield %masked : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%se : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%e, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// What the lookup reads stays what it is: it says nothing about the number of keys.
// CHECK-LABEL: @table_of_another_size(
// CHECK: gqa.attention %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} scale
// CHECK: tensor.extract %{{.*}} : tensor<?xi64>
func.func @table_of_another_size(%q: !Q, %k: !K, %v: !Q, %other: index) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %one = arith.constant 1 : index
  %n = tensor.dim %q, %one : !Q
  %pe = tensor.empty(%n) : !P
  %p = linalg.generic {indexing_maps = [#position], iterator_types = ["parallel"]} outs(%pe : !P) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> !P
  %te = tensor.empty(%other) : !P
  %table = linalg.generic {indexing_maps = [#position], iterator_types = ["parallel"]} outs(%te : !P) {
  ^bb0(%out: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> !P
  %rows = tensor.expand_shape %p [[0, 1, 2]] output_shape [1, %n, 1] : !P into tensor<1x?x1xi64>
  %columns = tensor.expand_shape %p [[0, 1, 2]] output_shape [1, 1, %n] : !P into tensor<1x1x?xi64>
  %se = tensor.empty(%n, %n) : !S
  %re = tensor.empty(%n) : !R
  %oe = tensor.empty(%n) : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#all, #query, #key, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %rows, %columns : !S, tensor<1x?x1xi64>, tensor<1x1x?xi64>) outs(%se : !S) {
  ^bb0(%s: f32, %row: i64, %column: i64, %out: f32):
    %i = arith.index_cast %row : i64 to index
    %j = arith.index_cast %column : i64 to index
    %ti = tensor.extract %table[%i] : !P
    %tj = tensor.extract %table[%j] : !P
    %seen = arith.cmpi sle, %tj, %ti : i64
    %masked = arith.select %seen, %s, %low : f32
    linalg.yield %masked : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%se : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%e, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
