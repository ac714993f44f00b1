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
