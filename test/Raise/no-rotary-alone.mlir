// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s

// Pairs of products that are no rotation, or none that gqa.rotary can say. Only of the latter there is something to be said.
#all = affine_map<(h, s, t) -> (h, s, t)>
#angle = affine_map<(h, s, t) -> (s, t)>
!X = tensor<3x5x8xf32>
!P = tensor<3x5x4xf32>
!T = tensor<5x4xf32>

// Both are sums: a hyperbolic turn.
// CHECK-LABEL: @sum_in_both(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @sum_in_both(%x: !X, %cos: !T, %sin: !T) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : !X to !P
  %x2 = tensor.extract_slice %x[0, 0, 4] [3, 5, 4] [1, 1, 1] : !X to !P
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.addf %ac, %bs : f32
    %r2 = arith.addf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}

// Both are differences: a reflection.
// CHECK-LABEL: @turned_back(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @turned_back(%x: !X, %cos: !T, %sin: !T) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : !X to !P
  %x2 = tensor.extract_slice %x[0, 0, 4] [3, 5, 4] [1, 1, 1] : !X to !P
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.subf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}

// The elements of a pair come from two tensors.
// CHECK-LABEL: @of_two_tensors(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @of_two_tensors(%x: !X, %y0: !X, %cos: !T, %sin: !T) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : !X to !P
  %x2 = tensor.extract_slice %y0[0, 0, 4] [3, 5, 4] [1, 1, 1] : !X to !P
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.addf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}

// The second element is of the next token.
// CHECK-LABEL: @of_two_tokens(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @of_two_tokens(%x: tensor<3x6x8xf32>, %cos: !T, %sin: !T) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : tensor<3x6x8xf32> to !P
  %x2 = tensor.extract_slice %x[0, 1, 4] [3, 5, 4] [1, 1, 1] : tensor<3x6x8xf32> to !P
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.addf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}

// Pairs that share elements.
// CHECK-LABEL: @overlapping(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @overlapping(%x: !X, %cos: !T, %sin: !T) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : !X to !P
  %x2 = tensor.extract_slice %x[0, 0, 2] [3, 5, 4] [1, 1, 1] : !X to !P
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %cos, %sin : !P, !P, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %c : f32
    %bs = arith.mulf %b, %s : f32
    %as = arith.mulf %a, %s : f32
    %bc = arith.mulf %b, %c : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.addf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}

// The second element of a pair is turned by other columns of the tables, which may hold the same.
// CHECK-LABEL: @other_columns(
// CHECK-NOT: gqa.rotary
// CHECK: return
func.func @other_columns(%x: !X, %cos: tensor<5x8xf32>, %sin: tensor<5x8xf32>) -> !X {
  %z = tensor.empty() : !P
  %x1 = tensor.extract_slice %x[0, 0, 0] [3, 5, 4] [1, 1, 1] : !X to !P
  %x2 = tensor.extract_slice %x[0, 0, 4] [3, 5, 4] [1, 1, 1] : !X to !P
  %c1 = tensor.extract_slice %cos[0, 0] [5, 4] [1, 1] : tensor<5x8xf32> to !T
  %c2 = tensor.extract_slice %cos[0, 4] [5, 4] [1, 1] : tensor<5x8xf32> to !T
  %s1 = tensor.extract_slice %sin[0, 0] [5, 4] [1, 1] : tensor<5x8xf32> to !T
  %s2 = tensor.extract_slice %sin[0, 4] [5, 4] [1, 1] : tensor<5x8xf32> to !T
  %low, %high = linalg.generic {indexing_maps = [#all, #all, #angle, #angle, #angle, #angle, #all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x1, %x2, %c1, %c2, %s1, %s2 : !P, !P, !T, !T, !T, !T) outs(%z, %z : !P, !P) {
  ^bb0(%a: f32, %b: f32, %ca: f32, %cb: f32, %sa: f32, %sb: f32, %o1: f32, %o2: f32):
    %ac = arith.mulf %a, %ca : f32
    %bs = arith.mulf %b, %sa : f32
    %as = arith.mulf %a, %sb : f32
    %bc = arith.mulf %b, %cb : f32
    %r1 = arith.subf %ac, %bs : f32
    %r2 = arith.addf %as, %bc : f32
    linalg.yield %r1, %r2 : f32, f32
  } -> (!P, !P)
  // expected-remark @below {{the rotation stays as it is: the two elements of a pair may be turned by different angles, as the tables are known only at run time}}
  %y = tensor.concat dim(2) %low, %high : (!P, !P) -> !X
  return %y : !X
}
