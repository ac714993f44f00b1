// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v4 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V4
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V3
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v2 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V2

// Values are looked at only where a key is hidden; if they are not finite, a choice takes the place of a product with zero.
// CHECK-LABEL: func @few_rows
// CHECK: %[[LEAKS:.*]] = scf.if %arg4 -> (i1) {
// CHECK: arith.cmpf uno
// CHECK: } else {
// CHECK: scf.if %[[LEAKS]] {
// CHECK: arith.bitcast
// CHECK: arith.select
// CHECK: } else {
// CHECK-NOT: arith.select
// V4: vector.fma {{.*}} : vector<16xf32>
// V2-NOT: fma
// V2: arith.mulf {{.*}} : vector<4xf32>
// The old output joins in the end, times its factor.
// CHECK: memref.load %arg3
// CHECK: vector.load %arg2
// CHECK: vector.store %{{.*}}, %arg2
// CHECK: return
func.func @few_rows(%p: memref<64x4xf32>, %v: memref<64x64xf32>, %o: memref<4x64xf32>, %a: memref<4xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) : memref<64x4xf32>, memref<64x64xf32>, memref<4x64xf32>, memref<4xf32>
  return
}

// Seven rows are 4 and 3 with AVX2. Three of 2 vectors are 6 sums, which are kept for even and for odd keys.
// CHECK-LABEL: func @seven_rows
// V3: %{{.*}}:8 = scf.for %{{.*}} = %c0 to %c64 step %c1 iter_args
// V3: %{{.*}}:12 = scf.for %{{.*}} = %c0 to %c64 step %c2 iter_args
// V3-COUNT-6: arith.addf
// CHECK: return
func.func @seven_rows(%p: memref<64x8xf32>, %v: memref<64x64xf32>, %o: memref<7x64xf32>, %a: memref<8xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) : memref<64x8xf32>, memref<64x64xf32>, memref<7x64xf32>, memref<8xf32>
  return
}

// A probability is at [key, row].
// CHECK-LABEL: func @many_rows
// CHECK: arith.cmpf uno
// CHECK: } else {
// CHECK: } else {
// CHECK: scf.for %[[KEY:.*]] = %c0 to %c96 step %c1 iter_args
// CHECK: memref.load %arg0[%[[KEY]], %{{.*}}] : memref<96x48xf32>
// V4: vector.fma {{.*}} : vector<16xf32>
// V2: arith.mulf {{.*}} : vector<4xf32>
func.func @many_rows(%p: memref<96x48xf32>, %v: memref<96x64xf32>, %o: memref<48x64xf32>, %a: memref<48xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h)
    : memref<96x48xf32>, memref<96x64xf32>, memref<48x64xf32>, memref<48xf32>
  return
}

// Rows on the diagonal add up no value that is hidden from all of them.
// CHECK-LABEL: func @diagonal
// V4: %[[LAST:.*]] = arith.addi %arg5, %c1
// V4: %[[SEEN:.*]] = arith.minsi %{{.*}}, %c96
// V4: scf.for %{{.*}} = %c0 to %[[SEEN]] step %c1 iter_args
// CHECK: return
func.func @diagonal(%p: memref<96x48xf32>, %v: memref<96x64xf32>, %o: memref<48x64xf32>, %a: memref<48xf32>, %h: i1, %last: index) {
  %n = arith.constant 48 : index
  tile.pv %p, %v, %o rescale(%a) hidden(%h) diagonal(%n, %last)
    : memref<96x48xf32>, memref<96x64xf32>, memref<48x64xf32>, memref<48xf32>
  return
}

// Values in half precision are widened on the way.
// CHECK-LABEL: func @half
// V4: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
// CHECK: return
func.func @half(%p: memref<64x4xf32>, %v: memref<?x64xf16>, %o: memref<4x64xf32>, %a: memref<4xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) : memref<64x4xf32>, memref<?x64xf16>, memref<4x64xf32>, memref<4xf32>
  return
}

// CHECK-LABEL: func @prefetch
// CHECK: memref.prefetch %{{.*}}[{{.*}}], read, locality<2>, data
// CHECK: memref.prefetch %{{.*}}[{{.*}}], read, locality<3>, data
func.func @prefetch(%p: memref<48x4xf32>, %v: memref<?x64xf32>, %o: memref<4x64xf32>, %a: memref<4xf32>, %h: i1,
                    %k: memref<?x64xf32>) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) prefetch(%k : memref<?x64xf32>)
    : memref<48x4xf32>, memref<?x64xf32>, memref<4x64xf32>, memref<4xf32>
  return
}
