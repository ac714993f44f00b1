// Where the keys of a batch's head begin is one value in the loops of a decode kernel, which LLVM does not take apart: that took
// half of the time of compiling one.
// RUN: gqa-compile %s --target=cpu:x86-64-v4 --emit=llvm | FileCheck %s

// CHECK-LABEL: define internal void @gqa_attention_0_task(
// CHECK: %[[HEAD:[0-9]+]] = add i64 %{{[0-9]+}}, %{{[0-9]+}}
// CHECK-NEXT: freeze i64 %[[HEAD]]
// CHECK-NOT: add {{.*}}%[[HEAD]]
// What is added last and constant is outside.
// CHECK: %[[ROW:[0-9]+]] = freeze ptr
// CHECK-NEXT: %[[AHEAD:[0-9]+]] = getelementptr i8, ptr %[[ROW]], i64 4096
// CHECK: getelementptr float, ptr %[[AHEAD]]
func.func @main(%q: tensor<1x32x1x128xf32>, %k: tensor<1x8x4096x128xf32>, %v: tensor<1x8x4096x128xf32>) -> tensor<1x32x1x128xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x32x1x128xf32>, tensor<1x8x4096x128xf32>, tensor<1x8x4096x128xf32>) -> tensor<1x32x1x128xf32>
  return %o : tensor<1x32x1x128xf32>
}
