// RUN: gqa-opt %s --gqa-lower-tosa --gqa-simplify | FileCheck %s
// RUN: gqa-run %s --reference --seed=1 --outputs=%t.npz
// RUN: gqa-run %s --seed=1 --expect=%t.npz

// What torch-mlir makes of masked attention with grouped heads for its TOSA backend: repeats are tiles, the softmax divides
// by a reciprocal.

// CHECK: gqa.attention %arg0, %arg1, %arg2 causal dead_row(nan) : (tensor<2x6x7x16xf32>, tensor<2x2x7x16xf32>, tensor<2x2x7x16xf32>)
// CHECK-NOT: tosa.
func.func @main(%arg0: tensor<2x6x7x16xf32>, %arg1: tensor<2x2x7x16xf32>, %arg2: tensor<2x2x7x16xf32>) -> tensor<2x6x7x16xf32> {
  %0 = "tosa.const"() <{values = dense<true> : tensor<7x7xi1>}> : () -> tensor<7x7xi1>
  %1 = tosa.const_shape  {values = dense<[2, 2, 1, 7, 16]> : tensor<5xindex>} : () -> !tosa.shape<5>
  %2 = tosa.const_shape  {values = dense<[1, 1, 3, 1, 1]> : tensor<5xindex>} : () -> !tosa.shape<5>
  %3 = tosa.const_shape  {values = dense<[2, 6, 7, 16]> : tensor<4xindex>} : () -> !tosa.shape<4>
  %4 = tosa.const_shape  {values = dense<[12, 7, 16]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %5 = tosa.const_shape  {values = dense<[12, 16, 7]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %6 = "tosa.const"() <{values = dense<0.000000e+00> : tensor<1xf32>}> : () -> tensor<1xf32>
  %7 = tosa.const_shape  {values = dense<[2, 6, 7, 7]> : tensor<4xindex>} : () -> !tosa.shape<4>
  %8 = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %9 = "tosa.const"() <{values = dense<[0, 1, 2, 3, 4, 5, 6]> : tensor<7xi64>}> : () -> tensor<7xi64>
  %10 = tosa.const_shape  {values = dense<[1, 7]> : tensor<2xindex>} : () -> !tosa.shape<2>
  %11 = tosa.const_shape  {values = dense<[7, 1]> : tensor<2xindex>} : () -> !tosa.shape<2>
  %12 = tosa.const_shape  {values = dense<[1, 1, 7, 7]> : tensor<4xindex>} : () -> !tosa.shape<4>
  %13 = tosa.const_shape  {values = dense<[12, 7, 7]> : tensor<3xindex>} : () -> !tosa.shape<3>
  %14 = "tosa.const"() <{values = dense<2.500000e-01> : tensor<1x1x1x1xf32>}> : () -> tensor<1x1x1x1xf32>
  %15 = "tosa.const"() <{values = dense<0> : tensor<1x1xi64>}> : () -> tensor<1x1xi64>
  %16 = "tosa.const"() <{values = dense<0xFF800000> : tensor<1x1x1x1xf32>}> : () -> tensor<1x1x1x1xf32>
  %17 = tosa.reshape %arg1, %1 : (tensor<2x2x7x16xf32>, !tosa.shape<5>) -> tensor<2x2x1x7x16xf32>
  %18 = tosa.tile %17, %2 : (tensor<2x2x1x7x16xf32>, !tosa.shape<5>) -> tensor<2x2x3x7x16xf32>
  %19 = tosa.reshape %18, %3 : (tensor<2x2x3x7x16xf32>, !tosa.shape<4>) -> tensor<2x6x7x16xf32>
  %20 = tosa.reshape %arg2, %1 : (tensor<2x2x7x16xf32>, !tosa.shape<5>) -> tensor<2x2x1x7x16xf32>
  %21 = tosa.tile %20, %2 : (tensor<2x2x1x7x16xf32>, !tosa.shape<5>) -> tensor<2x2x3x7x16xf32>
  %22 = tosa.transpose %19 {perms = array<i32: 0, 1, 3, 2>} : (tensor<2x6x7x16xf32>) -> tensor<2x6x16x7xf32>
  %23 = tosa.reshape %arg0, %4 : (tensor<2x6x7x16xf32>, !tosa.shape<3>) -> tensor<12x7x16xf32>
  %24 = tosa.reshape %22, %5 : (tensor<2x6x16x7xf32>, !tosa.shape<3>) -> tensor<12x16x7xf32>
  %25 = tosa.matmul %23, %24, %6, %6 : (tensor<12x7x16xf32>, tensor<12x16x7xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<12x7x7xf32>
  %26 = tosa.reshape %25, %7 : (tensor<12x7x7xf32>, !tosa.shape<4>) -> tensor<2x6x7x7xf32>
  %27 = tosa.mul %26, %14, %8 : (tensor<2x6x7x7xf32>, tensor<1x1x1x1xf32>, tensor<1xi8>) -> tensor<2x6x7x7xf32>
  %28 = tosa.reshape %9, %10 : (tensor<7xi64>, !tosa.shape<2>) -> tensor<1x7xi64>
  %29 = tosa.reshape %9, %11 : (tensor<7xi64>, !tosa.shape<2>) -> tensor<7x1xi64>
  %30 = tosa.cast %29 : (tensor<7x1xi64>) -> tensor<7x1xi32>
  %31 = tosa.cast %28 : (tensor<1x7xi64>) -> tensor<1x7xi32>
  %32 = tosa.sub %31, %30 : (tensor<1x7xi32>, tensor<7x1xi32>) -> tensor<7x7xi32>
  %33 = tosa.cast %32 : (tensor<7x7xi32>) -> tensor<7x7xi64>
  %34 = tosa.greater_equal %15, %33 : (tensor<1x1xi64>, tensor<7x7xi64>) -> tensor<7x7xi1>
  %35 = tosa.logical_and %34, %0 : (tensor<7x7xi1>, tensor<7x7xi1>) -> tensor<7x7xi1>
  %36 = tosa.logical_not %35 : (tensor<7x7xi1>) -> tensor<7x7xi1>
  %37 = tosa.reshape %36, %12 : (tensor<7x7xi1>, !tosa.shape<4>) -> tensor<1x1x7x7xi1>
  %38 = tosa.select %37, %16, %27 : (tensor<1x1x7x7xi1>, tensor<1x1x1x1xf32>, tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %39 = tosa.reduce_max %38 {axis = 3 : i32} : (tensor<2x6x7x7xf32>) -> tensor<2x6x7x1xf32>
  %40 = tosa.sub %38, %39 : (tensor<2x6x7x7xf32>, tensor<2x6x7x1xf32>) -> tensor<2x6x7x7xf32>
  %41 = tosa.exp %40 : (tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %42 = tosa.reduce_sum %41 {axis = 3 : i32} : (tensor<2x6x7x7xf32>) -> tensor<2x6x7x1xf32>
  %43 = tosa.reciprocal %42 : (tensor<2x6x7x1xf32>) -> tensor<2x6x7x1xf32>
  %44 = tosa.mul %41, %43, %8 : (tensor<2x6x7x7xf32>, tensor<2x6x7x1xf32>, tensor<1xi8>) -> tensor<2x6x7x7xf32>
  %45 = tosa.reshape %44, %13 : (tensor<2x6x7x7xf32>, !tosa.shape<3>) -> tensor<12x7x7xf32>
  %46 = tosa.reshape %21, %4 : (tensor<2x2x3x7x16xf32>, !tosa.shape<3>) -> tensor<12x7x16xf32>
  %47 = tosa.matmul %45, %46, %6, %6 : (tensor<12x7x7xf32>, tensor<12x7x16xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<12x7x16xf32>
  %48 = tosa.reshape %47, %3 : (tensor<12x7x16xf32>, !tosa.shape<4>) -> tensor<2x6x7x16xf32>
  return %48 : tensor<2x6x7x16xf32>
}
