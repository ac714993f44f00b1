// Reductions of more elements than one thread should do by itself.

#x = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#cube = affine_map<(b, i, j) -> (b, i, j)>

// Ties, NaN in front of the best number and behind it, infinities alone: what is found is what the graph's own order finds.
func.func @main() -> (tensor<7xf32>, tensor<7xi64>, tensor<7xi64>) {
  %c0 = arith.constant 0 : i64
  %c100 = arith.constant 100 : index
  %c200 = arith.constant 200 : index
  %worst = arith.constant 0xFF800000 : f32
  %nan = arith.constant 0x7FC00000 : f32
  %five = arith.constant 5.0 : f32
  %nine = arith.constant 9.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<7x1001xf32>
  %numbers = linalg.generic {indexing_maps = [#x], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<7x1001xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k1 = arith.constant 1 : index
    %k2 = arith.constant 2 : index
    %k3 = arith.constant 3 : index
    %k4 = arith.constant 4 : index
    %k5 = arith.constant 5 : index
    %k7 = arith.constant 7 : index
    %k1000 = arith.constant 1000 : index
    %small = arith.remui %j, %k7 : index
    %int = arith.index_cast %small : index to i32
    %number = arith.sitofp %int : i32 to f32
    // Row 0: ties of 6. Row 1: 9 at the end. Row 2: NaN at 100, 9 at 200. Row 3: 9 at 100, NaN at 200. Row 4: nothing but -inf.
    // Row 5: nothing but NaN. Row 6: 9 at 100 and at 200.
    %at100 = arith.cmpi eq, %j, %c100 : index
    %at200 = arith.cmpi eq, %j, %c200 : index
    %at1000 = arith.cmpi eq, %j, %k1000 : index
    %is1 = arith.cmpi eq, %i, %k1 : index
    %is2 = arith.cmpi eq, %i, %k2 : index
    %is3 = arith.cmpi eq, %i, %k3 : index
    %is4 = arith.cmpi eq, %i, %k4 : index
    %is5 = arith.cmpi eq, %i, %k5 : index
    %is6 = arith.cmpi ugt, %i, %k5 : index
    %last = arith.andi %is1, %at1000 : i1
    %0 = arith.select %last, %nine, %number : f32
    %nan2 = arith.andi %is2, %at100 : i1
    %nine2 = arith.andi %is2, %at200 : i1
    %1 = arith.select %nan2, %nan, %0 : f32
    %2 = arith.select %nine2, %nine, %1 : f32
    %nine3 = arith.andi %is3, %at100 : i1
    %nan3 = arith.andi %is3, %at200 : i1
    %3 = arith.select %nine3, %nine, %2 : f32
    %4 = arith.select %nan3, %nan, %3 : f32
    %5 = arith.select %is4, %worst, %4 : f32
    %6 = arith.select %is5, %nan, %5 : f32
    %either = arith.ori %at100, %at200 : i1
    %nine6 = arith.andi %is6, %either : i1
    %7 = arith.select %nine6, %nine, %6 : f32
    linalg.yield %7 : f32
  } -> tensor<7x1001xf32>
  %f = tensor.empty() : tensor<7xf32>
  %p = tensor.empty() : tensor<7xi64>
  %best = linalg.fill ins(%worst : f32) outs(%f : tensor<7xf32>) -> tensor<7xf32>
  %place = linalg.fill ins(%c0 : i64) outs(%p : tensor<7xi64>) -> tensor<7xi64>
  %y:2 = linalg.generic {indexing_maps = [#x, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%numbers : tensor<7x1001xf32>) outs(%best, %place : tensor<7xf32>, tensor<7xi64>) {
  ^bb0(%a: f32, %b: f32, %q: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maxnumf %a, %b : f32
    %is = arith.cmpf ogt, %a, %b : f32
    %r = arith.select %is, %n, %q : i64
    linalg.yield %m, %r : f32, i64
  } -> (tensor<7xf32>, tensor<7xi64>)
  %z:2 = linalg.generic {indexing_maps = [#x, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%numbers : tensor<7x1001xf32>) outs(%best, %place : tensor<7xf32>, tensor<7xi64>) {
  ^bb0(%a: f32, %b: f32, %q: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %b : f32
    %is = arith.cmpf oge, %a, %b : f32
    %r = arith.select %is, %n, %q : i64
    linalg.yield %m, %r : f32, i64
  } -> (tensor<7xf32>, tensor<7xi64>)
  return %y#0, %y#1, %z#1 : tensor<7xf32>, tensor<7xi64>, tensor<7xi64>
}

// Along the outer loop, the middle one, and both ends; of sizes that are not known, too.
func.func @columns(%x: tensor<700x33xf32>, %y: tensor<3x300x5xbf16>, %z: tensor<?x?xf32>)
    -> (tensor<33xf32>, tensor<33xi32>, tensor<3x5xf32>, tensor<300xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %most = arith.constant 0x7F800000 : f32
  %e33 = tensor.empty() : tensor<33xf32>
  %p33 = tensor.empty() : tensor<33xi32>
  %best = linalg.fill ins(%most : f32) outs(%e33 : tensor<33xf32>) -> tensor<33xf32>
  %place = linalg.fill ins(%c0 : i32) outs(%p33 : tensor<33xi32>) -> tensor<33xi32>
  %0:2 = linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>, affine_map<(j, i) -> (i)>],
                         iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<700x33xf32>) outs(%best, %place : tensor<33xf32>, tensor<33xi32>) {
  ^bb0(%a: f32, %b: f32, %q: i32):
    %j = linalg.index 0 : index
    %n = arith.index_cast %j : index to i32
    %is = arith.cmpf olt, %a, %b : f32
    %m = arith.select %is, %a, %b : f32
    %r = arith.select %is, %n, %q : i32
    linalg.yield %m, %r : f32, i32
  } -> (tensor<33xf32>, tensor<33xi32>)
  %e15 = tensor.empty() : tensor<3x5xf32>
  %s15 = linalg.fill ins(%zero : f32) outs(%e15 : tensor<3x5xf32>) -> tensor<3x5xf32>
  %1 = linalg.generic {indexing_maps = [#cube, affine_map<(b, i, j) -> (b, j)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%y : tensor<3x300x5xbf16>) outs(%s15 : tensor<3x5xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %w = arith.extf %a : bf16 to f32
    %s = arith.addf %w, %b : f32
    linalg.yield %s : f32
  } -> tensor<3x5xf32>
  %e300 = tensor.empty() : tensor<300xf32>
  %s300 = linalg.fill ins(%zero : f32) outs(%e300 : tensor<300xf32>) -> tensor<300xf32>
  %2 = linalg.generic {indexing_maps = [#cube, affine_map<(b, i, j) -> (i)>], iterator_types = ["reduction", "parallel", "reduction"]}
      ins(%y : tensor<3x300x5xbf16>) outs(%s300 : tensor<300xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %w = arith.extf %a : bf16 to f32
    %s = arith.addf %w, %b : f32
    linalg.yield %s : f32
  } -> tensor<300xf32>
  %n = tensor.dim %z, %c1 : tensor<?x?xf32>
  %en = tensor.empty(%n) : tensor<?xf32>
  %sn = linalg.fill ins(%zero : f32) outs(%en : tensor<?xf32>) -> tensor<?xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>], iterator_types = ["reduction", "parallel"]}
      ins(%z : tensor<?x?xf32>) outs(%sn : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0#0, %0#1, %1, %2, %3 : tensor<33xf32>, tensor<33xi32>, tensor<3x5xf32>, tensor<300xf32>, tensor<?xf32>
}

// The greedy choice among 32000 words, of a size that is not known either.
func.func @words(%x: tensor<?x32000xbf16>) -> tensor<?xi64> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i64
  %worst = arith.constant 0xFF80 : bf16
  %n = tensor.dim %x, %c0 : tensor<?x32000xbf16>
  %f = tensor.empty(%n) : tensor<?xbf16>
  %p = tensor.empty(%n) : tensor<?xi64>
  %best = linalg.fill ins(%worst : bf16) outs(%f : tensor<?xbf16>) -> tensor<?xbf16>
  %place = linalg.fill ins(%zero : i64) outs(%p : tensor<?xi64>) -> tensor<?xi64>
  %y:2 = linalg.generic {indexing_maps = [#x, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x32000xbf16>) outs(%best, %place : tensor<?xbf16>, tensor<?xi64>) {
  ^bb0(%a: bf16, %b: bf16, %q: i64):
    %j = linalg.index 1 : index
    %k = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %b : bf16
    %is = arith.cmpf ogt, %a, %b : bf16
    %r = arith.select %is, %k, %q : i64
    linalg.yield %m, %r : bf16, i64
  } -> (tensor<?xbf16>, tensor<?xi64>)
  return %y#1 : tensor<?xi64>
}
