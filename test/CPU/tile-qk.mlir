// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v4 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V4
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V3
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v2 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,V2

// Lanes along the head dimension, added across lanes in the end. A last block that is not full reads its last key again.
// CHECK-LABEL: func @few_rows
// CHECK: %[[KEYS:.*]] = memref.dim %arg1
// CHECK: %[[LAST:.*]] = arith.subi %[[KEYS]], %c1
// CHECK: arith.minsi %{{.*}}, %[[LAST]]
// V4: vector.fma {{.*}} : vector<16xf32>
// V3: vector.fma {{.*}} : vector<8xf32>
// A fused multiplication would be a call of the C library.
// V2-NOT: fma
// V2: arith.mulf {{.*}} : vector<4xf32>
// V2: arith.addf {{.*}} : vector<4xf32>
// CHECK: %[[SCORES:.*]] = memref.reinterpret_cast %arg2 to offset: [0], sizes: [192], strides: [1]
// CHECK: vector.shuffle
// CHECK: vector.store %{{.*}}, %[[SCORES]]
func.func @few_rows(%q: memref<4x32xf32>, %k: memref<?x32xf32>, %s: memref<48x4xf32>) {
  tile.qk %q, %k, %s : memref<4x32xf32>, memref<?x32xf32>, memref<48x4xf32>
  return
}

// Four rows and 3 keys are 12 sums of AVX2. Of the fifth there are only 3, which are kept four times.
// CHECK-LABEL: func @rest_of_rows
// V3: %{{.*}}:12 = scf.for
// V3: %{{.*}}:12 = scf.for
// V3-COUNT-9: arith.addf
// V3: vector.shuffle
// CHECK: return
func.func @rest_of_rows(%q: memref<5x64xf32>, %k: memref<?x64xf32>, %s: memref<48x8xf32>) {
  tile.qk %q, %k, %s : memref<5x64xf32>, memref<?x64xf32>, memref<48x8xf32>
  return
}

// Keys in half precision are widened on the way.
// CHECK-LABEL: func @half
// V4: arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
// V3: arith.extf {{.*}} : vector<8xf16> to vector<8xf32>
func.func @half(%q: memref<4x32xf32>, %k: memref<?x32xf16>, %s: memref<48x4xf32>) {
  tile.qk %q, %k, %s : memref<4x32xf32>, memref<?x32xf16>, memref<48x4xf32>
  return
}

// Vectors of rows times single numbers of keys: nothing is added across lanes.
// CHECK-LABEL: func @many_rows
// CHECK-NOT: vector.shuffle
// CHECK-NOT: vector.reduction
// CHECK: scf.for {{.*}} iter_args(
// V4: vector.load %arg0{{.*}}, vector<16xf32>
// V3: vector.load %arg0{{.*}}, vector<8xf32>
// V2: vector.load %arg0{{.*}}, vector<4xf32>
// CHECK: %[[NUMBER:.*]] = memref.load %arg1
// CHECK: vector.broadcast %[[NUMBER]] : f32
// V4: vector.fma
// V3: vector.fma
// V2: arith.mulf
// CHECK: vector.store %{{.*}}, %arg2
// CHECK: return
func.func @many_rows(%q: memref<64x48xf32>, %k: memref<?x64xf32>, %s: memref<96x48xf32>) {
  tile.qk %q, %k, %s transposed : memref<64x48xf32>, memref<?x64xf32>, memref<96x48xf32>
  return
}

// On the diagonal two vectors of queries see the keys up to the second one's last, and rows that do not count are left out.
// CHECK-LABEL: func @diagonal
// V3: %[[VECTORS:.*]] = arith.ceildivsi %arg3, %c8
// V3: %[[PAIRS:.*]] = arith.minsi %{{.*}}, %c6
// V3: scf.for %[[VECTOR:.*]] = %c0 to %[[PAIRS]] step %c2
// V3: %[[ROW:.*]] = arith.muli %[[VECTOR]], %c8
// V3: %[[QUERY:.*]] = arith.addi %[[ROW]], %c15
// V3: %[[BEHIND:.*]] = arith.addi %arg4, %c1
// V3: %[[COUNT:.*]] = arith.addi %[[QUERY]], %[[BEHIND]]
// V3: %[[SEEN:.*]] = arith.minsi %{{.*}}, %{{.*}}
// V3: scf.for %{{.*}} = %c0 to %[[SEEN]] step %c6
// CHECK: return
func.func @diagonal(%q: memref<64x48xf32>, %k: memref<?x64xf32>, %s: memref<96x48xf32>, %rows: index, %last: index) {
  %n = arith.constant 48 : index
  tile.qk %q, %k, %s transposed rows(%rows) diagonal(%n, %last) : memref<64x48xf32>, memref<?x64xf32>, memref<96x48xf32>
  return
}

// Four heads of twelve: the last query of a block of rows is one of the head that ends in it.
// CHECK-LABEL: func @diagonal_of_heads
// V3: %[[FIRST:.*]] = arith.remsi %{{.*}}, %c12
// V3: %[[QUERY:.*]] = arith.addi %[[FIRST]], %c15
// V3: arith.minsi %[[QUERY]], %c11
// CHECK: return
func.func @diagonal_of_heads(%q: memref<64x48xf32>, %k: memref<?x64xf32>, %s: memref<96x48xf32>, %last: index) {
  %n = arith.constant 12 : index
  tile.qk %q, %k, %s transposed diagonal(%n, %last) : memref<64x48xf32>, memref<?x64xf32>, memref<96x48xf32>
  return
}

// What is needed next is fetched along the way, a line of each buffer in turn.
// CHECK-LABEL: func @prefetch
// CHECK-DAG: %[[V:.*]] = memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [%{{.*}}, 64], strides: [%{{.*}}, 1]
// CHECK: scf.for
// CHECK: memref.prefetch %[[A:.*]][%{{.*}}], read, locality<2>, data
// CHECK-NEXT: memref.prefetch %[[A]][%{{.*}}], read, locality<3>, data
// CHECK: memref.prefetch %[[B:.*]][%{{.*}}], read, locality<2>, data
// CHECK-NEXT: memref.prefetch %[[B]][%{{.*}}], read, locality<3>, data
// CHECK: vector.load %arg1
func.func @prefetch(%q: memref<4x64xf32>, %k: memref<32x64xf32>, %s: memref<48x4xf32>,
                    %v: memref<?x64xf32, strided<[?, ?], offset: ?>>, %next: memref<?x64xf32, strided<[?, ?], offset: ?>>) {
  tile.qk %q, %k, %s
    prefetch(%v, %next : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<?x64xf32, strided<[?, ?], offset: ?>>)
    : memref<4x64xf32>, memref<32x64xf32>, memref<48x4xf32>
  return
}

// CHECK-LABEL: func @f64
// V4: vector.fma {{.*}} : vector<8xf64>
// V3: vector.fma {{.*}} : vector<4xf64>
// V2: arith.mulf {{.*}} : vector<2xf64>
func.func @f64(%q: memref<4x16xf64>, %k: memref<?x16xf64>, %s: memref<48x4xf64>) {
  tile.qk %q, %k, %s : memref<4x16xf64>, memref<?x16xf64>, memref<48x4xf64>
  return
}

// Pairs: the even bf16 of a word by a shift, the odd ones by clearing the lower half; no conversion.
// CHECK-LABEL: func @paired
// CHECK-NOT: arith.extf
// V4-DAG: arith.shli {{.*}} : vector<16xi32>
// V4-DAG: arith.andi {{.*}} : vector<16xi32>
// CHECK: return
func.func @paired(%q: memref<4x32xf32>, %k: memref<?x32xbf16>, %s: memref<48x4xf32>) {
  tile.qk %q, %k, %s paired = 16 : memref<4x32xf32>, memref<?x32xbf16>, memref<48x4xf32>
  return
}

// Crossed: of each key's four accumulators neighbours change places, then pairs, and the halves of two keys are added. The
// fifth row is summed across the lanes of a vector of its own.
// CHECK-LABEL: func @crossed
// V3: %[[ODD:.*]] = vector.shuffle %[[A1:.*]], %[[A1]] [1, 0, 3, 2, 5, 4, 7, 6]
// V3: arith.addf %{{.*}}, %[[ODD]]
// V3: vector.shuffle %[[B:.*]], %[[B]] [2, 3, 0, 1, 6, 7, 4, 5]
// V3: %[[STAY:.*]] = vector.shuffle %[[K0:.*]], %[[K1:.*]] [0, 1, 2, 3, 12, 13, 14, 15]
// V3: %[[MOVE:.*]] = vector.shuffle %[[K0]], %[[K1]] [4, 5, 6, 7, 8, 9, 10, 11]
// V3: arith.addf %[[STAY]], %[[MOVE]]
func.func @crossed(%q: memref<5x32xf32>, %k: memref<?x32xf32>, %s: memref<24x8xf32>) {
  tile.qk %q, %k, %s crossed : memref<5x32xf32>, memref<?x32xf32>, memref<24x8xf32>
  return
}
