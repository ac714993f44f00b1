// RUN: gqa-opt %s --gqa-lower-assert | FileCheck %s

// One global per message, and upstream's many lines become one.
// CHECK-DAG: llvm.mlir.global internal constant @[[SHORT:.*]]("too short")
// CHECK-DAG: llvm.mlir.global internal constant @[[BOUNDS:.*]]("out-of-bounds access at a.mlir:7:10")
// CHECK-DAG: llvm.func @gqa_rt_fail(!llvm.ptr, i64) attributes {passthrough = ["noreturn", "cold"]}
// CHECK-LABEL: @main
// CHECK: %[[NOT:.*]] = arith.xori %{{.*}}
// CHECK: scf.if %[[NOT]]
// CHECK: llvm.call @gqa_rt_fail
// CHECK-NOT: cf.assert
func.func @main(%c: i1) {
  cf.assert %c, "too short"
  cf.assert %c, "too short"
  cf.assert %c, "ERROR: Runtime op verification failed\0A%x = tensor.extract\0A^ out-of-bounds access\0ALocation: loc(\22a.mlir\22:7:10)"
  return
}
