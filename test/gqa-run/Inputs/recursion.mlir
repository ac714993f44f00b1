// A function that calls itself three times, and doubles each time.
#id = affine_map<(i, j) -> (i, j)>
func.func private @again(%x: tensor<4x64xf32>, %n: index) -> tensor<4x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %more = arith.cmpi sgt, %n, %c0 : index
  %r = scf.if %more -> tensor<4x64xf32> {
    %e = tensor.empty() : tensor<4x64xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %a, %a : f32
      linalg.yield %s : f32
    } -> tensor<4x64xf32>
    %m = arith.subi %n, %c1 : index
    %z = func.call @again(%y, %m) : (tensor<4x64xf32>, index) -> tensor<4x64xf32>
    scf.yield %z : tensor<4x64xf32>
  } else {
    scf.yield %x : tensor<4x64xf32>
  }
  return %r : tensor<4x64xf32>
}
func.func @main(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %c3 = arith.constant 3 : index
  %r = call @again(%x, %c3) : (tensor<4x64xf32>, index) -> tensor<4x64xf32>
  return %r : tensor<4x64xf32>
}
