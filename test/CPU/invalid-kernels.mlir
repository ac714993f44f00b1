// Kernels that no processor runs are refused by name.
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu --split-input-file --verify-diagnostics

func.func @warps(%n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    // expected-error @+1 {{'tile.warp.init' op is for the warps of a GPU, processors have no such operation}}
    %o, %m, %l = tile.warp.init : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
  }
  return
}

// -----

func.func @captured(%n: index, %x: f8E4M3FN, %out: memref<4xf32>) {
  // expected-error @+1 {{'tile.kernel' op uses a value of type 'f8E4M3FN' from outside, which cannot be passed to a task in memory}}
  tile.kernel grid(%t = %n) {
    %y = arith.extf %x : f8E4M3FN to f32
    memref.store %y, %out[%t] : memref<4xf32>
  }
  return
}
