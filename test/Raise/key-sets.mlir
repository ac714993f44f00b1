// RUN: gqa-opt %s --gqa-raise | FileCheck %s
// RUN: gqa-opt %s --gqa-raise --remarks-filter=gqa-raise 2>&1 | FileCheck %s --check-prefix=REMARK

// One softmax over the keys of two tensors: an attention for each, merged. The new keys are causal, the old ones all seen.
#id = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>

// CHECK-LABEL: @split_again(
// CHECK-SAME: %[[Q:.*]]: tensor<6x7x16xf32>, %[[OLD_K:.*]]: tensor<6x12x16xf32>, %[[OLD_V:.*]]: tensor<6x12x16xf32>,
// CHECK: %[[O0:.*]], %[[LSE0:.*]] = gqa.attention {{.*}} -> (tensor<1x6x7x16xf32>, tensor<1x6x7xf32>)
// CHECK: %[[O1:.*]], %[[LSE1:.*]] = gqa.attention {{.*}} causal {{.*}} -> (tensor<1x6x7x16xf32>, tensor<1x6x7xf32>)
// CHECK: gqa.merge %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x6x7x16xf32>, tensor<1x6x7xf32>
// CHECK-NOT: math.exp
// REMARK: one of 2 that are merged: the softmax runs over as many sets of keys
func.func @split_again(%q: tensor<6x7x16xf32>, %old_k: tensor<6x12x16xf32>, %old_v: tensor<6x12x16xf32>,
                       %k: tensor<6x7x16xf32>, %v: tensor<6x7x16xf32>) -> tensor<6x7x16xf32> {
  %low = arith.constant 0xFF800000 : f32
  %no_scores = arith.constant dense<0.0> : tensor<6x7x12xf32>
  %no_own_scores = arith.constant dense<0.0> : tensor<6x7x7xf32>
  %none = arith.constant dense<0.0> : tensor<6x7x16xf32>
  %no_sum = arith.constant dense<0.0> : tensor<6x7xf32>
  %lowest = arith.constant dense<0xFF800000> : tensor<6x7xf32>
  %old_kt_init = tensor.empty() : tensor<6x16x12xf32>
  %kt_init = tensor.empty() : tensor<6x16x7xf32>
  %old_kt = linalg.transpose ins(%old_k : tensor<6x12x16xf32>) outs(%old_kt_init : tensor<6x16x12xf32>) permutation = [0, 2, 1]
  %kt = linalg.transpose ins(%k : tensor<6x7x16xf32>) outs(%kt_init : tensor<6x16x7xf32>) permutation = [0, 2, 1]
  %old = linalg.batch_matmul ins(%q, %old_kt : tensor<6x7x16xf32>, tensor<6x16x12xf32>) outs(%no_scores : tensor<6x7x12xf32>) -> tensor<6x7x12xf32>
  %own = linalg.batch_matmul ins(%q, %kt : tensor<6x7x16xf32>, tensor<6x16x7xf32>) outs(%no_own_scores : tensor<6x7x7xf32>) -> tensor<6x7x7xf32>
  %masked = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%own : tensor<6x7x7xf32>) outs(%no_own_scores : tensor<6x7x7xf32>) {
  ^bb0(%s: f32, %out: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %seen = arith.cmpi sle, %j, %i : index
    %r = arith.select %seen, %s, %low : f32
    linalg.yield %r : f32
  } -> tensor<6x7x7xf32>
  %s = tensor.concat dim(2) %old, %masked : (tensor<6x7x12xf32>, tensor<6x7x7xf32>) -> tensor<6x7x19xf32>
  %m = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s : tensor<6x7x19xf32>) outs(%lowest : tensor<6x7xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %r = arith.maximumf %x, %acc : f32
    linalg.yield %r : f32
  } -> tensor<6x7xf32>
  %init = tensor.empty() : tensor<6x7x19xf32>
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s, %m : tensor<6x7x19xf32>, tensor<6x7xf32>) outs(%init : tensor<6x7x19xf32>) {
  ^bb0(%x: f32, %c: f32, %out: f32):
    %d = arith.subf %x, %c : f32
    %r = math.exp %d : f32
    linalg.yield %r : f32
  } -> tensor<6x7x19xf32>
  %l = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%e : tensor<6x7x19xf32>) outs(%no_sum : tensor<6x7xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %r = arith.addf %x, %acc : f32
    linalg.yield %r : f32
  } -> tensor<6x7xf32>
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : tensor<6x7x19xf32>, tensor<6x7xf32>) outs(%init : tensor<6x7x19xf32>) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %r = arith.divf %x, %sum : f32
    linalg.yield %r : f32
  } -> tensor<6x7x19xf32>
  %p0 = tensor.extract_slice %p[0, 0, 0] [6, 7, 12] [1, 1, 1] : tensor<6x7x19xf32> to tensor<6x7x12xf32>
  %p1 = tensor.extract_slice %p[0, 0, 12] [6, 7, 7] [1, 1, 1] : tensor<6x7x19xf32> to tensor<6x7x7xf32>
  %o0 = linalg.batch_matmul ins(%p0, %old_v : tensor<6x7x12xf32>, tensor<6x12x16xf32>) outs(%none : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  %o1 = linalg.batch_matmul ins(%p1, %v : tensor<6x7x7xf32>, tensor<6x7x16xf32>) outs(%none : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  %o = linalg.add ins(%o0, %o1 : tensor<6x7x16xf32>, tensor<6x7x16xf32>) outs(%none : tensor<6x7x16xf32>) -> tensor<6x7x16xf32>
  return %o : tensor<6x7x16xf32>
}
