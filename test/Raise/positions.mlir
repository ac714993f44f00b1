// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Masks by positions that are known at run time, and masks that only comparisons of data say.
#q = affine_map<(b, h, i, d) -> (b, h, i, d)>
#id = affine_map<(b, h, i, j) -> (b, h, i, j)>
#at = affine_map<(b, h, i, j) -> (b)>
#di = affine_map<(b, h, i, j) -> (b, i)>
#dj = affine_map<(b, h, i, j) -> (b, j)>
!Q = tensor<2x6x7x16xf32>
!K = tensor<2x6x9x16xf32>
!S = tensor<2x6x7x9xf32>
#mapq = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#mapk = affine_map<(b, h, i, j, d) -> (b, h, j, d)>
#maps = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @start(
// CHECK: gqa.attention {{.*}} causal offset(%arg3)
func.func @start(%q: !Q, %k: !K, %v: !K, %start: tensor<2xi64>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.contract indexing_maps = [#mapq, #mapk, #maps] ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #at, #id],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qk, %start : !S, tensor<2xi64>) outs(%zs : !S) {
  ^bb0(%a: f32, %s: i64, %x: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %row = arith.index_cast %i : index to i64
    %key = arith.index_cast %j : index to i64
    %place = arith.addi %row, %s : i64
    %seen = arith.cmpi sle, %key, %place : i64
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %w = linalg.softmax dimension(3) ins(%t : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#maps, #mapk, #mapq] ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @length(
// CHECK: gqa.attention {{.*}} kv_len(%arg3)
func.func @length(%q: !Q, %k: !K, %v: !K, %length: tensor<2xi64>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.contract indexing_maps = [#mapq, #mapk, #maps] ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #at, #id],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qk, %length : !S, tensor<2xi64>) outs(%zs : !S) {
  ^bb0(%a: f32, %s: i64, %x: f32):
    %j = linalg.index 3 : index
    %key = arith.index_cast %j : index to i64
    %seen = arith.cmpi slt, %key, %s : i64
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %w = linalg.softmax dimension(3) ins(%t : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#maps, #mapk, #mapq] ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Causal within a document: the first is an attribute, the second a condition of the region.
// CHECK-LABEL: @documents(
// CHECK: gqa.attention {{.*}} causal offset(0) {{.*}} score(%[[S:[^,]*]],
// CHECK: %[[SEEN:.*]] = arith.cmpi eq
// CHECK: gqa.yield %[[S]], %[[SEEN]] : f32, i1
func.func @documents(%q: !Q, %k: !K, %v: !K, %dq: tensor<2x7xi64>, %dk: tensor<2x9xi64>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.contract indexing_maps = [#mapq, #mapk, #maps] ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #di, #dj, #id],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qk, %dq, %dk : !S, tensor<2x7xi64>, tensor<2x9xi64>) outs(%zs : !S) {
  ^bb0(%a: f32, %d: i64, %e: i64, %x: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %same = arith.cmpi eq, %d, %e : i64
    %past = arith.cmpi sle, %j, %i : index
    %seen = arith.andi %same, %past : i1
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %w = linalg.softmax dimension(3) ins(%t : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#maps, #mapk, #mapq] ins(%w, %v : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// A window to both sides is not causal.
// CHECK-LABEL: @two_sided(
// CHECK: gqa.attention
// CHECK-NOT: causal
// CHECK-SAME: window(2, 2)
func.func @two_sided(%q: !Q, %k: !Q, %v: !Q) -> !Q {
  %zs = arith.constant dense<0.0> : tensor<2x6x7x7xf32>
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.contract indexing_maps = [#mapq, #mapk, #maps] ins(%q, %k : !Q, !Q)
      outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%qk : tensor<2x6x7x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %row = arith.index_cast %i : index to i64
    %key = arith.index_cast %j : index to i64
    %distance = arith.subi %row, %key : i64
    %size = math.absi %distance : i64
    %two = arith.constant 2 : i64
    %seen = arith.cmpi sle, %size, %two : i64
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> tensor<2x6x7x7xf32>
  %w = linalg.softmax dimension(3) ins(%t : tensor<2x6x7x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %o = linalg.contract indexing_maps = [#maps, #mapk, #mapq] ins(%w, %v : tensor<2x6x7x7xf32>, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
