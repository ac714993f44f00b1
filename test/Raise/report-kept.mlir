// An attention that a front end kept as one operation is in the report as well, in program order.
// RUN: gqa-opt %s --gqa-simplify="report=-" -o %t | FileCheck %s
// RUN: FileCheck %s --check-prefix=IR --input-file=%t

// CHECK:      "cache": "concat"
// CHECK:      "causal": true
// CHECK:      "kv_heads": 2
// CHECK:      "q_heads": 6
// CHECK:      "rotary": "half"
// CHECK-NEXT: "rotary_dim": 8
// CHECK:      "sinks": true
// CHECK:      "status": "raised"
// CHECK:      "window": 3
// IR-NOT: gqa.candidate
func.func @main(%q: tensor<1x6x1x8xf32>, %past: tensor<1x2x4x8xf32>, %new: tensor<1x2x1x8xf32>, %cos: tensor<1x4xf32>,
                %sin: tensor<1x4xf32>, %sinks: tensor<6xf32>) -> tensor<1x6x1x8xf32> {
  %r = gqa.rotary %q, %cos, %sin half : tensor<1x6x1x8xf32>, tensor<1x4xf32>
  %k = gqa.append_kv %past, %new : (tensor<1x2x4x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x5x8xf32>
  %o = gqa.attention %r, %k, %k causal offset(4) window(2, -1) sinks(%sinks)
     : (tensor<1x6x1x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<6xf32>) -> tensor<1x6x1x8xf32>
  return %o : tensor<1x6x1x8xf32>
}
