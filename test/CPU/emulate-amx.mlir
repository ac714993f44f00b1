// RUN: gqa-opt %s --gqa-emulate-amx=target=cpu:x86-64-v3+emulate-amx -split-input-file -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-emulate-amx=target=cpu:sapphirerapids -split-input-file | FileCheck %s --check-prefix=SAME

// SAME: amx.tile_mulf

// A tile is a buffer, and what a loop carries is the buffer that it adds to.
// CHECK-LABEL: func @loop
// CHECK-DAG: %[[SUM:.*]] = memref.alloca() {{.*}} : memref<16x16xf32>
// CHECK-DAG: %[[A:.*]] = memref.alloca() {{.*}} : memref<16x32xbf16>
// CHECK-NOT: amx
// CHECK: scf.for {{.*}} iter_args(%[[ACC:.*]] = %[[SUM]]) -> (memref<16x16xf32>)
// CHECK: vector.store %{{.*}}, %[[A]]
// Even products first; denormals are zero.
// CHECK: vector.load %[[ACC]]
// CHECK: %[[EVEN:.*]] = vector.fma
// CHECK: %[[FLUSHED:.*]] = arith.select %{{.*}}, %{{.*}}, %[[EVEN]]
// CHECK: vector.fma %{{.*}}, %{{.*}}, %[[FLUSHED]]
// CHECK: vector.store %{{.*}}, %[[ACC]]
// CHECK: scf.yield %[[ACC]]
func.func @loop(%a: memref<?x64xbf16>, %s: memref<16x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  %r = scf.for %i = %c0 to %n step %c16 iter_args(%x = %zero) -> !amx.tile<16x16xf32> {
    %t = amx.tile_load %a[%i, %c0] : memref<?x64xbf16> into !amx.tile<16x32xbf16>
    %y = amx.tile_mulf %t, %t, %x : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
    scf.yield %y : !amx.tile<16x16xf32>
  }
  amx.tile_store %s[%c0, %c0], %r : memref<16x16xf32>, !amx.tile<16x16xf32>
  return
}

// -----

func.func @no_second_use(%a: memref<16x32xbf16>, %s: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  %t = amx.tile_load %a[%c0, %c0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
  // expected-error @+1 {{adds to a tile that is used elsewhere, which cannot be emulated in place}}
  %y = amx.tile_mulf %t, %t, %zero : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
  amx.tile_store %s[%c0, %c0], %zero : memref<16x16xf32>, !amx.tile<16x16xf32>
  amx.tile_store %s[%c0, %c0], %y : memref<16x16xf32>, !amx.tile<16x16xf32>
  return
}
