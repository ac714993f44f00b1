// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A finite fill that a narrower type cannot hold is infinite there; next to the largest number of f16, scores are only
// rounded.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!H = tensor<6x7x9xf16>

// CHECK-LABEL: @narrowed(
// CHECK: gqa.attention {{.*}} dead_row(nan)
func.func @narrowed(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
    %fill = arith.constant -3.4e38 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %eh = arith.constant dense<0.0> : !H
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : !S) outs(%eh : !H) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !H
  %u = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%n : !H) outs(%zs : !S) {
  ^bb0(%a: f16, %x: f32):
    %y = arith.extf %a : f16 to f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%u : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%u, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @added_in_f16(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.addf {{.*}} : f16
func.func @added_in_f16(%q: tensor<6x7x16xf16>, %k: tensor<6x16x9xf16>, %v: tensor<6x9x16xf16>) -> tensor<6x7x16xf16> {
  %zh = arith.constant dense<0.0> : !H
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<6x7x16xf16>
  %qk = linalg.batch_matmul ins(%q, %k : tensor<6x7x16xf16>, tensor<6x16x9xf16>) outs(%zh : !H) -> !H
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !H) outs(%zs : !S) {
  ^bb0(%a: f16, %x: f32):
    %zero = arith.constant 0.0 : f16
    %fill = arith.constant -65504.0 : f16
    %two = arith.constant 2 : index
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %n = arith.addi %j, %two : index
    %seen = arith.cmpi sle, %n, %i : index
    %m = arith.select %seen, %zero, %fill : f16
    %s = arith.addf %a, %m : f16
    %y = arith.extf %s : f16 to f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %wh = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w : !S) outs(%zh : !H) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !H
  %o = linalg.batch_matmul ins(%wh, %v : !H, tensor<6x9x16xf16>) outs(%zo : tensor<6x7x16xf16>) -> tensor<6x7x16xf16>
  return %o : tensor<6x7x16xf16>
}
