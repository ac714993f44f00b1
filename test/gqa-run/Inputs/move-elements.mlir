// Elements that go to places of their own, one at a time: what becomes of a scatter where nobody knows of slices.
func.func @main(%cache: tensor<2x12x4xf32>, %new: tensor<6xf32>, %at: tensor<6x3xi64>) -> (tensor<2x12x4xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  %c12 = arith.constant 12 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %r = scf.for %i = %c0 to %c6 step %c1 iter_args(%x = %cache) -> (tensor<2x12x4xf32>) {
    %v = tensor.extract %new[%i] : tensor<6xf32>
    %p0 = tensor.extract %at[%i, %c0] : tensor<6x3xi64>
    %p1 = tensor.extract %at[%i, %c1] : tensor<6x3xi64>
    %p2 = tensor.extract %at[%i, %c2] : tensor<6x3xi64>
    %i0 = arith.index_cast %p0 : i64 to index
    %i1 = arith.index_cast %p1 : i64 to index
    %i2 = arith.index_cast %p2 : i64 to index
    %j0 = arith.remui %i0, %c2 : index
    %j1 = arith.remui %i1, %c12 : index
    %j2 = arith.remui %i2, %c4 : index
    %e = tensor.from_elements %v : tensor<1x1x1xf32>
    %y = tensor.insert_slice %e into %x[%j0, %j1, %j2] [1, 1, 1] [1, 1, 1] : tensor<1x1x1xf32> into tensor<2x12x4xf32>
    scf.yield %y : tensor<2x12x4xf32>
  }
  %s = scf.for %i = %c0 to %c6 step %c1 iter_args(%x = %zero) -> (tensor<8xf32>) {
    %v = tensor.extract %new[%i] : tensor<6xf32>
    %p0 = tensor.extract %at[%i, %c1] : tensor<6x3xi64>
    %i0 = arith.index_cast %p0 : i64 to index
    %j0 = arith.remui %i0, %c8 : index
    %y = tensor.insert %v into %x[%j0] : tensor<8xf32>
    scf.yield %y : tensor<8xf32>
  }
  return %r, %s : tensor<2x12x4xf32>, tensor<8xf32>
}
