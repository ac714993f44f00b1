// A row times the matrix of its group: runs of rows and the matrix where it is, or, for a kernel to find these, a sum that takes its
// matrix; of f32 all matrices and a selection.
// RUN: gqa-opt %s --gqa-multiply-groups --canonicalize --split-input-file | FileCheck %s --check-prefixes=CHECK,RUNS
// RUN: gqa-opt %s --gqa-multiply-groups=on-device --canonicalize --split-input-file 2>%t.remarks | FileCheck %s --check-prefixes=CHECK,DEVICE
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>

// What is asserted of a group comes along; that a slice is inside of the matrices is asserted behind this pass.
// REMARK: remark: multiplies each of 24 rows by all 4 matrices, of which it needs one: elements of type 'f32', expected f16 or bf16
// REMARK-NOT: remark
// CHECK-LABEL: @rows
// CHECK-SAME: %[[X:.*]]: tensor<24x1x16xf32>, %[[W:.*]]: tensor<4x16x32xf32>, %[[G:.*]]: tensor<24xi64>
// RUNS: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
// RUNS: scf.while (%{{.*}} = %c0, %[[TO:.*]] = %
// RUNS: } do {
// RUNS: ^bb0(%[[FIRST:.*]]: index, %[[OUT:.*]]: tensor<24x32xf32>):
// RUNS: %[[NUMBER:.*]] = tensor.extract %[[G]][%[[FIRST]]]
// RUNS: %[[END:.*]] = scf.while
// RUNS: arith.cmpi eq, %{{.*}}, %[[NUMBER]] : i64
// RUNS: %[[COUNT:.*]] = arith.subi %[[END]], %[[FIRST]]
// RUNS: cf.assert
// RUNS: %[[M:.*]] = tensor.extract_slice %[[W]][%{{.*}}, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<4x16x32xf32> to tensor<16x32xf32>
// RUNS: %[[PART:.*]] = tensor.extract_slice %[[ROWS]][%[[FIRST]], 0] [%[[COUNT]], 16]
// RUNS: linalg.matmul ins(%[[PART]], %[[M]] : tensor<?x16xf32>, tensor<16x32xf32>)
// RUNS: tensor.insert_slice
// RUNS-NOT: linalg.generic
// DEVICE: linalg.broadcast {{.*}} outs(%{{.*}} : tensor<4x24x16xf32>) dimensions = [0]
// DEVICE: %[[PRODUCTS:.*]] = linalg.batch_matmul {{.*}}tensor<4x24x16xf32>, tensor<4x16x32xf32>
// DEVICE: linalg.generic {{.*}} ins(%[[G]] : tensor<24xi64>)
// DEVICE: cf.assert
// DEVICE: tensor.extract %[[PRODUCTS]]
// CHECK: return
func.func @rows(%x: tensor<24x1x16xf32>, %w: tensor<4x16x32xf32>, %g: tensor<24xi64>) -> tensor<24x1x32xf32> {
  %zero = arith.constant 0.0 : f32
  %c4 = arith.constant 4 : index
  %e = tensor.empty() : tensor<24x16x32xf32>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<24xi64>) outs(%e : tensor<24x16x32xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %inside = arith.cmpi slt, %i, %c4 : index
    cf.assert %inside, "there is no such group"
    %m = tensor.extract %w[%i, %k, %n] : tensor<4x16x32xf32>
    linalg.yield %m : f32
  } -> tensor<24x16x32xf32>
  %o = tensor.empty() : tensor<24x1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<24x1x32xf32>) -> tensor<24x1x32xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<24x1x16xf32>, tensor<24x16x32xf32>) outs(%f : tensor<24x1x32xf32>) -> tensor<24x1x32xf32>
  return %y : tensor<24x1x32xf32>
}

// -----

#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>

// How many rows there are is known when it runs.
// REMARK: remark: multiplies each of its rows by all 4 matrices
// CHECK-LABEL: @dynamic_rows
// RUNS: tensor.dim %arg0, %c0
// RUNS: scf.while (%[[AT:.*]] = %c0,
// RUNS-NEXT: arith.cmpi slt, %[[AT]], %[[R:.*]] : index
// RUNS: %[[LAST:.*]] = arith.subi %[[R]], %c1
// RUNS: arith.cmpi sle, %{{.*}}, %[[LAST]]
// RUNS: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<?x16xf32>, tensor<16x32xf32>)
// RUNS-NOT: linalg.generic
// DEVICE: linalg.broadcast {{.*}} outs(%{{.*}} : tensor<4x?x16xf32>) dimensions = [0]
// DEVICE: linalg.batch_matmul {{.*}}tensor<4x?x16xf32>, tensor<4x16x32xf32>
// CHECK: return
func.func @dynamic_rows(%x: tensor<?x1x16xf32>, %w: tensor<4x16x32xf32>, %g: tensor<?xi64>) -> tensor<?x1x32xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %r = tensor.dim %x, %c0 : tensor<?x1x16xf32>
  %e = tensor.empty(%r) : tensor<?x16x32xf32>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<?xi64>) outs(%e : tensor<?x16x32xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<4x16x32xf32>
    linalg.yield %m : f32
  } -> tensor<?x16x32xf32>
  %o = tensor.empty(%r) : tensor<?x1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<?x1x32xf32>) -> tensor<?x1x32xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<?x1x16xf32>, tensor<?x16x32xf32>) outs(%f : tensor<?x1x32xf32>) -> tensor<?x1x32xf32>
  return %y : tensor<?x1x32xf32>
}

// -----

#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>

// Matrices that are stored transposed are read so.
// (The transposition has no user any more.)
// CHECK-LABEL: @transposed
// RUNS-NOT: linalg.transpose
// RUNS: tensor.extract_slice %arg1[%{{.*}}, 0, 0] [1, 32, 16] [1, 1, 1] : tensor<4x32x16xbf16> to tensor<32x16xbf16>
// RUNS: linalg.matmul indexing_maps = [{{.*}}] ins(%{{.*}} : tensor<?x16xbf16>, tensor<32x16xbf16>)
// DEVICE: %[[ROWS:.*]] = tensor.collapse_shape %arg0
// DEVICE: linalg.generic {indexing_maps = [#[[X:.*]], #{{.*}}, #{{.*}}], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[ROWS]], %arg2
// DEVICE: ^bb0(%[[LEFT:.*]]: bf16, %[[NUMBER:.*]]: i64, %[[SUM:.*]]: f32):
// DEVICE: %[[G:.*]] = arith.index_cast %[[NUMBER]]
// DEVICE: %[[N:.*]] = linalg.index 1
// DEVICE: %[[K:.*]] = linalg.index 2
// DEVICE: tensor.extract %arg1[%[[G]], %[[N]], %[[K]]] : tensor<4x32x16xbf16>
// DEVICE: arith.addf %[[SUM]]
// CHECK: return
func.func @transposed(%x: tensor<6x1x16xbf16>, %stored: tensor<4x32x16xbf16>, %g: tensor<6xi64>) -> tensor<6x1x32xbf16> {
  %zero = arith.constant 0.0 : f32
  %t = tensor.empty() : tensor<4x16x32xbf16>
  %w = linalg.transpose ins(%stored : tensor<4x32x16xbf16>) outs(%t : tensor<4x16x32xbf16>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<6x16x32xbf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<6xi64>) outs(%e : tensor<6x16x32xbf16>) {
  ^bb0(%in: i64, %out: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<4x16x32xbf16>
    linalg.yield %m : bf16
  } -> tensor<6x16x32xbf16>
  %o = tensor.empty() : tensor<6x1x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<6x1x32xf32>) -> tensor<6x1x32xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<6x1x16xbf16>, tensor<6x16x32xbf16>) outs(%f : tensor<6x1x32xf32>) -> tensor<6x1x32xf32>
  %oo = tensor.empty() : tensor<6x1x32xbf16>
  %r = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y : tensor<6x1x32xf32>) outs(%oo : tensor<6x1x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<6x1x32xbf16>
  return %r : tensor<6x1x32xbf16>
}

// -----

#row = affine_map<(r, k, n) -> (r)>
#column = affine_map<(r, k, n) -> (k)>
#each = affine_map<(r, k, n) -> (r, k, n)>

// Two rows of each matrix (and no more rows than matrices, of which copies stay without loops); a number for each of a matrix's rows; a matrix of which every other row is taken.
// CHECK-LABEL: @negative
// CHECK-COUNT-3: linalg.batch_matmul {{.*}}tensor<24x16x16xf32>
// CHECK: return
func.func @negative(%x: tensor<24x2x16xf32>, %z: tensor<24x1x16xf32>, %w: tensor<24x16x16xf32>, %g: tensor<24xi64>, %h: tensor<16xi64>,
                    %f: tensor<24x2x16xf32>, %o: tensor<24x1x16xf32>) -> (tensor<24x2x16xf32>, tensor<24x1x16xf32>, tensor<24x1x16xf32>) {
  %c2 = arith.constant 2 : index
  %e = tensor.empty() : tensor<24x16x16xf32>
  %s0 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<24xi64>) outs(%e : tensor<24x16x16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<24x16x16xf32>
    linalg.yield %m : f32
  } -> tensor<24x16x16xf32>
  %0 = linalg.batch_matmul ins(%x, %s0 : tensor<24x2x16xf32>, tensor<24x16x16xf32>) outs(%f : tensor<24x2x16xf32>) -> tensor<24x2x16xf32>
  %s1 = linalg.generic {indexing_maps = [#column, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h : tensor<16xi64>) outs(%e : tensor<24x16x16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<24x16x16xf32>
    linalg.yield %m : f32
  } -> tensor<24x16x16xf32>
  %1 = linalg.batch_matmul ins(%z, %s1 : tensor<24x1x16xf32>, tensor<24x16x16xf32>) outs(%o : tensor<24x1x16xf32>) -> tensor<24x1x16xf32>
  %s2 = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g : tensor<24xi64>) outs(%e : tensor<24x16x16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %j = arith.divui %k, %c2 : index
    %m = tensor.extract %w[%i, %j, %n] : tensor<24x16x16xf32>
    linalg.yield %m : f32
  } -> tensor<24x16x16xf32>
  %2 = linalg.batch_matmul ins(%z, %s2 : tensor<24x1x16xf32>, tensor<24x16x16xf32>) outs(%o : tensor<24x1x16xf32>) -> tensor<24x1x16xf32>
  return %0, %1, %2 : tensor<24x2x16xf32>, tensor<24x1x16xf32>, tensor<24x1x16xf32>
}
