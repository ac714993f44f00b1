// RUN: gqa-opt %s --split-input-file --gqa-prepare-entry --verify-diagnostics | FileCheck %s

// Numbers become tensors of rank 0; arguments, constants and repeated results are copied.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[A:.*]]: tensor<2xf32> {bufferization.writable = false}, %{{.*}}: tensor<i64> {bufferization.writable = false})
// CHECK-SAME: -> (tensor<2xf32>, tensor<i64>) attributes {llvm.emit_c_interface}
// CHECK: %[[I:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK: %[[COPY:.*]] = bufferization.alloc_tensor() copy(%[[A]])
// CHECK: %[[N:.*]] = tensor.from_elements
// CHECK: return %[[COPY]], %[[N]]
// CHECK: func.func private @helper() {
func.func @main(%a: tensor<2xf32>, %n: index) -> (tensor<2xf32>, index) {
  %m = arith.addi %n, %n : index
  return %a, %m : tensor<2xf32>, index
}
func.func @helper() attributes {llvm.emit_c_interface} {
  return
}

// -----

// expected-error @+1 {{argument 0 of 'main' has type 'tensor<*xf32>'; expected a ranked tensor or a number}}
func.func @main(%a: tensor<*xf32>) {
  return
}

// -----

// expected-error @+1 {{function 'main' has several blocks; expected one, without branches}}
func.func @main() {
  cf.br ^next
^next:
  return
}
