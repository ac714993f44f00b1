// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Mathematics of the scores that is no attribute: an operand where there is one for it, else the score region says it
// as the graph does.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @small_fill(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.select
// CHECK: gqa.yield
func.func @small_fill(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<-1.0e4> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @positive_fill(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.select
// CHECK: gqa.yield
func.func @positive_fill(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<3.4e38> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @scaled_afterwards(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.select
// CHECK: arith.mulf
// CHECK: gqa.yield
func.func @scaled_afterwards(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<-3.4e38> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %uc = arith.constant dense<1.0e-38> : !S
  %u = linalg.mul ins(%t, %uc : !S, !S) outs(%uc : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%u : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%u, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @capped_afterwards(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.select
// CHECK: math.tanh
// CHECK: gqa.yield
func.func @capped_afterwards(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<0xFF800000> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %th = linalg.tanh ins(%t : !S) outs(%zs : !S) -> !S
  %uc = arith.constant dense<30.0> : !S
  %u = linalg.mul ins(%th, %uc : !S, !S) outs(%uc : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%u : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%u, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @multiplied_mask(
// CHECK: gqa.attention {{.*}} score(
// CHECK: tensor.extract
// CHECK: arith.mulf
// CHECK: gqa.yield
func.func @multiplied_mask(%q: !Q, %k: !K, %v: !V, %mask: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.mul ins(%qk, %mask : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @runtime_scale(
// CHECK: gqa.attention {{.*}} scale(%arg3)
func.func @runtime_scale(%q: !Q, %k: !K, %v: !V, %scale: f32) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %x = linalg.fill ins(%scale : f32) outs(%zs : !S) -> !S
  %t = linalg.mul ins(%qk, %x : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @two_products(
// CHECK: gqa.attention {{.*}} bias(
func.func @two_products(%q: !Q, %k: !K, %v: !V, %q2: !Q) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %other = linalg.batch_matmul ins(%q2, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.add ins(%qk, %other : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @magnitude(
// CHECK: gqa.attention {{.*}} score(
// CHECK: math.absf
// CHECK: gqa.yield
func.func @magnitude(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.abs ins(%qk : !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @two_finite_fills(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.select
// CHECK: arith.select
// CHECK: gqa.yield
func.func @two_finite_fills(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %u = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
    %fill = arith.constant -3.4e38 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%u : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sge, %n, %i : index
    %fill = arith.constant -3.0e38 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @finite_fill_and_bias(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.addf
// CHECK: arith.select
// CHECK: gqa.yield
func.func @finite_fill_and_bias(%q: !Q, %k: !K, %v: !V, %bias: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %u = linalg.add ins(%qk, %bias : !S, !S) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%u : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
    %fill = arith.constant -3.4e38 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @scaled_bias(
// CHECK: gqa.attention {{.*}} bias(
func.func @scaled_bias(%q: !Q, %k: !K, %v: !V, %bias: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %u = linalg.add ins(%qk, %bias : !S, !S) outs(%zs : !S) -> !S
  %tc = arith.constant dense<0.5> : !S
  %t = linalg.mul ins(%u, %tc : !S, !S) outs(%tc : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @every_key_hidden(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.andi
// CHECK: gqa.yield {{.*}} : f32, i1
func.func @every_key_hidden(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %later = arith.cmpi sgt, %j, %i : index
    %past = arith.cmpi sle, %j, %i : index
    %seen = arith.andi %later, %past : i1
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Rounded to 8 bits on purpose.
// CHECK-LABEL: @quantised(
// CHECK: gqa.attention {{.*}} score(
// CHECK: arith.truncf {{.*}} : f32 to f8E5M2
// CHECK: arith.extf {{.*}} : f8E5M2 to f32
// CHECK: gqa.yield
func.func @quantised(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %f8 = arith.constant dense<0.0> : tensor<6x7x9xf8E5M2>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%f8 : tensor<6x7x9xf8E5M2>) {
  ^bb0(%a: f32, %x: f8E5M2):
    %y = arith.truncf %a : f32 to f8E5M2
    linalg.yield %y : f8E5M2
  } -> tensor<6x7x9xf8E5M2>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%n : tensor<6x7x9xf8E5M2>) outs(%zs : !S) {
  ^bb0(%a: f8E5M2, %x: f32):
    %y = arith.extf %a : f8E5M2 to f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @maximum_of_others(
// CHECK: gqa.attention
func.func @maximum_of_others(%q: !Q, %k: !K, %v: !V, %q2: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%q2 : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
