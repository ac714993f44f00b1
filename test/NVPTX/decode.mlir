// A decode step: the group's query heads are the rows of one product, keys are split over tasks and over the warps of each.
// RUN: gqa-compile %s --target=cuda --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda --emit=ptx | %{python} %S/Inputs/lint.py
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers gqa_attention_0 168 --loops gqa_attention_0 HMMA=32 LDSM=16 MUFU=10 LDGSTS=16 INSTRUCTIONS=219
// RUN: %{python} %S/Inputs/kernels.py %s sm_100 sm_120

// In how many parts: by the waves of tasks on the device's multiprocessors.
// TILED: %[[N:.*]] = tile.device.processors
// TILED: %[[PARTS:.*]] = scf.for
// TILED: tile.device.alloc(%{{.*}}) : memref<?x128xf32>
// TILED: tile.kernel warps = 4 grid(%{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %c8{{.*}}, %[[PART:.*]] = %{{.*}}) {
// TILED: %[[WARP:.*]] = tile.warp.id
// TILED: %[[KEY:.*]] = arith.muli %[[WARP]], %c16
// Each warp copies the keys that it reads, and waits for no other.
// TILED: tile.load {{.*}} own : memref<?x128xbf16
// TILED: tile.warp.queries {{.*}}, <16x128xbf16>
// Two whole blocks in a round, in the one slot and the other; then what is left.
// TILED: scf.for {{.*}} step %c2
// TILED: tile.acquire {{.*}} younger = 1 own
// TILED: tile.load {{.*}}[%c1{{.*}}] own : memref<64x128xbf16
// TILED: tile.warp.qk %{{.*}}[%c0{{.*}}, %[[KEY]]] {{.*}} -> <16x16xf32>
// TILED: tile.warp.qk %{{.*}}[%c1{{.*}}, %[[KEY]]] {{.*}} -> <16x16xf32>
// TILED: scf.for
// TILED: tile.warp.mask
// TILED: tile.drain
// TILED: tile.scratch : memref<64x136xf32>
// TILED: tile.warp.store
// TILED: tile.barrier
// TILED: scf.for %{{.*}} = %c1{{.*}} to %c4
// TILED: tile.warp.merge
// Of the 16 rows, only those of the four heads leave the task.
// TILED: tile.warp.store {{.*}} end(
// The parts are joined by a kernel of their own, some of its warps to each row. They ask for all that they need, and then
// weigh it.
// TILED: tile.kernel warps = 8
// TILED: scf.for {{.*}} step %c32
// TILED-COUNT-2: memref.load
// TILED-COUNT-4: vector.load {{.*}} {alignment = 16 : i64} : memref<?x128xf32>, vector<4xf32>
// TILED: tile.warp.max
// TILED-COUNT-4: tile.warp.read
// TILED: tile.barrier
// TILED: vector.store {{.*}} {alignment = 8 : i64} : {{.*}}, vector<4xbf16>
// One query sees all of the keys that are loaded: nothing is hidden from a row, and so nothing is marked.
// TILED-NOT: marks(
func.func @main(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x4096x128xbf16>, %v: tensor<1x8x4096x128xbf16>,
                %n: tensor<1xi64>) -> tensor<1x32x1x128xbf16> {
  %o = gqa.attention %q, %k, %v kv_len(%n)
    : (tensor<1x32x1x128xbf16>, tensor<1x8x4096x128xbf16>, tensor<1x8x4096x128xbf16>, tensor<1xi64>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}
