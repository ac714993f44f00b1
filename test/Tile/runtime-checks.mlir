// Sizes that only the call knows must agree as the verifier asks of static ones; a kernel never reads beyond an operand.
// RUN: not gqa-run %s --inputs=2x8x5x16xf32,1x2x7x16xf32,1x2x7x16xf32,5x7xi1 2>&1 | FileCheck %s --check-prefix=BATCH
// RUN: not gqa-run %s --inputs=2x8x5x16xf32,2x2x7x16xf32,2x2x6x16xf32,5x7xi1 2>&1 | FileCheck %s --check-prefix=KEYS
// RUN: not gqa-run %s --inputs=2x8x5x16xf32,2x3x7x16xf32,2x3x7x16xf32,5x7xi1 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not gqa-run %s --inputs=2x8x5x16xf32,2x2x7x16xf32,2x2x7x16xf32,5x6xi1 2>&1 | FileCheck %s --check-prefix=MASK
// RUN: gqa-run %s --inputs=2x8x5x16xf32,2x2x7x16xf32,2x2x7x16xf32,1x7xi1 | FileCheck %s --check-prefix=GOOD

// BATCH: gqa.attention: q and k differ in batch size
// KEYS: gqa.attention: k and v differ in the number of keys
// HEADS: gqa.attention: the number of key/value heads does not divide the number of query heads
// MASK: gqa.attention: mask does not broadcast to batch x heads x queries x keys
// GOOD: out0: f32[2x8x5x16]
func.func @main(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>, %v: tensor<?x?x?x16xf32>, %m: tensor<?x?xi1>)
    -> tensor<?x?x?x16xf32> {
  %o = gqa.attention %q, %k, %v mask(%m)
    : (tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?xi1>) -> tensor<?x?x?x16xf32>
  return %o : tensor<?x?x?x16xf32>
}
