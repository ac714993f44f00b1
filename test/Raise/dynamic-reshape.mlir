// RUN: gqa-opt %s --gqa-raise --gqa-share-kv | FileCheck %s

// ONNX reshapes take -1 for what is left: exporters ask for each size whether it is that. Of a size it is not, so the
// heads of the repeated K are still seen to be apart from the tokens, and one head of each group is enough.
!Q = tensor<6x1x16xf32>
!K = tensor<2x?x16xf32>
!G = tensor<2x3x?x16xf32>
!F = tensor<6x?x16xf32>
!S = tensor<6x1x?xf32>
!R = tensor<6x1xf32>
#kept = affine_map<(h, g, j, d) -> (h, j, d)>
#each = affine_map<(h, g, j, d) -> (h, g, j, d)>

// CHECK-LABEL: @of_a_size(
// CHECK: gqa.attention {{.*}} : (tensor<1x6x1x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>)
func.func @of_a_size(%q: !Q, %k: !K, %v: !K, %other: i64) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c16 = arith.constant 16 : i64
  %c96 = arith.constant 96 : i64
  %one = arith.constant 1 : index
  %dim = tensor.dim %k, %one : !K
  %n = arith.index_cast %dim : index to i64
  %ge = tensor.empty(%dim) : !G
  %kg = linalg.generic {indexing_maps = [#kept, #each], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%k : !K) outs(%ge : !G) {
  ^bb0(%x: f32, %out: f32):
    linalg.yield %x : f32
  } -> !G
  %vg = linalg.generic {indexing_maps = [#kept, #each], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v : !K) outs(%ge : !G) {
  ^bb0(%x: f32, %out: f32):
    linalg.yield %x : f32
  } -> !G
  %isRest = arith.cmpi slt, %n, %c0 : i64
  %known = arith.select %isRest, %c1, %n : i64
  %row = arith.muli %known, %c16 : i64
  %elements = arith.muli %n, %c96 : i64
  %heads = arith.divsi %elements, %row : i64
  %tokens = arith.select %isRest, %heads, %n : i64
  %shape = tensor.from_elements %heads, %tokens, %c16 : tensor<3xi64>
  %kf = tensor.reshape %kg(%shape) : (!G, tensor<3xi64>) -> !F
  %vf = tensor.reshape %vg(%shape) : (!G, tensor<3xi64>) -> !F
  %count = arith.index_cast %tokens : i64 to index
  %se = tensor.empty(%count) : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %kf : !Q, !F) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%se : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%e, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vf : !S, !F) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Nothing says what the number of tokens is computed from; but a reshape keeps the number of elements.
// CHECK-LABEL: @sharing_by_count(
// CHECK: gqa.attention {{.*}} : (tensor<1x6x1x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>)
func.func @sharing_by_count(%q: !Q, %k: !K, %v: !K, %other: i64) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %c16 = arith.constant 16 : i64
  %c96 = arith.constant 96 : i64
  %one = arith.constant 1 : index
  %dim = tensor.dim %k, %one : !K
  %n = arith.index_cast %dim : index to i64
  %ge = tensor.empty(%dim) : !G
  %kg = linalg.generic {indexing_maps = [#kept, #each], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%k : !K) outs(%ge : !G) {
  ^bb0(%x: f32, %out: f32):
    linalg.yield %x : f32
  } -> !G
  %vg = linalg.generic {indexing_maps = [#kept, #each], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%v : !K) outs(%ge : !G) {
  ^bb0(%x: f32, %out: f32):
    linalg.yield %x : f32
  } -> !G
  %isRest = arith.cmpi slt, %other, %c0 : i64
  %known = arith.select %isRest, %c1, %n : i64
  %row = arith.muli %known, %c16 : i64
  %elements = arith.muli %n, %c96 : i64
  %heads = arith.divsi %elements, %row : i64
  %tokens = arith.select %isRest, %heads, %n : i64
  %shape = tensor.from_elements %heads, %tokens, %c16 : tensor<3xi64>
  %kf = tensor.reshape %kg(%shape) : (!G, tensor<3xi64>) -> !F
  %vf = tensor.reshape %vg(%shape) : (!G, tensor<3xi64>) -> !F
  %count = arith.index_cast %tokens : i64 to index
  %se = tensor.empty(%count) : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %kf : !Q, !F) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%se : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%e, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vf : !S, !F) outs(%zo : !Q) -> !Q
  return %o : !Q
}
