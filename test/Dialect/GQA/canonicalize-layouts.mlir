// Transposes around an attention fold into its layouts.
// RUN: gqa-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @operands
func.func @operands(%q: tensor<2x3x6x8xf32>, %k: tensor<2x8x5x2xf32>, %v: tensor<5x2x2x8xf32>) -> tensor<2x6x3x8xf32> {
  // CHECK-NEXT: gqa.attention %arg0, %arg1, %arg2 layout(q = "bshd", k = "bdsh", v = "sbhd") : (tensor<2x3x6x8xf32>, tensor<2x8x5x2xf32>, tensor<5x2x2x8xf32>)
  %eq = tensor.empty() : tensor<2x6x3x8xf32>
  %tq = linalg.transpose ins(%q : tensor<2x3x6x8xf32>) outs(%eq : tensor<2x6x3x8xf32>) permutation = [0, 2, 1, 3]
  %ek = tensor.empty() : tensor<2x2x5x8xf32>
  %tk = linalg.transpose ins(%k : tensor<2x8x5x2xf32>) outs(%ek : tensor<2x2x5x8xf32>) permutation = [0, 3, 2, 1]
  %tv = linalg.transpose ins(%v : tensor<5x2x2x8xf32>) outs(%ek : tensor<2x2x5x8xf32>) permutation = [1, 2, 0, 3]
  %o = gqa.attention %tq, %tk, %tv : (tensor<2x6x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) -> tensor<2x6x3x8xf32>
  return %o : tensor<2x6x3x8xf32>
}

// A cycle of three dimensions tells a permutation from its inverse: result (s, b, h, d) of a cache (b, h, s, d).
// CHECK-LABEL: @cycle
func.func @cycle(%q: tensor<3x2x6x8xf32>, %k: tensor<2x2x5x8xf32>) -> tensor<3x2x6x8xf32> {
  // CHECK-NEXT: gqa.attention %arg0, %arg1, %arg1 layout(q = "sbhd", o = "sbhd") :
  %e = tensor.empty() : tensor<5x2x2x8xf32>
  %t = linalg.transpose ins(%k : tensor<2x2x5x8xf32>) outs(%e : tensor<5x2x2x8xf32>) permutation = [2, 0, 1, 3]
  %o = gqa.attention %q, %t, %t layout(q = "sbhd", k = "sbhd", v = "sbhd", o = "sbhd")
    : (tensor<3x2x6x8xf32>, tensor<5x2x2x8xf32>, tensor<5x2x2x8xf32>) -> tensor<3x2x6x8xf32>
  return %o : tensor<3x2x6x8xf32>
}

#in = affine_map<(d0, d1, d2, d3) -> (d1, d2, d0, d3)>
#out = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>

// The same transpose as a generic.
// CHECK-LABEL: @generic
func.func @generic(%q: tensor<3x2x6x8xf32>, %k: tensor<2x2x5x8xf32>) -> tensor<3x2x6x8xf32> {
  // CHECK-NEXT: gqa.attention %arg0, %arg1, %arg1 layout(q = "sbhd", o = "sbhd") :
  %e = tensor.empty() : tensor<5x2x2x8xf32>
  %t = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x2x5x8xf32>) outs(%e : tensor<5x2x2x8xf32>) {
    ^bb0(%x: f32, %y: f32):
      linalg.yield %x : f32
  } -> tensor<5x2x2x8xf32>
  %o = gqa.attention %q, %t, %t layout(q = "sbhd", k = "sbhd", v = "sbhd", o = "sbhd")
    : (tensor<3x2x6x8xf32>, tensor<5x2x2x8xf32>, tensor<5x2x2x8xf32>) -> tensor<3x2x6x8xf32>
  return %o : tensor<3x2x6x8xf32>
}

// CHECK-LABEL: @no_generic_that_computes
func.func @no_generic_that_computes(%q: tensor<3x2x6x8xf32>, %k: tensor<2x2x5x8xf32>) -> tensor<3x2x6x8xf32> {
  // CHECK: gqa.attention {{.*}} layout(q = "sbhd", k = "sbhd", v = "sbhd", o = "sbhd") :
  %e = tensor.empty() : tensor<5x2x2x8xf32>
  %t = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x2x5x8xf32>) outs(%e : tensor<5x2x2x8xf32>) {
    ^bb0(%x: f32, %y: f32):
      %z = arith.negf %x : f32
      linalg.yield %z : f32
  } -> tensor<5x2x2x8xf32>
  %o = gqa.attention %q, %t, %t layout(q = "sbhd", k = "sbhd", v = "sbhd", o = "sbhd")
    : (tensor<3x2x6x8xf32>, tensor<5x2x2x8xf32>, tensor<5x2x2x8xf32>) -> tensor<3x2x6x8xf32>
  return %o : tensor<3x2x6x8xf32>
}

// CHECK-LABEL: @output
func.func @output(%q: tensor<2x6x3x8xf32>) -> (tensor<3x2x6x8xf32>, tensor<2x6x3xf32>) {
  // CHECK-NEXT: %[[O:.*]], %[[LSE:.*]] = gqa.attention %arg0, %arg0, %arg0 causal layout(o = "sbhd") {{.*}} -> (tensor<3x2x6x8xf32>, tensor<2x6x3xf32>) score(
  // CHECK: return %[[O]], %[[LSE]]
  %o, %lse = gqa.attention %q, %q, %q causal
    : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> (tensor<2x6x3x8xf32>, tensor<2x6x3xf32>)
    score(%s, %b, %h, %i, %j) {
      %n = math.absf %s : f32
      gqa.yield %n : f32
    }
  %e = tensor.empty() : tensor<3x2x6x8xf32>
  %t = linalg.transpose ins(%o : tensor<2x6x3x8xf32>) outs(%e : tensor<3x2x6x8xf32>) permutation = [2, 0, 1, 3]
  return %t, %lse : tensor<3x2x6x8xf32>, tensor<2x6x3xf32>
}

// CHECK-LABEL: @no_output_of_two_users
func.func @no_output_of_two_users(%q: tensor<2x6x3x8xf32>) -> (tensor<2x3x6x8xf32>, tensor<2x6x3x8xf32>) {
  // CHECK: gqa.attention %arg0, %arg0, %arg0 :
  // CHECK: linalg.transpose
  %o = gqa.attention %q, %q, %q : (tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>, tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  %e = tensor.empty() : tensor<2x3x6x8xf32>
  %t = linalg.transpose ins(%o : tensor<2x6x3x8xf32>) outs(%e : tensor<2x3x6x8xf32>) permutation = [0, 2, 1, 3]
  return %t, %o : tensor<2x3x6x8xf32>, tensor<2x6x3x8xf32>
}
