// RUN: gqa-opt %s | gqa-opt | FileCheck %s

// CHECK-LABEL: func @kernel
// CHECK: tile.kernel grid(%[[B:.*]] = %{{.*}}, %[[T:.*]] = %{{.*}}) {
// CHECK: tile.scratch(%{{.*}}) : memref<?x64xf32>
// CHECK: tile.scratch : memref<64xf32>
// CHECK: tile.kernel grid(%{{.*}} = %{{.*}}) work(%{{.*}}) {
func.func @kernel(%batch: index, %tiles: index, %n: index) {
  tile.kernel grid(%b = %batch, %t = %tiles) {
    %s = tile.scratch(%t) : memref<?x64xf32>
    %m = tile.scratch : memref<64xf32>
  }
  tile.kernel grid(%t = %tiles) work(%n) {
  }
  return
}

// CHECK-LABEL: func @few_rows
// CHECK: tile.pack %{{.*}} into %{{.*}} queries(%{{.*}}) paired = 8 crossed : memref<4x2x80xbf16>, memref<8x80xf32> -> memref<8x80xf32>
// CHECK: tile.pack %{{.*}} into %{{.*}} : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xbf16>
// CHECK-SAME: -> memref<?x80xbf16, strided<[?, 1], offset: ?>>
// CHECK: tile.qk %{{.*}}, %{{.*}}, %{{.*}} paired = 8 crossed prefetch(%{{.*}} : memref<64x80xbf16>) : memref<8x80xf32>, memref<?x80xbf16, {{.*}}>, memref<64x8xf32>
// CHECK: tile.mask %{{.*}} at(%{{.*}}, %{{.*}}) queries(%{{.*}}) keys(%{{.*}}) first(%{{.*}}) : memref<64x8xf32>
// CHECK: %[[H:.*]] = tile.softmax_step %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} keys(%{{.*}}) scale(%{{.*}}) : memref<64x8xf32>, {{.*}}, f32
// CHECK: tile.pv %{{.*}}, %{{.*}}, %{{.*}} rescale(%{{.*}}) hidden(%[[H]]) paired = 8 prefetch(%{{.*}} : memref<64x80xbf16>) : memref<64x8xf32>
func.func @few_rows(%queries: memref<4x2x80xbf16>, %keys: memref<?x80xbf16, strided<[?, ?], offset: ?>>,
                    %room: memref<64x80xbf16>, %q: memref<8x80xf32>, %s: memref<64x8xf32>, %m: memref<8xf32>,
                    %o: memref<8x80xf32>, %n: index, %x: f32) {
  %t = tile.pack %queries into %q queries(%n) paired = 8 crossed : memref<4x2x80xbf16>, memref<8x80xf32> -> memref<8x80xf32>
  %k = tile.pack %keys into %room
    : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xbf16> -> memref<?x80xbf16, strided<[?, 1], offset: ?>>
  tile.qk %t, %k, %s paired = 8 crossed prefetch(%room : memref<64x80xbf16>)
    : memref<8x80xf32>, memref<?x80xbf16, strided<[?, 1], offset: ?>>, memref<64x8xf32>
  tile.mask %s at(%n, %n) queries(%n) keys(%n) first(%n) : memref<64x8xf32>
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%x)
    : memref<64x8xf32>, memref<8xf32>, memref<8xf32>, memref<8xf32>, f32
  tile.pv %s, %k, %o rescale(%m) hidden(%h) paired = 8 prefetch(%room : memref<64x80xbf16>)
    : memref<64x8xf32>, memref<?x80xbf16, strided<[?, 1], offset: ?>>, memref<8x80xf32>, memref<8xf32>
  return
}

// CHECK-LABEL: func @joined
// CHECK: tile.pack %{{.*}} into %{{.*}} then(%{{.*}} : memref<1x80xf32>) multiple = 32 : memref<?x80xf32>, memref<64x80xf32>
// CHECK: tile.rotate %{{.*}} by %{{.*}}, %{{.*}} half into %{{.*}} : memref<4x?x80xbf16>, memref<4x?x40xf32>, memref<4x?x40xf32>, memref<4x?x80xf32>
// CHECK: tile.rotate {{.*}} interleaved into
func.func @joined(%keys: memref<?x80xf32>, %new: memref<1x80xf32>, %room: memref<64x80xf32>, %q: memref<4x?x80xbf16>,
                  %cos: memref<4x?x40xf32>, %out: memref<4x?x80xf32>) {
  %k = tile.pack %keys into %room then(%new : memref<1x80xf32>) multiple = 32
    : memref<?x80xf32>, memref<64x80xf32> -> memref<?x80xf32, strided<[?, 1], offset: ?>>
  tile.rotate %q by %cos, %cos half into %out
    : memref<4x?x80xbf16>, memref<4x?x40xf32>, memref<4x?x40xf32>, memref<4x?x80xf32>
  tile.rotate %q by %cos, %cos interleaved into %out
    : memref<4x?x80xbf16>, memref<4x?x40xf32>, memref<4x?x40xf32>, memref<4x?x80xf32>
  return
}

// CHECK-LABEL: func @many_rows
// CHECK: tile.pack %{{.*}} into %{{.*}} queries(%{{.*}}) transposed : memref<4x?x80xf16>, memref<80x48xf32> -> memref<80x48xf32>
// CHECK: tile.qk %{{.*}}, %{{.*}}, %{{.*}} transposed rows(%[[N:.*]]) diagonal(%[[N]], %[[N]]) : memref<80x48xf32>, memref<96x80xf32>, memref<96x48xf32>
// CHECK: tile.mask {{.*}} first(%{{.*}}) last(%{{.*}}) : memref<96x48xf32>
// CHECK: tile.softmax_step {{.*}} rows(%[[N]]) : memref<96x48xf32>, {{.*}}, f32
// CHECK: tile.pv %{{.*}}, %{{.*}}, %{{.*}} rescale(%{{.*}}) hidden(%{{.*}}) rows(%[[N]]) diagonal(%[[N]], %[[N]]) : memref<96x48xf32>
func.func @many_rows(%queries: memref<4x?x80xf16>, %q: memref<80x48xf32>, %k: memref<96x80xf32>, %s: memref<96x48xf32>,
                     %m: memref<48xf32>, %o: memref<48x80xf32>, %n: index, %x: f32) {
  %t = tile.pack %queries into %q queries(%n) transposed : memref<4x?x80xf16>, memref<80x48xf32> -> memref<80x48xf32>
  tile.qk %t, %k, %s transposed rows(%n) diagonal(%n, %n) : memref<80x48xf32>, memref<96x80xf32>, memref<96x48xf32>
  tile.mask %s at(%n, %n) queries(%n) keys(%n) first(%n) last(%n) : memref<96x48xf32>
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%x) rows(%n)
    : memref<96x48xf32>, memref<48xf32>, memref<48xf32>, memref<48xf32>, f32
  tile.pv %s, %k, %o rescale(%m) hidden(%h) rows(%n) diagonal(%n, %n)
    : memref<96x48xf32>, memref<96x80xf32>, memref<48x80xf32>, memref<48xf32>
  return
}

// CHECK-LABEL: func @interleaved
// CHECK: tile.pack {{.*}} transposed interleaved : memref<4x?x64xbf16>, memref<32x128xbf16> -> memref<32x128xbf16>
// CHECK: tile.pack {{.*}} multiple = 32 : memref<?x64xbf16>, memref<128x64xbf16> -> memref<?x64xbf16>
// CHECK: tile.pack {{.*}} transposed : memref<?x64xbf16>, memref<4x64x32xbf16> -> memref<4x64x32xbf16>
// CHECK: tile.qk {{.*}} transposed interleaved : memref<32x128xbf16>, memref<?x64xbf16>, memref<128x64xf32>
// CHECK: tile.softmax_step {{.*}} into(%{{.*}} : memref<64x128xbf16>) : memref<128x64xf32>
// CHECK: tile.pv {{.*}} interleaved : memref<64x128xbf16>, memref<4x64x32xbf16>, memref<64x64xf32>, memref<64xf32>
// CHECK: tile.transpose %{{.*}} into %{{.*}} : memref<64x64xf32>, memref<64x64xf32>
func.func @interleaved(%queries: memref<4x?x64xbf16>, %q: memref<32x128xbf16>, %keys: memref<?x64xbf16>,
                       %room: memref<128x64xbf16>, %panels: memref<4x64x32xbf16>, %s: memref<128x64xf32>,
                       %p: memref<64x128xbf16>, %m: memref<64xf32>, %o: memref<64x64xf32>, %n: index, %x: f32) {
  %t = tile.pack %queries into %q queries(%n) transposed interleaved
    : memref<4x?x64xbf16>, memref<32x128xbf16> -> memref<32x128xbf16>
  %k = tile.pack %keys into %room multiple = 32 : memref<?x64xbf16>, memref<128x64xbf16> -> memref<?x64xbf16>
  %v = tile.pack %keys into %panels transposed : memref<?x64xbf16>, memref<4x64x32xbf16> -> memref<4x64x32xbf16>
  tile.qk %t, %k, %s transposed interleaved : memref<32x128xbf16>, memref<?x64xbf16>, memref<128x64xf32>
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%x) into(%p : memref<64x128xbf16>)
    : memref<128x64xf32>, memref<64xf32>, memref<64xf32>, memref<64xf32>, f32
  tile.pv %p, %v, %o rescale(%m) hidden(%h) interleaved
    : memref<64x128xbf16>, memref<4x64x32xbf16>, memref<64x64xf32>, memref<64xf32>
  tile.transpose %o into %o : memref<64x64xf32>, memref<64x64xf32>
  return
}

// CHECK-LABEL: func @score
// CHECK: tile.score %{{.*}} at(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) heads(%{{.*}}) queries(%{{.*}}) period(%{{.*}}) keys(%{{.*}}) scale(%{{.*}}) softcap = 5.000000e+01 bias(%{{.*}} : memref<1x1x8x64xf16>) mask(%{{.*}} : memref<1x1x8x64xi1>) score {
// CHECK: tile.yield %{{.*}}, %{{.*}} : f32, i1
// CHECK: tile.score {{.*}} scale(%{{.*}}) : memref<64x8xf32>, f32
func.func @score(%s: memref<64x8xf32>, %n: index, %x: f32, %bias: memref<1x1x8x64xf16>, %mask: memref<1x1x8x64xi1>,
                 %slopes: memref<8xf32>) {
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) softcap = 50.0
    bias(%bias : memref<1x1x8x64xf16>) mask(%mask : memref<1x1x8x64xi1>) score {
    ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index):
      %slope = memref.load %slopes[%h] : memref<8xf32>
      %y = arith.addf %v, %slope : f32
      %seen = arith.cmpi sle, %j, %i : index
      tile.yield %y, %seen : f32, i1
  } : memref<64x8xf32>, f32
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) : memref<64x8xf32>, f32
  return
}

// CHECK-LABEL: func @ends
// CHECK: tile.init %{{.*}}, %{{.*}}, %{{.*}} : memref<8x16xf32>
// CHECK: tile.init %{{.*}}, %{{.*}}, %{{.*}} sinks(%{{.*}} : memref<2xf16>) queries(%{{.*}}) scale(%{{.*}} : f32) : memref<8x16xf32>
// CHECK: tile.merge %{{.*}}, %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}}, %{{.*}} scale(%{{.*}}) : memref<8x16xf32>, {{.*}}, f32
// CHECK: tile.finish %{{.*}} into %{{.*}} queries(%{{.*}}) scale(%{{.*}}) lse(%{{.*}} : memref<2x4xf32>) dead_row = zero : memref<8x16xf32>
// CHECK: tile.finish %{{.*}} into %{{.*}} values(%{{.*}} : memref<?x15xf16>) dead_row = uniform
// CHECK: tile.finish %{{.*}} into %{{.*}} values(%{{.*}}, %{{.*}} : memref<?x15xf16>, memref<1x15xf16>) dead_row = uniform
func.func @ends(%o: memref<8x16xf32>, %m: memref<8xf32>, %sinks: memref<2xf16>, %out: memref<2x4x15xf16>,
                %lse: memref<2x4xf32>, %v: memref<?x15xf16>, %new: memref<1x15xf16>, %n: index, %x: f32) {
  tile.init %o, %m, %m : memref<8x16xf32>, memref<8xf32>, memref<8xf32>
  tile.init %o, %m, %m sinks(%sinks : memref<2xf16>) queries(%n) scale(%x : f32)
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>
  tile.merge %o, %m, %m into %o, %m, %m scale(%x)
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<8x16xf32>, memref<8xf32>, memref<8xf32>, f32
  tile.finish %o, %m, %m into %out queries(%n) scale(%x) lse(%lse : memref<2x4xf32>) dead_row = zero
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<2x4x15xf16>, f32
  tile.finish %o, %m, %m into %out queries(%n) scale(%x) values(%v : memref<?x15xf16>) dead_row = uniform
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<2x4x15xf16>, f32
  tile.finish %o, %m, %m into %out queries(%n) scale(%x) values(%v, %new : memref<?x15xf16>, memref<1x15xf16>) dead_row = uniform
    : memref<8x16xf32>, memref<8xf32>, memref<8xf32>, memref<2x4x15xf16>, f32
  return
}
