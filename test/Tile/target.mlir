// Vectors of the target decide the form of a tile and its padding.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v4 | FileCheck %s --check-prefix=V4
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v2 | FileCheck %s --check-prefix=V2
// RUN: not gqa-opt %s --gqa-tile=target=cpu:nonsense 2>&1 | FileCheck %s --check-prefix=NONSENSE
// RUN: not gqa-opt %s --gqa-tile=target=cuda:sm_70 2>&1 | FileCheck %s --check-prefix=CUDA

// NONSENSE: error: target 'cpu:nonsense' is not a processor that LLVM knows; try cpu, cpu:x86-64-v3 or cpu:znver4
// CUDA: error: target 'cuda:sm_70' is unknown; expected cuda, or cuda:sm_NN with NN one of 80, 86, 87, 89, 90, 90a, 100 or 120

// Twelve rows: fewer than two vectors of 16 or 8 lanes, three of 4. A head of 20 is padded to whole vectors.
// V4: tile.scratch : memref<12x32xf32>
// V4: tile.qk
// V4-NOT: transposed
// V4: tile.softmax_step
// V3: tile.scratch : memref<12x24xf32>
// V3: tile.qk
// V3-NOT: transposed
// V3: tile.softmax_step
// V2: tile.scratch : memref<20x12xf32>
// V2: tile.qk {{.*}} transposed
func.func @main(%q: tensor<64x12x1x20xf32>, %k: tensor<64x1x64x20xf32>) -> tensor<64x12x1x20xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<64x12x1x20xf32>, tensor<64x1x64x20xf32>, tensor<64x1x64x20xf32>) -> tensor<64x12x1x20xf32>
  return %o : tensor<64x12x1x20xf32>
}
