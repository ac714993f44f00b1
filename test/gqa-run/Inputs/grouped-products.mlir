// Rows times the matrices of their groups, which are numbers computed of the rows: few rows and many, in the order of their groups
// and not, weights along and across the sums.
#place = affine_map<(r) -> (r)>
#row = affine_map<(r, k, n) -> (r)>
#each = affine_map<(r, k, n) -> (r, k, n)>

func.func @many(%x: tensor<150x1x160xbf16>, %w: tensor<4x72x160xbf16>, %onto: tensor<150x1x72xf32>) -> tensor<150x1x72xbf16> {
  %rows = arith.constant 150 : index
  %groups = arith.constant 4 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %places = tensor.empty() : tensor<150xi64>
  %numbers = linalg.generic {indexing_maps = [#place], iterator_types = ["parallel"]} outs(%places : tensor<150xi64>) {
  ^bb0(%o: i64):
    %r = linalg.index 0 : index
    %i = arith.muli %r, %groups : index
    %g = arith.divui %i, %rows : index
    %n = arith.index_cast %g : index to i64
    linalg.yield %n : i64
  } -> tensor<150xi64>
  %t = tensor.empty() : tensor<4x160x72xbf16>
  %turned = linalg.transpose ins(%w : tensor<4x72x160xbf16>) outs(%t : tensor<4x160x72xbf16>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<150x160x72xbf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%numbers : tensor<150xi64>) outs(%e : tensor<150x160x72xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %turned[%i, %k, %n] : tensor<4x160x72xbf16>
    linalg.yield %m : bf16
  } -> tensor<150x160x72xbf16>
  %room = tensor.empty() : tensor<150x1x72xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<150x1x72xf32>) -> tensor<150x1x72xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<150x1x160xbf16>, tensor<150x160x72xbf16>) outs(%zeros : tensor<150x1x72xf32>) -> tensor<150x1x72xf32>
  %narrow = tensor.empty() : tensor<150x1x72xbf16>
  %rounded = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%y : tensor<150x1x72xf32>) outs(%narrow : tensor<150x1x72xbf16>) {
  ^bb0(%in: f32, %o: bf16):
    %v = arith.truncf %in : f32 to bf16
    linalg.yield %v : bf16
  } -> tensor<150x1x72xbf16>
  return %rounded : tensor<150x1x72xbf16>
}

func.func @few(%x: tensor<12x1x264xbf16>, %w: tensor<8x40x264xbf16>, %onto: tensor<12x1x40xf32>) -> tensor<12x1x40xf32> {
  %rows = arith.constant 12 : index
  %groups = arith.constant 8 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %places = tensor.empty() : tensor<12xi64>
  %numbers = linalg.generic {indexing_maps = [#place], iterator_types = ["parallel"]} outs(%places : tensor<12xi64>) {
  ^bb0(%o: i64):
    %r = linalg.index 0 : index
    %i = arith.muli %r, %groups : index
    %g = arith.divui %i, %rows : index
    %n = arith.index_cast %g : index to i64
    linalg.yield %n : i64
  } -> tensor<12xi64>
  %t = tensor.empty() : tensor<8x264x40xbf16>
  %turned = linalg.transpose ins(%w : tensor<8x40x264xbf16>) outs(%t : tensor<8x264x40xbf16>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<12x264x40xbf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%numbers : tensor<12xi64>) outs(%e : tensor<12x264x40xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %turned[%i, %k, %n] : tensor<8x264x40xbf16>
    linalg.yield %m : bf16
  } -> tensor<12x264x40xbf16>
  %room = tensor.empty() : tensor<12x1x40xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<12x1x40xf32>) -> tensor<12x1x40xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<12x1x264xbf16>, tensor<12x264x40xbf16>) outs(%zeros : tensor<12x1x40xf32>) -> tensor<12x1x40xf32>
  return %y : tensor<12x1x40xf32>
}

func.func @many_across(%x: tensor<70x1x88xf16>, %w: tensor<3x88x136xf16>, %onto: tensor<70x1x136xf32>) -> tensor<70x1x136xf32> {
  %rows = arith.constant 70 : index
  %groups = arith.constant 3 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %places = tensor.empty() : tensor<70xi64>
  %numbers = linalg.generic {indexing_maps = [#place], iterator_types = ["parallel"]} outs(%places : tensor<70xi64>) {
  ^bb0(%o: i64):
    %r = linalg.index 0 : index
    %i = arith.muli %r, %groups : index
    %g = arith.divui %i, %rows : index
    %n = arith.index_cast %g : index to i64
    linalg.yield %n : i64
  } -> tensor<70xi64>
  %e = tensor.empty() : tensor<70x88x136xf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%numbers : tensor<70xi64>) outs(%e : tensor<70x88x136xf16>) {
  ^bb0(%in: i64, %o: f16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<3x88x136xf16>
    linalg.yield %m : f16
  } -> tensor<70x88x136xf16>
  %room = tensor.empty() : tensor<70x1x136xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<70x1x136xf32>) -> tensor<70x1x136xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<70x1x88xf16>, tensor<70x88x136xf16>) outs(%zeros : tensor<70x1x136xf32>) -> tensor<70x1x136xf32>
  return %y : tensor<70x1x136xf32>
}

func.func @any_order(%x: tensor<67x1x64xf16>, %w: tensor<4x16x64xf16>, %onto: tensor<67x1x16xf32>) -> tensor<67x1x16xf32> {
  %rows = arith.constant 67 : index
  %groups = arith.constant 4 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %places = tensor.empty() : tensor<67xi64>
  %numbers = linalg.generic {indexing_maps = [#place], iterator_types = ["parallel"]} outs(%places : tensor<67xi64>) {
  ^bb0(%o: i64):
    %r = linalg.index 0 : index
    %i = arith.muli %r, %c3 : index
    %g = arith.remui %i, %groups : index
    %n = arith.index_cast %g : index to i64
    linalg.yield %n : i64
  } -> tensor<67xi64>
  %t = tensor.empty() : tensor<4x64x16xf16>
  %turned = linalg.transpose ins(%w : tensor<4x16x64xf16>) outs(%t : tensor<4x64x16xf16>) permutation = [0, 2, 1]
  %e = tensor.empty() : tensor<67x64x16xf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%numbers : tensor<67xi64>) outs(%e : tensor<67x64x16xf16>) {
  ^bb0(%in: i64, %o: f16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %turned[%i, %k, %n] : tensor<4x64x16xf16>
    linalg.yield %m : f16
  } -> tensor<67x64x16xf16>
  %y = linalg.batch_matmul ins(%x, %s : tensor<67x1x64xf16>, tensor<67x64x16xf16>) outs(%onto : tensor<67x1x16xf32>) -> tensor<67x1x16xf32>
  return %y : tensor<67x1x16xf32>
}

func.func @few_across(%x: tensor<5x1x24xbf16>, %w: tensor<3x24x64xbf16>, %onto: tensor<5x1x64xf32>) -> tensor<5x1x64xf32> {
  %rows = arith.constant 5 : index
  %groups = arith.constant 3 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %places = tensor.empty() : tensor<5xi64>
  %numbers = linalg.generic {indexing_maps = [#place], iterator_types = ["parallel"]} outs(%places : tensor<5xi64>) {
  ^bb0(%o: i64):
    %r = linalg.index 0 : index
    %i = arith.muli %r, %c3 : index
    %g = arith.remui %i, %groups : index
    %n = arith.index_cast %g : index to i64
    linalg.yield %n : i64
  } -> tensor<5xi64>
  %e = tensor.empty() : tensor<5x24x64xbf16>
  %s = linalg.generic {indexing_maps = [#row, #each], iterator_types = ["parallel", "parallel", "parallel"]} ins(%numbers : tensor<5xi64>) outs(%e : tensor<5x24x64xbf16>) {
  ^bb0(%in: i64, %o: bf16):
    %i = arith.index_cast %in : i64 to index
    %k = linalg.index 1 : index
    %n = linalg.index 2 : index
    %m = tensor.extract %w[%i, %k, %n] : tensor<3x24x64xbf16>
    linalg.yield %m : bf16
  } -> tensor<5x24x64xbf16>
  %y = linalg.batch_matmul ins(%x, %s : tensor<5x1x24xbf16>, tensor<5x24x64xbf16>) outs(%onto : tensor<5x1x64xf32>) -> tensor<5x1x64xf32>
  return %y : tensor<5x1x64xf32>
}
