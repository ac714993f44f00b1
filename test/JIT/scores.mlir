// Scores that kernels take other ways for: a scale by which no distance can be divided, and functions that only the C library has.
// RUN: gqa-run %s --function=tiny_scale --outputs=%t.npz
// RUN: gqa-run %s --function=tiny_scale --reference --expect=%t.npz
// RUN: gqa-run %s --function=of_the_library --outputs=%t.npz
// RUN: gqa-run %s --function=of_the_library --reference --expect=%t.npz

func.func @tiny_scale(%q: tensor<1x4x3x16xf32>, %k: tensor<1x2x9x16xf32>, %v: tensor<1x2x9x16xf32>) -> tensor<1x4x3x16xf32> {
  %o = gqa.attention %q, %k, %v scale(1.0e-38)
    : (tensor<1x4x3x16xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>) -> tensor<1x4x3x16xf32>
  return %o : tensor<1x4x3x16xf32>
}
func.func @of_the_library(%q: tensor<1x4x1x16xf32>, %k: tensor<1x2x9x16xf32>, %v: tensor<1x2x9x16xf32>) -> tensor<1x4x1x16xf32> {
  %o = gqa.attention %q, %k, %v : (tensor<1x4x1x16xf32>, tensor<1x2x9x16xf32>, tensor<1x2x9x16xf32>) -> tensor<1x4x1x16xf32> score(%s, %b, %h, %i, %j) {
    %a = math.cbrt %s : f32
    %c = math.erfc %a : f32
    %d = math.asinh %c : f32
    %e = math.atanh %d : f32
    %one = arith.constant 1.5 : f32
    %f = arith.maximumf %one, %s : f32
    %g = math.acosh %f : f32
    %r = arith.addf %d, %g : f32
    gqa.yield %r : f32
  }
  return %o : tensor<1x4x1x16xf32>
}
