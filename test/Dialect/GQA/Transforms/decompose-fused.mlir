// What an attention's kernel does in passing stays; each decline has its reason.
// RUN: gqa-opt %s --gqa-decompose=keep=attention --canonicalize --cse | FileCheck %s --check-prefix=WHOLE
// RUN: gqa-opt %s --gqa-decompose=keep=narrow --canonicalize --cse | FileCheck %s --check-prefix=NARROW
// RUN: gqa-opt %s --gqa-decompose=keep=fused --canonicalize --cse --remarks-filter-missed=gqa-decompose -verify-diagnostics | FileCheck %s

// WHOLE-NOT: gqa.{{(rotary|append_kv|dequantize)}}

// CHECK-LABEL: @step
// CHECK: gqa.rotary %arg0
// New keys are rotated by a loop over nothing else.
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x2x1x32xf32>)
// CHECK: gqa.append_kv
// CHECK: gqa.append_kv
// CHECK-NEXT: gqa.attention
func.func @step(%q: tensor<1x8x1x64xf32>, %c: tensor<1x32xf32>, %k: tensor<1x2x9x64xf32>, %new: tensor<1x2x1x64xf32>)
    -> tensor<1x8x1x64xf32> {
  %r = gqa.rotary %q, %c, %c half : tensor<1x8x1x64xf32>, tensor<1x32xf32>
  %n = gqa.rotary %new, %c, %c half : tensor<1x2x1x64xf32>, tensor<1x32xf32>
  %ka = gqa.append_kv %k, %n : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %va = gqa.append_kv %k, %new : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %r, %ka, %va : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// The cache that is returned is made for the caller; the attention does not read it.
// CHECK-LABEL: @returned
// CHECK: %[[COPY:.*]] = tensor.insert_slice %arg2 into
// CHECK: %[[ALL:.*]] = gqa.append_kv %arg1, %arg2
// CHECK: gqa.attention %arg0, %[[ALL]], %[[ALL]]
// CHECK: return %{{.*}}, %[[COPY]]
func.func @returned(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x64xf32>, %new: tensor<1x2x1x64xf32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>) {
  %ka = gqa.append_kv %k, %new : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o, %ka : tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>
}

// CHECK-LABEL: @no_other_users
// CHECK-NOT: gqa.rotary
func.func @no_other_users(%q: tensor<1x8x1x64xf32>, %c: tensor<1x32xf32>, %k: tensor<1x2x9x64xf32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) {
  // expected-remark @below {{the rotated queries have other users}}
  %r = gqa.rotary %q, %c, %c half : tensor<1x8x1x64xf32>, tensor<1x32xf32>
  %o = gqa.attention %r, %k, %k : (tensor<1x8x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x8x1x64xf32>
  return %o, %r : tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>
}

// CHECK-LABEL: @no_other_layout
// CHECK-NOT: gqa.rotary
func.func @no_other_layout(%q: tensor<2x8x8x64xf32>, %c: tensor<8x32xf32>, %k: tensor<2x2x9x64xf32>) -> tensor<2x8x8x64xf32> {
  // expected-remark @below {{the attention reads the rotated queries in another layout}}
  %r = gqa.rotary %q, %c, %c half layout("bshd") : tensor<2x8x8x64xf32>, tensor<8x32xf32>
  %o = gqa.attention %r, %k, %k : (tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x64xf32>) -> tensor<2x8x8x64xf32>
  return %o : tensor<2x8x8x64xf32>
}

// CHECK-LABEL: @no_positions
// CHECK-NOT: gqa.append_kv
func.func @no_positions(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x64xf32>, %new: tensor<1x2x1x64xf32>, %at: tensor<1xi64>)
    -> tensor<1x8x1x64xf32> {
  // expected-remark @below {{the tokens are written into the cache, which is copied as arguments stay}}
  %ka = gqa.append_kv %k, %new at %at : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>, tensor<1xi64>) -> tensor<1x2x9x64xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<1x8x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// CHECK-LABEL: @no_sizes
// CHECK-NOT: gqa.append_kv
func.func @no_sizes(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x?xf32>, %new: tensor<1x2x1x?xf32>) -> tensor<1x8x1x64xf32> {
  // expected-remark @below {{the attention knows more of the cache than its type does}}
  %ka = gqa.append_kv %k, %new : (tensor<1x2x9x?xf32>, tensor<1x2x1x?xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// A narrow cache is widened as it is packed, also in front of new tokens; not for what reads it as a whole.
// NARROW-LABEL: @narrow
// NARROW-NOT: gqa.dequantize
// CHECK-LABEL: @narrow
// CHECK: linalg.generic {{.*}} ins(%arg1
// CHECK: %[[K:.*]] = gqa.dequantize %arg1
// CHECK: %[[ALL:.*]] = tensor.insert_slice
// CHECK: %[[KA:.*]] = gqa.append_kv %[[K]], %arg2
// CHECK: gqa.attention %arg0, %[[KA]], %[[KA]]
func.func @narrow(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x64xi8>, %new: tensor<1x2x1x64xf32>, %s: tensor<f32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>) {
  %w = gqa.dequantize %k scale(%s : tensor<f32>) : tensor<1x2x9x64xi8> -> tensor<1x2x9x64xf32>
  %ka = gqa.append_kv %w, %new : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x10x64xf32>
  %o = gqa.attention %q, %ka, %ka : (tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>, tensor<1x2x10x64xf32>) -> tensor<1x8x1x64xf32>
  return %o, %ka : tensor<1x8x1x64xf32>, tensor<1x2x10x64xf32>
}

// The mean over rows without a key reads all of V.
// NARROW-LABEL: @narrow_uniform
// NARROW: %[[V:.*]] = linalg.generic {{.*}} ins(%arg1
// NARROW: %[[K:.*]] = gqa.dequantize %arg1
// NARROW: gqa.attention %arg0, %[[K]], %[[V]]
// CHECK-LABEL: @narrow_uniform
// CHECK: %[[V:.*]] = linalg.generic {{.*}} ins(%arg1
// CHECK: %[[K:.*]] = gqa.dequantize %arg1
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @narrow_uniform(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x9x64xi8>, %n: tensor<1xi64>) -> tensor<1x8x1x64xf32> {
  // expected-remark @below {{the mean of the values, of rows that see no key, reads them widened}}
  %v = gqa.dequantize %k : tensor<1x2x9x64xi8> -> tensor<1x2x9x64xf32>
  %w = gqa.dequantize %k : tensor<1x2x9x64xi8> -> tensor<1x2x9x64xf32>
  %o = gqa.attention %q, %w, %v kv_len(%n) dead_row(uniform) : (tensor<1x8x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>, tensor<1xi64>) -> tensor<1x8x1x64xf32>
  return %o : tensor<1x8x1x64xf32>
}

// Queries of 8 bits stay so for a GPU where keys are of the same type, and both have a scale for each head at most.
// NARROW-LABEL: @narrow_queries
// NARROW: %[[Q:.*]] = gqa.dequantize %arg0 scale(%arg2 : tensor<f32>)
// NARROW: gqa.attention %[[Q]]
// CHECK-LABEL: @narrow_queries
// CHECK: linalg.generic
// CHECK: gqa.dequantize %arg1
func.func @narrow_queries(%q: tensor<1x8x5x64xf8E4M3FN>, %k: tensor<1x2x9x64xf8E4M3FN>, %s: tensor<f32>) -> tensor<1x8x5x64xf16> {
  %qw = gqa.dequantize %q scale(%s : tensor<f32>) : tensor<1x8x5x64xf8E4M3FN> -> tensor<1x8x5x64xf16>
  %kw = gqa.dequantize %k : tensor<1x2x9x64xf8E4M3FN> -> tensor<1x2x9x64xf16>
  %o = gqa.attention %qw, %kw, %kw : (tensor<1x8x5x64xf16>, tensor<1x2x9x64xf16>, tensor<1x2x9x64xf16>) -> tensor<1x8x5x64xf16>
  return %o : tensor<1x8x5x64xf16>
}

// NARROW-LABEL: @no_narrow_queries_by_head
// NARROW: linalg.generic
// NARROW-NOT: gqa.dequantize %arg0
// NARROW: gqa.attention
func.func @no_narrow_queries_by_head(%q: tensor<1x8x5x64xf8E4M3FN>, %k: tensor<1x2x9x64xf8E4M3FN>, %s: tensor<8x1x1xf32>)
    -> tensor<1x8x5x64xf16> {
  %qw = gqa.dequantize %q scale(%s : tensor<8x1x1xf32>) : tensor<1x8x5x64xf8E4M3FN> -> tensor<1x8x5x64xf16>
  %kw = gqa.dequantize %k : tensor<1x2x9x64xf8E4M3FN> -> tensor<1x2x9x64xf16>
  %o = gqa.attention %qw, %kw, %kw : (tensor<1x8x5x64xf16>, tensor<1x2x9x64xf16>, tensor<1x2x9x64xf16>) -> tensor<1x8x5x64xf16>
  return %o : tensor<1x8x5x64xf16>
}

// NARROW-LABEL: @no_narrow_queries_of_integers
// NARROW-NOT: gqa.dequantize %arg0
// NARROW: gqa.attention
func.func @no_narrow_queries_of_integers(%q: tensor<1x8x5x64xi8>, %k: tensor<1x2x9x64xi8>) -> tensor<1x8x5x64xf16> {
  %qw = gqa.dequantize %q : tensor<1x8x5x64xi8> -> tensor<1x8x5x64xf16>
  %kw = gqa.dequantize %k : tensor<1x2x9x64xi8> -> tensor<1x2x9x64xf16>
  %o = gqa.attention %qw, %kw, %kw : (tensor<1x8x5x64xf16>, tensor<1x2x9x64xf16>, tensor<1x2x9x64xf16>) -> tensor<1x8x5x64xf16>
  return %o : tensor<1x8x5x64xf16>
}

// The argument of a block is none of the function's, of which there may be fewer.
// CHECK-LABEL: @blocks
// CHECK: gqa.attention
func.func @blocks(%c: tensor<1x2x9x64xf32> {gqa.donated_to = 0}, %new: tensor<1x2x1x64xf32>, %at: tensor<1xi64>)
    -> (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>) {
  cf.br ^step(%new, %new, %new, %c : tensor<1x2x1x64xf32>, tensor<1x2x1x64xf32>, tensor<1x2x1x64xf32>, tensor<1x2x9x64xf32>)
^step(%q: tensor<1x2x1x64xf32>, %0: tensor<1x2x1x64xf32>, %1: tensor<1x2x1x64xf32>, %own: tensor<1x2x9x64xf32>):
  // expected-remark @below {{the tokens are written into the cache, which is copied as arguments stay}}
  %k = gqa.append_kv %own, %new at %at : (tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>, tensor<1xi64>) -> tensor<1x2x9x64xf32>
  %o = gqa.attention %q, %k, %k : (tensor<1x2x1x64xf32>, tensor<1x2x9x64xf32>, tensor<1x2x9x64xf32>) -> tensor<1x2x1x64xf32>
  return %k, %o : tensor<1x2x9x64xf32>, tensor<1x2x1x64xf32>
}
