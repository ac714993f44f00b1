// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Tables that hide more than positions do: the bounds that every row reaches are said, and the table stays.
!Q = tensor<2x6x16xf32>
!K = tensor<2x16x6xf32>
!S = tensor<2x6x6xf32>
!R = tensor<2x6xf32>
!M = tensor<6x6xf32>
#id = affine_map<(h, i, j) -> (h, i, j)>
#mask = affine_map<(h, i, j) -> (i, j)>

// Causal in chunks of three.
// CHECK-LABEL: @chunks(
// CHECK: gqa.attention {{.*}} causal {{.*}}bias(
func.func @chunks(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %mask = arith.constant dense<[[0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0.0]]> : !M
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qk, %mask : !S, !M) outs(%zs : !S) {
  ^bb0(%a: f32, %b: f32, %x: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Every second key of a window of three.
// CHECK-LABEL: @every_second(
// CHECK: gqa.attention {{.*}} causal window(2, -1) {{.*}}bias(
func.func @every_second(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %mask = arith.constant dense<[[0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000],
                                [0xFF800000, 0.0, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000],
                                [0.0, 0xFF800000, 0.0, 0xFF800000, 0xFF800000, 0xFF800000],
                                [0xFF800000, 0.0, 0xFF800000, 0.0, 0xFF800000, 0xFF800000],
                                [0xFF800000, 0xFF800000, 0.0, 0xFF800000, 0.0, 0xFF800000],
                                [0xFF800000, 0xFF800000, 0xFF800000, 0.0, 0xFF800000, 0.0]]> : !M
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qk, %mask : !S, !M) outs(%zs : !S) {
  ^bb0(%a: f32, %b: f32, %x: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Blocks reach their bounds in two rows only.
// CHECK-LABEL: @blocks(
// CHECK: gqa.attention
// CHECK-NOT: causal
// CHECK-NOT: window
func.func @blocks(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %mask = arith.constant dense<[[0.0, 0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0.0],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0.0],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0.0]]> : !M
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qk, %mask : !S, !M) outs(%zs : !S) {
  ^bb0(%a: f32, %b: f32, %x: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// A tensor that may hide the keys that the chunks leave: then the fill would choose among the others, beyond the bounds as well.
// CHECK-LABEL: @with_another(
// CHECK: gqa.attention
// CHECK-NOT: causal
func.func @with_another(%q: !Q, %k: !K, %v: !Q, %more: !S) -> !Q {
  %mask = arith.constant dense<[[0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0.0, 0.0, 0.0, 0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0xFF7FFFFF, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0xFF7FFFFF],
                                [0xFF7FFFFF, 0xFF7FFFFF, 0xFF7FFFFF, 0.0, 0.0, 0.0]]> : !M
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qk, %mask : !S, !M) outs(%zs : !S) {
  ^bb0(%a: f32, %b: f32, %x: f32):
    %y = arith.addf %a, %b : f32
    linalg.yield %y : f32
  } -> !S
  %t2 = linalg.add ins(%t, %more : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t2 : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t2, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
