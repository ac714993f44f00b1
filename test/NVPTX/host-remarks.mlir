// What stays on the host, and what is slow on the device, says so, with the reason and the cost.
// RUN: gqa-opt %s --split-input-file --gqa-offload --gqa-place-tensors --verify-diagnostics -o /dev/null

#id = affine_map<(i) -> (i)>

// A loop with more in it than one operation is a launch for each kernel, each time.
func.func @steps(%x: memref<64xf32>, %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  // expected-remark @below {{the host runs this loop: 2 launches in each iteration}}
  scf.for %i = %c0 to %c4 step %c1 {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %o : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%y : memref<64xf32>) outs(%x : memref<64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.mulf %a, %o : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// A loop that no kernel has any part of.
func.func @on_host(%n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %numbers = memref.alloc(%n) : memref<?xf32>
  // expected-remark @below {{the host runs this loop and computes in it, between kernels: found 'memref.store'}}
  scf.for %i = %c0 to %n step %c1 {
    %k = arith.index_cast %i : index to i32
    %x = arith.sitofp %k : i32 to f32
    memref.store %x, %numbers[%i] : memref<?xf32>
  }
  // expected-remark @below {{the host reads an element here}}
  %first = memref.load %numbers[%c0] : memref<?xf32>
  memref.dealloc %numbers : memref<?xf32>
  return %first : f32
}

// -----

// An element that the host reads keeps its buffer there, an argument as well.
#id = affine_map<(i) -> (i)>
// expected-remark @below {{argument 1 stays in the memory of the host, and is copied for 1 use by a kernel, 256 bytes each time: the host reads an element of it}}
func.func @reads(%x: memref<64xf32>, %y: memref<64xf32> {gqa.donated_to = 0}, %c: memref<64xf32>) -> memref<f32> {
  %c0 = arith.constant 0 : index
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  // expected-remark @below {{the host reads an element here}}
  %first = memref.load %y[%c0] : memref<64xf32>
  %r = memref.alloc() : memref<f32>
  memref.store %first, %r[] : memref<f32>
  return %r : memref<f32>
}

// -----

// The place of a maximum is no reduction that the threads of a block share.
#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>
func.func @argmax(%x: memref<4x512xf32>, %best: memref<4xf32>, %place: memref<4xi64>) {
  // expected-remark @below {{reduces by one thread, not a block of them: 512 elements for each point; expected sums, products, minima or maxima, along the innermost loops}}
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%best, %place : memref<4xf32>, memref<4xi64>) {
  ^bb0(%a: f32, %b: f32, %p: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %b : f32
    %is = arith.cmpf ogt, %a, %b : f32
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : f32, i64
  }
  return
}
