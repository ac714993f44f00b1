// The operations of groups of warps in their order in a task print as they are read.
// RUN: gqa-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func @task
// CHECK: tile.device.chip
// CHECK: tile.device.map_tensor %{{.*}} box(%{{.*}}, %{{.*}}) : memref<1x8x?x128xbf16, strided<[?, ?, ?, 1], offset: ?>> -> <128xbf16>
// CHECK: tile.kernel warps = 12 grid(
// CHECK: tile.group.channel : <2x64x128xbf16>
// CHECK: tile.group.roles consumers = 2 {
// CHECK: tile.group.fill %{{.*}}[%{{.*}}, %{{.*}}] from %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] bytes(%{{.*}}) : <2x64x128xbf16>, <128xbf16>
// CHECK: }, {
// CHECK: ^bb0(%[[GROUP:.*]]: index):
// CHECK: tile.group.wait %{{.*}}[%{{.*}}, %{{.*}}] : <2x64x128xbf16>
// CHECK: tile.group.turn %[[GROUP]]
// CHECK: tile.group.qk %{{.*}}[%[[GROUP]]], %{{.*}}[%{{.*}}] : <1x128x128xbf16>, <2x64x128xbf16> -> <16x64xf32>
// CHECK: tile.group.pv %{{.*}}, %{{.*}}[%{{.*}}], %{{.*}} : <16x64xbf16>, <2x64x128xbf16>, <16x128xf32>
// CHECK: tile.group.turn pass %[[GROUP]]
// CHECK: tile.group.await %{{.*}} younger = 1 : <16x64xf32>
// CHECK: tile.group.release %{{.*}}[%{{.*}}] : <2x64x128xbf16>
// CHECK: tile.warp.rescale %{{.*}}, %{{.*}} : <16x128xf32>, <16xf32>
// CHECK: tile.warp.finish {{.*}} through(%{{.*}}[%{{.*}}] : !tile.channel<1x128x128xbf16>) dead_row = zero
// CHECK: tile.group.store %[[GROUP]], %{{.*}} into %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : <1x128x128xbf16>, <128xbf16>
// CHECK-LABEL: func @convert
// CHECK: tile.group.roles consumers = 2 {
// CHECK: tile.group.qk {{.*}} : <1x128x64xf8E4M3FN>, <2x64x64xf8E4M3FN> -> <16x64xf32>
// CHECK: } convert {
// CHECK: tile.group.widen %{{.*}}[%{{.*}}, %{{.*}}] into %{{.*}}[%{{.*}}, %{{.*}}] : <1x64x64xf8E4M3FN>, <2x64x64xbf16>
// CHECK: tile.group.widen {{.*}} scales(%{{.*}}[%{{.*}}] end(%{{.*}}) : memref<?xf32>) unsigned : <1x64x64xi8>, <2x64x64xbf16>
// CHECK-LABEL: func @own
// CHECK: tile.kernel warps = 4 grid(
// CHECK: tile.group.channel own : <2x64x128xbf16>
// CHECK: tile.warp.prefetch %{{.*}} from %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : <2x64x128xbf16>, <128xbf16>
// CHECK: tile.await_dependencies
// CHECK: tile.warp.fill %{{.*}}[%{{.*}}] from %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : <2x64x128xbf16>, <128xbf16>
// CHECK: tile.warp.wait %{{.*}}[%{{.*}}, %{{.*}}] : <2x64x128xbf16>
// CHECK: tile.warp.clear %{{.*}}[%{{.*}}] from(%{{.*}}) : <2x64x128xbf16>
// CHECK: tile.warp.qk %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] : <16x128xbf16>, !tile.channel<2x64x128xbf16> -> <16x16xf32>
// CHECK-LABEL: func @cluster
// CHECK: tile.launch_dependents
func.func @task(%k: memref<1x8x?x128xbf16, strided<[?, ?, ?, 1], offset: ?>>, %p: memref<1xf32>, %n: index, %slot: i32,
                %phase: i32, %out: memref<4x?x128xbf16>) {
  %chip = tile.device.chip
  %map = tile.device.map_tensor %k box(%n, %n) : memref<1x8x?x128xbf16, strided<[?, ?, ?, 1], offset: ?>> -> !tile.map<128xbf16>
  tile.kernel warps = 12 grid(%t = %n) {
    %queries = tile.group.channel : !tile.channel<1x128x128xbf16>
    %keys = tile.group.channel : !tile.channel<2x64x128xbf16>
    %o, %m, %l = tile.warp.init : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    %s0, %m0, %l0 = tile.warp.init : !tile.fragment<16x64xf32>, !tile.fragment<16xf32>
    %left = tile.warp.to_operand %s0 : !tile.fragment<16x64xf32> -> !tile.fragment<16x64xbf16>
    %head, %query = tile.warp.rows %n queries(%n) : !tile.fragment<16xindex>
    tile.group.roles consumers = 2 {
      tile.group.fill %keys[%slot, %phase] from %map[%n, %n, %n] bytes(%n) : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
    }, {
    ^bb0(%group: index):
      tile.group.wait %keys[%slot, %phase] : !tile.channel<2x64x128xbf16>
      tile.group.turn %group
      %s = tile.group.qk %queries[%group], %keys[%slot]
        : !tile.channel<1x128x128xbf16>, !tile.channel<2x64x128xbf16> -> !tile.fragment<16x64xf32>
      %o1 = tile.group.pv %left, %keys[%slot], %o
        : !tile.fragment<16x64xbf16>, !tile.channel<2x64x128xbf16>, !tile.fragment<16x128xf32>
      tile.group.turn pass %group
      %s1 = tile.group.await %s younger = 1 : !tile.fragment<16x64xf32>
      %o2 = tile.group.await %o1 younger = 0 : !tile.fragment<16x128xf32>
      tile.group.release %keys[%slot] : !tile.channel<2x64x128xbf16>
      %o3 = tile.warp.rescale %o2, %m : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
      tile.warp.finish %o3, %m, %l into %out[%head, %query, %n] through(%queries[%n] : !tile.channel<1x128x128xbf16>)
        dead_row = zero : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, !tile.fragment<16xindex>, memref<4x?x128xbf16>
      tile.group.store %group, %queries into %map[%n, %n, %n] : !tile.channel<1x128x128xbf16>, !tile.map<128xbf16>
    }
  }
  return
}

func.func @convert(%n: index, %slot: i32, %phase: i32, %queries: !tile.channel<1x128x64xf8E4M3FN>, %keys: !tile.channel<2x64x64xf8E4M3FN>,
                   %scales: memref<?xf32>, %integers: !tile.channel<1x64x64xi8>) {
  tile.kernel warps = 12 grid(%t = %n) {
    %codes = tile.group.channel : !tile.channel<1x64x64xf8E4M3FN>
    %values = tile.group.channel : !tile.channel<2x64x64xbf16>
    tile.group.roles consumers = 2 {
      tile.barrier
    }, {
    ^bb0(%group: index):
      %s = tile.group.qk %queries[%group], %keys[%slot]
        : !tile.channel<1x128x64xf8E4M3FN>, !tile.channel<2x64x64xf8E4M3FN> -> !tile.fragment<16x64xf32>
      %s1 = tile.group.await %s younger = 0 : !tile.fragment<16x64xf32>
    } convert {
      tile.group.widen %codes[%slot, %phase] into %values[%slot, %phase] : !tile.channel<1x64x64xf8E4M3FN>, !tile.channel<2x64x64xbf16>
      tile.group.widen %integers[%slot, %phase] into %values[%slot, %phase] scales(%scales[%n] end(%n) : memref<?xf32>) unsigned
        : !tile.channel<1x64x64xi8>, !tile.channel<2x64x64xbf16>
    }
  }
  return
}

func.func @own(%map: !tile.map<128xbf16>, %n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %keys = tile.group.channel own : !tile.channel<2x64x128xbf16>
    tile.barrier
    tile.warp.prefetch %keys from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
    tile.await_dependencies
    tile.warp.fill %keys[%n] from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
    tile.warp.wait %keys[%n, %n] : !tile.channel<2x64x128xbf16>
    tile.warp.clear %keys[%n] from(%n) : !tile.channel<2x64x128xbf16>
    %o, %m, %l = tile.warp.init : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    %q = tile.warp.to_operand %o : !tile.fragment<16x128xf32> -> !tile.fragment<16x128xbf16>
    %s = tile.warp.qk %q, %keys[%n, %n] : !tile.fragment<16x128xbf16>, !tile.channel<2x64x128xbf16> -> !tile.fragment<16x16xf32>
  }
  return
}

func.func @cluster(%splits: index, %n: index) {
  tile.kernel warps = 4 cluster(%splits) grid(%t = %n, %split = %splits) {
    %own = tile.scratch() : memref<64x136xf32>
    tile.cluster.barrier
    %other = tile.cluster.peer %own[%split] : memref<64x136xf32>
    tile.cluster.barrier
    tile.launch_dependents
  }
  return
}
