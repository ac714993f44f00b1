// RUN: gqa-opt %s --gqa-fuse-elementwise --verify-diagnostics

func.func @diagonal(%x: tensor<4xf32>, %before: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // expected-error @+1 {{writes a part of its result that is no slice, by affine_map<(d0) -> (d0, d0)>; expected the computation to read what it keeps}}
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i, i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%before : tensor<4x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    linalg.yield %i : f32
  } -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
