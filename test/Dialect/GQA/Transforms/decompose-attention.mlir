// RUN: gqa-opt %s --gqa-decompose --canonicalize --cse | FileCheck %s
// What the pass makes of an attention is recognised again.
// RUN: gqa-opt %s --gqa-decompose --gqa-simplify | FileCheck %s --check-prefix=RAISED

// Grouped heads are a dimension, nothing is repeated. A row that sees nothing is 0, and what is hidden is skipped.
// CHECK-LABEL: @grouped
// CHECK: tensor.expand_shape %arg0 {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 2, 3, 7, 16]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %arg1 : tensor<2x2x3x7x16xbf16>, tensor<2x2x9x16xbf16>) outs(%{{.*}} : tensor<2x2x3x7x9xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x6x7x9xf32>)
// CHECK: arith.cmpi sle
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[NOTHING:.*]] : f32
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK: %[[DEAD:.*]] = arith.cmpf oeq, %{{.*}}, %[[NOTHING]]
// CHECK: arith.select %[[DEAD]]
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x2x3x7x16xf32>)
// CHECK: arith.cmpf ole, %{{.*}}, %[[NOTHING]]
// CHECK: tensor.collapse_shape
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// RAISED-LABEL: @grouped
// RAISED-NEXT: gqa.attention %arg0, %arg1, %arg2 causal offset(2) :
// RAISED-NEXT: return
func.func @grouped(%q: tensor<2x6x7x16xbf16>, %k: tensor<2x2x9x16xbf16>, %v: tensor<2x2x9x16xbf16>) -> tensor<2x6x7x16xbf16> {
  %o = gqa.attention %q, %k, %v causal offset(2) : (tensor<2x6x7x16xbf16>, tensor<2x2x9x16xbf16>, tensor<2x2x9x16xbf16>) -> tensor<2x6x7x16xbf16>
  return %o : tensor<2x6x7x16xbf16>
}

// The lowest number hides a key in a row that sees others, and makes the mean of V of a row that sees none.
// CHECK-LABEL: @uniform
// CHECK: %[[LOWEST:.*]] = arith.constant -3.40282347E+38 : f32
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[LOWEST]] : f32
// RAISED-LABEL: @uniform
// RAISED: gqa.attention %arg0, %arg1, %arg2 mask(%{{.*}}) dead_row(uniform)
func.func @uniform(%q: tensor<1x4x3x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>, %m: tensor<3x5xi1>) -> tensor<1x4x3x8xf32> {
  %o = gqa.attention %q, %k, %v mask(%m) dead_row(uniform) : (tensor<1x4x3x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<3x5xi1>) -> tensor<1x4x3x8xf32>
  return %o : tensor<1x4x3x8xf32>
}

// A sink is one more logit, without a row of V.
// CHECK-LABEL: @sinks
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %arg3 : tensor<1x4x3xf32>, tensor<4xf32>)
// CHECK: arith.maximumf
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %arg3 :
// CHECK: math.exp
// RAISED-LABEL: @sinks
// RAISED: gqa.attention %arg0, %arg1, %arg2 sinks(%arg3)
func.func @sinks(%q: tensor<1x4x3x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>, %s: tensor<4xf32>) -> tensor<1x4x3x8xf32> {
  %o = gqa.attention %q, %k, %v sinks(%s) : (tensor<1x4x3x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<4xf32>) -> tensor<1x4x3x8xf32>
  return %o : tensor<1x4x3x8xf32>
}

// Numbers of heads that are not known: K and V are repeated. Without keys a row that is to be NaN is a sum of nothing.
// CHECK-LABEL: @dynamic
// CHECK: arith.divui
// CHECK: tensor.extract %arg1
// CHECK: math.log
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
func.func @dynamic(%q: tensor<?x?x?x8xf32>, %k: tensor<?x?x?x8xf32>, %v: tensor<?x?x?x8xf32>) -> (tensor<?x?x?x8xf32>, tensor<?x?x?xf32>) {
  %o, %lse = gqa.attention %q, %k, %v dead_row(nan) : (tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>) -> (tensor<?x?x?x8xf32>, tensor<?x?x?xf32>)
  return %o, %lse : tensor<?x?x?x8xf32>, tensor<?x?x?xf32>
}

// The region is inlined, with indices for its arguments.
// CHECK-LABEL: @region
// CHECK: %[[I:.*]] = linalg.index 2
// CHECK: tensor.extract %arg3[%[[I]]]
// RAISED-LABEL: @region
// RAISED: gqa.attention
// RAISED: tensor.extract
func.func @region(%q: tensor<1x4x3x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>, %t: tensor<?xf32>) -> tensor<1x4x3x8xf32> {
  %o = gqa.attention %q, %k, %v : (tensor<1x4x3x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<?xf32>) -> tensor<1x4x3x8xf32>
    score(%s, %b, %h, %i, %j, %table = %t) {
      %x = tensor.extract %table[%i] : tensor<?xf32>
      %r = arith.mulf %s, %x : f32
      gqa.yield %r : f32
    }
  return %o : tensor<1x4x3x8xf32>
}
