// Both products on the tensor cores: 16 x 8 sums over 16 elements at a time, two of them for each matrix load.
// RUN: gqa-opt %s --gqa-lower-tile-to-nvvm | FileCheck %s

// 32 elements and 16 keys: a load for each 16 elements, and two products. The sums start from zero.
// CHECK-LABEL: func.func @qk(%arg0: memref
// CHECK-SAME: gqa.threads = 128
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[K0:.*]] = nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<row>, num = 4 : i32
// CHECK: nvvm.mma.sync A[{{.*}}] B[{{.*}}] C[%[[ZERO]], %[[ZERO]], %[[ZERO]], %[[ZERO]]] {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>{{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.mma.sync
// CHECK: nvvm.ldmatrix
// CHECK-COUNT-2: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: return
func.func @qk(%n: index, %q: memref<4x1x32xbf16>, %k: memref<?x32xbf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %keys = tile.ring : !tile.ring<2x64x32xbf16>
    tile.load %k into %keys[%zero] : memref<?x32xbf16>, !tile.ring<2x64x32xbf16>
    %head, %query = tile.warp.rows %zero queries(%one) : !tile.fragment<16xindex>
    %a = tile.warp.queries %q[%head, %query]
      : memref<4x1x32xbf16>, !tile.fragment<16xindex>, !tile.fragment<16x32xbf16>
    tile.acquire %keys younger = 0 : !tile.ring<2x64x32xbf16>
    %s = tile.warp.qk %a, %keys[%zero, %zero]
      : !tile.fragment<16x32xbf16>, !tile.ring<2x64x32xbf16> -> !tile.fragment<16x16xf32>
  }
  return
}

// Values are transposed on the way; probabilities become the left operand where they are, two to a word; and the sums
// are rescaled before.
// CHECK-LABEL: func.func @pv(%arg0: memref
// CHECK-COUNT-4: arith.truncf {{.*}} : vector<2xf32> to vector<2xf16>
// CHECK-COUNT-8: arith.mulf
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>, num = 4 : i32
// CHECK-COUNT-2: nvvm.mma.sync {{.*}} : (vector<2xf16>, vector<2xf16>, f32)
// CHECK-NOT: nvvm.mma.sync
// CHECK: return
func.func @pv(%n: index, %v: memref<?x16xf16>, %os: memref<64x16xf32>, %ms: memref<64xf32>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %values = tile.ring : !tile.ring<2x64x16xf16>
    tile.load %v into %values[%zero] : memref<?x16xf16>, !tile.ring<2x64x16xf16>
    %o0, %m0, %l0 = tile.warp.init : !tile.fragment<16x16xf32>, !tile.fragment<16xf32>
    %o, %m, %l = tile.warp.merge %o0, %m0, %l0 with %os, %ms, %ms at(%zero, %zero)
      : !tile.fragment<16x16xf32>, !tile.fragment<16xf32>, memref<64x16xf32>, memref<64xf32>, memref<64xf32>
    %p = tile.warp.to_operand %o : !tile.fragment<16x16xf32> -> !tile.fragment<16x16xf16>
    tile.acquire %values younger = 0 : !tile.ring<2x64x16xf16>
    %o1 = tile.warp.pv %p, %values[%zero, %zero], %o rescale(%m)
      : !tile.fragment<16x16xf16>, !tile.ring<2x64x16xf16>, !tile.fragment<16x16xf32>, !tile.fragment<16xf32>
  }
  return
}
