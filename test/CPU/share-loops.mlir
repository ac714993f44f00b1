// RUN: gqa-opt %s --split-input-file --gqa-share-loops | FileCheck %s

#row = affine_map<(d0) -> (d0)>

// Two layers: other buffers, the same operations, of which a constant is one. What LLVM saw of the allocations it is told.
// CHECK-LABEL: func.func @layers
// CHECK-NOT: linalg.generic
// CHECK: call @[[LOOPS:[a-z0-9_]+]]({{.*}}) : (!llvm.ptr, !llvm.ptr) -> ()
// CHECK-NOT: linalg.generic
// CHECK: call @[[LOOPS]]({{.*}}) : (!llvm.ptr, !llvm.ptr) -> ()
// CHECK: return
// CHECK: func.func private @[[LOOPS]](%[[X:.*]]: !llvm.ptr {llvm.noalias}, %[[Y:.*]]: !llvm.ptr {llvm.noalias})
// CHECK-SAME: passthrough = ["noinline"]
// CHECK: %[[TWO:.*]] = arith.constant 2.0
// CHECK: linalg.generic
// CHECK: arith.mulf %{{.*}}, %[[TWO]]
// CHECK-NOT: func.func
func.func @layers() {
  %two = arith.constant 2.0 : f32
  %x = memref.alloc() : memref<64xf32>
  %y = memref.alloc() : memref<64xf32>
  %z = memref.alloc() : memref<64xf32>
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %two : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%y : memref<64xf32>) outs(%z : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %two : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#row = affine_map<(d0) -> (d0)>

// Another constant, another operation, another size: each is there once.
// CHECK-LABEL: func.func @no_others
// CHECK-COUNT-4: linalg.generic
// CHECK-NOT: func.func
func.func @no_others(%x: memref<64xf32>, %y: memref<64xf32>, %s: memref<32xf32>, %t: memref<32xf32>) {
  %two = arith.constant 2.0 : f32
  %three = arith.constant 3.0 : f32
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %two : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %three : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %two : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel"]} ins(%s : memref<32xf32>) outs(%t : memref<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %two : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// The same buffer where the other has two, though some operands are the same values.
// CHECK-LABEL: func.func @no_other_places
// CHECK-COUNT-2: linalg.map
// CHECK-NOT: func.func
func.func @no_other_places(%w: memref<64xf32>, %x: memref<64xf32>, %y: memref<64xf32>, %z: memref<64xf32>, %o: memref<64xf32>) {
  linalg.map ins(%x, %y, %x, %z : memref<64xf32>, memref<64xf32>, memref<64xf32>, memref<64xf32>) outs(%o : memref<64xf32>)
    (%a: f32, %b: f32, %c: f32, %d: f32, %out: f32) {
      %0 = arith.addf %a, %b : f32
      %1 = arith.subf %c, %d : f32
      %2 = arith.mulf %0, %1 : f32
      linalg.yield %2 : f32
    }
  linalg.map ins(%w, %y, %x, %x : memref<64xf32>, memref<64xf32>, memref<64xf32>, memref<64xf32>) outs(%o : memref<64xf32>)
    (%a: f32, %b: f32, %c: f32, %d: f32, %out: f32) {
      %0 = arith.addf %a, %b : f32
      %1 = arith.subf %c, %d : f32
      %2 = arith.mulf %0, %1 : f32
      linalg.yield %2 : f32
    }
  return
}

// -----

// Arguments of the program may overlap, and so may views of one buffer and what a loop carries: such loops are not those of
// buffers known to be apart.
// CHECK-LABEL: func.func @what_may_overlap
// CHECK: call @[[OVERLAP:[a-z0-9_]+]](
// CHECK: call @[[OVERLAP]](
// CHECK: call @[[OVERLAP]](
// CHECK: call @[[APART:[a-z0-9_]+]](
// CHECK: call @[[APART]](
// CHECK: scf.for
// CHECK: call @[[OVERLAP]](
// CHECK-DAG: func.func private @[[OVERLAP]](%{{[a-z0-9]*}}: !llvm.ptr, %{{[a-z0-9]*}}: !llvm.ptr, %{{.*}}: i64)
// CHECK-DAG: func.func private @[[APART]](%{{[a-z0-9]*}}: !llvm.ptr, %{{[a-z0-9]*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64)
func.func @what_may_overlap(%x: memref<64xf32>, %y: memref<64xf32, strided<[1], offset: ?>>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %all = memref.alloc() : memref<256xf32>
  %start = memref.subview %all[0] [64] [1] : memref<256xf32> to memref<64xf32, strided<[1]>>
  %first = memref.cast %start : memref<64xf32, strided<[1]>> to memref<64xf32>
  %second = memref.subview %all[%n] [64] [1] : memref<256xf32> to memref<64xf32, strided<[1], offset: ?>>
  linalg.copy ins(%x : memref<64xf32>) outs(%y : memref<64xf32, strided<[1], offset: ?>>)
  linalg.copy ins(%x : memref<64xf32>) outs(%y : memref<64xf32, strided<[1], offset: ?>>)
  linalg.copy ins(%first : memref<64xf32>) outs(%second : memref<64xf32, strided<[1], offset: ?>>)
  linalg.copy ins(%x : memref<64xf32>) outs(%second : memref<64xf32, strided<[1], offset: ?>>)
  linalg.copy ins(%x : memref<64xf32>) outs(%second : memref<64xf32, strided<[1], offset: ?>>)
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%carried = %first) -> memref<64xf32> {
    linalg.copy ins(%carried : memref<64xf32>) outs(%second : memref<64xf32, strided<[1], offset: ?>>)
    scf.yield %carried : memref<64xf32>
  }
  return
}

// -----

#all = affine_map<(d0, d1) -> (d0, d1)>

// What types leave open comes with the pointer, and values of a body are arguments.
// CHECK-LABEL: func.func @open
// CHECK: call @[[LOOPS:[a-z0-9_]+]]({{.*}}) : (!llvm.ptr, i64, i64, i64, !llvm.ptr, i64, i64, i1) -> ()
// CHECK: call @[[LOOPS]](
func.func @open(%x: memref<?x8xf32, strided<[?, 1], offset: ?>>, %y: memref<?x8xf32, strided<[8, 1], offset: ?>>, %a: i1, %b: i1) {
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x8xf32, strided<[?, 1], offset: ?>>) outs(%y : memref<?x8xf32, strided<[8, 1], offset: ?>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.select %a, %in, %out : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x8xf32, strided<[?, 1], offset: ?>>) outs(%y : memref<?x8xf32, strided<[8, 1], offset: ?>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.select %b, %in, %out : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// One element is no loop, and kernels are optimised another way.
// CHECK-LABEL: func.func @no_loop
// CHECK-COUNT-2: linalg.fill
// CHECK: func.func private @task
// CHECK-COUNT-2: linalg.fill
// CHECK-NOT: func.func
func.func @no_loop(%x: memref<1x1xf32>, %v: f32) {
  linalg.fill ins(%v : f32) outs(%x : memref<1x1xf32>)
  linalg.fill ins(%v : f32) outs(%x : memref<1x1xf32>)
  return
}
func.func private @task(%x: memref<8xf32>, %v: f32) attributes {passthrough = ["gqa-kernel"]} {
  linalg.fill ins(%v : f32) outs(%x : memref<8xf32>)
  linalg.fill ins(%v : f32) outs(%x : memref<8xf32>)
  return
}
