// What loops carry.

#each = affine_map<(i, j) -> (i, j)>

// A scan over the layers of a model: hidden values, and a cache that each layer writes a row of.
func.func @main(%x: tensor<4x64xf32>, %weights: tensor<3x64x64xf32>, %cache: tensor<3x4x64xf32>) -> (tensor<4x64xf32>, tensor<3x4x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<4x64xf32>
  %0:2 = scf.for %layer = %c0 to %c3 step %c1 iter_args(%h = %x, %seen = %cache) -> (tensor<4x64xf32>, tensor<3x4x64xf32>) {
    %w = tensor.extract_slice %weights[%layer, 0, 0] [1, 64, 64] [1, 1, 1] : tensor<3x64x64xf32> to tensor<64x64xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<4x64xf32>) -> tensor<4x64xf32>
    %y = linalg.matmul ins(%h, %w : tensor<4x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<4x64xf32>) -> tensor<4x64xf32>
    %t = math.tanh %y : tensor<4x64xf32>
    %next = arith.addf %t, %h : tensor<4x64xf32>
    %new = tensor.insert_slice %y into %seen[%layer, 0, 0] [1, 4, 64] [1, 1, 1] : tensor<4x64xf32> into tensor<3x4x64xf32>
    scf.yield %next, %new : tensor<4x64xf32>, tensor<3x4x64xf32>
  }
  return %0#0, %0#1 : tensor<4x64xf32>, tensor<3x4x64xf32>
}

// Tokens one after the other: each reads all in front of it, and is written behind them.
func.func @generate(%first: tensor<1x4x1x16xf16>, %keys: tensor<1x2x8x16xf16>, %values: tensor<1x2x8x16xf16>, %steps: tensor<i64>)
    -> (tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>) {
  %one = arith.constant 1 : i64
  %seven = arith.constant 7 : i64
  %four = arith.constant 4 : i64
  %zero = arith.constant 0 : i64
  %given = tensor.extract %steps[] : tensor<i64>
  %low = arith.andi %given, %seven : i64
  %most = arith.ori %low, %four : i64
  %0:4 = scf.while (%at = %zero, %q = %first, %k = %keys, %v = %values)
      : (i64, tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>, tensor<1x2x8x16xf16>) -> (i64, tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>, tensor<1x2x8x16xf16>) {
    %goes = arith.cmpi slt, %at, %most : i64
    scf.condition(%goes) %at, %q, %k, %v : i64, tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>, tensor<1x2x8x16xf16>
  } do {
  ^bb0(%at: i64, %q: tensor<1x4x1x16xf16>, %k: tensor<1x2x8x16xf16>, %v: tensor<1x2x8x16xf16>):
    %p = arith.index_cast %at : i64 to index
    %fresh = tensor.extract_slice %q[0, 0, 0, 0] [1, 2, 1, 16] [1, 1, 1, 1] : tensor<1x4x1x16xf16> to tensor<1x2x1x16xf16>
    %turned = arith.negf %fresh : tensor<1x2x1x16xf16>
    %k2 = tensor.insert_slice %turned into %k[0, 0, %p, 0] [1, 2, 1, 16] [1, 1, 1, 1] : tensor<1x2x1x16xf16> into tensor<1x2x8x16xf16>
    %v2 = tensor.insert_slice %fresh into %v[0, 0, %p, 0] [1, 2, 1, 16] [1, 1, 1, 1] : tensor<1x2x1x16xf16> into tensor<1x2x8x16xf16>
    %o = gqa.attention %q, %k2, %v2 : (tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>, tensor<1x2x8x16xf16>) -> tensor<1x4x1x16xf16>
    %sum = arith.addf %o, %q : tensor<1x4x1x16xf16>
    %next = arith.addi %at, %one : i64
    scf.yield %next, %sum, %k2, %v2 : i64, tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>, tensor<1x2x8x16xf16>
  }
  return %0#1, %0#2 : tensor<1x4x1x16xf16>, tensor<1x2x8x16xf16>
}

// Two that change places, in loops within loops, and one that a branch may leave as it is.
func.func @places(%x: tensor<5x7xf32>, %y: tensor<5x7xf32>) -> (tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %0:3 = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x, %b = %y, %c = %x) -> (tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>) {
    %1:2 = scf.for %j = %c0 to %c2 step %c1 iter_args(%d = %a, %e = %b) -> (tensor<5x7xf32>, tensor<5x7xf32>) {
      %n = arith.negf %d : tensor<5x7xf32>
      scf.yield %e, %n : tensor<5x7xf32>, tensor<5x7xf32>
    }
    %even = arith.cmpi eq, %i, %c1 : index
    %kept = scf.if %even -> (tensor<5x7xf32>) {
      %n = arith.negf %c : tensor<5x7xf32>
      scf.yield %n : tensor<5x7xf32>
    } else {
      scf.yield %c : tensor<5x7xf32>
    }
    scf.yield %1#1, %1#0, %kept : tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>
  }
  return %0#0, %0#1, %0#2 : tensor<5x7xf32>, tensor<5x7xf32>, tensor<5x7xf32>
}

// Any size, which is the same in each iteration.
func.func @sizes(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %n = tensor.dim %x, %c1 : tensor<?x?xf32>
  %room = tensor.empty(%m, %n) : tensor<?x?xf32>
  %0 = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %x) -> tensor<?x?xf32> {
    %1 = linalg.generic {indexing_maps = [#each, #each, #each], iterator_types = ["parallel", "parallel"]}
        ins(%a, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%room : tensor<?x?xf32>) {
    ^bb0(%in: f32, %in2: f32, %out: f32):
      %2 = arith.subf %in2, %in : f32
      linalg.yield %2 : f32
    } -> tensor<?x?xf32>
    scf.yield %1 : tensor<?x?xf32>
  }
  return %0 : tensor<?x?xf32>
}

// One of two, which are computed differently.
func.func @branch(%x: tensor<5x64xf32>, %w: tensor<64x64xf32>, %which: tensor<i64>) -> tensor<5x64xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : i64
  %given = tensor.extract %which[] : tensor<i64>
  %low = arith.andi %given, %one : i64
  %odd = arith.cmpi eq, %low, %one : i64
  %room = tensor.empty() : tensor<5x64xf32>
  %0 = scf.if %odd -> tensor<5x64xf32> {
    %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<5x64xf32>) -> tensor<5x64xf32>
    %y = linalg.matmul ins(%x, %w : tensor<5x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<5x64xf32>) -> tensor<5x64xf32>
    scf.yield %y : tensor<5x64xf32>
  } else {
    scf.yield %x : tensor<5x64xf32>
  }
  %1 = arith.negf %0 : tensor<5x64xf32>
  return %1 : tensor<5x64xf32>
}

// A tensor that grows.
func.func @grows(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %0 = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x) -> (tensor<?x4xf32>) {
    %n = arith.negf %a : tensor<?x4xf32>
    %1 = tensor.concat dim(0) %a, %n : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    scf.yield %1 : tensor<?x4xf32>
  }
  return %0 : tensor<?x4xf32>
}
