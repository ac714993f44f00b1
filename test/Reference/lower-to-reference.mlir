// RUN: gqa-opt %s --gqa-lower-to-reference --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-lower-to-reference --canonicalize --cse \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   | FileCheck %s --check-prefix=BUFFERS

// BUFFERS-NOT: tensor<

// Batches, heads, queries; then scores, maximum, weights, sum, output.
// CHECK-LABEL: @attention
// CHECK-COUNT-4: scf.for
// CHECK: scf.for {{.*}} -> (f64)
// CHECK: arith.extf %{{.*}} : bf16 to f64
// CHECK: arith.cmpi sle
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f64
// CHECK: arith.maximumf %{{.*}} : f64
// CHECK: math.exp %{{.*}} : f64
// CHECK: arith.divf %{{.*}} : f64
func.func @attention(%q: tensor<2x4x7x8xbf16>, %k: tensor<2x2x7x8xbf16>, %v: tensor<2x2x7x6xbf16>) -> tensor<2x4x7x6xbf16> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<2x4x7x8xbf16>, tensor<2x2x7x8xbf16>, tensor<2x2x7x6xbf16>) -> tensor<2x4x7x6xbf16>
  return %o : tensor<2x4x7x6xbf16>
}

// Arithmetic of the region moves to f64; what is read stays what it is until then, and a bitcast gets its f32.
// CHECK-LABEL: @score_region
// CHECK: %[[SLOPE:.*]] = tensor.extract %{{.*}} : tensor<4xf32>
// CHECK: %[[WIDE:.*]] = arith.extf %[[SLOPE]] : f32 to f64
// CHECK: arith.addf %{{.*}}, %[[WIDE]] : f64
// CHECK: arith.bitcast %{{.*}} : f32 to i32
func.func @score_region(%q: tensor<1x4x7x8xf32>, %k: tensor<1x2x7x8xf32>, %slopes: tensor<4xf32>) -> tensor<1x4x7x8xf32> {
  %o = gqa.attention %q, %k, %k : (tensor<1x4x7x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>, tensor<4xf32>) -> tensor<1x4x7x8xf32>
    score(%s, %b, %h, %i, %j, %all = %slopes) {
      %slope = tensor.extract %all[%h] : tensor<4xf32>
      %t = arith.addf %s, %slope : f32
      %bits = arith.bitcast %t : f32 to i32
      %zero = arith.constant 0 : i32
      %seen = arith.cmpi sge, %bits, %zero : i32
      gqa.yield %t, %seen : f32, i1
    }
  return %o : tensor<1x4x7x8xf32>
}

// CHECK-LABEL: @companions
// CHECK: tensor.empty(%{{.*}}) : tensor<1x2x?x8xf16>
// CHECK: tensor.empty() : tensor<1x2x3x8xf16>
// CHECK: tensor.empty() : tensor<1x8x3x8xf16>
// CHECK: math.log
// CHECK: scf.if {{.*}} -> (tensor<1x2x3x8xf16>)
func.func @companions(%x: tensor<1x2x?x8xf16>, %c: tensor<?x4xf32>, %s: tensor<?x4xf32>, %l: tensor<1x8x?xf32>, %at: tensor<3xi64>)
    -> (tensor<1x2x3x8xf16>, tensor<1x8x?xf32>) {
  %r = gqa.rotary %x, %c, %s half : tensor<1x2x?x8xf16>, tensor<?x4xf32>
  %a = gqa.append_kv %r, %x : (tensor<1x2x?x8xf16>, tensor<1x2x?x8xf16>) -> tensor<1x2x3x8xf16>
  %h = gqa.repeat_heads %a block groups(4) : tensor<1x2x3x8xf16> -> tensor<1x8x3x8xf16>
  %i = tensor.cast %h : tensor<1x8x3x8xf16> to tensor<1x8x?x8xf16>
  %m, %lse = gqa.merge %i, %l, %i, %l : tensor<1x8x?x8xf16>, tensor<1x8x?xf32>
  %slice = tensor.extract_slice %m[0, 0, 0, 0] [1, 2, 3, 8] [1, 1, 1, 1] : tensor<1x8x?x8xf16> to tensor<1x2x3x8xf16>
  %w = gqa.append_kv %a, %slice at %at : (tensor<1x2x3x8xf16>, tensor<1x2x3x8xf16>, tensor<3xi64>) -> tensor<1x2x3x8xf16>
  return %w, %lse : tensor<1x2x3x8xf16>, tensor<1x8x?xf32>
}

// CHECK-NOT: gqa.
