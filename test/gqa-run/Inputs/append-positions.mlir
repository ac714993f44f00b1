// Tokens that go to places of each sequence's own.

func.func @main(%k: tensor<5x2x64x16xf16>, %v: tensor<5x2x64x16xf16>, %nk: tensor<5x2x1x16xf16>, %nv: tensor<5x2x1x16xf16>, %raw: tensor<5x1xi64>)
    -> (tensor<5x2x64x16xf16>, tensor<5x2x64x16xf16>) {
  %at = func.call @inside(%raw) : (tensor<5x1xi64>) -> tensor<5x1xi64>
  %0 = gqa.append_kv %k, %nk at %at : (tensor<5x2x64x16xf16>, tensor<5x2x1x16xf16>, tensor<5x1xi64>) -> tensor<5x2x64x16xf16>
  %1 = gqa.append_kv %v, %nv at %at : (tensor<5x2x64x16xf16>, tensor<5x2x1x16xf16>, tensor<5x1xi64>) -> tensor<5x2x64x16xf16>
  return %0, %1 : tensor<5x2x64x16xf16>, tensor<5x2x64x16xf16>
}

// Of random numbers: some outside of the cache.
func.func private @inside(%raw: tensor<5x1xi64>) -> tensor<5x1xi64> {
  %most = arith.constant dense<79> : tensor<5x1xi64>
  %0 = arith.andi %raw, %most : tensor<5x1xi64>
  return %0 : tensor<5x1xi64>
}

func.func @donated(%k: tensor<5x2x64x16xf16> {gqa.donated_to = 0}, %v: tensor<5x2x64x16xf16> {gqa.donated_to = 1}, %nk: tensor<5x2x1x16xf16>,
                   %nv: tensor<5x2x1x16xf16>, %at: tensor<5x1xi64>) -> (tensor<5x2x64x16xf16>, tensor<5x2x64x16xf16>) {
  %0 = gqa.append_kv %k, %nk at %at : (tensor<5x2x64x16xf16>, tensor<5x2x1x16xf16>, tensor<5x1xi64>) -> tensor<5x2x64x16xf16>
  %1 = gqa.append_kv %v, %nv at %at : (tensor<5x2x64x16xf16>, tensor<5x2x1x16xf16>, tensor<5x1xi64>) -> tensor<5x2x64x16xf16>
  return %0, %1 : tensor<5x2x64x16xf16>, tensor<5x2x64x16xf16>
}

// Several tokens of a sequence, of which the last one at a place stays; any number of sequences and places.
func.func @tokens(%k: tensor<?x2x?x16xf16>, %new: tensor<?x2x6x16xf16>, %raw: tensor<?x6xi32>) -> tensor<?x2x?x16xf16> {
  %seven = arith.constant 7 : i32
  %c0 = arith.constant 0 : index
  %b = tensor.dim %raw, %c0 : tensor<?x6xi32>
  %room = tensor.empty(%b) : tensor<?x6xi64>
  %at = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%raw : tensor<?x6xi32>) outs(%room : tensor<?x6xi64>) {
  ^bb0(%in: i32, %out: i64):
    %0 = arith.andi %in, %seven : i32
    %1 = arith.extsi %0 : i32 to i64
    linalg.yield %1 : i64
  } -> tensor<?x6xi64>
  %0 = gqa.append_kv %k, %new at %at : (tensor<?x2x?x16xf16>, tensor<?x2x6x16xf16>, tensor<?x6xi64>) -> tensor<?x2x?x16xf16>
  return %0 : tensor<?x2x?x16xf16>
}

// The same places for all sequences.
func.func @shared(%k: tensor<3x2x64x16xf16>, %new: tensor<3x2x6x16xf16>, %raw: tensor<6xi64>) -> tensor<3x2x64x16xf16> {
  %most = arith.constant dense<79> : tensor<6xi64>
  %at = arith.andi %raw, %most : tensor<6xi64>
  %0 = gqa.append_kv %k, %new at %at : (tensor<3x2x64x16xf16>, tensor<3x2x6x16xf16>, tensor<6xi64>) -> tensor<3x2x64x16xf16>
  return %0 : tensor<3x2x64x16xf16>
}
