// RUN: gqa-opt %s --split-input-file --gqa-multiply-patches | FileCheck %s

// An image that becomes tokens: patches do not overlap, and the filter is a matrix as it lies. The bias is added to the product.
// CHECK-DAG: #[[PATCH:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1 * 8 + d4, d2 * 8 + d5)>
// CHECK-DAG: #[[TURNED:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>
// CHECK-LABEL: func.func @tokens
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x64x64xf32>, %[[W:[a-z0-9]+]]: tensor<32x3x8x8xf32>, %[[BIAS:[a-z0-9]+]]: tensor<2x32x8x8xf32>
// CHECK: %[[GATHERED:.*]] = linalg.generic {indexing_maps = [#[[PATCH]], {{.*}} ins(%[[X]]
// CHECK: %[[PATCHES:.*]] = tensor.collapse_shape %[[GATHERED]] {{\[}}[0, 1, 2], [3, 4, 5]]
// CHECK-SAME: into tensor<128x192xf32>
// CHECK: %[[FILTER:.*]] = tensor.collapse_shape %[[W]] {{\[}}[0], [1, 2, 3]]
// CHECK: %[[ZEROS:.*]] = linalg.fill
// CHECK: %[[PRODUCT:.*]] = linalg.matmul
// CHECK-SAME: ins(%[[PATCHES]], %[[FILTER]] : tensor<128x192xf32>, tensor<32x192xf32>) outs(%[[ZEROS]]
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[PRODUCT]]
// CHECK-SAME: into tensor<2x8x8x32xf32>
// CHECK: linalg.generic {indexing_maps = [#[[TURNED]], {{.*}} ins(%[[SPLIT]], %[[BIAS]]
// CHECK: arith.addf
// CHECK-NOT: linalg.conv
func.func @tokens(%x: tensor<2x3x64x64xf32>, %w: tensor<32x3x8x8xf32>, %bias: tensor<2x32x8x8xf32>) -> tensor<2x32x8x8xf32> {
  %y = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<8> : vector<2xi64>}
    ins(%x, %w : tensor<2x3x64x64xf32>, tensor<32x3x8x8xf32>) outs(%bias : tensor<2x32x8x8xf32>) -> tensor<2x32x8x8xf32>
  return %y : tensor<2x32x8x8xf32>
}

// -----

// Sums of 16 bits are f32 until the bias is added, and from zero there is nothing to add.
// CHECK-LABEL: func.func @narrow
// CHECK: linalg.matmul {{.*}} -> tensor<98x64xf32>
// CHECK: linalg.generic
// CHECK: arith.extf
// CHECK: arith.addf {{.*}} : f32
// CHECK: arith.truncf {{.*}} : f32 to bf16
// CHECK: linalg.matmul {{.*}} -> tensor<98x64xf32>
// CHECK: linalg.generic
// CHECK-NOT: arith.addf
func.func @narrow(%x: tensor<1x40x100xbf16>, %w: tensor<64x40x3xbf16>, %bias: tensor<1x64x98xbf16>) -> (tensor<1x64x98xbf16>, tensor<1x64x98xbf16>) {
  %y = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>}
    ins(%x, %w : tensor<1x40x100xbf16>, tensor<64x40x3xbf16>) outs(%bias : tensor<1x64x98xbf16>) -> tensor<1x64x98xbf16>
  %c0 = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<1x64x98xbf16>
  %zero = linalg.fill ins(%c0 : bf16) outs(%e : tensor<1x64x98xbf16>) -> tensor<1x64x98xbf16>
  %z = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<1> : vector<1xi64>}
    ins(%x, %w : tensor<1x40x100xbf16>, tensor<64x40x3xbf16>) outs(%zero : tensor<1x64x98xbf16>) -> tensor<1x64x98xbf16>
  return %y, %z : tensor<1x64x98xbf16>, tensor<1x64x98xbf16>
}

// -----

// Channels last, as JAX and TensorFlow have them: the filter is not transposed. The batch's size is not known.
// CHECK-LABEL: func.func @channels_last
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1, 2], [3]] : tensor<3x3x4x16xf32> into tensor<36x16xf32>
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<?x36xf32>, tensor<36x16xf32>)
func.func @channels_last(%x: tensor<?x10x10x4xf32>, %w: tensor<3x3x4x16xf32>, %bias: tensor<?x8x8x16xf32>) -> tensor<?x8x8x16xf32> {
  %y = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : vector<2xi64>, strides = dense<1> : vector<2xi64>}
    ins(%x, %w : tensor<?x10x10x4xf32>, tensor<3x3x4x16xf32>) outs(%bias : tensor<?x8x8x16xf32>) -> tensor<?x8x8x16xf32>
  return %y : tensor<?x8x8x16xf32>
}

// -----

// A filter for each channel is no matrix, and neither is a window of maxima; integers are none of the library's.
// CHECK-LABEL: func.func @negative_others
// CHECK-NOT: linalg.matmul
func.func @negative_others(%x: tensor<1x10x10x4xf32>, %w: tensor<3x3x4xf32>, %y: tensor<1x8x8x4xf32>, %i: tensor<1x10x10x4xi32>,
                           %j: tensor<3x3x4x16xi32>, %k: tensor<1x8x8x16xi32>, %window: tensor<3x3xf32>)
    -> (tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>, tensor<1x8x8x16xi32>) {
  %0 = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x10x10x4xf32>, tensor<3x3x4xf32>) outs(%y : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %1 = linalg.pooling_nhwc_max ins(%x, %window : tensor<1x10x10x4xf32>, tensor<3x3xf32>) outs(%y : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  %2 = linalg.conv_2d_nhwc_hwcf ins(%i, %j : tensor<1x10x10x4xi32>, tensor<3x3x4x16xi32>) outs(%k : tensor<1x8x8x16xi32>) -> tensor<1x8x8x16xi32>
  return %0, %1, %2 : tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32>, tensor<1x8x8x16xi32>
}
