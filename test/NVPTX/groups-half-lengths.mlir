// Half tiles where sizes are known in the call alone: the host chooses them for rows that fill no more than one, and where each has a
// multiprocessor and blocks of keys are few. What the compiler knows decides at once.
// RUN: gqa-opt %s --gqa-tile=target=cuda:sm_90a --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[TILES:.*]] = arith.ceildivsi %[[QUERIES:dim[_0-9]*]], %c16
// CHECK: tile.device.chip
// CHECK: %[[BLOCKS:.*]] = arith.ceildivsi %{{.*}}, %c128
// CHECK: %[[SHORT:.*]] = arith.cmpi sle, %[[BLOCKS]], %c8
// CHECK: %[[PROCESSORS:.*]] = tile.device.processors
// CHECK: %[[ALONE:.*]] = arith.cmpi sle, %{{.*}}, %[[PROCESSORS]]
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %[[QUERIES]], %c16
// CHECK: %[[BOTH:.*]] = arith.andi %[[ALONE]], %[[SHORT]]
// CHECK: %[[EITHER:.*]] = arith.ori %[[FEW]], %[[BOTH]]
// CHECK: %[[HALF:.*]] = arith.andi %{{.*}}, %[[EITHER]]
// CHECK: scf.if %[[HALF]] {
// CHECK: tile.kernel warps = 8 grid
// CHECK: tile.group.roles consumers = 1
// CHECK: } else {
// CHECK: tile.kernel warps = 12 grid
// CHECK: tile.group.roles consumers = 2
func.func @main(%q: tensor<64x8x?x128xbf16>, %k: tensor<64x2x?x128xbf16>) -> tensor<64x8x?x128xbf16> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only} : (tensor<64x8x?x128xbf16>, tensor<64x2x?x128xbf16>, tensor<64x2x?x128xbf16>) -> tensor<64x8x?x128xbf16>
  return %o : tensor<64x8x?x128xbf16>
}

// Of so many keys, that rows are few is left to ask.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK-NOT: tile.device.processors
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %dim{{[_0-9]*}}, %c16
// CHECK: %[[HALF:.*]] = arith.andi %{{.*}}, %[[FEW]]
// CHECK: scf.if %[[HALF]] {
// CHECK: tile.kernel warps = 8 grid
// CHECK: tile.group.roles consumers = 1
// CHECK: tile.group.roles consumers = 2
func.func @long(%q: tensor<64x8x?x128xbf16>, %k: tensor<64x2x4096x128xbf16>) -> tensor<64x8x?x128xbf16> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only} : (tensor<64x8x?x128xbf16>, tensor<64x2x4096x128xbf16>, tensor<64x2x4096x128xbf16>) -> tensor<64x8x?x128xbf16>
  return %o : tensor<64x8x?x128xbf16>
}

// More rows than half tiles on 132 multiprocessors have, whatever the keys' number.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK-NOT: tile.group.roles consumers = 1
// CHECK: tile.group.roles consumers = 2
func.func @no_half_more(%q: tensor<64x8x18x128xbf16>, %k: tensor<64x2x?x128xbf16>) -> tensor<64x8x18x128xbf16> {
  %o = gqa.attention %q, %k, %k : (tensor<64x8x18x128xbf16>, tensor<64x2x?x128xbf16>, tensor<64x2x?x128xbf16>) -> tensor<64x8x18x128xbf16>
  return %o : tensor<64x8x18x128xbf16>
}

// CHECK-LABEL: func private @gqa_attention_3
// CHECK-NOT: tile.group.roles consumers = 1
// CHECK: tile.group.roles consumers = 2
func.func @no_half_asked(%q: tensor<64x8x?x128xbf16>, %k: tensor<64x2x?x128xbf16>) -> tensor<64x8x?x128xbf16> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only, gqa.no_half_tiles} : (tensor<64x8x?x128xbf16>, tensor<64x2x?x128xbf16>, tensor<64x2x?x128xbf16>) -> tensor<64x8x?x128xbf16>
  return %o : tensor<64x8x?x128xbf16>
}

// A box of queries has a head at least.
// CHECK-LABEL: func private @gqa_attention_4
// CHECK-NOT: tile.group.roles
func.func @no_heads(%q: tensor<64x0x?x128xbf16>, %k: tensor<64x2x?x128xbf16>) -> tensor<64x0x?x128xbf16> {
  %o = gqa.attention %q, %k, %k : (tensor<64x0x?x128xbf16>, tensor<64x2x?x128xbf16>, tensor<64x2x?x128xbf16>) -> tensor<64x0x?x128xbf16>
  return %o : tensor<64x0x?x128xbf16>
}
