// An attention that a front end kept as one operation, with what it computed in front of it.
// RUN: gqa-opt %s --gqa-simplify --split-input-file | FileCheck %s

// Repeated heads are shared, a mask of positions is causal.
#repeat = affine_map<(b, h, g, s, d) -> (b, h, s, d)>
#all = affine_map<(b, h, g, s, d) -> (b, h, g, s, d)>
#ij = affine_map<(i, j) -> (i, j)>
// CHECK-LABEL: @repeated_and_masked
// CHECK: gqa.attention %arg0, %arg1, %arg2 causal offset(2) :
// CHECK-SAME: tensor<1x2x6x8xf32>
func.func @repeated_and_masked(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x6x8xf32>, %v: tensor<1x2x6x8xf32>) -> tensor<1x6x4x8xf32> {
  %e = tensor.empty() : tensor<1x2x3x6x8xf32>
  %kr = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<1x2x6x8xf32>) outs(%e : tensor<1x2x3x6x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1x2x3x6x8xf32>
  %vr = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%v : tensor<1x2x6x8xf32>) outs(%e : tensor<1x2x3x6x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1x2x3x6x8xf32>
  %kc = tensor.collapse_shape %kr [[0], [1, 2], [3], [4]] : tensor<1x2x3x6x8xf32> into tensor<1x6x6x8xf32>
  %vc = tensor.collapse_shape %vr [[0], [1, 2], [3], [4]] : tensor<1x2x3x6x8xf32> into tensor<1x6x6x8xf32>
  %em = tensor.empty() : tensor<4x6xi1>
  %mask = linalg.generic {indexing_maps = [#ij], iterator_types = ["parallel", "parallel"]} outs(%em : tensor<4x6xi1>) {
  ^bb0(%o: i1):
    %two = arith.constant 2 : index
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %p = arith.addi %i, %two : index
    %r = arith.cmpi sle, %j, %p : index
    linalg.yield %r : i1
  } -> tensor<4x6xi1>
  %o = gqa.attention %q, %kc, %vc mask(%mask)
     : (tensor<1x6x4x8xf32>, tensor<1x6x6x8xf32>, tensor<1x6x6x8xf32>, tensor<4x6xi1>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}

// -----

// What it has besides stays: scale, softcap, sinks, a bias, and a mask that is an argument.
// CHECK-LABEL: @no_change
// CHECK: gqa.attention %arg0, %arg1, %arg1 offset(1) window(2, -1) scale(5.000000e-01) softcap(4.000000e+00) mask(%arg2) bias(%arg3) sinks(%arg4)
// CHECK-SAME: tensor<1x2x6x8xf32>
func.func @no_change(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x6x8xf32>, %mask: tensor<4x6xi1>, %bias: tensor<6xf32>,
                     %sinks: tensor<6xf32>) -> tensor<1x6x4x8xf32> {
  %o = gqa.attention %q, %k, %k window(2, -1) offset(1) scale(0.5) softcap(4.0) mask(%mask) bias(%bias) sinks(%sinks)
     : (tensor<1x6x4x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32>, tensor<4x6xi1>, tensor<6xf32>, tensor<6xf32>) -> tensor<1x6x4x8xf32>
  return %o : tensor<1x6x4x8xf32>
}

// -----

// With repeated heads the operation is made anew, with all that it had.
#repeat = affine_map<(b, h, g, s, d) -> (b, h, s, d)>
#all = affine_map<(b, h, g, s, d) -> (b, h, g, s, d)>
// CHECK-LABEL: @everything
// CHECK: gqa.attention %arg0, %arg1, %arg1 causal offset(2) window(2, -1) scale(5.000000e-01) softcap(4.000000e+00) mask(%{{.*}}) bias(%{{.*}}) sinks(%arg4)
// CHECK-SAME: layout(o = "bshd")
// CHECK-SAME: tensor<1x2x6x8xf32>
func.func @everything(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x6x8xf32>, %mask: tensor<4x6xi1>, %bias: tensor<6xf32>,
                      %sinks: tensor<6xf32>) -> tensor<1x4x6x8xf32> {
  %e = tensor.empty() : tensor<1x2x3x6x8xf32>
  %kr = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<1x2x6x8xf32>) outs(%e : tensor<1x2x3x6x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1x2x3x6x8xf32>
  %kc = tensor.collapse_shape %kr [[0], [1, 2], [3], [4]] : tensor<1x2x3x6x8xf32> into tensor<1x6x6x8xf32>
  %o = gqa.attention %q, %kc, %kc causal window(2, -1) offset(2) scale(0.5) softcap(4.0) dead_row(nan) mask(%mask) bias(%bias) sinks(%sinks)
      layout(o = "bshd")
     : (tensor<1x6x4x8xf32>, tensor<1x6x6x8xf32>, tensor<1x6x6x8xf32>, tensor<4x6xi1>, tensor<6xf32>, tensor<6xf32>) -> tensor<1x4x6x8xf32>
  return %o : tensor<1x4x6x8xf32>
}
