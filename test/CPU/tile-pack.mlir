// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// A source that may already be what the products read is used where it is, which only the call knows.
// CHECK-LABEL: func @keys
// CHECK: scf.if %{{.*}} -> (memref<?x64xf32, strided<[?, 1], offset: ?>>)
func.func @keys(%x: memref<?x64xf32, strided<[?, ?], offset: ?>>, %room: memref<64x64xf32>)
    -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<64x64xf32>
    -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}

// Keys that become wider are always copied.
// CHECK-LABEL: func @widened
// CHECK-NOT: -> (memref
// CHECK: arith.extf %{{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK: return
func.func @widened(%x: memref<?x64xbf16, strided<[?, ?], offset: ?>>, %room: memref<64x64xf32>)
    -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room : memref<?x64xbf16, strided<[?, ?], offset: ?>>, memref<64x64xf32>
    -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}

// So are rows that need zeros behind them.
// CHECK-LABEL: func @padded
// CHECK: %[[ZERO:.*]] = arith.constant 0.0
// CHECK-NOT: -> (memref
// CHECK: memref.store %[[ZERO]], %arg1
// CHECK: return
func.func @padded(%x: memref<?x20xf32, strided<[?, ?], offset: ?>>, %room: memref<64x24xf32>)
    -> memref<?x24xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room : memref<?x20xf32, strided<[?, ?], offset: ?>>, memref<64x24xf32>
    -> memref<?x24xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x24xf32, strided<[?, 1], offset: ?>>
}

// Rows of a cache and what comes behind it: in place where one of the two has none, else one after the other by one piece
// of code.
// CHECK-LABEL: func @two_buffers
// CHECK-SAME: %[[X:.*]]: memref<?x64xf32, {{.*}}>, %[[Y:.*]]: memref<?x64xf32, {{.*}}>, %{{.*}}: memref<64x64xf32>
// CHECK: %[[M:.*]] = memref.dim %[[X]]
// CHECK: %[[N:.*]] = memref.dim %[[Y]]
// CHECK: %[[ALL:.*]] = arith.addi %[[M]], %[[N]]
// CHECK: %[[NO_REST:.*]] = arith.cmpi eq, %[[M]], %[[ALL]]
// CHECK: %[[ONLY_REST:.*]] = arith.cmpi eq, %[[M]], %c0
// CHECK: arith.ori %[[NO_REST]], %[[ONLY_REST]]
// CHECK: arith.select %[[ONLY_REST]], %[[Y]], %[[X]]
// CHECK: scf.if %{{.*}} -> (memref<?x64xf32, strided<[?, 1], offset: ?>>)
// CHECK: } else {
// CHECK: scf.for %[[PART:.*]] = %c0 to %c2
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[PART]], %c0
// CHECK: arith.select %[[FIRST]], %[[X]], %[[Y]]
// CHECK: arith.select %[[FIRST]], %c0, %[[M]]
func.func @two_buffers(%x: memref<?x64xf32, strided<[?, ?], offset: ?>>, %y: memref<?x64xf32, strided<[?, ?], offset: ?>>,
                       %room: memref<64x64xf32>) -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room then(%y : memref<?x64xf32, strided<[?, ?], offset: ?>>)
    : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<64x64xf32> -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}

// Query n of head g becomes row 3 g + n, or column; what is no query is zero.
// CHECK-LABEL: func @queries
// CHECK: vector.store %cst{{.*}}, %arg1
// CHECK: scf.for %[[G:.*]] = %c0 to %c2
// CHECK: %[[FIRST:.*]] = arith.muli %[[G]], %c3
// CHECK: %[[ROW:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: vector.store %{{.*}}, %arg1[%[[ROW]], %{{.*}}]
// CHECK: memref.store %{{.*}}, %arg1[%[[ROW]], %{{.*}}]
func.func @queries(%q: memref<2x3x20xf16>, %room: memref<6x24xf32>) {
  %n = arith.constant 3 : index
  %t = tile.pack %q into %room queries(%n) : memref<2x3x20xf16>, memref<6x24xf32> -> memref<6x24xf32>
  return
}

// Vectors where elements turn out to be next to each other: the even bf16 of 16, then the odd ones; else one by one.
// CHECK-LABEL: func @pairs
// CHECK: %[[NEXT:.*]] = arith.cmpi eq, %{{.*}}#2, %c1
// CHECK: scf.if %[[NEXT]] {
// CHECK: scf.for %[[D:.*]] = %c0 to %c32 step %c16
// CHECK-DAG: %[[EVEN:.*]] = arith.shli
// CHECK-DAG: %[[ODD:.*]] = arith.andi
// CHECK: vector.store %{{.*}}, %arg1[%[[ROW:.*]], %[[D]]]
// CHECK: %[[BEHIND:.*]] = arith.addi %[[D]], %c8
// CHECK: vector.store %{{.*}}, %arg1[%[[ROW]], %[[BEHIND]]]
// CHECK: } else {
// CHECK-NOT: vector.load
// CHECK: memref.store
func.func @pairs(%q: memref<4x1x32xbf16, strided<[?, ?, ?], offset: ?>>, %room: memref<4x32xf32>) {
  %n = arith.constant 1 : index
  %t = tile.pack %q into %room queries(%n) paired = 8
    : memref<4x1x32xbf16, strided<[?, ?, ?], offset: ?>>, memref<4x32xf32> -> memref<4x32xf32>
  return
}

// CHECK-LABEL: func @transposed
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c3
// CHECK: %[[COLUMN:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: memref.store %{{.*}}, %arg1[%{{.*}}, %[[COLUMN]]]
func.func @transposed(%q: memref<2x3x20xf16>, %room: memref<24x8xf32>) {
  %n = arith.constant 3 : index
  %t = tile.pack %q into %room queries(%n) transposed : memref<2x3x20xf16>, memref<24x8xf32> -> memref<24x8xf32>
  return
}

// A narrow cache becomes wide in vectors where its rows are contiguous: minus the zero of its channel, times the scale of
// its row.
// CHECK-LABEL: func @narrow
// CHECK: %[[S:.*]] = memref.load %arg1[%{{.*}}, %c0]
// CHECK: arith.uitofp %{{.*}} : vector<8xi8> to vector<8xf32>
// CHECK: arith.subf %{{.*}} : vector<8xf32>
// CHECK: arith.mulf %{{.*}} : vector<8xf32>
func.func @narrow(%x: memref<?x64xi8, strided<[?, ?], offset: ?>>, %s: memref<?x1xf32, strided<[?, ?], offset: ?>>,
    %z: memref<?x64xf32, strided<[?, ?], offset: ?>>, %room: memref<64x64xf32>) -> memref<?x64xf32, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room scale(%s : memref<?x1xf32, strided<[?, ?], offset: ?>>)
    zero(%z : memref<?x64xf32, strided<[?, ?], offset: ?>>) unsigned
    : memref<?x64xi8, strided<[?, ?], offset: ?>>, memref<64x64xf32> -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xf32, strided<[?, 1], offset: ?>>
}

// Four rows whose lanes change places: first the odd ones with those of the next row, then those with bit 1 of the row
// after that. The ninth row stays.
// CHECK-LABEL: func @crossed
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c8 step %c4
// CHECK: scf.for %[[D:.*]] = %c0 to %c16 step %c8
// CHECK: %[[V0:.*]] = vector.load %arg1[%[[ROW]], %[[D]]]
// CHECK: %[[V1:.*]] = vector.load %arg1
// CHECK: %[[E:.*]] = vector.shuffle %[[V0]], %[[V1]] [0, 9, 2, 11, 4, 13, 6, 15]
// CHECK: vector.shuffle %[[V1]], %[[V0]] [0, 9, 2, 11, 4, 13, 6, 15]
// CHECK: %[[W0:.*]] = vector.shuffle %[[E]], %{{.*}} [0, 1, 10, 11, 4, 5, 14, 15]
// CHECK: vector.store %[[W0]], %arg1[%[[ROW]], %[[D]]]
func.func @crossed(%q: memref<9x1x16xf32>, %room: memref<9x16xf32>) {
  %n = arith.constant 1 : index
  %t = tile.pack %q into %room queries(%n) crossed : memref<9x1x16xf32>, memref<9x16xf32> -> memref<9x16xf32>
  return
}
