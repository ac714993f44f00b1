// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=vector-bits=512 --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=vector-bits=256 --canonicalize --cse | FileCheck %s --check-prefix=NARROW
// RUN: not gqa-opt %s --gqa-lower-tile-to-cpu=vector-bits=100 2>&1 | FileCheck %s --check-prefix=BITS

// BITS: error: vector-bits is 100, expected 128, 256 or 512

// CHECK: func private @gqa_rt_parallel_for(i64, !llvm.ptr, !llvm.ptr)

// A kernel becomes a task function, its number turned into a point of the grid, and a call of the runtime.
// CHECK-LABEL: func @kernel
// CHECK-SAME: (%[[N:.*]]: index, %[[M:.*]]: index
// CHECK: llvm.alloca
// CHECK: %[[TASKS:.*]] = arith.muli %[[N]], %[[M]]
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[TASKS]] : index to i64
// CHECK: call @gqa_rt_parallel_for(%[[COUNT]], %{{.*}}, %{{.*}})
// CHECK-LABEL: func private @kernel_task
// CHECK-SAME: (%[[I:.*]]: i64, %[[CONTEXT:.*]]: !llvm.ptr)
// CHECK: arith.remsi
// CHECK: arith.divsi
// CHECK: %[[ROOM:.*]] = memref.alloc() {alignment = 64 : i64} : memref<16xf32>
// CHECK: memref.dealloc %[[ROOM]]
func.func @kernel(%n: index, %m: index, %x: memref<?x?xf32>) {
  tile.kernel grid(%i = %n, %j = %m) {
    %room = tile.scratch : memref<16xf32>
    %c0 = arith.constant 0 : index
    %e = memref.load %x[%i, %j] : memref<?x?xf32>
    memref.store %e, %room[%c0] : memref<16xf32>
    %f = memref.load %room[%c0] : memref<16xf32>
    memref.store %f, %x[%j, %i] : memref<?x?xf32>
  }
  return
}

// Four queries times four keys: 16 sums in registers, added across lanes together.
// CHECK-LABEL: func @qk
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>,
// CHECK-COUNT-4: vector.load %{{.*}} : memref<64x64xf32>, vector<16xf32>
// CHECK: vector.fma
// CHECK: vector.shuffle
// CHECK: vector.store %{{.*}} : memref<?x64xf32>, vector<4xf32>
// NARROW-LABEL: func @qk
// NARROW: vector.fma {{.*}} : vector<8xf32>
func.func @qk(%q: memref<?x64xf32>, %k: memref<64x64xf32>, %s: memref<?x64xf32>) {
  tile.qk %q, %k, %s : memref<?x64xf32>, memref<64x64xf32>, memref<?x64xf32>
  return
}

// A source that may already be what the products read is used where it is; half precision is always copied.
// CHECK-LABEL: func @pack
// CHECK: scf.if %{{.*}} -> (memref<?x64xf32, strided<[?, 1], offset: ?>>)
// CHECK-LABEL: func @pack_half
// CHECK-NOT: -> (memref
// CHECK: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
func.func @pack(%x: memref<?x64xf32, strided<[?, ?], offset: ?>>, %room: memref<64x64xf32>)
    -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<64x64xf32>
    -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}
func.func @pack_half(%x: memref<?x64xbf16, strided<[?, ?], offset: ?>>, %room: memref<64x64xf32>)
    -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room : memref<?x64xbf16, strided<[?, ?], offset: ?>>, memref<64x64xf32>
    -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}

// The exponential is arithmetic, not a call; f64 keeps math.exp.
// CHECK-LABEL: func @softmax
// CHECK-NOT: math.exp
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
// CHECK-LABEL: func @softmax_f64
// CHECK: math.exp %{{.*}} : vector<8xf64>
func.func @softmax(%s: memref<4x64xf32>, %m: memref<4xf32>, %l: memref<4xf32>, %a: memref<4xf32>, %n: index) {
  tile.softmax_step %s, %m, %l, %a keys(%n) : memref<4x64xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>
  return
}
func.func @softmax_f64(%s: memref<4x64xf64>, %m: memref<4xf64>, %l: memref<4xf64>, %a: memref<4xf64>, %n: index) {
  tile.softmax_step %s, %m, %l, %a keys(%n) : memref<4x64xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>
  return
}

// Hidden keys with values that are not finite take a choice, not a product with zero.
// CHECK-LABEL: func @pv
// CHECK: %[[LEAKS:.*]] = scf.if
// CHECK: scf.if %[[LEAKS]] {
// CHECK: arith.select
// CHECK: } else {
// CHECK-NOT: arith.select
// CHECK: vector.fma
// CHECK: return
func.func @pv(%p: memref<4x64xf32>, %v: memref<64x64xf32>, %o: memref<4x64xf32>, %a: memref<4xf32>) {
  tile.pv %p, %v, %o rescale(%a) : memref<4x64xf32>, memref<64x64xf32>, memref<4x64xf32>, memref<4xf32>
  return
}

// Without bias, mask and region nothing is done element by element.
// CHECK-LABEL: func @score
// CHECK: arith.cmpi ult, %{{.*}} : vector<16xi32>
// CHECK-NOT: memref.load
// CHECK-LABEL: func @score_mask
// CHECK: memref.load %{{.*}} : memref<1x1x4x64xi1>
func.func @score(%s: memref<4x64xf32>, %n: index, %x: f32) {
  tile.score %s at(%n, %n, %n, %n) queries(%n) keys(%n) scale(%x) last(%n) : memref<4x64xf32>, f32
  return
}
func.func @score_mask(%s: memref<4x64xf32>, %n: index, %x: f32, %mask: memref<1x1x4x64xi1>) {
  tile.score %s at(%n, %n, %n, %n) queries(%n) keys(%n) scale(%x) mask(%mask : memref<1x1x4x64xi1>)
    : memref<4x64xf32>, f32
  return
}
