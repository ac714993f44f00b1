// RUN: gqa-opt %s | gqa-opt | FileCheck %s

// CHECK-LABEL: func @kernel
// CHECK: tile.kernel grid(%[[B:.*]] = %{{.*}}, %[[T:.*]] = %{{.*}}) {
// CHECK: tile.scratch(%{{.*}}) : memref<?x64xf32>
// CHECK: tile.scratch : memref<64xf32>
func.func @kernel(%batch: index, %tiles: index) {
  tile.kernel grid(%b = %batch, %t = %tiles) {
    %s = tile.scratch(%t) : memref<?x64xf32>
    %m = tile.scratch : memref<64xf32>
  }
  return
}

// CHECK-LABEL: func @products
// CHECK: tile.pack %{{.*}} into %{{.*}} : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xf32>
// CHECK-SAME: -> memref<?x80xf32, strided<[?, 1], offset: ?>>
// CHECK: tile.qk %{{.*}}, %{{.*}}, %{{.*}} : memref<8x80xf32>, memref<?x80xf32, strided<[?, 1], offset: ?>>, memref<8x64xf32>
// CHECK: tile.softmax_step %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} keys(%{{.*}}) : memref<8x64xf32>
// CHECK: tile.pv %{{.*}}, %{{.*}}, %{{.*}} rescale(%{{.*}}) : memref<8x64xf32>
func.func @products(%keys: memref<?x80xbf16, strided<[?, ?], offset: ?>>, %room: memref<64x80xf32>,
                    %q: memref<8x80xf32>, %s: memref<8x64xf32>, %m: memref<8xf32>, %l: memref<8xf32>,
                    %alpha: memref<8xf32>, %o: memref<8x80xf32>, %n: index) {
  %k = tile.pack %keys into %room
    : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xf32> -> memref<?x80xf32, strided<[?, 1], offset: ?>>
  tile.qk %q, %k, %s : memref<8x80xf32>, memref<?x80xf32, strided<[?, 1], offset: ?>>, memref<8x64xf32>
  tile.softmax_step %s, %m, %l, %alpha keys(%n) : memref<8x64xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>
  tile.pv %s, %k, %o rescale(%alpha)
    : memref<8x64xf32>, memref<?x80xf32, strided<[?, 1], offset: ?>>, memref<8x80xf32>, memref<8xf32>
  return
}

// CHECK-LABEL: func @score
// CHECK: tile.score %{{.*}} at(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) queries(%{{.*}}) keys(%{{.*}}) scale(%{{.*}}) first(%{{.*}}) last(%{{.*}}) softcap = 5.000000e+01 bias(%{{.*}} : memref<1x1x8x64xf16>) mask(%{{.*}} : memref<1x1x8x64xi1>) score {
// CHECK: tile.yield %{{.*}}, %{{.*}} : f32, i1
// CHECK: tile.score %{{.*}} at(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) queries(%{{.*}}) keys(%{{.*}}) scale(%{{.*}}) : memref<8x64xf32>, f32
func.func @score(%s: memref<8x64xf32>, %b: index, %n: index, %scale: f32, %bias: memref<1x1x8x64xf16>,
                 %mask: memref<1x1x8x64xi1>, %slopes: memref<8xf32>) {
  tile.score %s at(%b, %b, %b, %b) queries(%n) keys(%n) scale(%scale) first(%b) last(%n) softcap = 50.0
    bias(%bias : memref<1x1x8x64xf16>) mask(%mask : memref<1x1x8x64xi1>) score {
    ^bb0(%x: f32, %b1: index, %h1: index, %i1: index, %j1: index):
      %slope = memref.load %slopes[%h1] : memref<8xf32>
      %y = arith.addf %x, %slope : f32
      %seen = arith.cmpi sle, %j1, %i1 : index
      tile.yield %y, %seen : f32, i1
  } : memref<8x64xf32>, f32
  tile.score %s at(%b, %b, %b, %b) queries(%n) keys(%n) scale(%scale) : memref<8x64xf32>, f32
  return
}

// CHECK-LABEL: func @ends
// CHECK: tile.init %{{.*}}, %{{.*}}, %{{.*}} sinks(%{{.*}} : memref<2xf16>) : memref<8x16xf32>
// CHECK: tile.finish %{{.*}} into %{{.*}} lse(%{{.*}} : memref<2x4xf32>) dead_row = zero : memref<8x16xf32>
// CHECK: tile.finish %{{.*}} into %{{.*}} values(%{{.*}} : memref<?x15xf16>) dead_row = uniform
func.func @ends(%o: memref<8x16xf32>, %m: memref<8xf32>, %l: memref<8xf32>, %sinks: memref<2xf16>,
                %out: memref<2x4x15xf16>, %lse: memref<2x4xf32>, %v: memref<?x15xf16>) {
  tile.init %o, %m, %l sinks(%sinks : memref<2xf16>) : memref<8x16xf32>, memref<8xf32>, memref<8xf32>
  tile.finish %o, %m, %l into %out lse(%lse : memref<2x4xf32>) dead_row = zero
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<2x4x15xf16>
  tile.finish %o, %m, %l into %out values(%v : memref<?x15xf16>) dead_row = uniform
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<2x4x15xf16>
  return
}
