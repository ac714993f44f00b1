// Addresses that are linear in a loop's variable are added to; others are computed as before.
// RUN: gqa-opt %s --gqa-carry-addresses --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[BASE:[a-z0-9]+]]: index, %[[STRIDE:[a-z0-9]+]]: index, %[[FROM:[a-z0-9]+]]: index, %[[TO:[a-z0-9]+]]: index
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// The first: base + (from + 3) * stride, and what is added in each round.
// CHECK: %[[N:.*]] = arith.addi %[[FROM]], %[[C3]]
// CHECK: %[[D:.*]] = arith.muli %[[N]], %[[STRIDE]]
// CHECK: %[[FIRST:.*]] = arith.addi %[[BASE]], %[[D]]
// CHECK: %[[STEP:.*]] = arith.muli %[[STRIDE]], %[[C2]]
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[TO]] step %[[C2]] iter_args(%[[AT:.*]] = %[[FIRST]]) -> (index)
// CHECK: %[[INTEGER:.*]] = arith.index_cast %[[AT]] : index to i64
// CHECK: llvm.inttoptr %[[INTEGER]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[AT]], %[[STEP]]
// CHECK: scf.yield %[[NEXT]]
func.func @linear(%base: index, %stride: index, %from: index, %to: index, %x: f32) {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  scf.for %i = %from to %to step %c2 {
    %n = arith.addi %i, %c3 : index
    %d = arith.muli %n, %stride : index
    %a = arith.addi %base, %d : index
    %integer = arith.index_cast %a : index to i64
    %p = llvm.inttoptr %integer : i64 to !llvm.ptr<1>
    llvm.store %x, %p : f32, !llvm.ptr<1>
  }
  return
}

// Downwards, in a branch.
// CHECK-LABEL: func.func @downwards(
// CHECK-SAME: %[[BASE:[a-z0-9]+]]: index, %[[STRIDE:[a-z0-9]+]]: index
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK: %[[STEP:.*]] = arith.subi %[[ZERO]], %[[STRIDE]]
// CHECK: scf.for {{.*}} iter_args(%[[AT:.*]] = %[[BASE]]) -> (index)
// CHECK: scf.if
// CHECK: arith.index_cast %[[AT]]
// CHECK: arith.addi %[[AT]], %[[STEP]]
func.func @downwards(%base: index, %stride: index, %to: index, %c: i1, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %to step %c1 {
    %d = arith.muli %stride, %i : index
    scf.if %c {
      %a = arith.subi %base, %d : index
      %integer = arith.index_cast %a : index to i64
      %p = llvm.inttoptr %integer : i64 to !llvm.ptr<1>
      llvm.store %x, %p : f32, !llvm.ptr<1>
    }
  }
  return
}

// CHECK-LABEL: func.func @no_linear(
// CHECK-NOT: iter_args
func.func @no_linear(%base: index, %from: index, %to: index, %x: f32) {
  %c1 = arith.constant 1 : index
  scf.for %i = %from to %to step %c1 {
    %d = arith.muli %i, %i : index
    %m = arith.minsi %i, %base : index
    %a = arith.addi %m, %d : index
    %integer = arith.index_cast %a : index to i64
    %p = llvm.inttoptr %integer : i64 to !llvm.ptr<1>
    llvm.store %x, %p : f32, !llvm.ptr<1>
  }
  return
}

// What is computed in the loop and stays the same is not added to.
// CHECK-LABEL: func.func @invariant(
// CHECK: scf.for
// CHECK-NOT: iter_args
// CHECK: llvm.inttoptr
// CHECK: return
func.func @invariant(%base: index, %stride: index, %to: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %to step %c1 {
    %d = arith.muli %to, %stride : index
    %a = arith.addi %base, %d : index
    %integer = arith.index_cast %a : index to i64
    %p = llvm.inttoptr %integer : i64 to !llvm.ptr<1>
    llvm.store %x, %p : f32, !llvm.ptr<1>
  }
  return
}

// A sum of the sum before it with itself, forty times: each is looked at once.
// CHECK-LABEL: func.func @doubled(
// CHECK: scf.for {{.*}} iter_args(
func.func @doubled(%to: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %to step %c1 {
    %d1 = arith.addi %i, %i : index
    %d2 = arith.addi %d1, %d1 : index
    %d3 = arith.addi %d2, %d2 : index
    %d4 = arith.addi %d3, %d3 : index
    %d5 = arith.addi %d4, %d4 : index
    %d6 = arith.addi %d5, %d5 : index
    %d7 = arith.addi %d6, %d6 : index
    %d8 = arith.addi %d7, %d7 : index
    %d9 = arith.addi %d8, %d8 : index
    %d10 = arith.addi %d9, %d9 : index
    %d11 = arith.addi %d10, %d10 : index
    %d12 = arith.addi %d11, %d11 : index
    %d13 = arith.addi %d12, %d12 : index
    %d14 = arith.addi %d13, %d13 : index
    %d15 = arith.addi %d14, %d14 : index
    %d16 = arith.addi %d15, %d15 : index
    %d17 = arith.addi %d16, %d16 : index
    %d18 = arith.addi %d17, %d17 : index
    %d19 = arith.addi %d18, %d18 : index
    %d20 = arith.addi %d19, %d19 : index
    %d21 = arith.addi %d20, %d20 : index
    %d22 = arith.addi %d21, %d21 : index
    %d23 = arith.addi %d22, %d22 : index
    %d24 = arith.addi %d23, %d23 : index
    %d25 = arith.addi %d24, %d24 : index
    %d26 = arith.addi %d25, %d25 : index
    %d27 = arith.addi %d26, %d26 : index
    %d28 = arith.addi %d27, %d27 : index
    %d29 = arith.addi %d28, %d28 : index
    %d30 = arith.addi %d29, %d29 : index
    %d31 = arith.addi %d30, %d30 : index
    %d32 = arith.addi %d31, %d31 : index
    %d33 = arith.addi %d32, %d32 : index
    %d34 = arith.addi %d33, %d33 : index
    %d35 = arith.addi %d34, %d34 : index
    %d36 = arith.addi %d35, %d35 : index
    %d37 = arith.addi %d36, %d36 : index
    %d38 = arith.addi %d37, %d37 : index
    %d39 = arith.addi %d38, %d38 : index
    %d40 = arith.addi %d39, %d39 : index
    %integer = arith.index_cast %d40 : index to i64
    %p = llvm.inttoptr %integer : i64 to !llvm.ptr<1>
    llvm.store %x, %p : f32, !llvm.ptr<1>
  }
  return
}
