func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<4x16xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%room : tensor<4x16xf32>) -> tensor<4x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%zeros : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

func.func @empty(%x: tensor<0x8xf32>) -> tensor<0x8xf32> {
  %y = arith.addf %x, %x : tensor<0x8xf32>
  return %y : tensor<0x8xf32>
}

// Numbers of type index in a tensor, and a sum and a maximum of them.
func.func @indices(%x: tensor<4x40xi64>) -> (tensor<4xi64>, tensor<4xi64>) {
  %room = tensor.empty() : tensor<4xindex>
  %zero = arith.constant 0 : index
  %zeros = linalg.fill ins(%zero : index) outs(%room : tensor<4xindex>) -> tensor<4xindex>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x40xi64>) outs(%zeros : tensor<4xindex>) {
  ^bb0(%in: i64, %so: index):
    %0 = arith.index_cast %in : i64 to index
    %1 = arith.addi %0, %so : index
    linalg.yield %1 : index
  } -> tensor<4xindex>
  %max = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x40xi64>) outs(%zeros : tensor<4xindex>) {
  ^bb0(%in: i64, %so: index):
    %0 = arith.index_cast %in : i64 to index
    %1 = arith.maxsi %0, %so : index
    linalg.yield %1 : index
  } -> tensor<4xindex>
  %s = arith.index_cast %sum : tensor<4xindex> to tensor<4xi64>
  %m = arith.index_cast %max : tensor<4xindex> to tensor<4xi64>
  return %s, %m : tensor<4xi64>, tensor<4xi64>
}
