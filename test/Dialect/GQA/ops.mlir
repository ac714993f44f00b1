// RUN: gqa-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<1x32x64x128xbf16>, %k: tensor<1x8x64x128xbf16>) -> tensor<1x32x64x128xbf16> {
  // CHECK: gqa.attention %{{.*}}, %{{.*}}, %{{.*}} causal : (tensor<1x32x64x128xbf16>
  %o = gqa.attention %q, %k, %k causal
    : (tensor<1x32x64x128xbf16>, tensor<1x8x64x128xbf16>, tensor<1x8x64x128xbf16>) -> tensor<1x32x64x128xbf16>
  return %o : tensor<1x32x64x128xbf16>
}
