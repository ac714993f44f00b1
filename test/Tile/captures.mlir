// A read outside of a captured tensor is moved into it, so that no kernel reads other memory; into an empty one it cannot.
// RUN: gqa-run %s --inputs=1x2x4x8xf32,1x1x3x8xf32,2xf32 | FileCheck %s --check-prefix=GOOD
// RUN: not gqa-run %s --inputs=1x2x4x8xf32,1x1x3x8xf32,0xf32 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: gqa-run %s --inputs=1x2x4x8xf32,1x1x0x8xf32,0xf32 | FileCheck %s --check-prefix=GOOD

// GOOD: out0: f32[1x2x4x8]
// EMPTY: gqa.attention: the score region reads a captured tensor that is empty
func.func @main(%q: tensor<1x2x4x8xf32>, %k: tensor<1x1x?x8xf32>, %t: tensor<?xf32>) -> tensor<1x2x4x8xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x2x4x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<?xf32>) -> tensor<1x2x4x8xf32>
    score(%s, %b, %h, %i, %j, %slopes = %t) {
      %slope = tensor.extract %slopes[%j] : tensor<?xf32>
      %r = arith.addf %s, %slope : f32
      gqa.yield %r : f32
    }
  return %o : tensor<1x2x4x8xf32>
}
