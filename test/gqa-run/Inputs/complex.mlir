// Complex numbers that are no rotation: a product of spectra, and its magnitude.
#each = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<6x40xf32>, %y: tensor<6x40xf32>, %z: tensor<6x40xf32>) -> (tensor<6x40xf32>, tensor<6x40xf32>, tensor<6xf32>) {
  %room = tensor.empty() : tensor<6x40xcomplex<f32>>
  %a = linalg.generic {indexing_maps = [#each, #each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<6x40xf32>, tensor<6x40xf32>) outs(%room : tensor<6x40xcomplex<f32>>) {
  ^bb0(%r: f32, %i: f32, %out: complex<f32>):
    %0 = complex.create %r, %i : complex<f32>
    %1 = complex.exp %0 : complex<f32>
    linalg.yield %1 : complex<f32>
  } -> tensor<6x40xcomplex<f32>>
  %turned = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<6x40xcomplex<f32>>) outs(%room : tensor<6x40xcomplex<f32>>) {
  ^bb0(%c: complex<f32>, %out: complex<f32>):
    %0 = complex.conj %c : complex<f32>
    %1 = complex.mul %0, %c : complex<f32>
    %2 = complex.sqrt %1 : complex<f32>
    %3 = complex.div %2, %c : complex<f32>
    %4 = complex.sub %3, %c : complex<f32>
    linalg.yield %4 : complex<f32>
  } -> tensor<6x40xcomplex<f32>>
  %rf = tensor.empty() : tensor<6x40xf32>
  %re = linalg.generic {indexing_maps = [#each, #each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%turned, %z : tensor<6x40xcomplex<f32>>, tensor<6x40xf32>) outs(%rf : tensor<6x40xf32>) {
  ^bb0(%c: complex<f32>, %s: f32, %out: f32):
    %0 = complex.re %c : complex<f32>
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  } -> tensor<6x40xf32>
  %abs = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<6x40xcomplex<f32>>) outs(%rf : tensor<6x40xf32>) {
  ^bb0(%c: complex<f32>, %out: f32):
    %0 = complex.abs %c : complex<f32>
    linalg.yield %0 : f32
  } -> tensor<6x40xf32>
  %zero = complex.constant [0.0 : f32, 0.0 : f32] : complex<f32>
  %sums = tensor.empty() : tensor<6xcomplex<f32>>
  %zeros = linalg.fill ins(%zero : complex<f32>) outs(%sums : tensor<6xcomplex<f32>>) -> tensor<6xcomplex<f32>>
  %sum = linalg.generic {indexing_maps = [#each, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%turned : tensor<6x40xcomplex<f32>>) outs(%zeros : tensor<6xcomplex<f32>>) {
  ^bb0(%c: complex<f32>, %so: complex<f32>):
    %0 = complex.add %so, %c : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<6xcomplex<f32>>
  %sf = tensor.empty() : tensor<6xf32>
  %im = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%sum : tensor<6xcomplex<f32>>) outs(%sf : tensor<6xf32>) {
  ^bb0(%c: complex<f32>, %out: f32):
    %0 = complex.im %c : complex<f32>
    linalg.yield %0 : f32
  } -> tensor<6xf32>
  return %re, %abs, %im : tensor<6x40xf32>, tensor<6x40xf32>, tensor<6xf32>
}
