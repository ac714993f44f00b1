// RUN: gqa-opt %s --gqa-raise --gqa-share-kv | FileCheck %s
// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Parts of k in tensors of their own cost a copy of both, which is said; slices of one do not.
// REMARK-COUNT-4: the two parts of k are in tensors of their own: they are put side by side in memory in each call
// REMARK-NOT: remark

// Multi-head latent attention adds what is rotated to what is not: the sum of two products is one, over both head dimensions.
!S = tensor<2x6x7x9xf32>
#q = affine_map<(b, h, i, j, d) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d) -> (b, j, d)>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @parts(
// CHECK: gqa.attention {{.*}} scale(5.000000e-01) {{.*}}: (tensor<2x6x7x14xf32>, tensor<2x1x9x14xf32>, tensor<2x1x9x10xf32>)
func.func @parts(%q: tensor<2x6x7x10xf32>, %qr: tensor<2x6x7x4xf32>, %c: tensor<2x9x10xf32>, %kr: tensor<2x9x4xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %scale = arith.constant dense<0.5> : !S
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xf32>, tensor<2x9x10xf32>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<2x6x7x4xf32>, tensor<2x9x4xf32>) outs(%zs : !S) -> !S
  %sum = linalg.add ins(%a, %b : !S, !S) outs(%zs : !S) -> !S
  %scaled = linalg.mul ins(%sum, %scale : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(3) ins(%scaled : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %c : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// Each product is scaled, by the same number: a number for each would be no scale of the sum.
// CHECK-LABEL: @scaled_apart(
// CHECK: gqa.attention {{.*}} scale(5.000000e-01) {{.*}}: (tensor<2x6x7x14xf32>, tensor<2x1x9x14xf32>, tensor<2x1x9x10xf32>)
func.func @scaled_apart(%q: tensor<2x6x7x10xf32>, %qr: tensor<2x6x7x4xf32>, %c: tensor<2x9x10xf32>, %kr: tensor<2x9x4xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %scale = arith.constant dense<0.5> : !S
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xf32>, tensor<2x9x10xf32>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<2x6x7x4xf32>, tensor<2x9x4xf32>) outs(%zs : !S) -> !S
  %as = linalg.mul ins(%a, %scale : !S, !S) outs(%zs : !S) -> !S
  %bs = linalg.mul ins(%b, %scale : !S, !S) outs(%zs : !S) -> !S
  %sum = linalg.add ins(%as, %bs : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(3) ins(%sum : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %c : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// Of 16 bits each product is rounded, and so are the sum and what is scaled: terms of the sum are no masks.
!H = tensor<2x6x7x9xbf16>
#each = affine_map<(b, h, i, j) -> (b, h, i, j)>
// CHECK-LABEL: @rounded(
// CHECK: gqa.attention {{.*}} scale(5.000000e-01) {{.*}}: (tensor<2x6x7x14xf32>, tensor<2x1x9x14xf32>, tensor<2x1x9x10xf32>) -> tensor<2x6x7x10xf32>
// CHECK-NEXT: return
func.func @rounded(%q: tensor<2x6x7x10xbf16>, %qr: tensor<2x6x7x4xbf16>, %c: tensor<2x9x10xbf16>, %kr: tensor<2x9x4xbf16>, %v: tensor<2x9x10xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %scale = arith.constant dense<0.5> : !H
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %room = tensor.empty() : !H
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xbf16>, tensor<2x9x10xbf16>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<2x6x7x4xbf16>, tensor<2x9x4xbf16>) outs(%zs : !S) -> !S
  %ah = arith.truncf %a : !S to !H
  %bh = arith.truncf %b : !S to !H
  %sum = linalg.add ins(%ah, %bh : !H, !H) outs(%room : !H) -> !H
  %scaled = linalg.mul ins(%sum, %scale : !H, !H) outs(%room : !H) -> !H
  %wide = arith.extf %scaled : !H to !S
  %p = linalg.softmax dimension(3) ins(%wide : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %v : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// CHECK-LABEL: @no_same_scale(
// CHECK: gqa.attention {{.*}} bias({{.*}} : (tensor<2x6x7x10xf32>, tensor<2x1x9x10xf32>, tensor<2x1x9x10xf32>, tensor<2x6x7x9xf32>)
func.func @no_same_scale(%q: tensor<2x6x7x10xf32>, %qr: tensor<2x6x7x4xf32>, %c: tensor<2x9x10xf32>, %kr: tensor<2x9x4xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %scale = arith.constant dense<0.5> : !S
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xf32>, tensor<2x9x10xf32>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<2x6x7x4xf32>, tensor<2x9x4xf32>) outs(%zs : !S) -> !S
  %bs = linalg.mul ins(%b, %scale : !S, !S) outs(%zs : !S) -> !S
  %sum = linalg.add ins(%a, %bs : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(3) ins(%sum : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %c : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// Both parts of K side by side in one cache, which is read as it stands.
// CHECK-LABEL: @slices_of_one(
// CHECK: %[[K:.*]] = tensor.expand_shape %arg2
// CHECK: gqa.attention %arg0, %[[K]], {{.*}} : (tensor<2x6x7x14xf32>, tensor<2x1x9x14xf32>, tensor<2x1x9x10xf32>)
func.func @slices_of_one(%both: tensor<2x6x7x14xf32>, %unused: tensor<1xf32>, %cache: tensor<2x9x14xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %q = tensor.extract_slice %both[0, 0, 0, 0] [2, 6, 7, 10] [1, 1, 1, 1] : tensor<2x6x7x14xf32> to tensor<2x6x7x10xf32>
  %qr = tensor.extract_slice %both[0, 0, 0, 10] [2, 6, 7, 4] [1, 1, 1, 1] : tensor<2x6x7x14xf32> to tensor<2x6x7x4xf32>
  %c = tensor.extract_slice %cache[0, 0, 0] [2, 9, 10] [1, 1, 1] : tensor<2x9x14xf32> to tensor<2x9x10xf32>
  %kr = tensor.extract_slice %cache[0, 0, 10] [2, 9, 4] [1, 1, 1] : tensor<2x9x14xf32> to tensor<2x9x4xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xf32>, tensor<2x9x10xf32>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<2x6x7x4xf32>, tensor<2x9x4xf32>) outs(%zs : !S) -> !S
  %sum = linalg.add ins(%a, %b : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(3) ins(%sum : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %c : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// The second K is one for each query: relative positions, which are a bias.
// CHECK-LABEL: @no_keys(
// CHECK: gqa.attention {{.*}} bias({{.*}} : (tensor<2x6x7x10xf32>, tensor<2x1x9x10xf32>, tensor<2x1x9x10xf32>, tensor<2x6x7x9xf32>)
func.func @no_keys(%q: tensor<2x6x7x10xf32>, %c: tensor<2x9x10xf32>, %r: tensor<7x9x10xf32>) -> tensor<2x6x7x10xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : tensor<2x6x7x10xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<2x6x7x10xf32>, tensor<2x9x10xf32>) outs(%zs : !S) -> !S
  %b = linalg.contract indexing_maps = [#q, affine_map<(b, h, i, j, d) -> (i, j, d)>, #s] ins(%q, %r : tensor<2x6x7x10xf32>, tensor<7x9x10xf32>) outs(%zs : !S) -> !S
  %sum = linalg.add ins(%a, %b : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.softmax dimension(3) ins(%sum : !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [affine_map<(b, h, i, d, j) -> (b, h, i, j)>, affine_map<(b, h, i, d, j) -> (b, j, d)>, affine_map<(b, h, i, d, j) -> (b, h, i, d)>]
      ins(%p, %c : !S, tensor<2x9x10xf32>) outs(%zo : tensor<2x6x7x10xf32>) -> tensor<2x6x7x10xf32>
  return %o : tensor<2x6x7x10xf32>
}

// Batch and heads in one dimension, as batched products have them: they are told apart by how q is split.
// CHECK-LABEL: @batched(
// CHECK: gqa.attention {{.*}} : (tensor<2x6x7x14xf32>, tensor<2x2x9x14xf32>, tensor<2x2x9x10xf32>)
func.func @batched(%q: tensor<2x6x7x10xf32>, %qr: tensor<2x6x7x4xf32>, %k: tensor<2x2x9x10xf32>, %kr: tensor<2x2x9x4xf32>) -> tensor<12x7x10xf32> {
  %zs = arith.constant dense<0.0> : tensor<12x7x9xf32>
  %zo = arith.constant dense<0.0> : tensor<12x7x10xf32>
  %zk = arith.constant dense<0.0> : tensor<2x2x3x9x10xf32>
  %zr = arith.constant dense<0.0> : tensor<2x2x3x9x4xf32>
  %k3 = linalg.broadcast ins(%k : tensor<2x2x9x10xf32>) outs(%zk : tensor<2x2x3x9x10xf32>) dimensions = [2]
  %kr3 = linalg.broadcast ins(%kr : tensor<2x2x9x4xf32>) outs(%zr : tensor<2x2x3x9x4xf32>) dimensions = [2]
  %q1 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<2x6x7x10xf32> into tensor<12x7x10xf32>
  %q2 = tensor.collapse_shape %qr [[0, 1], [2], [3]] : tensor<2x6x7x4xf32> into tensor<12x7x4xf32>
  %k1 = tensor.collapse_shape %k3 [[0, 1, 2], [3], [4]] : tensor<2x2x3x9x10xf32> into tensor<12x9x10xf32>
  %k2 = tensor.collapse_shape %kr3 [[0, 1, 2], [3], [4]] : tensor<2x2x3x9x4xf32> into tensor<12x9x4xf32>
  %a = linalg.contract indexing_maps = [affine_map<(n, i, j, d) -> (n, i, d)>, affine_map<(n, i, j, d) -> (n, j, d)>, affine_map<(n, i, j, d) -> (n, i, j)>]
      ins(%q1, %k1 : tensor<12x7x10xf32>, tensor<12x9x10xf32>) outs(%zs : tensor<12x7x9xf32>) -> tensor<12x7x9xf32>
  %b = linalg.contract indexing_maps = [affine_map<(n, i, j, d) -> (n, i, d)>, affine_map<(n, i, j, d) -> (n, j, d)>, affine_map<(n, i, j, d) -> (n, i, j)>]
      ins(%q2, %k2 : tensor<12x7x4xf32>, tensor<12x9x4xf32>) outs(%zs : tensor<12x7x9xf32>) -> tensor<12x7x9xf32>
  %sum = linalg.add ins(%a, %b : tensor<12x7x9xf32>, tensor<12x7x9xf32>) outs(%zs : tensor<12x7x9xf32>) -> tensor<12x7x9xf32>
  %p = linalg.softmax dimension(2) ins(%sum : tensor<12x7x9xf32>) outs(%zs : tensor<12x7x9xf32>) -> tensor<12x7x9xf32>
  %o = linalg.batch_matmul ins(%p, %k1 : tensor<12x7x9xf32>, tensor<12x9x10xf32>) outs(%zo : tensor<12x7x10xf32>) -> tensor<12x7x10xf32>
  return %o : tensor<12x7x10xf32>
}
