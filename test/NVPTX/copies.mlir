// Rings: copies of 16 bytes, a group for each load; rows are an odd number of 16-byte pieces apart in shared memory.
// RUN: gqa-opt %s --gqa-lower-tile-to-nvvm | FileCheck %s

// 128 threads, 8 of them for each 128 bytes of a row: 16 rows at once, 17 pieces apart. What does not exist becomes zero.
// CHECK-LABEL: func.func @whole_rows(%arg0: memref
// CHECK: nvvm.read.ptx.sreg.tid.x range <i32, 0, 128>
// CHECK: %[[SIZE:.*]] = arith.select %{{.*}}, %c16_i32{{.*}}, %c0_i32
// Memory brings whole lines of L2.
// CHECK: llvm.inline_asm has_side_effects {{.*}}"cp.async.cg.shared.global.L2::128B [$0+0], [$1+0], 16, $2;", "l,l,r,~{memory}" %{{.*}}, %{{.*}}, %[[SIZE]]
// CHECK: "cp.async.cg.shared.global.L2::128B [$0+128], [$1+128], 16, $2;"
// CHECK: llvm.getelementptr %{{.*}}[4352]
// CHECK-COUNT-6: "cp.async
// CHECK-NOT: "cp.async
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: nvvm.barrier0
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NOT: nvvm.barrier0
func.func @whole_rows(%n: index, %k: memref<?x128xbf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %keys = tile.ring : !tile.ring<2x64x128xbf16>
    tile.load %k into %keys[%zero] : memref<?x128xbf16>, !tile.ring<2x64x128xbf16>
    tile.acquire %keys younger = 1 : !tile.ring<2x64x128xbf16>
    tile.drain
  }
  return
}

// Ten pieces a row: two of every 8 threads have another one. The source has nine: the last piece is zero.
// CHECK-LABEL: func.func @part_of_rows(%arg0: memref
// CHECK: "cp.async
// CHECK: %[[HAS:.*]] = arith.cmpi slt, %{{.*}}, %c2_i32
// CHECK: scf.if %[[HAS]]
// CHECK: arith.cmpi slt, %{{.*}}, %c1_i32
// CHECK-COUNT-7: "cp.async
// CHECK: nvvm.cp.async.commit.group
func.func @part_of_rows(%n: index, %k: memref<?x72xbf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %keys = tile.ring : !tile.ring<2x64x80xbf16>
    tile.load %k into %keys[%zero] : memref<?x72xbf16>, !tile.ring<2x64x80xbf16>
    tile.acquire %keys younger = 0 : !tile.ring<2x64x80xbf16>
  }
  return
}

// All rows are known to be there: no sizes. Each of four warps copies 16 of its own, 4 at once, and waits for itself alone.
// CHECK-LABEL: func.func @own_rows(%arg0: memref
// CHECK: %[[ALL:.*]] = nvvm.read.ptx.sreg.tid.x
// CHECK-COUNT-8: "cp.async.cg.shared.global.L2::128B [$0+{{[0-9]+}}], [$1+{{[0-9]+}}], 16;"
// CHECK-NOT: "cp.async
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: arith.constant -1 : i32
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK-NOT: nvvm.barrier0
// CHECK: return
func.func @own_rows(%n: index, %k: memref<64x128xbf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %keys = tile.ring : !tile.ring<2x64x128xbf16>
    tile.load %k into %keys[%zero] own : memref<64x128xbf16>, !tile.ring<2x64x128xbf16>
    tile.acquire %keys younger = 0 own : !tile.ring<2x64x128xbf16>
  }
  return
}

// The second ring is behind the first, 2 x 16 rows of 48 bytes; scratch memory behind a drain takes their place. The launch
// asks for the larger: 16 x 128 numbers.
// CHECK-LABEL: func.func @memory(%arg0: memref
// CHECK: llvm.mlir.addressof @gqa_shared
// CHECK: %[[SHARED:.*]] = llvm.mlir.addressof @gqa_shared
// CHECK: llvm.getelementptr %[[SHARED]][1536]
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: nvvm.barrier0
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: nvvm.barrier0
// CHECK: %[[SCRATCH:.*]] = llvm.mlir.addressof @gqa_shared
// CHECK-NEXT: llvm.addrspacecast %[[SCRATCH]]
func.func @memory(%n: index, %k: memref<?x16xbf16>) {
  tile.kernel warps = 1 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %x = arith.constant 1.0 : f32
    %keys = tile.ring : !tile.ring<2x16x16xbf16>
    %values = tile.ring : !tile.ring<2x16x16xbf16>
    tile.load %k into %keys[%zero] : memref<?x16xbf16>, !tile.ring<2x16x16xbf16>
    tile.load %k into %values[%zero] : memref<?x16xbf16>, !tile.ring<2x16x16xbf16>
    tile.acquire %keys younger = 0 : !tile.ring<2x16x16xbf16>
    tile.drain
    %s = tile.scratch : memref<16x128xf32>
    memref.store %x, %s[%zero, %zero] : memref<16x128xf32>
  }
  return
}
