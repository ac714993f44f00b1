// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// One bias for the heads of a group is neither one for all heads nor one for each: its broadcast is the operand.

!G = tensor<5x2x3x7x9xf32>
!U = tensor<5x2x3x7xf32>
#s = affine_map<(b, h, g, i, j, d) -> (b, h, g, i, j)>
#q = affine_map<(b, h, g, i, j, d) -> (b, h, g, i, d)>
#k = affine_map<(b, h, g, i, j, d) -> (b, h, j, d)>

// CHECK-LABEL: @bias_of_a_group(
// CHECK: %[[BROADCAST:.*]] = linalg.broadcast ins(%arg3
// CHECK: %[[BIAS:.*]] = tensor.collapse_shape %[[BROADCAST]] {{.*}} into tensor<5x6x7x9xf32>
// CHECK: gqa.attention {{.*}} bias(%[[BIAS]])
func.func @bias_of_a_group(%q: tensor<5x2x3x7x16xf32>, %k: tensor<5x2x9x16xf32>, %v: tensor<5x2x9x16xf32>, %bias: tensor<5x2x7x9xf32>) -> tensor<5x2x3x7x16xf32> {
  %zs = arith.constant dense<0.0> : !G
  %zr = arith.constant dense<0.0> : !U
  %low = arith.constant dense<0xFF800000> : !U
  %zo = arith.constant dense<0.0> : tensor<5x2x3x7x16xf32>
  %qk = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<5x2x3x7x16xf32>, tensor<5x2x9x16xf32>) outs(%zs : !G) -> !G
  %bb = linalg.broadcast ins(%bias : tensor<5x2x7x9xf32>) outs(%zs : !G) dimensions = [2]
  %t = linalg.add ins(%qk, %bb : !G, !G) outs(%zs : !G) -> !G
  %m = linalg.reduce { arith.maximumf } ins(%t : !G) outs(%low : !U) dimensions = [4]
  %mb = linalg.broadcast ins(%m : !U) outs(%zs : !G) dimensions = [4]
  %d = linalg.sub ins(%t, %mb : !G, !G) outs(%zs : !G) -> !G
  %p = linalg.exp ins(%d : !G) outs(%zs : !G) -> !G
  %l = linalg.reduce { arith.addf } ins(%p : !G) outs(%zr : !U) dimensions = [4]
  %lb = linalg.broadcast ins(%l : !U) outs(%zs : !G) dimensions = [4]
  %w = linalg.div ins(%p, %lb : !G, !G) outs(%zs : !G) -> !G
  %o = linalg.contract indexing_maps = [#s, #k, #q] ins(%w, %v : !G, tensor<5x2x9x16xf32>) outs(%zo : tensor<5x2x3x7x16xf32>) -> tensor<5x2x3x7x16xf32>
  return %o : tensor<5x2x3x7x16xf32>
}
