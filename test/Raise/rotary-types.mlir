// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Rotated in f32 from f16 values: gqa.rotary reads the f16 values, and rounds once. Rounded to f16 after a rotation of f32
// values: no gqa.rotary does that.

!Q = tensor<6x7x16xf16>
!H = tensor<6x7x8xf16>
!F = tensor<6x7x8xf32>
!W = tensor<6x7x16xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>
#id = affine_map<(h, i, j) -> (h, i, j)>
#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>

// CHECK-LABEL: @types(
// CHECK: %[[Q:.*]] = gqa.rotary %{{.*}}, %{{.*}}, %{{.*}} half : tensor<1x6x7x16xf16>, tensor<1x1x7x8xf32>
// CHECK-NOT: gqa.rotary
// CHECK: gqa.attention %[[Q]],
func.func @types(%q: !Q, %wide: !W, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zw = arith.constant dense<0.0> : !W
  %zf = arith.constant dense<0.0> : !F
  %zq = arith.constant dense<0.0> : !Q
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %qw = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q : !Q) outs(%zw : !W) {
  ^bb0(%a: f16, %x: f32):
    %y = arith.extf %a : f16 to f32
    linalg.yield %y : f32
  } -> !W
  %cosb = linalg.broadcast ins(%cos : !T) outs(%zf : !F) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin : !T) outs(%zf : !F) dimensions = [0]
  %qr0 = tensor.extract_slice %qw[0, 0, 0] [6, 7, 8] [1, 1, 1] : !W to !F
  %qr1 = tensor.extract_slice %qw[0, 0, 8] [6, 7, 8] [1, 1, 1] : !W to !F
  %qra = linalg.mul ins(%qr0, %cosb : !F, !F) outs(%zf : !F) -> !F
  %qrb = linalg.mul ins(%qr1, %sinb : !F, !F) outs(%zf : !F) -> !F
  %qrc = linalg.mul ins(%qr0, %sinb : !F, !F) outs(%zf : !F) -> !F
  %qrd = linalg.mul ins(%qr1, %cosb : !F, !F) outs(%zf : !F) -> !F
  %qrl = linalg.sub ins(%qra, %qrb : !F, !F) outs(%zf : !F) -> !F
  %qrh = linalg.add ins(%qrc, %qrd : !F, !F) outs(%zf : !F) -> !F
  %qrw = tensor.concat dim(2) %qrl, %qrh : (!F, !F) -> !W
  %qr = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%qrw : !W) outs(%zq : !Q) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !Q
  %kr0 = tensor.extract_slice %wide[0, 0, 0] [6, 7, 8] [1, 1, 1] : !W to !F
  %kr1 = tensor.extract_slice %wide[0, 0, 8] [6, 7, 8] [1, 1, 1] : !W to !F
  %kra = linalg.mul ins(%kr0, %cosb : !F, !F) outs(%zf : !F) -> !F
  %krb = linalg.mul ins(%kr1, %sinb : !F, !F) outs(%zf : !F) -> !F
  %krc = linalg.mul ins(%kr0, %sinb : !F, !F) outs(%zf : !F) -> !F
  %krd = linalg.mul ins(%kr1, %cosb : !F, !F) outs(%zf : !F) -> !F
  %krl = linalg.sub ins(%kra, %krb : !F, !F) outs(%zf : !F) -> !F
  %krh = linalg.add ins(%krc, %krd : !F, !F) outs(%zf : !F) -> !F
  %krw = tensor.concat dim(2) %krl, %krh : (!F, !F) -> !W
  %kr = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%krw : !W) outs(%zq : !Q) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !Q
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : !Q, !Q) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, #k, #q] ins(%w, %v : !S, !Q) outs(%zw : !W) -> !W
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%o : !W) outs(%zq : !Q) {
  ^bb0(%a: f32, %x: f16):
    %y = arith.truncf %a : f32 to f16
    linalg.yield %y : f16
  } -> !Q
  return %r : !Q
}
