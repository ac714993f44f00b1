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

// What depends on the order is no reduction that the threads of a block share.
#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>
func.func @differences(%x: memref<4x512xf32>, %y: memref<4xf32>) {
  // expected-remark @below {{reduces by one thread, not a block of them: 512 elements for each point; expected sums, products, minima or maxima, or the place of one of these}}
  linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%a: f32, %so: f32):
    %d = arith.subf %a, %so : f32
    linalg.yield %d : f32
  }
  return
}

// -----

// A kernel has so many parameters, and no more.
#id = affine_map<(i, j, k, l) -> (i, j, k, l)>
func.func @operands(%x: memref<2x2x2x2xf32>) {
  %b0 = memref.alloc() : memref<2x2x2x2xf32>
  %b1 = memref.alloc() : memref<2x2x2x2xf32>
  %b2 = memref.alloc() : memref<2x2x2x2xf32>
  %b3 = memref.alloc() : memref<2x2x2x2xf32>
  %b4 = memref.alloc() : memref<2x2x2x2xf32>
  %b5 = memref.alloc() : memref<2x2x2x2xf32>
  %b6 = memref.alloc() : memref<2x2x2x2xf32>
  %b7 = memref.alloc() : memref<2x2x2x2xf32>
  %b8 = memref.alloc() : memref<2x2x2x2xf32>
  %b9 = memref.alloc() : memref<2x2x2x2xf32>
  %b10 = memref.alloc() : memref<2x2x2x2xf32>
  %b11 = memref.alloc() : memref<2x2x2x2xf32>
  %b12 = memref.alloc() : memref<2x2x2x2xf32>
  %b13 = memref.alloc() : memref<2x2x2x2xf32>
  %b14 = memref.alloc() : memref<2x2x2x2xf32>
  %b15 = memref.alloc() : memref<2x2x2x2xf32>
  %b16 = memref.alloc() : memref<2x2x2x2xf32>
  %b17 = memref.alloc() : memref<2x2x2x2xf32>
  %b18 = memref.alloc() : memref<2x2x2x2xf32>
  %b19 = memref.alloc() : memref<2x2x2x2xf32>
  %b20 = memref.alloc() : memref<2x2x2x2xf32>
  %b21 = memref.alloc() : memref<2x2x2x2xf32>
  %b22 = memref.alloc() : memref<2x2x2x2xf32>
  %b23 = memref.alloc() : memref<2x2x2x2xf32>
  %b24 = memref.alloc() : memref<2x2x2x2xf32>
  %b25 = memref.alloc() : memref<2x2x2x2xf32>
  %b26 = memref.alloc() : memref<2x2x2x2xf32>
  %b27 = memref.alloc() : memref<2x2x2x2xf32>
  %b28 = memref.alloc() : memref<2x2x2x2xf32>
  %b29 = memref.alloc() : memref<2x2x2x2xf32>
  %b30 = memref.alloc() : memref<2x2x2x2xf32>
  %b31 = memref.alloc() : memref<2x2x2x2xf32>
  %b32 = memref.alloc() : memref<2x2x2x2xf32>
  %b33 = memref.alloc() : memref<2x2x2x2xf32>
  %b34 = memref.alloc() : memref<2x2x2x2xf32>
  %b35 = memref.alloc() : memref<2x2x2x2xf32>
  %b36 = memref.alloc() : memref<2x2x2x2xf32>
  %b37 = memref.alloc() : memref<2x2x2x2xf32>
  %b38 = memref.alloc() : memref<2x2x2x2xf32>
  %b39 = memref.alloc() : memref<2x2x2x2xf32>
  %b40 = memref.alloc() : memref<2x2x2x2xf32>
  %b41 = memref.alloc() : memref<2x2x2x2xf32>
  %b42 = memref.alloc() : memref<2x2x2x2xf32>
  // expected-remark @below {{runs on the host, between kernels: its buffers take 3904 bytes of parameters; expected 3840 at most}}
  linalg.generic {indexing_maps = [#id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%b0, %b1, %b2, %b3, %b4, %b5, %b6, %b7, %b8, %b9, %b10, %b11, %b12, %b13, %b14, %b15, %b16, %b17, %b18, %b19, %b20, %b21, %b22, %b23, %b24, %b25, %b26, %b27, %b28, %b29, %b30, %b31, %b32, %b33, %b34, %b35, %b36, %b37, %b38, %b39, %b40, %b41, %b42 : memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>, memref<2x2x2x2xf32>) outs(%x : memref<2x2x2x2xf32>) {
  ^bb0(%a0: f32, %a1: f32, %a2: f32, %a3: f32, %a4: f32, %a5: f32, %a6: f32, %a7: f32, %a8: f32, %a9: f32, %a10: f32, %a11: f32, %a12: f32, %a13: f32, %a14: f32, %a15: f32, %a16: f32, %a17: f32, %a18: f32, %a19: f32, %a20: f32, %a21: f32, %a22: f32, %a23: f32, %a24: f32, %a25: f32, %a26: f32, %a27: f32, %a28: f32, %a29: f32, %a30: f32, %a31: f32, %a32: f32, %a33: f32, %a34: f32, %a35: f32, %a36: f32, %a37: f32, %a38: f32, %a39: f32, %a40: f32, %a41: f32, %a42: f32, %o: f32):
    linalg.yield %a0 : f32
  }
  return
}
