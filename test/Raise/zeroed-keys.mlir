// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Keys that a mask hides from the softmax have a probability of 0; where the graph sets it to 0 once more, rows that see no key
// become 0, whatever hides the scores.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!M = tensor<7x9xi1>
#all = affine_map<(h, i, j) -> (h, i, j)>
#mask = affine_map<(h, i, j) -> (i, j)>

// CHECK-LABEL: @behind_a_fill(
// CHECK: gqa.attention {{.*}} mask(
// CHECK-NOT: dead_row
// CHECK-NOT: math.exp
func.func @behind_a_fill(%q: !Q, %k: !K, %v: !V, %hide: !M) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %zero = arith.constant 0.0 : f32
  %fill = arith.constant -3.40282347E+38 : f32
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %s = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %hide : !S, !M) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %fill, %x : f32
    linalg.yield %0 : f32
  } -> !S
  %p = linalg.softmax dimension(2) ins(%s : !S) outs(%zs : !S) -> !S
  %w = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %hide : !S, !M) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %zero, %x : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JAX's softmax with `where=`: the sum is over the keys that are seen.
// CHECK-LABEL: @sum_of_seen(
// CHECK: gqa.attention {{.*}} mask(
// CHECK-NOT: dead_row
// CHECK-NOT: math.exp
func.func @sum_of_seen(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : tensor<6x7xf32>
  %low = arith.constant dense<0xFF800000> : tensor<6x7xf32>
  %fill = arith.constant dense<0xFF800000> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %s = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%s : !S) outs(%low : tensor<6x7xf32>) dimensions = [2]
  %mb = linalg.broadcast ins(%m : tensor<6x7xf32>) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%s, %mb : !S, !S) outs(%zs : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %visible = linalg.select ins(%seen, %e, %zs : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%visible : !S) outs(%zr : tensor<6x7xf32>) dimensions = [2]
  %lb = linalg.broadcast ins(%l : tensor<6x7xf32>) outs(%zs : !S) dimensions = [2]
  %p = linalg.div ins(%e, %lb : !S, !S) outs(%zs : !S) -> !S
  %w = linalg.select ins(%seen, %p, %zs : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Set to 0 behind a softmax over all keys: the others do not add up to 1.
// CHECK-LABEL: @no_fill(
// CHECK-NOT: gqa.attention
func.func @no_fill(%q: !Q, %k: !K, %v: !V, %hide: !M) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %zero = arith.constant 0.0 : f32
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(2) ins(%qk : !S) outs(%zs : !S) -> !S
  %w = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %hide : !S, !M) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %zero, %x : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The mask behind the softmax is another one than that in front of it.
// CHECK-LABEL: @no_same_mask(
// CHECK-NOT: gqa.attention
func.func @no_same_mask(%q: !Q, %k: !K, %v: !V, %hide: !M, %other: !M) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %zero = arith.constant 0.0 : f32
  %fill = arith.constant 0xFF800000 : f32
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %s = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %hide : !S, !M) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %fill, %x : f32
    linalg.yield %0 : f32
  } -> !S
  %p = linalg.softmax dimension(2) ins(%s : !S) outs(%zs : !S) -> !S
  %w = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %other : !S, !M) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %zero, %x : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
