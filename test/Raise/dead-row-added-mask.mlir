// A guard that looks at the mask in place of the scores: rows whose mask is -inf everywhere become 0, whatever the product of
// q and k is there. This is what the definition of ONNX's Attention does.
// RUN: gqa-opt %s --gqa-simplify --split-input-file | FileCheck %s

!x = tensor<2x4x8xf32>
!s = tensor<2x4x4xf32>
#id = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
#maskrow = affine_map<(b, i, j) -> (i)>

// CHECK-LABEL: @max_of_mask
// CHECK: gqa.attention {{.*}} bias(%
// CHECK-NOT: dead_row
func.func @max_of_mask(%q: !x, %kt: tensor<2x8x4xf32>, %v: !x, %mask: tensor<4x4xf32>) -> !x {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %zs = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  %dot = linalg.batch_matmul ins(%q, %kt : !x, tensor<2x8x4xf32>) outs(%zs : !s) -> !s
  %s = linalg.generic {indexing_maps = [#id, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : !s, tensor<4x4xf32>) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> !s
  %p = linalg.softmax dimension(2) ins(%s : !s) outs(%es : !s) -> !s
  %em = tensor.empty() : tensor<4xf32>
  %fm = linalg.fill ins(%lowest : f32) outs(%em : tensor<4xf32>) -> tensor<4xf32>
  %max = linalg.reduce ins(%mask : tensor<4x4xf32>) outs(%fm : tensor<4xf32>) dimensions = [1]
    (%a: f32, %b: f32) {
      %r = arith.maximumf %a, %b : f32
      linalg.yield %r : f32
    }
  %safe = linalg.generic {indexing_maps = [#maskrow, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%max, %p : tensor<4xf32>, !s) outs(%es : !s) {
  ^bb0(%m: f32, %a: f32, %o: f32):
    %dead = arith.cmpf oeq, %m, %lowest : f32
    %r = arith.select %dead, %zero, %a : f32
    linalg.yield %r : f32
  } -> !s
  %ex = tensor.empty() : !x
  %zx = linalg.fill ins(%zero : f32) outs(%ex : !x) -> !x
  %o = linalg.batch_matmul ins(%safe, %v : !s, !x) outs(%zx : !x) -> !x
  return %o : !x
}

// -----

!x = tensor<2x4x8xf32>
!s = tensor<2x4x4xf32>
#id = affine_map<(b, i, j) -> (b, i, j)>
#mask = affine_map<(b, i, j) -> (i, j)>
#maskrow = affine_map<(b, i, j) -> (i)>

// Another mask hides keys, too, and the guard does not look at it: such rows would be NaN.
// CHECK-LABEL: @no_max_of_half_the_mask
// CHECK-NOT: gqa.attention
func.func @no_max_of_half_the_mask(%q: !x, %kt: tensor<2x8x4xf32>, %v: !x, %mask: tensor<4x4xf32>, %seen: tensor<4x4xi1>) -> !x {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %zs = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  %dot = linalg.batch_matmul ins(%q, %kt : !x, tensor<2x8x4xf32>) outs(%zs : !s) -> !s
  %s = linalg.generic {indexing_maps = [#id, #mask, #mask, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask, %seen : !s, tensor<4x4xf32>, tensor<4x4xi1>) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %keep: i1, %o: f32):
    %hidden = arith.select %keep, %a, %lowest : f32
    %r = arith.addf %hidden, %b : f32
    linalg.yield %r : f32
  } -> !s
  %p = linalg.softmax dimension(2) ins(%s : !s) outs(%es : !s) -> !s
  %em = tensor.empty() : tensor<4xf32>
  %fm = linalg.fill ins(%lowest : f32) outs(%em : tensor<4xf32>) -> tensor<4xf32>
  %max = linalg.reduce ins(%mask : tensor<4x4xf32>) outs(%fm : tensor<4xf32>) dimensions = [1]
    (%a: f32, %b: f32) {
      %r = arith.maximumf %a, %b : f32
      linalg.yield %r : f32
    }
  %safe = linalg.generic {indexing_maps = [#maskrow, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%max, %p : tensor<4xf32>, !s) outs(%es : !s) {
  ^bb0(%m: f32, %a: f32, %o: f32):
    %dead = arith.cmpf oeq, %m, %lowest : f32
    %r = arith.select %dead, %zero, %a : f32
    linalg.yield %r : f32
  } -> !s
  %ex = tensor.empty() : !x
  %zx = linalg.fill ins(%zero : f32) outs(%ex : !x) -> !x
  %o = linalg.batch_matmul ins(%safe, %v : !s, !x) outs(%zx : !x) -> !x
  return %o : !x
}
