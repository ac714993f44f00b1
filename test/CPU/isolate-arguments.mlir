// RUN: gqa-opt %s --gqa-isolate-arguments | FileCheck %s

// CHECK-LABEL: @buffer
// CHECK-SAME: %[[X:.*]]: memref<4xf32>
// CHECK-NEXT: cf.br ^[[BODY:.*]]{{$}}
// CHECK-NEXT: ^[[BODY]]:
// CHECK: memref.load %[[X]]
func.func @buffer(%x: memref<4xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %0 = memref.load %x[%c0] : memref<4xf32>
  return %0 : f32
}

// Nothing is taken apart.
// CHECK-LABEL: @number
// CHECK-NOT: cf.br
// CHECK: return
func.func @number(%x: f32) -> f32 {
  return %x : f32
}

// CHECK: func.func private @external(memref<4xf32>)
func.func private @external(memref<4xf32>)
