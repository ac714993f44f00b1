// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A rotation of a size that is not known, by tables that are computed: the first half of their columns is read in place.
!Q = tensor<6x?x16xf32>
!H = tensor<6x?x8xf32>
!S = tensor<6x?x?xf32>
!R = tensor<6x?xf32>
!A = tensor<?x8xf32>
!T = tensor<?x16xf32>
!B = tensor<1x?x16xf32>
#all = affine_map<(h, i, d) -> (h, i, d)>
#table = affine_map<(h, i, d) -> (0, i, d)>

// CHECK-LABEL: @computed_tables(
// CHECK: %[[COS:.*]] = linalg.map { math.cos }
// CHECK: %[[Q:.*]] = tensor.expand_shape %arg0
// CHECK: %[[HALF:.*]] = tensor.extract_slice %[[COS]][0, 0] [%{{.*}}, 8]
// CHECK: %[[TABLE:.*]] = tensor.expand_shape %[[HALF]] {{.*}} into tensor<1x1x?x8xf32>
// CHECK: %[[QR:.*]] = gqa.rotary %[[Q]], %[[TABLE]], %{{.*}} half
// CHECK: %[[KR:.*]] = gqa.rotary %{{.*}} half
// CHECK: gqa.attention %[[QR]], %[[KR]]
func.func @computed_tables(%q: !Q, %k: !Q, %v: !Q, %angles: !A) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %one = arith.constant 1 : index
  %n = tensor.dim %q, %one : !Q
  %nk = tensor.dim %k, %one : !Q
  %he = tensor.empty(%n) : !H
  %te = tensor.empty(%n) : !T
  %se = tensor.empty(%n, %n) : !S
  %re = tensor.empty(%n) : !R
  %qe = tensor.empty(%n) : !Q
  %doubled = tensor.concat dim(1) %angles, %angles : (!A, !A) -> !T
  %cos = linalg.map { math.cos } ins(%doubled : !T) outs(%te : !T)
  %sin = linalg.map { math.sin } ins(%doubled : !T) outs(%te : !T)
  %cosb = tensor.expand_shape %cos [[0, 1], [2]] output_shape [1, %n, 16] : !T into !B
  %sinb = tensor.expand_shape %sin [[0, 1], [2]] output_shape [1, %n, 16] : !T into !B
  %q0 = tensor.extract_slice %q[0, 0, 0] [6, %n, 8] [1, 1, 1] : !Q to !H
  %q1 = tensor.extract_slice %q[0, 0, 8] [6, %n, 8] [1, 1, 1] : !Q to !H
  %qn = linalg.negf ins(%q1 : !H) outs(%he : !H) -> !H
  %qh = tensor.concat dim(2) %qn, %q0 : (!H, !H) -> !Q
  %qr = linalg.generic {indexing_maps = [#all, #all, #table, #table, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%q, %qh, %cosb, %sinb : !Q, !Q, !B, !B) outs(%qe : !Q) {
  ^bb0(%x: f32, %turned: f32, %c: f32, %s: f32, %out: f32):
    %xc = arith.mulf %x, %c : f32
    %ts = arith.mulf %turned, %s : f32
    %r = arith.addf %xc, %ts : f32
    linalg.yield %r : f32
  } -> !Q
  %k0 = tensor.extract_slice %k[0, 0, 0] [6, %nk, 8] [1, 1, 1] : !Q to !H
  %k1 = tensor.extract_slice %k[0, 0, 8] [6, %nk, 8] [1, 1, 1] : !Q to !H
  %kn = linalg.negf ins(%k1 : !H) outs(%he : !H) -> !H
  %kh = tensor.concat dim(2) %kn, %k0 : (!H, !H) -> !Q
  %kr = linalg.generic {indexing_maps = [#all, #all, #table, #table, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%k, %kh, %cosb, %sinb : !Q, !Q, !B, !B) outs(%qe : !Q) {
  ^bb0(%x: f32, %turned: f32, %c: f32, %s: f32, %out: f32):
    %xc = arith.mulf %x, %c : f32
    %ts = arith.mulf %turned, %s : f32
    %r = arith.addf %xc, %ts : f32
    linalg.yield %r : f32
  } -> !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%qe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%qr, %kr : !Q, !Q) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lr : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%se : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%se : !S) -> !S
  %e = linalg.exp ins(%d : !S) outs(%se : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%se : !S) dimensions = [2]
  %w = linalg.div ins(%e, %lb : !S, !S) outs(%se : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
