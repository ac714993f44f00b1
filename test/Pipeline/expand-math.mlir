// RUN: gqa-opt %s --gqa-expand-math | FileCheck %s --check-prefixes=CHECK,POLY
// RUN: gqa-opt %s --gqa-expand-math=polynomials=false | FileCheck %s --check-prefixes=CHECK,LIBM

// CHECK-LABEL: @functions
// POLY-NOT: math.exp %
// LIBM: math.exp %
// CHECK-NOT: math.rsqrt
// CHECK: math.sin
// CHECK: math.atan
func.func @functions(%x: f32) -> (f32, f32, f32, f32) {
  %e = math.exp %x : f32
  %r = math.rsqrt %x : f32
  %s = math.sin %x : f32
  %a = math.atan %x : f32
  return %e, %r, %s, %a : f32, f32, f32, f32
}

// f64 is not approximated.
// CHECK-LABEL: @no_double
// CHECK: math.exp
func.func @no_double(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}
