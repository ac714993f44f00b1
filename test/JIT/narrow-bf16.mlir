// Numbers become bf16 in one rounding, to the nearest even, on every processor: 1 + 2^-8 is a tie, which goes down; what is
// the least bit above it goes up, also where f32 in between would make a tie of it.
// RUN: gqa-run %s --function=f64 --target=cpu:x86-64 | FileCheck %s
// RUN: gqa-run %s --function=f32 --target=cpu:x86-64 | FileCheck %s
// RUN: gqa-run %s --function=f64 | FileCheck %s
// RUN: gqa-run %s --function=f32 | FileCheck %s

// CHECK: out0: bf16[5] = 1 1.00781 1.01562 nan -inf
func.func @f64() -> tensor<5xbf16> {
  %x = arith.constant dense<[1.00390625, 1.0039062500000002, 1.01171875, 0x7FF8000000000000, -1.0e300]> : tensor<5xf64>
  %y = arith.truncf %x : tensor<5xf64> to tensor<5xbf16>
  return %y : tensor<5xbf16>
}
func.func @f32() -> tensor<5xbf16> {
  %x = arith.constant dense<[1.00390625, 1.00390637, 1.01171875, 0x7FC00000, 0xFF800000]> : tensor<5xf32>
  %y = arith.truncf %x : tensor<5xf32> to tensor<5xbf16>
  return %y : tensor<5xbf16>
}
