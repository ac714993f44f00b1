// RUN: gqa-opt %s --split-input-file --gqa-rename-reserved | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK: call @graph_gqa_rt_copy(
// CHECK: call @graph__mlir_ciface_main(
// CHECK: call @graph_sinf(
// CHECK: call @graph_a_b_(
// CHECK: call @graph_llvm_sin_f32(
// CHECK: call @helper(
// CHECK: func.func private @graph_gqa_rt_copy(
// CHECK: func.func private @helper(
func.func @main(%x: f32) -> f32 {
  %0 = call @gqa_rt_copy(%x) : (f32) -> f32
  %1 = call @_mlir_ciface_main(%0) : (f32) -> f32
  %2 = call @sinf(%1) : (f32) -> f32
  %3 = call @"a b?"(%2) : (f32) -> f32
  %4 = call @llvm.sin.f32(%3) : (f32) -> f32
  %5 = call @helper(%4) : (f32) -> f32
  return %5 : f32
}
func.func private @gqa_rt_copy(%x: f32) -> f32 {
  return %x : f32
}
func.func private @_mlir_ciface_main(%x: f32) -> f32 {
  return %x : f32
}
func.func private @sinf(%x: f32) -> f32 {
  return %x : f32
}
func.func private @"a b?"(%x: f32) -> f32 {
  return %x : f32
}
func.func private @llvm.sin.f32(%x: f32) -> f32 {
  return %x : f32
}
func.func private @helper(%x: f32) -> f32 {
  return %x : f32
}

// -----

// Another function may have the new name; what has no body is somebody else's.
// CHECK-LABEL: func.func private @graph_sinf()
// CHECK: func.func @graph_sinf_0()
// CHECK: func.func private @cosf()
func.func private @graph_sinf() {
  return
}
func.func @sinf() {
  return
}
func.func private @cosf()
