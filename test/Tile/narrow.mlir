// RUN: gqa-opt %s --gqa-tile=target=cpu | FileCheck %s

// The kernel widens k and v: nothing of the widened tensors remains, and the result has its sizes from the narrow ones.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %{{.*}}: tensor<?x?x?x?xf32>, %{{.*}}: tensor<?x?x?x?xi8>, %[[V:.*]]: tensor<?x?x?x?xf8E5M2>)
// CHECK-NOT: gqa.dequantize
// CHECK: tensor.dim %[[V]], %c3
// CHECK: memref.alloc
// CHECK-NOT: gqa.dequantize
// CHECK: call @gqa_attention_0(
func.func @main(%q: tensor<?x?x?x?xf32>, %k: tensor<?x?x?x?xi8>, %v: tensor<?x?x?x?xf8E5M2>) -> tensor<?x?x?x?xf32> {
  %kw = gqa.dequantize %k : tensor<?x?x?x?xi8> -> tensor<?x?x?x?xf32>
  %vw = gqa.dequantize %v : tensor<?x?x?x?xf8E5M2> -> tensor<?x?x?x?xf32>
  %o = gqa.attention %q, %kw, %vw : (tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  return %o : tensor<?x?x?x?xf32>
}
