// RUN: gqa-opt %s --gqa-parallel-loops --canonicalize --cse --split-input-file | FileCheck %s

// The operations of a norm share tasks of rows: sums, through another shape of their buffer, and what is made of them. Allocations
// stand in front, and memory is freed behind.
// CHECK-LABEL: func @norm
// CHECK: memref.alloc() : memref<512x1xf32>
// CHECK: memref.alloc() : memref<512x768xf32>
// CHECK: tile.kernel grid(%[[I:.*]] = %{{.*}}) work(%{{.*}}) {
// CHECK: %[[ROW:.*]] = arith.muli %[[I]], %{{.*}}
// CHECK: linalg.fill {gqa.results_apart} {{.*}} memref<?x1xf32, strided<[1, 1], offset: ?>>
// CHECK: linalg.generic {{.*}} ins(%[[X:.*]] : memref<?x768xf32, strided<[768, 1], offset: ?>>)
// CHECK: memref.subview %{{.*}}[%[[ROW]]]{{.*}} memref<512xf32> to memref<?xf32
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: memref.dealloc
// CHECK-NOT: linalg.generic
#rows = affine_map<(i, j) -> (i, j)>
#sums = affine_map<(i, j) -> (i, 0)>
#sum = affine_map<(i, j) -> (i)>
func.func @norm(%x: memref<512x768xf32>) -> memref<512x768xf32> {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloc() : memref<512x1xf32>
  linalg.fill ins(%zero : f32) outs(%sums : memref<512x1xf32>)
  linalg.generic {indexing_maps = [#rows, #sums], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<512x768xf32>) outs(%sums : memref<512x1xf32>) {
    ^bb0(%a: f32, %s: f32):
      %square = arith.mulf %a, %a : f32
      %next = arith.addf %s, %square : f32
      linalg.yield %next : f32
  }
  %flat = memref.collapse_shape %sums [[0, 1]] : memref<512x1xf32> into memref<512xf32>
  %root = memref.alloc() : memref<512xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%flat : memref<512xf32>) outs(%root : memref<512xf32>) {
    ^bb0(%s: f32, %o: f32):
      %r = math.rsqrt %s : f32
      linalg.yield %r : f32
  }
  memref.dealloc %sums : memref<512x1xf32>
  %y = memref.alloc() : memref<512x768xf32>
  linalg.generic {indexing_maps = [#rows, #sum, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x, %root : memref<512x768xf32>, memref<512xf32>) outs(%y : memref<512x768xf32>) {
    ^bb0(%a: f32, %s: f32, %o: f32):
      %p = arith.mulf %a, %s : f32
      linalg.yield %p : f32
  }
  memref.dealloc %root : memref<512xf32>
  return %y : memref<512x768xf32>
}

// -----

// A row that looks at another one waits for the whole operation in front: two kernels. Places are those of the whole loop.
// CHECK-LABEL: func @transposed
// CHECK: tile.kernel
// CHECK: %[[BEGIN:.*]] = arith.muli
// CHECK: linalg.generic
// CHECK: %[[HERE:.*]] = linalg.index 0
// CHECK: affine.apply #{{.*}}(%[[BEGIN]])[%[[HERE]]]
// CHECK: }
// CHECK: }
// CHECK: tile.kernel
// CHECK: linalg.generic
#ij = affine_map<(i, j) -> (i, j)>
#ji = affine_map<(i, j) -> (j, i)>
func.func @transposed(%x: memref<512x512xf32>, %out: memref<512x512xf32>) {
  %y = memref.alloc() : memref<512x512xf32>
  linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<512x512xf32>) outs(%y : memref<512x512xf32>) {
    ^bb0(%a: f32, %o: f32):
      %i = linalg.index 0 : index
      %n = arith.index_cast %i : index to i32
      %f = arith.sitofp %n : i32 to f32
      %p = arith.mulf %a, %f : f32
      linalg.yield %p : f32
  }
  linalg.generic {indexing_maps = [#ji, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%y : memref<512x512xf32>) outs(%out : memref<512x512xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.addf %a, %a : f32
      linalg.yield %p : f32
  }
  memref.dealloc %y : memref<512x512xf32>
  return
}

// -----

// What stays as it is: too little to do; rows that are written over before another reads them; a sum that every row adds to; a
// check that may end the call; a buffer that a load in the body may find anywhere.
// CHECK-LABEL: func @small
// CHECK-NOT: tile.kernel
#id = affine_map<(i, j) -> (i, j)>
#next = affine_map<(i, j) -> (i + 1, j)>
#sum = affine_map<(i, j) -> (j)>
func.func @small(%x: memref<8x768xf32>) {
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%x : memref<8x768xf32>) {
    ^bb0(%a: f32):
      %p = arith.addf %a, %a : f32
      linalg.yield %p : f32
  }
  return
}

// CHECK-LABEL: func @moved
func.func @moved(%x: memref<513x768xf32>) {
  %rows = memref.subview %x[0, 0] [512, 768] [1, 1] : memref<513x768xf32> to memref<512x768xf32, strided<[768, 1]>>
  linalg.generic {indexing_maps = [#next, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<513x768xf32>) outs(%rows : memref<512x768xf32, strided<[768, 1]>>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.addf %a, %a : f32
      linalg.yield %p : f32
  }
  return
}

// CHECK-LABEL: func @sum_of_rows
func.func @sum_of_rows(%x: memref<512x768xf32>, %s: memref<768xf32>) {
  linalg.generic {indexing_maps = [#id, #sum], iterator_types = ["reduction", "parallel"]}
      ins(%x : memref<512x768xf32>) outs(%s : memref<768xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.addf %a, %o : f32
      linalg.yield %p : f32
  }
  return
}

// CHECK-LABEL: func @checked
func.func @checked(%x: memref<512x768xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%x : memref<512x768xf32>) {
    ^bb0(%a: f32):
      %good = arith.cmpf oge, %a, %zero : f32
      cf.assert %good, "negative"
      linalg.yield %a : f32
  }
  return
}

// CHECK-LABEL: func @anywhere
func.func @anywhere(%x: memref<512x768xf32>, %places: memref<512x768xindex>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%places : memref<512x768xindex>) outs(%x : memref<512x768xf32>) {
    ^bb0(%at: index, %a: f32):
      %c = arith.constant 0 : index
      %v = memref.load %x[%at, %c] : memref<512x768xf32>
      linalg.yield %v : f32
  }
  return
}

// -----

// A result that is an operand as well is not apart from it.
// CHECK-LABEL: func @in_place
// CHECK: tile.kernel
// CHECK: linalg.generic
// CHECK-NOT: gqa.results_apart
// CHECK: return
#same = affine_map<(i, j) -> (i, j)>
func.func @in_place() {
  %x = memref.alloc() : memref<512x768xf32>
  linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<512x768xf32>) outs(%x : memref<512x768xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.mulf %a, %o : f32
      linalg.yield %p : f32
  }
  memref.dealloc %x : memref<512x768xf32>
  return
}

// -----

// What a select yields may be the buffer that is written in front of it: no task has rows of both.
// CHECK-LABEL: func @either
// CHECK: tile.kernel
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: arith.select
#here = affine_map<(i, j) -> (i, j)>
#there = affine_map<(i, j) -> (j, i)>
func.func @either(%x: memref<512x512xf32>, %c: i1) -> memref<512x512xf32> {
  %a = memref.alloc() : memref<512x512xf32>
  %b = memref.alloc() : memref<512x512xf32>
  %y = memref.alloc() : memref<512x512xf32>
  linalg.generic {indexing_maps = [#here, #here], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<512x512xf32>) outs(%a : memref<512x512xf32>) {
    ^bb0(%v: f32, %o: f32):
      %p = arith.addf %v, %v : f32
      linalg.yield %p : f32
  }
  %r = arith.select %c, %a, %b : memref<512x512xf32>
  linalg.generic {indexing_maps = [#there, #here], iterator_types = ["parallel", "parallel"]}
      ins(%r : memref<512x512xf32>) outs(%y : memref<512x512xf32>) {
    ^bb0(%v: f32, %o: f32):
      %p = arith.mulf %v, %v : f32
      linalg.yield %p : f32
  }
  return %y : memref<512x512xf32>
}
