// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s
// RUN: not gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:nonsense 2>&1 | FileCheck %s --check-prefix=TARGET

// TARGET: error: target 'cpu:nonsense' is not a processor that LLVM knows; try cpu, cpu:x86-64-v3 or cpu:znver4

// CHECK: func private @gqa_rt_parallel_for(i64, i64, !llvm.ptr, !llvm.ptr)

// A kernel becomes a task function, its number turned into a point of the grid, and a call of the runtime.
// CHECK-LABEL: func @kernel
// CHECK-SAME: (%[[N:.*]]: index, %[[M:.*]]: index, %[[W:.*]]: index
// CHECK: llvm.alloca
// CHECK: %[[TASKS:.*]] = arith.muli %[[N]], %[[M]]
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[TASKS]] : index to i64
// CHECK: %[[WORK:.*]] = arith.index_cast %[[W]] : index to i64
// CHECK: call @gqa_rt_parallel_for(%[[COUNT]], %[[WORK]], %{{.*}}, %{{.*}})
// CHECK-LABEL: func private @kernel_task
// CHECK-SAME: (%[[I:.*]]: i64, %[[CONTEXT:.*]]: !llvm.ptr)
// CHECK: arith.remsi
// CHECK: arith.divsi
func.func @kernel(%n: index, %m: index, %work: index, %x: memref<?x?xf32>) {
  tile.kernel grid(%i = %n, %j = %m) work(%work) {
    %e = memref.load %x[%i, %j] : memref<?x?xf32>
    memref.store %e, %x[%j, %i] : memref<?x?xf32>
  }
  return
}

// All scratch of known size is one allocation, each piece at the start of a line; one of unknown size has its own.
// CHECK-LABEL: func private @scratch_task
// CHECK: %[[BLOCK:.*]] = memref.alloc() {alignment = 64 : i64} : memref<320xi8>
// CHECK: %[[A:.*]] = memref.view %[[BLOCK]][%c0][] : memref<320xi8> to memref<17xf32>
// CHECK: %[[B:.*]] = memref.view %[[BLOCK]][%c128][] : memref<320xi8> to memref<3x8xf64>
// CHECK: %[[C:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xbf16>
// CHECK-NOT: memref.alloc
// CHECK-DAG: memref.dealloc %[[BLOCK]] :
// CHECK-DAG: memref.dealloc %[[C]] :
// CHECK-NOT: memref.dealloc
func.func @scratch(%n: index, %x: f32, %y: f64, %z: memref<?xbf16>) {
  tile.kernel grid(%i = %n) {
    %a = tile.scratch : memref<17xf32>
    %b = tile.scratch : memref<3x8xf64>
    %c = tile.scratch(%n) : memref<?xbf16>
    %c0 = arith.constant 0 : index
    memref.store %x, %a[%c0] : memref<17xf32>
    memref.store %y, %b[%c0, %c0] : memref<3x8xf64>
    memref.copy %z, %c : memref<?xbf16> to memref<?xbf16>
  }
  return
}

// Where nobody says how much work there is, it is worth all threads.
// CHECK-LABEL: func @no_work
// CHECK: %[[MOST:.*]] = arith.constant 9223372036854775807 : i64
// CHECK: call @gqa_rt_parallel_for(%{{.*}}, %[[MOST]],
func.func @no_work(%n: index, %x: memref<?xindex>) {
  tile.kernel grid(%i = %n) {
    memref.store %i, %x[%i] : memref<?xindex>
  }
  return
}

// CHECK-LABEL: func @two_kernels
// CHECK-DAG: constant @two_kernels_task :
// CHECK-DAG: constant @two_kernels_task_0 :
// CHECK-LABEL: func private @two_kernels_task
func.func @two_kernels(%n: index, %x: memref<?xindex>) {
  tile.kernel grid(%i = %n) {
    memref.store %i, %x[%i] : memref<?xindex>
  }
  tile.kernel grid(%i = %n) {
    memref.store %n, %x[%i] : memref<?xindex>
  }
  return
}

// One of unknown size in front.
// CHECK-LABEL: func private @dynamic_first_task
// CHECK-DAG: memref.alloc() {alignment = 64 : i64} : memref<256xi8>
// CHECK-DAG: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?x64xf32>
func.func @dynamic_first(%n: index, %x: f32, %y: memref<?x64xf32>, %z: memref<64xf32>) {
  tile.kernel grid(%i = %n) {
    %a = tile.scratch(%i) : memref<?x64xf32>
    %b = tile.scratch : memref<64xf32>
    memref.store %x, %a[%i, %i] : memref<?x64xf32>
    memref.store %x, %b[%i] : memref<64xf32>
    memref.copy %a, %y : memref<?x64xf32> to memref<?x64xf32>
    memref.copy %b, %z : memref<64xf32> to memref<64xf32>
  }
  return
}
