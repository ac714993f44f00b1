// The operations of warps in their order in a task, and those of the host around it, print as they are read.
// RUN: gqa-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func @task
// CHECK: tile.device.map %{{.*}} : memref<4x?x128xbf16>
// CHECK: tile.device.map %{{.*}} write : memref<4x?x128xbf16>
// CHECK: tile.device.alloc(%{{.*}}) : memref<?x16x128xf32>
// CHECK: tile.device.processors
// CHECK: tile.device.clusters %{{.*}} resident = 2
// CHECK: tile.kernel warps = 4 grid(
// CHECK: tile.ring : <2x64x128xbf16>
// CHECK: tile.load %{{.*}} into %{{.*}}[%{{.*}}] : memref<?x128xbf16>, <2x64x128xbf16>
// CHECK: tile.warp.rows %{{.*}} queries(%{{.*}}) : <16xindex>
// CHECK: tile.warp.init sinks(%{{.*}}[%{{.*}}] : memref<4xf32>, !tile.fragment<16xindex>) : <16x128xf32>, <16xf32>
// CHECK: tile.acquire %{{.*}} younger = 1
// CHECK: tile.warp.score {{.*}} softcap = 5.000000e+01 score {
// CHECK: tile.drain
// CHECK: tile.warp.store {{.*}} at(%{{.*}}) end(%{{.*}}) :
// CHECK: tile.warp.finish {{.*}} marks(%{{.*}}[%{{.*}}] : memref<?xi32>) dead_row = uniform
// CHECK: tile.warp.max %{{.*}} : f32
// CHECK: tile.warp.read %{{.*}}[%{{.*}}] : f32
// CHECK: tile.warp.any %{{.*}}
// CHECK: tile.device.unmap
func.func @task(%q: memref<4x?x128xbf16>, %k: memref<?x128xbf16>, %v: memref<?x128xbf16>, %out: memref<4x?x128xbf16>,
                %lse: memref<4x?xf32>, %sinks: memref<4xf32>, %marks: memref<?xi32>, %bias: memref<?x?x?x?xf32>, %n: index,
                %x: f32) {
  %q1 = tile.device.map %q : memref<4x?x128xbf16>
  %out1 = tile.device.map %out write : memref<4x?x128xbf16>
  %parts = tile.device.alloc(%n) : memref<?x16x128xf32>
  %processors = tile.device.processors
  %clusters = tile.device.clusters %n resident = 2
  tile.kernel warps = 4 grid(%t = %n) {
    %zero = arith.constant 0 : index
    %keys = tile.ring : !tile.ring<2x64x128xbf16>
    %values = tile.ring : !tile.ring<2x64x128xbf16>
    tile.load %k into %keys[%zero] : memref<?x128xbf16>, !tile.ring<2x64x128xbf16>
    tile.load %v into %values[%zero] : memref<?x128xbf16>, !tile.ring<2x64x128xbf16>
    %warp = tile.warp.id
    %lane = tile.warp.lane
    %head, %query = tile.warp.rows %zero queries(%n) : !tile.fragment<16xindex>
    %a = tile.warp.queries %q1[%head, %query]
      : memref<4x?x128xbf16>, !tile.fragment<16xindex>, !tile.fragment<16x128xbf16>
    %o, %m, %l = tile.warp.init sinks(%sinks[%head] : memref<4xf32>, !tile.fragment<16xindex>)
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    tile.acquire %keys younger = 1 : !tile.ring<2x64x128xbf16>
    %s = tile.warp.qk %a, %keys[%zero, %warp]
      : !tile.fragment<16x128xbf16>, !tile.ring<2x64x128xbf16> -> !tile.fragment<16x16xf32>
    %s1 = tile.warp.score %s at(%n, %n, %n, %n) rows(%head, %query) heads(%n) queries(%n) keys(%n) scale(%x)
      softcap = 50.0 score {
      ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index):
        %y = memref.load %bias[%b, %h, %i, %j] : memref<?x?x?x?xf32>
        %z = arith.addf %score, %y : f32
        tile.yield %z : f32
    } : !tile.fragment<16x16xf32>, !tile.fragment<16xindex>
    %s2 = tile.warp.mask %s1 at(%n, %n) rows(%query) keys(%n) first(%n) last(%zero)
      : !tile.fragment<16x16xf32>, !tile.fragment<16xindex>
    %p, %m1, %l1, %alpha = tile.warp.softmax_step %s2, %m, %l scale(%x)
      : !tile.fragment<16x16xf32>, !tile.fragment<16xf32>
    %left = tile.warp.to_operand %p : !tile.fragment<16x16xf32> -> !tile.fragment<16x16xbf16>
    tile.acquire %values younger = 0 : !tile.ring<2x64x128xbf16>
    %o1 = tile.warp.pv %left, %values[%zero, %warp], %o rescale(%alpha)
      : !tile.fragment<16x16xbf16>, !tile.ring<2x64x128xbf16>, !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    tile.drain
    %os = tile.scratch : memref<64x128xf32>
    %ms = tile.scratch : memref<64xf32>
    %ls = tile.scratch : memref<64xf32>
    tile.warp.store %o1, %m1, %l1 into %os, %ms, %ls at(%warp) end(%n)
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, memref<64x128xf32>, memref<64xf32>, memref<64xf32>
    tile.barrier
    %o2, %m2, %l2 = tile.warp.merge %o1, %m1, %l1 with %os, %ms, %ls at(%zero, %zero)
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, memref<64x128xf32>, memref<64xf32>, memref<64xf32>
    tile.warp.finish %o2, %m2, %l2 into %out1[%head, %query, %zero] lse(%lse : memref<4x?xf32>)
      marks(%marks[%zero] : memref<?xi32>) dead_row = uniform
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, !tile.fragment<16xindex>, memref<4x?x128xbf16>
    %sum = tile.warp.sum %x : f32
    %max = tile.warp.max %sum : f32
    %read = tile.warp.read %max[%lane] : f32
    %c = arith.cmpf ogt, %read, %x : f32
    %any = tile.warp.any %c
  }
  tile.device.unmap
  return
}

// Products that are no scores.
// CHECK-LABEL: func @products
// CHECK: tile.warp.multiply %{{.*}}[%{{.*}}, %{{.*}}], %{{.*}}[%{{.*}}, %{{.*}}] onto %{{.*}}, %{{.*}} : <2x128x32xbf16>, <2x64x32xbf16>, !tile.fragment<16x32xf32>, !tile.fragment<16x32xf32>
// CHECK: tile.warp.multiply %{{.*}} across onto %{{.*}} : <2x128x32xbf16>, <2x32x64xbf16>
// CHECK: tile.warp.write %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] end(%{{.*}}) first(%{{.*}}) : <16x32xf32>, memref<?x64xbf16>
// CHECK: tile.warp.write {{.*}} add :
func.func @products(%y: memref<?x64xbf16>, %n: index) {
  tile.kernel warps = 8 grid(%t = %n) {
    %x = tile.ring : !tile.ring<2x128x32xbf16>
    %w = tile.ring : !tile.ring<2x64x32xbf16>
    %v = tile.ring : !tile.ring<2x32x64xbf16>
    %o, %m, %l = tile.warp.init : !tile.fragment<16x32xf32>, !tile.fragment<16xf32>
    %s0, %s1 = tile.warp.multiply %x[%t, %t], %w[%t, %t] onto %o, %o
      : !tile.ring<2x128x32xbf16>, !tile.ring<2x64x32xbf16>, !tile.fragment<16x32xf32>, !tile.fragment<16x32xf32>
    %s2 = tile.warp.multiply %x[%t, %t], %v[%t, %t] across onto %s0
      : !tile.ring<2x128x32xbf16>, !tile.ring<2x32x64xbf16>, !tile.fragment<16x32xf32>
    tile.warp.write %s1 to %y[%t, %t] end(%n) first(%t) : !tile.fragment<16x32xf32>, memref<?x64xbf16>
    tile.warp.write %s2 to %y[%t, %t] end(%n) first(%t) add : !tile.fragment<16x32xf32>, memref<?x64xbf16>
  }
  return
}
