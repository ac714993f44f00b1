// RUN: gqa-opt %s --gqa-slice-in-place --split-input-file | FileCheck %s
// RUN: gqa-opt %s --gqa-slice-in-place --one-shot-bufferize=bufferize-function-boundaries --cse --canonicalize --split-input-file | FileCheck %s --check-prefix=BUFFERS

// A layer's part of a cache gets a token.
// CHECK-LABEL: func @layer
// CHECK: %[[PART:.+]] = tensor.extract_slice %arg0[1, 0, 0, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<3x2x8x4xf32> to tensor<2x8x4xf32>
// CHECK: %[[WRITTEN:.+]] = tensor.insert_slice %arg1 into %[[PART]]
// CHECK: tensor.insert_slice %[[WRITTEN]] into %arg0[1, 0, 0, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<2x8x4xf32> into tensor<3x2x8x4xf32>
// BUFFERS-LABEL: func @layer
// BUFFERS-NOT: memref.alloc
// BUFFERS: memref.copy %arg1
// BUFFERS-NOT: memref.copy
// BUFFERS: return
func.func @layer(%all: tensor<3x2x8x4xf32> {bufferization.writable = true}, %token: tensor<2x1x4xf32>, %at: index)
    -> (tensor<3x2x8x4xf32>, f32) {
  %c0 = arith.constant 0 : index
  %taken = tensor.extract_slice %all[1, 0, 0, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<3x2x8x4xf32> to tensor<1x2x8x4xf32>
  %part = tensor.collapse_shape %taken [[0, 1], [2], [3]] : tensor<1x2x8x4xf32> into tensor<2x8x4xf32>
  %written = tensor.insert_slice %token into %part[0, %at, 0] [2, 1, 4] [1, 1, 1] : tensor<2x1x4xf32> into tensor<2x8x4xf32>
  %whole = tensor.expand_shape %written [[0, 1], [2], [3]] output_shape [1, 2, 8, 4] : tensor<2x8x4xf32> into tensor<1x2x8x4xf32>
  %new = tensor.insert_slice %whole into %all[1, 0, 0, 0] [1, 2, 8, 4] [1, 1, 1, 1] : tensor<1x2x8x4xf32> into tensor<3x2x8x4xf32>
  %read = tensor.extract %written[%c0, %at, %c0] : tensor<2x8x4xf32>
  return %new, %read : tensor<3x2x8x4xf32>, f32
}

// -----

// Keys and values of one tensor: both are written, then both are read.
// CHECK-LABEL: func @keys_and_values
// CHECK: %[[K:.+]] = tensor.insert_slice %arg1 into
// CHECK: tensor.insert_slice %[[K]] into %arg0[0, 0, 0]
// CHECK: %[[V:.+]] = tensor.insert_slice %arg2 into
// CHECK: %[[BOTH:.+]] = tensor.insert_slice %[[V]] into %{{.+}}[1, 0, 0]
// CHECK: %[[READ:.+]] = tensor.extract_slice %[[BOTH]][0, 0, 0] [1, 8, 4]
// CHECK: tensor.extract %[[READ]]
// CHECK: tensor.extract %[[V]]
// BUFFERS-LABEL: func @keys_and_values
// BUFFERS-NOT: memref.alloc
// BUFFERS: memref.copy %arg1
// BUFFERS: memref.copy %arg2
// BUFFERS-NOT: memref.copy
// BUFFERS: return
func.func @keys_and_values(%all: tensor<2x8x4xf32> {bufferization.writable = true}, %k: tensor<1x4xf32>, %v: tensor<1x4xf32>,
                           %at: index) -> (tensor<2x8x4xf32>, f32, f32) {
  %c0 = arith.constant 0 : index
  %keys = tensor.extract_slice %all[0, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<2x8x4xf32> to tensor<8x4xf32>
  %new_keys = tensor.insert_slice %k into %keys[%at, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
  %0 = tensor.insert_slice %new_keys into %all[0, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<8x4xf32> into tensor<2x8x4xf32>
  %values = tensor.extract_slice %0[1, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<2x8x4xf32> to tensor<8x4xf32>
  %new_values = tensor.insert_slice %v into %values[%at, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
  %1 = tensor.insert_slice %new_values into %0[1, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<8x4xf32> into tensor<2x8x4xf32>
  %a = tensor.extract %new_keys[%at, %c0] : tensor<8x4xf32>
  %b = tensor.extract %new_values[%at, %c0] : tensor<8x4xf32>
  return %1, %a, %b : tensor<2x8x4xf32>, f32, f32
}

// -----

// What the second part writes over is read as it was, and what was computed elsewhere where it is.
// CHECK-LABEL: func @no_change
// CHECK: %[[A:.+]] = tensor.insert_slice %arg1 into
// CHECK: tensor.extract %[[A]]
// CHECK: tensor.extract %arg2
func.func @no_change(%all: tensor<2x8x4xf32>, %k: tensor<1x4xf32>, %other: tensor<8x4xf32>, %at: index)
    -> (tensor<2x8x4xf32>, f32, f32) {
  %c0 = arith.constant 0 : index
  %keys = tensor.extract_slice %all[0, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<2x8x4xf32> to tensor<8x4xf32>
  %new_keys = tensor.insert_slice %k into %keys[%at, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
  %0 = tensor.insert_slice %new_keys into %all[0, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<8x4xf32> into tensor<2x8x4xf32>
  %1 = tensor.insert_slice %other into %0[0, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<8x4xf32> into tensor<2x8x4xf32>
  %2 = tensor.insert_slice %other into %1[1, 0, 0] [1, 8, 4] [1, 1, 1] : tensor<8x4xf32> into tensor<2x8x4xf32>
  %a = tensor.extract %new_keys[%at, %c0] : tensor<8x4xf32>
  %b = tensor.extract %other[%at, %c0] : tensor<8x4xf32>
  return %2, %a, %b : tensor<2x8x4xf32>, f32, f32
}

// -----

// A row of a matrix of each head is taken, a part of it changed and put back, then the row: one write, and one read.
// CHECK-LABEL: func @row_of_an_unrolled_loop
// CHECK: %[[OLD:.+]] = tensor.extract_slice %arg0[0, 3, 0] [2, 1, 3] [1, 1, 1] : tensor<2x8x8xf32> to tensor<2x3xf32>
// CHECK: %[[NEW:.+]] = linalg.add ins(%[[OLD]], %arg1
// CHECK: %[[ALL:.+]] = tensor.insert_slice %[[NEW]] into %arg0[0, 3, 0] [2, 1, 3] [1, 1, 1] : tensor<2x3xf32> into tensor<2x8x8xf32>
// CHECK: return %[[ALL]]
// BUFFERS-LABEL: func @row_of_an_unrolled_loop
// BUFFERS-NOT: memref.alloc
// BUFFERS: linalg.add
// BUFFERS-NOT: memref.copy
// BUFFERS: return
func.func @row_of_an_unrolled_loop(%all: tensor<2x8x8xf32> {bufferization.writable = true}, %more: tensor<2x3xf32>) -> tensor<2x8x8xf32> {
  %taken = tensor.extract_slice %all[0, 3, 0] [2, 1, 8] [1, 1, 1] : tensor<2x8x8xf32> to tensor<2x1x8xf32>
  %row = tensor.collapse_shape %taken [[0, 1], [2]] : tensor<2x1x8xf32> into tensor<2x8xf32>
  %old = tensor.extract_slice %row[0, 0] [2, 3] [1, 1] : tensor<2x8xf32> to tensor<2x3xf32>
  %new = linalg.add ins(%old, %more : tensor<2x3xf32>, tensor<2x3xf32>) outs(%old : tensor<2x3xf32>) -> tensor<2x3xf32>
  %written = tensor.insert_slice %new into %row[0, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x8xf32>
  %expanded = tensor.expand_shape %written [[0, 1], [2]] output_shape [2, 1, 8] : tensor<2x8xf32> into tensor<2x1x8xf32>
  %0 = tensor.insert_slice %expanded into %all[0, 3, 0] [2, 1, 8] [1, 1, 1] : tensor<2x1x8xf32> into tensor<2x8x8xf32>
  return %0 : tensor<2x8x8xf32>
}

// -----

// Offsets add up, strides multiply.
// CHECK: #[[$ADD:.+]] = affine_map<()[s0] -> (s0 + 4)>
// CHECK-LABEL: func @strided
// CHECK: %[[AT:.+]] = affine.apply #[[$ADD]]()[%arg2]
// CHECK: %[[ALL:.+]] = tensor.insert_slice %arg1 into %arg0[%[[AT]]] [2] [6]
// CHECK: return %[[ALL]]
func.func @strided(%all: tensor<32xf32>, %more: tensor<2xf32>, %at: index) -> tensor<32xf32> {
  %part = tensor.extract_slice %all[%at] [6] [2] : tensor<32xf32> to tensor<6xf32>
  %written = tensor.insert_slice %more into %part[2] [2] [3] : tensor<2xf32> into tensor<6xf32>
  %0 = tensor.insert_slice %written into %all[%at] [6] [2] : tensor<6xf32> into tensor<32xf32>
  return %0 : tensor<32xf32>
}

// -----

// What else was written to the part goes back with it.
// CHECK-LABEL: func @two_writes
// CHECK: %[[FIRST:.+]] = tensor.insert_slice %arg1 into %{{.+}}[0] [2]
// CHECK: %[[SECOND:.+]] = tensor.insert_slice %arg1 into %[[FIRST]][4] [2]
// CHECK: tensor.insert_slice %[[SECOND]] into %arg0[%arg2] [6]
// BUFFERS-LABEL: func @two_writes
// BUFFERS-NOT: memref.alloc
// BUFFERS-COUNT-2: memref.copy %arg1
// BUFFERS-NOT: memref.copy
// BUFFERS: return
func.func @two_writes(%all: tensor<32xf32> {bufferization.writable = true}, %more: tensor<2xf32>, %at: index) -> tensor<32xf32> {
  %part = tensor.extract_slice %all[%at] [6] [1] : tensor<32xf32> to tensor<6xf32>
  %first = tensor.insert_slice %more into %part[0] [2] [1] : tensor<2xf32> into tensor<6xf32>
  %second = tensor.insert_slice %more into %first[4] [2] [1] : tensor<2xf32> into tensor<6xf32>
  %0 = tensor.insert_slice %second into %all[%at] [6] [1] : tensor<6xf32> into tensor<32xf32>
  return %0 : tensor<32xf32>
}

// -----

// Not where it was taken: the rest of the part comes from elsewhere.
// CHECK-LABEL: func @moved_row
// CHECK: tensor.extract_slice %arg0[2, 0]
// CHECK: tensor.insert_slice %arg1 into
// CHECK: tensor.insert_slice {{.*}} into %arg0[3, 0]
func.func @moved_row(%all: tensor<8x8xf32>, %more: tensor<3xf32>) -> tensor<8x8xf32> {
  %row = tensor.extract_slice %all[2, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
  %written = tensor.insert_slice %more into %row[0] [3] [1] : tensor<3xf32> into tensor<8xf32>
  %0 = tensor.insert_slice %written into %all[3, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

// A step from one element to none is no step.
// CHECK-LABEL: func @one_element
// CHECK: tensor.extract_slice %arg0[1, 0, 0, 1] [1, 1, 8, 1] [1, 1, 1, 1] : tensor<4x1x8x2xf32> to tensor<1x8x1xf32>
// CHECK: tensor.insert_slice %{{.+}} into %arg1[0, 0, 1] [1, 4, 1] [1, 2, 1]
// BUFFERS-LABEL: func @one_element
// BUFFERS: memref.subview %arg0[1, 0, 0, 1] [1, 1, 8, 1] [1, 1, 1, 1]
func.func @one_element(%x: tensor<4x1x8x2xf32>, %y: tensor<1x8x2xf32>, %z: tensor<1x4x1xf32>) -> (tensor<1x8x1xf32>, tensor<1x8x2xf32>) {
  %slice = tensor.extract_slice %x[1, 0, 0, 1] [1, 1, 8, 1] [1, 1, 1, 3] : tensor<4x1x8x2xf32> to tensor<1x1x8x1xf32>
  %0 = tensor.collapse_shape %slice [[0, 1], [2], [3]] : tensor<1x1x8x1xf32> into tensor<1x8x1xf32>
  %1 = tensor.insert_slice %z into %y[0, 0, 1] [1, 4, 1] [1, 2, 5] : tensor<1x4x1xf32> into tensor<1x8x2xf32>
  return %0, %1 : tensor<1x8x1xf32>, tensor<1x8x2xf32>
}
