// RUN: gqa-opt %s --gqa-order-loops | FileCheck %s

// The row of results is the innermost loop, and the window's two stand in front of it.
// CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2 + d3, d4 + d5)>
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d1, d3, d4)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d5)>
// CHECK-LABEL: func @depthwise
// CHECK: linalg.generic {indexing_maps = [#[[IN]], #[[WINDOW]], #[[OUT]]]
// CHECK-SAME: ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]
#in = affine_map<(n, y, x, c, j, i) -> (n, c, y + j, x + i)>
#window = affine_map<(n, y, x, c, j, i) -> (c, j, i)>
#out = affine_map<(n, y, x, c, j, i) -> (n, c, y, x)>
func.func @depthwise(%x: memref<2x24x44x44xf32>, %w: memref<24x5x5xf32>, %o: memref<2x24x40x40xf32>) {
  linalg.generic {indexing_maps = [#in, #window, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : memref<2x24x44x44xf32>, memref<24x5x5xf32>) outs(%o : memref<2x24x40x40xf32>) {
    ^bb0(%a: f32, %b: f32, %s: f32):
      %p = arith.mulf %a, %b : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
  }
  return
}

// A sequence as a picture one pixel wide: its tokens are the row.
// CHECK-LABEL: func @causal
// CHECK: linalg.generic
// CHECK-SAME: ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]
// CHECK-SAME: outs(%{{.*}} : memref<1x24x40x1xf32>)
func.func @causal(%x: memref<1x24x43x1xf32>, %w: memref<24x4x1xf32>, %o: memref<1x24x40x1xf32>) {
  linalg.generic {indexing_maps = [#in, #window, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : memref<1x24x43x1xf32>, memref<24x4x1xf32>) outs(%o : memref<1x24x40x1xf32>) {
    ^bb0(%a: f32, %b: f32, %s: f32):
      %p = arith.mulf %a, %b : f32
      %t = arith.addf %s, %p : f32
      linalg.yield %t : f32
  }
  return
}

// As they are: a long sum over neighbours, and rows whose elements are not next to each other in what they are made of.
// CHECK-LABEL: func @long
// CHECK: iterator_types = ["parallel", "reduction"]
#rows = affine_map<(i, j) -> (i, j)>
#sums = affine_map<(i, j) -> (i)>
func.func @long(%x: memref<40x768xf32>, %o: memref<40xf32>) {
  linalg.generic {indexing_maps = [#rows, #sums], iterator_types = ["parallel", "reduction"]} ins(%x : memref<40x768xf32>) outs(%o : memref<40xf32>) {
    ^bb0(%a: f32, %s: f32):
      %t = arith.addf %s, %a : f32
      linalg.yield %t : f32
  }
  return
}

// CHECK-LABEL: func @apart
// CHECK: iterator_types = ["parallel", "reduction"]
func.func @apart(%x: memref<40x4xf32>, %o: memref<40xf32>) {
  linalg.generic {indexing_maps = [#rows, #sums], iterator_types = ["parallel", "reduction"]} ins(%x : memref<40x4xf32>) outs(%o : memref<40xf32>) {
    ^bb0(%a: f32, %s: f32):
      %t = arith.addf %s, %a : f32
      linalg.yield %t : f32
  }
  return
}
