// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Masks that multiply the exponentials, in the sum as in the product with V.
!Q = tensor<4x5x8xf32>
!K = tensor<4x7x8xf32>
!S = tensor<4x5x7xf32>
!R = tensor<4x5xf32>
!M = tensor<5x7xi1>
#each = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>
#mask = affine_map<(h, i, j) -> (i, j)>

// The maximum is one of all keys; a row that sees none is 0 / 0.
// CHECK-LABEL: @as_a_product(
// CHECK: gqa.attention {{.*}} mask(%{{.*}}) dead_row(nan)
func.func @as_a_product(%q: !Q, %k: !K, %v: !K, %seen: !M, %other: !M) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %least = arith.constant 0xFF7FFFFF : f32
  %se = tensor.empty() : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lr : !R) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#each, #row, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %m, %seen : !S, !R, !M) outs(%se : !S) {
  ^bb0(%x: f32, %max: f32, %is: i1, %out: f32):
    %0 = arith.subf %x, %max : f32
    %1 = math.exp %0 : f32
    %2 = arith.uitofp %is : i1 to f32
    %3 = arith.mulf %1, %2 : f32
    linalg.yield %3 : f32
  } -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %0 = arith.divf %x, %sum : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The maximum is one of the keys that are seen, as jax.nn.softmax(where=) has it.
// CHECK-LABEL: @as_a_select(
// CHECK: gqa.attention {{.*}} mask(%{{.*}}) dead_row(nan)
func.func @as_a_select(%q: !Q, %k: !K, %v: !K, %seen: !M, %other: !M) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %least = arith.constant 0xFF7FFFFF : f32
  %se = tensor.empty() : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %masked = linalg.generic {indexing_maps = [#each, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %seen : !S, !M) outs(%se : !S) {
  ^bb0(%x: f32, %is: i1, %out: f32):
    %0 = arith.select %is, %x, %low : f32
    linalg.yield %0 : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%masked : !S) outs(%lr : !R) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#each, #row, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %m, %seen : !S, !R, !M) outs(%se : !S) {
  ^bb0(%x: f32, %max: f32, %is: i1, %out: f32):
    %0 = arith.subf %x, %max : f32
    %1 = math.exp %0 : f32
    %3 = arith.select %is, %1, %zero : f32
    linalg.yield %3 : f32
  } -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %0 = arith.divf %x, %sum : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The scores are hidden as well: one mask.
// CHECK-LABEL: @hidden_twice(
// CHECK: gqa.attention {{.*}} mask(%{{.*}}) dead_row(nan)
func.func @hidden_twice(%q: !Q, %k: !K, %v: !K, %seen: !M, %other: !M) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %least = arith.constant 0xFF7FFFFF : f32
  %se = tensor.empty() : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %masked = linalg.generic {indexing_maps = [#each, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %seen : !S, !M) outs(%se : !S) {
  ^bb0(%x: f32, %is: i1, %out: f32):
    %0 = arith.select %is, %x, %low : f32
    linalg.yield %0 : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%masked : !S) outs(%lr : !R) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#each, #row, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%masked, %m, %seen : !S, !R, !M) outs(%se : !S) {
  ^bb0(%x: f32, %max: f32, %is: i1, %out: f32):
    %0 = arith.subf %x, %max : f32
    %1 = math.exp %0 : f32
    %3 = arith.select %is, %1, %zero : f32
    linalg.yield %3 : f32
  } -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %0 = arith.divf %x, %sum : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// A row whose seen keys the finite fill hides, while one that is not seen is high, is 0 / 0; were none high, it were a mean.
// CHECK-LABEL: @under_another_fill(
// CHECK-NOT: gqa.attention
// CHECK: return
func.func @under_another_fill(%q: !Q, %k: !K, %v: !K, %seen: !M, %other: !M) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %least = arith.constant 0xFF7FFFFF : f32
  %se = tensor.empty() : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %masked = linalg.generic {indexing_maps = [#each, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %other : !S, !M) outs(%se : !S) {
  ^bb0(%x: f32, %is: i1, %out: f32):
    %0 = arith.select %is, %x, %least : f32
    linalg.yield %0 : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%masked : !S) outs(%lr : !R) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#each, #row, #mask, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%masked, %m, %seen : !S, !R, !M) outs(%se : !S) {
  ^bb0(%x: f32, %max: f32, %is: i1, %out: f32):
    %0 = arith.subf %x, %max : f32
    %1 = math.exp %0 : f32
    %2 = arith.uitofp %is : i1 to f32
    %3 = arith.mulf %1, %2 : f32
    linalg.yield %3 : f32
  } -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %0 = arith.divf %x, %sum : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}
