// RUN: gqa-opt %s --gqa-carry-in-place --split-input-file | FileCheck %s

// What an iteration hands on is written over what it got; what only has elements written to it stays as it is.
// CHECK-LABEL: @written_over
// CHECK: scf.for {{.*}} iter_args(%[[X:.*]] = %{{.*}}, %[[CACHE:.*]] = %{{.*}})
// CHECK: %[[Y:.*]] = linalg.matvec
// CHECK: %[[NEW:.*]] = tensor.insert_slice
// CHECK: %[[OVER:.*]] = bufferization.materialize_in_destination %[[Y]] in %[[X]]
// CHECK: scf.yield %[[OVER]], %[[NEW]]
func.func @written_over(%m: tensor<8x8xf32>, %init: tensor<8xf32>, %cache: tensor<4x8xf32>, %zeros: tensor<8xf32>) -> tensor<4x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %0:2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %init, %all = %cache) -> (tensor<8xf32>, tensor<4x8xf32>) {
    %y = linalg.matvec ins(%m, %x : tensor<8x8xf32>, tensor<8xf32>) outs(%zeros : tensor<8xf32>) -> tensor<8xf32>
    %new = tensor.insert_slice %x into %all[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<4x8xf32>
    scf.yield %y, %new : tensor<8xf32>, tensor<4x8xf32>
  }
  return %0#1 : tensor<4x8xf32>
}

// -----

// Those that change places are copied before one of them is written over.
// CHECK-LABEL: @places
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK-DAG: %[[A2:.*]] = bufferization.alloc_tensor() copy(%[[A]])
// CHECK-DAG: %[[B2:.*]] = bufferization.alloc_tensor() copy(%[[B]])
// CHECK: materialize_in_destination %[[B2]] in %[[A]]
// CHECK: materialize_in_destination %[[A2]] in %[[B]]
func.func @places(%x: tensor<8xf32>, %y: tensor<8xf32>, %n: index) -> (tensor<8xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %y) -> (tensor<8xf32>, tensor<8xf32>) {
    scf.yield %b, %a : tensor<8xf32>, tensor<8xf32>
  }
  return %0#0, %0#1 : tensor<8xf32>, tensor<8xf32>
}

// -----

// Sizes that may change are left alone.
// CHECK-LABEL: @negative_grows
// CHECK-NOT: materialize_in_destination
func.func @negative_grows(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (tensor<?xf32>) {
    %1 = tensor.concat dim(0) %a, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    scf.yield %1 : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}

// -----

// Sizes that are those of the first iteration are the same in all.
// CHECK-LABEL: @sizes
// CHECK: materialize_in_destination
func.func @sizes(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %size = tensor.dim %x, %c0 : tensor<?xf32>
  %zero = arith.constant 0.0 : f32
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (tensor<?xf32>) {
    %e = tensor.empty(%size) : tensor<?xf32>
    %1 = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %1 : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}

// -----

// One of two tensors is written to memory in front of the branch, and one with elements written to it in one arm stays where it is.
// CHECK-LABEL: @branch
// CHECK: %[[ROOM:.*]] = bufferization.alloc_tensor() : tensor<8xf32>
// CHECK: scf.if
// CHECK: materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK: materialize_in_destination %{{.*}} in %[[ROOM]]
// CHECK: scf.if
// CHECK-NOT: materialize_in_destination
func.func @branch(%x: tensor<8xf32>, %y: tensor<8xf32>, %c: i1) -> (tensor<8xf32>, tensor<8xf32>) {
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %0 = scf.if %c -> tensor<8xf32> {
    %e = tensor.empty() : tensor<8xf32>
    %1 = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
    scf.yield %1 : tensor<8xf32>
  } else {
    scf.yield %y : tensor<8xf32>
  }
  %2 = scf.if %c -> tensor<8xf32> {
    %3 = tensor.insert %one into %x[%c0] : tensor<8xf32>
    scf.yield %3 : tensor<8xf32>
  } else {
    scf.yield %x : tensor<8xf32>
  }
  return %0, %2 : tensor<8xf32>, tensor<8xf32>
}
