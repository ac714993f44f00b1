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

// Nor do the lanes of a vector see the polynomial where they are NaN.
// CHECK-LABEL: @vector
// POLY: arith.cmpf uno, %{{.*}} : vector<8xf32>
// POLY-NOT: math.exp %
// CHECK: return
func.func @vector(%x: vector<8xf32>) -> vector<8xf32> {
  %e = math.exp %x : vector<8xf32>
  return %e : vector<8xf32>
}

// f64 is not approximated.
// CHECK-LABEL: @no_double
// CHECK: math.exp
func.func @no_double(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}

// Floats of 8 bits are f16 with other exponents; test_fp8.py has all of their numbers.
// CHECK-LABEL: @fp8
// CHECK-NOT: arith.extf {{.*}} : {{.*}}f8E
// CHECK: arith.extui %{{.*}} : i8 to i16
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.mulf
// CHECK: arith.bitcast %{{.*}} : vector<4xi16> to vector<4xf16>
// CHECK: arith.extf %{{.*}} : vector<4xf16> to vector<4xf32>
// CHECK-NOT: arith.extf {{.*}} : {{.*}}f8E
// CHECK: return
func.func @fp8(%a: i8, %b: vector<4xi8>) -> (f32, vector<4xf64>) {
  %x = arith.bitcast %a : i8 to f8E4M3FN
  %y = arith.bitcast %b : vector<4xi8> to vector<4xf8E5M2>
  %c = arith.extf %x : f8E4M3FN to f32
  %d = arith.extf %y : vector<4xf8E5M2> to vector<4xf64>
  return %c, %d : f32, vector<4xf64>
}

// Small constant powers are products. Larger ones of floats, which would lose digits so, are for the C library.
// CHECK-LABEL: @powers
// CHECK: math.powf %{{.*}}, %{{.*}} : f32
// CHECK: math.powf %{{.*}}, %{{.*}} : vector<4xf16>
// CHECK-NOT: math.{{.*}}pow
// CHECK: return
func.func @powers(%x: f32, %y: vector<4xf16>, %i: i64) -> (f32, f32, vector<4xf16>, i64, i64) {
  %c3 = arith.constant 3 : i64
  %c9 = arith.constant 9 : i64
  %c100 = arith.constant -100 : i64
  %v = arith.constant dense<-12> : vector<4xi32>
  %a = math.fpowi %x, %c3 : f32, i64
  %b = math.fpowi %x, %c9 : f32, i64
  %c = math.fpowi %y, %v : vector<4xf16>, vector<4xi32>
  %d = math.ipowi %i, %c9 : i64
  %e = math.ipowi %i, %c100 : i64
  return %a, %b, %c, %d, %e : f32, f32, vector<4xf16>, i64, i64
}
