// RUN: gqa-opt %s --gqa-share-kv --split-input-file | FileCheck %s

// Repeated before the cache: what is appended, and what it is appended to, are repeated alike.
// CHECK-LABEL: @before_append(
// CHECK: %[[K:.*]] = gqa.append_kv %arg1, %arg2 : (tensor<2x2x8x16xf32>, tensor<2x2x1x16xf32>) -> tensor<2x2x9x16xf32>
// CHECK: gqa.attention %arg0, %[[K]], %[[K]] : (tensor<2x6x1x16xf32>, tensor<2x2x9x16xf32>, tensor<2x2x9x16xf32>)
func.func @before_append(%q: tensor<2x6x1x16xf32>, %c: tensor<2x2x8x16xf32>, %k: tensor<2x2x1x16xf32>) -> tensor<2x6x1x16xf32> {
  %cr = gqa.repeat_heads %c block groups(3) : tensor<2x2x8x16xf32> -> tensor<2x6x8x16xf32>
  %kr = gqa.repeat_heads %k block groups(3) : tensor<2x2x1x16xf32> -> tensor<2x6x1x16xf32>
  %all = gqa.append_kv %cr, %kr : (tensor<2x6x8x16xf32>, tensor<2x6x1x16xf32>) -> tensor<2x6x9x16xf32>
  %o = gqa.attention %q, %all, %all : (tensor<2x6x1x16xf32>, tensor<2x6x9x16xf32>, tensor<2x6x9x16xf32>) -> tensor<2x6x1x16xf32>
  return %o : tensor<2x6x1x16xf32>
}

// -----

// A rotation, a cast and a transpose are the same for all heads; tiled order survives them.
// CHECK-LABEL: @rotary_cast_transpose(
// CHECK: %[[R:.*]] = gqa.rotary %arg1, {{.*}} : tensor<2x2x7x16xf16>
// CHECK: %[[F:.*]] = arith.extf %[[R]] : tensor<2x2x7x16xf16> to tensor<2x2x7x16xf32>
// CHECK: gqa.attention %{{.*}}, %[[F]], %[[F]] : (tensor<2x6x7x16xf32>, tensor<2x2x7x16xf32>, tensor<2x2x7x16xf32>)
func.func @rotary_cast_transpose(%q: tensor<2x6x7x16xf32>, %k: tensor<2x2x7x16xf16>, %c: tensor<7x8xf32>) -> tensor<2x6x7x16xf32> {
  %kr = gqa.repeat_heads %k tiled groups(3) : tensor<2x2x7x16xf16> -> tensor<2x6x7x16xf16>
  %r = gqa.rotary %kr, %c, %c half : tensor<2x6x7x16xf16>, tensor<7x8xf32>
  %f = arith.extf %r : tensor<2x6x7x16xf16> to tensor<2x6x7x16xf32>
  %e = tensor.empty() : tensor<2x7x6x16xf32>
  %t = linalg.transpose ins(%f : tensor<2x6x7x16xf32>) outs(%e : tensor<2x7x6x16xf32>) permutation = [0, 2, 1, 3]
  %o = gqa.attention %q, %t, %t layout(k = "bshd", v = "bshd")
    : (tensor<2x6x7x16xf32>, tensor<2x7x6x16xf32>, tensor<2x7x6x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// -----

// Written to a cache by a select that is the same for all heads.
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#at = affine_map<(b, h, s, d) -> (s)>
// CHECK-LABEL: @select(
// CHECK: linalg.generic {{.*}} ins(%arg3, %arg2, %arg1 : tensor<8xi1>, tensor<2x2x8x16xf32>, tensor<2x2x8x16xf32>)
// CHECK: gqa.attention {{.*}}tensor<2x2x8x16xf32>, tensor<2x2x8x16xf32>
func.func @select(%q: tensor<2x6x1x16xf32>, %c: tensor<2x2x8x16xf32>, %k: tensor<2x2x8x16xf32>, %p: tensor<8xi1>) -> tensor<2x6x1x16xf32> {
  %cr = gqa.repeat_heads %c block groups(3) : tensor<2x2x8x16xf32> -> tensor<2x6x8x16xf32>
  %kr = gqa.repeat_heads %k block groups(3) : tensor<2x2x8x16xf32> -> tensor<2x6x8x16xf32>
  %e = tensor.empty() : tensor<2x6x8x16xf32>
  %all = linalg.generic {indexing_maps = [#at, #id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p, %kr, %cr : tensor<8xi1>, tensor<2x6x8x16xf32>, tensor<2x6x8x16xf32>) outs(%e : tensor<2x6x8x16xf32>) {
  ^bb0(%at: i1, %new: f32, %old: f32, %out: f32):
    %x = arith.select %at, %new, %old : f32
    linalg.yield %x : f32
  } -> tensor<2x6x8x16xf32>
  %o = gqa.attention %q, %all, %all : (tensor<2x6x1x16xf32>, tensor<2x6x8x16xf32>, tensor<2x6x8x16xf32>) -> tensor<2x6x1x16xf32>
  return %o : tensor<2x6x1x16xf32>
}

// -----

// Angles of each head, or a scale of each head, keep the repeat where it is.
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
#head = affine_map<(b, h, s, d) -> (h)>
// CHECK-LABEL: @negative_per_head(
// CHECK: %[[K:.*]] = gqa.repeat_heads %arg1
// CHECK: gqa.rotary %[[K]]
// CHECK: linalg.generic {{.*}} ins(%[[K]]
// CHECK: gqa.attention {{.*}}tensor<2x6x7x16xf32>, tensor<2x6x7x16xf32>
func.func @negative_per_head(%q: tensor<2x6x7x16xf32>, %k: tensor<2x2x7x16xf32>, %c: tensor<6x7x8xf32>, %w: tensor<6xf32>) -> tensor<2x6x7x16xf32> {
  %kr = gqa.repeat_heads %k block groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
  %r = gqa.rotary %kr, %c, %c half : tensor<2x6x7x16xf32>, tensor<6x7x8xf32>
  %e = tensor.empty() : tensor<2x6x7x16xf32>
  %v = linalg.generic {indexing_maps = [#id, #head, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%kr, %w : tensor<2x6x7x16xf32>, tensor<6xf32>) outs(%e : tensor<2x6x7x16xf32>) {
  ^bb0(%x: f32, %s: f32, %out: f32):
    %y = arith.mulf %x, %s : f32
    linalg.yield %y : f32
  } -> tensor<2x6x7x16xf32>
  %o = gqa.attention %q, %r, %v : (tensor<2x6x7x16xf32>, tensor<2x6x7x16xf32>, tensor<2x6x7x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// -----

// A narrow cache, with factors that are the same for all heads, repeated alike, and of dimensions behind the heads.
// CHECK-LABEL: @dequantize(
// CHECK: %[[K:.*]] = gqa.dequantize %arg1 scale(%arg2 : tensor<1x2x1x1xf32>) zero(%arg3 : tensor<7x1xf32>) : tensor<1x2x7x16xbf16> -> tensor<1x2x7x16xf32>
// CHECK: %[[V:.*]] = gqa.dequantize %arg1 scale(%arg4 : tensor<1x1x7x1xf32>) : tensor<1x2x7x16xbf16> -> tensor<1x2x7x16xf32>
// CHECK: gqa.attention %arg0, %[[K]], %[[V]] : (tensor<1x6x7x16xf32>, tensor<1x2x7x16xf32>, tensor<1x2x7x16xf32>)
func.func @dequantize(%q: tensor<1x6x7x16xf32>, %c: tensor<1x2x7x16xbf16>, %s: tensor<1x2x1x1xf32>, %z: tensor<7x1xf32>,
                      %t: tensor<1x1x7x1xf32>) -> tensor<1x6x7x16xf32> {
  %cr = gqa.repeat_heads %c block groups(3) : tensor<1x2x7x16xbf16> -> tensor<1x6x7x16xbf16>
  %sr = gqa.repeat_heads %s block groups(3) : tensor<1x2x1x1xf32> -> tensor<1x6x1x1xf32>
  %k = gqa.dequantize %cr scale(%sr : tensor<1x6x1x1xf32>) zero(%z : tensor<7x1xf32>) : tensor<1x6x7x16xbf16> -> tensor<1x6x7x16xf32>
  %v = gqa.dequantize %cr scale(%t : tensor<1x1x7x1xf32>) : tensor<1x6x7x16xbf16> -> tensor<1x6x7x16xf32>
  %o = gqa.attention %q, %k, %v : (tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>) -> tensor<1x6x7x16xf32>
  return %o : tensor<1x6x7x16xf32>
}

// -----

// Codes and truth values of repeated heads are no heads: they are computed of all copies.
#id = affine_map<(b, h, s, d) -> (b, h, s, d)>
// CHECK-LABEL: @no_heads(
// CHECK: gqa.attention %arg0, %arg1, %arg1 : (tensor<2x6x1x16xf32>, tensor<2x2x8x16xf32>, tensor<2x2x8x16xf32>)
// CHECK: return {{.*}} tensor<2x6x8x16xf8E4M3FN>, tensor<2x6x8x16xi1>
func.func @no_heads(%q: tensor<2x6x1x16xf32>, %k: tensor<2x2x8x16xf32>)
    -> (tensor<2x6x1x16xf32>, tensor<2x6x8x16xf8E4M3FN>, tensor<2x6x8x16xi1>) {
  %r = gqa.repeat_heads %k block groups(3) : tensor<2x2x8x16xf32> -> tensor<2x6x8x16xf32>
  %code = arith.truncf %r : tensor<2x6x8x16xf32> to tensor<2x6x8x16xf8E4M3FN>
  %e = tensor.empty() : tensor<2x6x8x16xi1>
  %nan = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%r : tensor<2x6x8x16xf32>) outs(%e : tensor<2x6x8x16xi1>) {
  ^bb0(%x: f32, %out: i1):
    %y = arith.cmpf uno, %x, %x : f32
    linalg.yield %y : i1
  } -> tensor<2x6x8x16xi1>
  %o = gqa.attention %q, %r, %r : (tensor<2x6x1x16xf32>, tensor<2x6x8x16xf32>, tensor<2x6x8x16xf32>) -> tensor<2x6x1x16xf32>
  return %o, %code, %nan : tensor<2x6x1x16xf32>, tensor<2x6x8x16xf8E4M3FN>, tensor<2x6x8x16xi1>
}
