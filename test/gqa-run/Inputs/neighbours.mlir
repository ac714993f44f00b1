// Shapes and types of operations whose threads take neighbouring elements, or may not.

#each = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>
#column = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i, 0)>

func.func @main(%x: tensor<64x4096xbf16>) -> tensor<64x4096xbf16> {
  %0 = math.absf %x : tensor<64x4096xbf16>
  return %0 : tensor<64x4096xbf16>
}

// One row with a rest, rows that are odd, rows of 12, a single element in each, and none.
func.func @sizes(%a: tensor<1x113xbf16>, %b: tensor<5x113xf32>, %c: tensor<7x12xbf16>, %d: tensor<40x1xf32>, %e: tensor<0x64xf32>,
                 %f: tensor<3xf16>)
    -> (tensor<1x113xbf16>, tensor<5x113xf32>, tensor<7x12xbf16>, tensor<40x1xf32>, tensor<0x64xf32>, tensor<3xf16>) {
  %0 = math.exp %a : tensor<1x113xbf16>
  %1 = math.exp %b : tensor<5x113xf32>
  %2 = math.exp %c : tensor<7x12xbf16>
  %3 = math.exp %d : tensor<40x1xf32>
  %4 = math.exp %e : tensor<0x64xf32>
  %5 = math.exp %f : tensor<3xf16>
  return %0, %1, %2, %3, %4, %5 : tensor<1x113xbf16>, tensor<5x113xf32>, tensor<7x12xbf16>, tensor<40x1xf32>, tensor<0x64xf32>, tensor<3xf16>
}

func.func @dynamic(%x: tensor<?x?xbf16>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c0 : tensor<?x?xbf16>
  %n = tensor.dim %x, %c1 : tensor<?x?xbf16>
  %room = tensor.empty(%m, %n) : tensor<?x?xf32>
  %0 = linalg.generic {indexing_maps = [#each, #each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<?x?xbf16>, tensor<?x?xf32>) outs(%room : tensor<?x?xf32>) {
  ^bb0(%in: bf16, %in2: f32, %out: f32):
    %1 = arith.extf %in : bf16 to f32
    %2 = arith.addf %1, %in2 : f32
    %i = linalg.index 1 : index
    %3 = arith.index_cast %i : index to i64
    %4 = arith.sitofp %3 : i64 to f32
    %5 = arith.mulf %2, %4 : f32
    linalg.yield %5 : f32
  } -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// What is read: bits, bytes, a scale for each row, one for each column, one for all; what is written: wider and narrower numbers.
func.func @types(%bit: tensor<6x48xi1>, %byte: tensor<6x48xi8>, %f8: tensor<6x48xf8E4M3FN>, %wide: tensor<6x48xf64>, %scale: tensor<6x1xf32>,
                 %weight: tensor<48xbf16>, %all: tensor<f32>) -> (tensor<6x48xf32>, tensor<6x48xi1>, tensor<6x48xf64>, tensor<6x48xf16>) {
  %room = tensor.empty() : tensor<6x48xf32>
  %0 = linalg.generic {indexing_maps = [#each, #each, #each, #row, #column, affine_map<(i, j) -> ()>, #each],
                       iterator_types = ["parallel", "parallel"]}
      ins(%bit, %byte, %f8, %scale, %weight, %all : tensor<6x48xi1>, tensor<6x48xi8>, tensor<6x48xf8E4M3FN>, tensor<6x1xf32>, tensor<48xbf16>,
          tensor<f32>) outs(%room : tensor<6x48xf32>) {
  ^bb0(%is: i1, %code: i8, %narrow: f8E4M3FN, %s: f32, %w: bf16, %a: f32, %out: f32):
    %1 = arith.sitofp %code : i8 to f32
    %2 = arith.extf %narrow : f8E4M3FN to f32
    %3 = arith.select %is, %1, %2 : f32
    %4 = arith.mulf %3, %s : f32
    %5 = arith.extf %w : bf16 to f32
    %6 = arith.mulf %4, %5 : f32
    %7 = arith.addf %6, %a : f32
    linalg.yield %7 : f32
  } -> tensor<6x48xf32>
  %zero = arith.constant 0.0 : f32
  %bits = tensor.empty() : tensor<6x48xi1>
  %positive = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<6x48xf32>) outs(%bits : tensor<6x48xi1>) {
  ^bb0(%in: f32, %out: i1):
    %1 = arith.cmpf ogt, %in, %zero : f32
    linalg.yield %1 : i1
  } -> tensor<6x48xi1>
  %square = arith.mulf %wide, %wide : tensor<6x48xf64>
  %half = arith.truncf %0 : tensor<6x48xf32> to tensor<6x48xf16>
  return %0, %positive, %square, %half : tensor<6x48xf32>, tensor<6x48xi1>, tensor<6x48xf64>, tensor<6x48xf16>
}

// A transposed operand, and columns of a longer row: parts that begin at multiples of 8, between them, and where an argument says.
func.func @parts(%x: tensor<32x24xf16>, %y: tensor<24x32xf16>, %row: tensor<4x100xf16>, %raw: tensor<i64>)
    -> (tensor<24x32xf16>, tensor<4x40xf16>, tensor<4x40xf16>, tensor<4x40xf16>, tensor<4x40xf16>) {
  %room = tensor.empty() : tensor<24x32xf16>
  %0 = linalg.generic {indexing_maps = [#turned, #each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<32x24xf16>, tensor<24x32xf16>) outs(%room : tensor<24x32xf16>) {
  ^bb0(%a: f16, %b: f16, %out: f16):
    %1 = arith.addf %a, %b : f16
    linalg.yield %1 : f16
  } -> tensor<24x32xf16>
  %given = tensor.extract %raw[] : tensor<i64>
  %c8 = arith.constant 8 : i64
  %c1 = arith.constant 1 : i64
  %c7 = arith.constant 7 : i64
  %even64 = arith.andi %given, %c8 : i64
  %low = arith.andi %given, %c7 : i64
  %odd64 = arith.ori %low, %c1 : i64
  %even = arith.index_cast %even64 : i64 to index
  %odd = arith.index_cast %odd64 : i64 to index
  %p0 = tensor.extract_slice %row[0, 8] [4, 40] [1, 1] : tensor<4x100xf16> to tensor<4x40xf16>
  %p1 = tensor.extract_slice %row[0, 3] [4, 40] [1, 1] : tensor<4x100xf16> to tensor<4x40xf16>
  %p2 = tensor.extract_slice %row[0, %even] [4, 40] [1, 1] : tensor<4x100xf16> to tensor<4x40xf16>
  %p3 = tensor.extract_slice %row[0, %odd] [4, 40] [1, 1] : tensor<4x100xf16> to tensor<4x40xf16>
  %n0 = arith.negf %p0 : tensor<4x40xf16>
  %n1 = arith.negf %p1 : tensor<4x40xf16>
  %n2 = arith.negf %p2 : tensor<4x40xf16>
  %n3 = arith.negf %p3 : tensor<4x40xf16>
  return %0, %n0, %n1, %n2, %n3 : tensor<24x32xf16>, tensor<4x40xf16>, tensor<4x40xf16>, tensor<4x40xf16>, tensor<4x40xf16>
}

// Norms of rows whose length is a multiple of 8, is not, is known at the call.
func.func @norms(%x: tensor<3x4096xbf16>, %y: tensor<3x1001xbf16>, %z: tensor<?x?xbf16>) -> (tensor<3x4096xbf16>, tensor<3x1001xbf16>, tensor<?x?xbf16>) {
  %0 = func.call @norm4096(%x) : (tensor<3x4096xbf16>) -> tensor<3x4096xbf16>
  %1 = func.call @norm1001(%y) : (tensor<3x1001xbf16>) -> tensor<3x1001xbf16>
  %2 = func.call @norm(%z) : (tensor<?x?xbf16>) -> tensor<?x?xbf16>
  return %0, %1, %2 : tensor<3x4096xbf16>, tensor<3x1001xbf16>, tensor<?x?xbf16>
}

func.func private @norm4096(%x: tensor<3x4096xbf16>) -> tensor<3x4096xbf16> {
  %0 = tensor.cast %x : tensor<3x4096xbf16> to tensor<?x?xbf16>
  %1 = func.call @norm(%0) : (tensor<?x?xbf16>) -> tensor<?x?xbf16>
  %2 = tensor.cast %1 : tensor<?x?xbf16> to tensor<3x4096xbf16>
  return %2 : tensor<3x4096xbf16>
}

func.func private @norm1001(%x: tensor<3x1001xbf16>) -> tensor<3x1001xbf16> {
  %0 = tensor.cast %x : tensor<3x1001xbf16> to tensor<?x?xbf16>
  %1 = func.call @norm(%0) : (tensor<?x?xbf16>) -> tensor<?x?xbf16>
  %2 = tensor.cast %1 : tensor<?x?xbf16> to tensor<3x1001xbf16>
  return %2 : tensor<3x1001xbf16>
}

func.func private @norm(%x: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x?xbf16>
  %n = tensor.dim %x, %c1 : tensor<?x?xbf16>
  %sums = tensor.empty(%m) : tensor<?x1xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%sums : tensor<?x1xf32>) -> tensor<?x1xf32>
  %sum = linalg.generic {indexing_maps = [#each, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xbf16>) outs(%zeros : tensor<?x1xf32>) {
  ^bb0(%in: bf16, %so: f32):
    %0 = arith.extf %in : bf16 to f32
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %so, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<?x1xf32>
  %room = tensor.empty(%m, %n) : tensor<?x?xbf16>
  %y = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<?x?xbf16>, tensor<?x1xf32>) outs(%room : tensor<?x?xbf16>) {
  ^bb0(%in: bf16, %s: f32, %out: bf16):
    %0 = arith.addf %s, %one : f32
    %1 = math.rsqrt %0 : f32
    %2 = arith.extf %in : bf16 to f32
    %3 = arith.mulf %2, %1 : f32
    %4 = arith.truncf %3 : f32 to bf16
    linalg.yield %4 : bf16
  } -> tensor<?x?xbf16>
  return %y : tensor<?x?xbf16>
}

#token = affine_map<(i, j) -> (i)>

// Rows of tables by numbers: of 64, 36 and unknown sizes, one beside an operand that has rows of its own.
func.func @gathers(%a: tensor<100x64xbf16>, %b: tensor<100x36xf32>, %c: tensor<?x?xbf16>, %scale: tensor<6x36xf32>)
    -> (tensor<6x64xbf16>, tensor<6x36xf32>, tensor<6x?xbf16>) {
  %c1 = arith.constant 1 : index
  %ids = arith.constant dense<[3, 99, 0, 7, 7, 42]> : tensor<6xi64>
  %x = tensor.empty() : tensor<6x64xbf16>
  %0 = linalg.generic {indexing_maps = [#token, #each], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<6xi64>) outs(%x : tensor<6x64xbf16>) {
  ^bb0(%id: i64, %out: bf16):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %a[%i, %j] : tensor<100x64xbf16>
    linalg.yield %v : bf16
  } -> tensor<6x64xbf16>
  %y = tensor.empty() : tensor<6x36xf32>
  %1 = linalg.generic {indexing_maps = [#token, #each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%ids, %scale : tensor<6xi64>, tensor<6x36xf32>) outs(%y : tensor<6x36xf32>) {
  ^bb0(%id: i64, %s: f32, %out: f32):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %b[%i, %j] : tensor<100x36xf32>
    %k = arith.index_cast %j : index to i64
    %f = arith.sitofp %k : i64 to f32
    %w = arith.mulf %v, %s : f32
    %z = arith.addf %w, %f : f32
    linalg.yield %z : f32
  } -> tensor<6x36xf32>
  %n = tensor.dim %c, %c1 : tensor<?x?xbf16>
  %u = tensor.empty(%n) : tensor<6x?xbf16>
  %2 = linalg.generic {indexing_maps = [#token, #each], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<6xi64>) outs(%u : tensor<6x?xbf16>) {
  ^bb0(%id: i64, %out: bf16):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = tensor.extract %c[%i, %j] : tensor<?x?xbf16>
    linalg.yield %v : bf16
  } -> tensor<6x?xbf16>
  return %0, %1, %2 : tensor<6x64xbf16>, tensor<6x36xf32>, tensor<6x?xbf16>
}
