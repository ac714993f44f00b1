// What a loop carries may be a new tensor in each iteration.
// RUN: gqa-run %s --inputs=8xf32,i64 --outputs=%t.npz
// RUN: gqa-run %s --inputs=8xf32,i64 --reference --expect=%t.npz
func.func @main(%x: tensor<8xf32>, %n: tensor<i64>) -> (tensor<8xf32>, tensor<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %seven = arith.constant 7 : i64
  %power = scf.for %i = %c0 to %c5 step %c1 iter_args(%so = %x) -> tensor<8xf32> {
    %0 = arith.mulf %so, %x : tensor<8xf32>
    scf.yield %0 : tensor<8xf32>
  }
  %given = tensor.extract %n[] : tensor<i64>
  %most = arith.remui %given, %seven : i64
  %multiple:2 = scf.while (%i = %zero, %so = %power) : (i64, tensor<8xf32>) -> (i64, tensor<8xf32>) {
    %0 = arith.cmpi slt, %i, %most : i64
    scf.condition(%0) %i, %so : i64, tensor<8xf32>
  } do {
  ^bb0(%i: i64, %so: tensor<8xf32>):
    %0 = arith.addi %i, %one : i64
    %1 = arith.addf %so, %x : tensor<8xf32>
    scf.yield %0, %1 : i64, tensor<8xf32>
  }
  return %power, %multiple#1 : tensor<8xf32>, tensor<8xf32>
}
