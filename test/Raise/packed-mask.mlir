// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Hugging Face's mask for packed sequences: a sequence starts where the position does not grow by one, counted along the
// tokens; queries see keys of their own sequence. With positions 0, 1, 2, ... nothing starts, and the mask is proven to
// hide nothing.

!Q = tensor<6x7x16xf32>
!K = tensor<6x16x7xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!P = tensor<7xi64>
#one = affine_map<(i) -> (i)>
#row = affine_map<(i, j) -> (i)>
#col = affine_map<(i, j) -> (j)>
#two = affine_map<(i, j) -> (i, j)>

// CHECK-LABEL: @packed(
// CHECK-NOT: mask(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00) dead_row(nan) layout(k = "bhds")
// CHECK-NOT: mask(
func.func @packed(%q: !Q, %k: !K, %v: !Q) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zp = arith.constant dense<0> : !P
  %ones = arith.constant dense<1> : tensor<1xi64>
  %positions = linalg.generic {indexing_maps = [#one], iterator_types = ["parallel"]} outs(%zp : !P) {
  ^bb0(%x: i64):
    %i = linalg.index 0 : index
    %y = arith.index_cast %i : index to i64
    linalg.yield %y : i64
  } -> !P
  %first = tensor.extract_slice %positions[0] [1] [1] : !P to tensor<1xi64>
  %before = linalg.sub ins(%first, %ones : tensor<1xi64>, tensor<1xi64>) outs(%ones : tensor<1xi64>) -> tensor<1xi64>
  %longer = tensor.concat dim(0) %before, %positions : (tensor<1xi64>, !P) -> tensor<8xi64>
  %last = tensor.extract_slice %longer[0] [7] [1] : tensor<8xi64> to !P
  %starts = linalg.generic {indexing_maps = [#one, #one, #one], iterator_types = ["parallel"]}
      ins(%positions, %last : !P, !P) outs(%zp : !P) {
  ^bb0(%a: i64, %b: i64, %x: i64):
    %one = arith.constant 1 : i64
    %step = arith.subi %a, %b : i64
    %is = arith.cmpi ne, %step, %one : i64
    %y = arith.extui %is : i1 to i64
    linalg.yield %y : i64
  } -> !P
  %sequence = linalg.generic {indexing_maps = [#col, #row], iterator_types = ["parallel", "reduction"]}
      ins(%starts : !P) outs(%zp : !P) {
  ^bb0(%start: i64, %count: i64):
    %zero = arith.constant 0 : i64
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %past = arith.cmpi ule, %j, %i : index
    %counts = arith.select %past, %start, %zero : i64
    %y = arith.addi %count, %counts : i64
    linalg.yield %y : i64
  } -> !P
  %fills = arith.constant dense<0.0> : tensor<7x7xf32>
  %mask = linalg.generic {indexing_maps = [#row, #col, #two], iterator_types = ["parallel", "parallel"]}
      ins(%sequence, %sequence : !P, !P) outs(%fills : tensor<7x7xf32>) {
  ^bb0(%a: i64, %b: i64, %x: f32):
    %zero = arith.constant 0.0 : f32
    %fill = arith.constant -3.4e38 : f32
    %same = arith.cmpi eq, %a, %b : i64
    %y = arith.select %same, %zero, %fill : f32
    linalg.yield %y : f32
  } -> tensor<7x7xf32>
  %mb = linalg.broadcast ins(%mask : tensor<7x7xf32>) outs(%zs : !S) dimensions = [0]
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.add ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %max = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %max : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
