#map = affine_map<(d0, d1, d2) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#map6 = affine_map<(d0, d1, d2, d3) -> ()>
#map7 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map8 = affine_map<(d0, d1, d2) -> (d2)>
#map9 = affine_map<(d0, d1, d2, d3) -> (0, 0, d2, d3)>
#map10 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map11 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map12 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map13 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
module attributes {gqa.weights = "llama_decode_concat.safetensors"} {
  func.func @main(%arg0: tensor<2x1xi64>, %arg1: tensor<2x2x4x8xf32>, %arg2: tensor<2x2x4x8xf32>, %arg3: tensor<16x24xf32> {gqa.param = "model.model.embed_tokens.weight"}, %arg4: tensor<48x24xf32> {gqa.param = "model.model.layers.0.self_attn.q_proj.weight"}, %arg5: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.k_proj.weight"}, %arg6: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.v_proj.weight"}, %arg7: tensor<24x48xf32> {gqa.param = "model.model.layers.0.self_attn.o_proj.weight"}, %arg8: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.gate_proj.weight"}, %arg9: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.up_proj.weight"}, %arg10: tensor<24x16xf32> {gqa.param = "model.model.layers.0.mlp.down_proj.weight"}, %arg11: tensor<24xf32> {gqa.param = "model.model.layers.0.input_layernorm.weight"}, %arg12: tensor<24xf32> {gqa.param = "model.model.layers.0.post_attention_layernorm.weight"}, %arg13: tensor<24xf32> {gqa.param = "model.model.norm.weight"}, %arg14: tensor<16x24xf32> {gqa.param = "model.lm_head.weight"}) -> (tensor<2x1x16xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) {
    %c2_i64 = arith.constant 2 : i64
    %c4_i64 = arith.constant 4 : i64
    %c0_i64 = arith.constant 0 : i64
    %c16 = arith.constant 16 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<-3.40282347E+38> : tensor<f32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant 0.35355339059327379 : f64
    %cst_5 = arith.constant 9.9999999999999995E-7 : f64
    %cst_6 = arith.constant dense<[1.000000e+00, 1.000000e-01, 0.00999999977, 1.000000e-03]> : tensor<4xf32>
    %cst_7 = arith.constant 2.400000e+01 : f32
    %0 = tensor.empty() : tensor<2x1x24xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<2x1xi64>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: i64, %out: f32):
      %104 = arith.index_cast %in : i64 to index
      %105 = linalg.index 2 : index
      %106 = arith.cmpi slt, %104, %c16 : index
      cf.assert %106, "index must be smaller than dim size"
      %107 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %107, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg3[%104, %105] : tensor<16x24xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x1x24xf32>
    %2 = tensor.empty() : tensor<1xi64>
    %3 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%2 : tensor<1xi64>) {
    ^bb0(%out: i64):
      linalg.yield %c0_i64 : i64
    } -> tensor<1xi64>
    %4 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel"]} ins(%3 : tensor<1xi64>) outs(%2 : tensor<1xi64>) {
    ^bb0(%in: i64, %out: i64):
      %104 = arith.addi %in, %c4_i64 : i64
      linalg.yield %104 : i64
    } -> tensor<1xi64>
    %5 = tensor.empty() : tensor<5xi64>
    %6 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%5 : tensor<5xi64>) {
    ^bb0(%out: i64):
      %104 = linalg.index 0 : index
      %105 = arith.index_cast %104 : index to i64
      linalg.yield %105 : i64
    } -> tensor<5xi64>
    %expanded = tensor.expand_shape %4 [[0, 1, 2, 3]] output_shape [1, 1, 1, 1] : tensor<1xi64> into tensor<1x1x1x1xi64>
    %expanded_8 = tensor.expand_shape %6 [[0, 1, 2, 3]] output_shape [1, 1, 1, 5] : tensor<5xi64> into tensor<1x1x1x5xi64>
    %7 = tensor.empty() : tensor<1x1x1x5xi1>
    %8 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_8, %expanded : tensor<1x1x1x5xi64>, tensor<1x1x1x1xi64>) outs(%7 : tensor<1x1x1x5xi1>) {
    ^bb0(%in: i64, %in_52: i64, %out: i1):
      %104 = arith.cmpi sle, %in, %in_52 : i64
      linalg.yield %104 : i1
    } -> tensor<1x1x1x5xi1>
    %9 = tensor.empty() : tensor<2x1x1x5xi1>
    %collapsed = tensor.collapse_shape %8 [[0, 1], [2], [3]] : tensor<1x1x1x5xi1> into tensor<1x1x5xi1>
    %10 = linalg.generic {indexing_maps = [#map5, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed : tensor<1x1x5xi1>) outs(%9 : tensor<2x1x1x5xi1>) {
    ^bb0(%in: i1, %out: i1):
      linalg.yield %in : i1
    } -> tensor<2x1x1x5xi1>
    %11 = tensor.empty() : tensor<2x1x1x5xf32>
    %12 = linalg.generic {indexing_maps = [#map3, #map6, #map6, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10, %cst_3, %cst_2 : tensor<2x1x1x5xi1>, tensor<f32>, tensor<f32>) outs(%11 : tensor<2x1x1x5xf32>) {
    ^bb0(%in: i1, %in_52: f32, %in_53: f32, %out: f32):
      %104 = arith.select %in, %in_52, %in_53 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1x5xf32>
    %expanded_9 = tensor.expand_shape %4 [[0, 1, 2]] output_shape [1, 1, 1] : tensor<1xi64> into tensor<1x1x1xi64>
    %13 = tensor.empty() : tensor<1x1x1xf32>
    %14 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_9 : tensor<1x1x1xi64>) outs(%13 : tensor<1x1x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %104 = arith.sitofp %in : i64 to f32
      linalg.yield %104 : f32
    } -> tensor<1x1x1xf32>
    %15 = tensor.empty() : tensor<1x1x4xf32>
    %16 = linalg.generic {indexing_maps = [#map7, #map8, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %cst_6 : tensor<1x1x1xf32>, tensor<4xf32>) outs(%15 : tensor<1x1x4xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<1x1x4xf32>
    %concat = tensor.concat dim(2) %16, %16 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
    %17 = tensor.empty() : tensor<1x1x8xf32>
    %18 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x1x8xf32>) outs(%17 : tensor<1x1x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.cos %in : f32
      linalg.yield %104 : f32
    } -> tensor<1x1x8xf32>
    %19 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x1x8xf32>) outs(%17 : tensor<1x1x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.sin %in : f32
      linalg.yield %104 : f32
    } -> tensor<1x1x8xf32>
    %20 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %21 = tensor.empty() : tensor<2x1x1xf32>
    %22 = linalg.fill ins(%cst : f32) outs(%21 : tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
    %23 = linalg.generic {indexing_maps = [#map1, #map7], iterator_types = ["parallel", "parallel", "reduction"]} ins(%20 : tensor<2x1x24xf32>) outs(%22 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.addf %in, %out : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %24 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%23 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.divf %in, %cst_7 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %25 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%24 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.truncf %cst_5 : f64 to f32
      %105 = arith.addf %in, %104 : f32
      linalg.yield %105 : f32
    } -> tensor<2x1x1xf32>
    %26 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%25 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.rsqrt %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %27 = linalg.generic {indexing_maps = [#map1, #map7, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %26 : tensor<2x1x24xf32>, tensor<2x1x1xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %28 = linalg.generic {indexing_maps = [#map8, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11, %27 : tensor<24xf32>, tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %29 = tensor.empty() : tensor<24x48xf32>
    %transposed = linalg.transpose ins(%arg4 : tensor<48x24xf32>) outs(%29 : tensor<24x48xf32>) permutation = [1, 0] 
    %collapsed_10 = tensor.collapse_shape %28 [[0], [1, 2]] : tensor<2x1x24xf32> into tensor<2x24xf32>
    %30 = tensor.empty() : tensor<2x48xf32>
    %31 = linalg.fill ins(%cst : f32) outs(%30 : tensor<2x48xf32>) -> tensor<2x48xf32>
    %32 = linalg.matmul ins(%collapsed_10, %transposed : tensor<2x24xf32>, tensor<24x48xf32>) outs(%31 : tensor<2x48xf32>) -> tensor<2x48xf32>
    %expanded_11 = tensor.expand_shape %32 [[0], [1, 2, 3]] output_shape [2, 1, 6, 8] : tensor<2x48xf32> into tensor<2x1x6x8xf32>
    %33 = tensor.empty() : tensor<2x6x1x8xf32>
    %transposed_12 = linalg.transpose ins(%expanded_11 : tensor<2x1x6x8xf32>) outs(%33 : tensor<2x6x1x8xf32>) permutation = [0, 2, 1, 3] 
    %34 = tensor.empty() : tensor<24x16xf32>
    %transposed_13 = linalg.transpose ins(%arg5 : tensor<16x24xf32>) outs(%34 : tensor<24x16xf32>) permutation = [1, 0] 
    %35 = tensor.empty() : tensor<2x16xf32>
    %36 = linalg.fill ins(%cst : f32) outs(%35 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %37 = linalg.matmul ins(%collapsed_10, %transposed_13 : tensor<2x24xf32>, tensor<24x16xf32>) outs(%36 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %expanded_14 = tensor.expand_shape %37 [[0], [1, 2, 3]] output_shape [2, 1, 2, 8] : tensor<2x16xf32> into tensor<2x1x2x8xf32>
    %38 = tensor.empty() : tensor<2x2x1x8xf32>
    %transposed_15 = linalg.transpose ins(%expanded_14 : tensor<2x1x2x8xf32>) outs(%38 : tensor<2x2x1x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_16 = linalg.transpose ins(%arg6 : tensor<16x24xf32>) outs(%34 : tensor<24x16xf32>) permutation = [1, 0] 
    %39 = linalg.matmul ins(%collapsed_10, %transposed_16 : tensor<2x24xf32>, tensor<24x16xf32>) outs(%36 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %expanded_17 = tensor.expand_shape %39 [[0], [1, 2, 3]] output_shape [2, 1, 2, 8] : tensor<2x16xf32> into tensor<2x1x2x8xf32>
    %transposed_18 = linalg.transpose ins(%expanded_17 : tensor<2x1x2x8xf32>) outs(%38 : tensor<2x2x1x8xf32>) permutation = [0, 2, 1, 3] 
    %expanded_19 = tensor.expand_shape %18 [[0], [1, 2], [3]] output_shape [1, 1, 1, 8] : tensor<1x1x8xf32> into tensor<1x1x1x8xf32>
    %expanded_20 = tensor.expand_shape %19 [[0], [1, 2], [3]] output_shape [1, 1, 1, 8] : tensor<1x1x8xf32> into tensor<1x1x1x8xf32>
    %40 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_12, %expanded_19 : tensor<2x6x1x8xf32>, tensor<1x1x1x8xf32>) outs(%33 : tensor<2x6x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x8xf32>
    %extracted_slice = tensor.extract_slice %transposed_12[0, 0, 0, 0] [2, 6, 1, 4] [1, 1, 1, 1] : tensor<2x6x1x8xf32> to tensor<2x6x1x4xf32>
    %extracted_slice_21 = tensor.extract_slice %transposed_12[0, 0, 0, 4] [2, 6, 1, 4] [1, 1, 1, 1] : tensor<2x6x1x8xf32> to tensor<2x6x1x4xf32>
    %41 = tensor.empty() : tensor<2x6x1x4xf32>
    %42 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_21 : tensor<2x6x1x4xf32>) outs(%41 : tensor<2x6x1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.negf %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x4xf32>
    %concat_22 = tensor.concat dim(3) %42, %extracted_slice : (tensor<2x6x1x4xf32>, tensor<2x6x1x4xf32>) -> tensor<2x6x1x8xf32>
    %43 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_22, %expanded_20 : tensor<2x6x1x8xf32>, tensor<1x1x1x8xf32>) outs(%33 : tensor<2x6x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x8xf32>
    %44 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40, %43 : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>) outs(%33 : tensor<2x6x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.addf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x8xf32>
    %45 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_15, %expanded_19 : tensor<2x2x1x8xf32>, tensor<1x1x1x8xf32>) outs(%38 : tensor<2x2x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x2x1x8xf32>
    %extracted_slice_23 = tensor.extract_slice %transposed_15[0, 0, 0, 0] [2, 2, 1, 4] [1, 1, 1, 1] : tensor<2x2x1x8xf32> to tensor<2x2x1x4xf32>
    %extracted_slice_24 = tensor.extract_slice %transposed_15[0, 0, 0, 4] [2, 2, 1, 4] [1, 1, 1, 1] : tensor<2x2x1x8xf32> to tensor<2x2x1x4xf32>
    %46 = tensor.empty() : tensor<2x2x1x4xf32>
    %47 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_24 : tensor<2x2x1x4xf32>) outs(%46 : tensor<2x2x1x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.negf %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x2x1x4xf32>
    %concat_25 = tensor.concat dim(3) %47, %extracted_slice_23 : (tensor<2x2x1x4xf32>, tensor<2x2x1x4xf32>) -> tensor<2x2x1x8xf32>
    %48 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_25, %expanded_20 : tensor<2x2x1x8xf32>, tensor<1x1x1x8xf32>) outs(%38 : tensor<2x2x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x2x1x8xf32>
    %49 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%45, %48 : tensor<2x2x1x8xf32>, tensor<2x2x1x8xf32>) outs(%38 : tensor<2x2x1x8xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.addf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x2x1x8xf32>
    %concat_26 = tensor.concat dim(2) %arg1, %49 : (tensor<2x2x4x8xf32>, tensor<2x2x1x8xf32>) -> tensor<2x2x5x8xf32>
    %concat_27 = tensor.concat dim(2) %arg2, %transposed_18 : (tensor<2x2x4x8xf32>, tensor<2x2x1x8xf32>) -> tensor<2x2x5x8xf32>
    %50 = tensor.empty() : tensor<2x2x3x5x8xf32>
    %51 = linalg.generic {indexing_maps = [#map10, #map11], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_26 : tensor<2x2x5x8xf32>) outs(%50 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %collapsed_28 = tensor.collapse_shape %51 [[0], [1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<2x6x5x8xf32>
    %52 = linalg.generic {indexing_maps = [#map10, #map11], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_27 : tensor<2x2x5x8xf32>) outs(%50 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %53 = tensor.empty() : tensor<2x6x8x5xf32>
    %transposed_29 = linalg.transpose ins(%collapsed_28 : tensor<2x6x5x8xf32>) outs(%53 : tensor<2x6x8x5xf32>) permutation = [0, 1, 3, 2] 
    %collapsed_30 = tensor.collapse_shape %44 [[0, 1], [2], [3]] : tensor<2x6x1x8xf32> into tensor<12x1x8xf32>
    %collapsed_31 = tensor.collapse_shape %transposed_29 [[0, 1], [2], [3]] : tensor<2x6x8x5xf32> into tensor<12x8x5xf32>
    %54 = tensor.empty() : tensor<12x1x5xf32>
    %55 = linalg.fill ins(%cst : f32) outs(%54 : tensor<12x1x5xf32>) -> tensor<12x1x5xf32>
    %56 = linalg.batch_matmul ins(%collapsed_30, %collapsed_31 : tensor<12x1x8xf32>, tensor<12x8x5xf32>) outs(%55 : tensor<12x1x5xf32>) -> tensor<12x1x5xf32>
    %expanded_32 = tensor.expand_shape %56 [[0, 1], [2], [3]] output_shape [2, 6, 1, 5] : tensor<12x1x5xf32> into tensor<2x6x1x5xf32>
    %57 = tensor.empty() : tensor<2x6x1x5xf32>
    %58 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_32 : tensor<2x6x1x5xf32>) outs(%57 : tensor<2x6x1x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.truncf %cst_4 : f64 to f32
      %105 = arith.mulf %in, %104 : f32
      linalg.yield %105 : f32
    } -> tensor<2x6x1x5xf32>
    %59 = linalg.generic {indexing_maps = [#map3, #map12, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%58, %12 : tensor<2x6x1x5xf32>, tensor<2x1x1x5xf32>) outs(%57 : tensor<2x6x1x5xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.addf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x5xf32>
    %60 = tensor.empty() : tensor<2x6x1xi64>
    %61 = linalg.fill ins(%c0_i64 : i64) outs(%60 : tensor<2x6x1xi64>) -> tensor<2x6x1xi64>
    %62 = tensor.empty() : tensor<2x6x1xf32>
    %63 = linalg.fill ins(%cst_0 : f32) outs(%62 : tensor<2x6x1xf32>) -> tensor<2x6x1xf32>
    %64:2 = linalg.generic {indexing_maps = [#map3, #map13, #map13], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%59 : tensor<2x6x1x5xf32>) outs(%63, %61 : tensor<2x6x1xf32>, tensor<2x6x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_52: i64):
      %104 = linalg.index 3 : index
      %105 = arith.index_cast %104 : index to i64
      %106 = arith.maximumf %in, %out : f32
      %107 = arith.cmpf ogt, %in, %out : f32
      %108 = arith.select %107, %105, %out_52 : i64
      linalg.yield %106, %108 : f32, i64
    } -> (tensor<2x6x1xf32>, tensor<2x6x1xi64>)
    %expanded_33 = tensor.expand_shape %64#0 [[0], [1], [2, 3]] output_shape [2, 6, 1, 1] : tensor<2x6x1xf32> into tensor<2x6x1x1xf32>
    %65 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%59, %expanded_33 : tensor<2x6x1x5xf32>, tensor<2x6x1x1xf32>) outs(%57 : tensor<2x6x1x5xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.subf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x5xf32>
    %66 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%65 : tensor<2x6x1x5xf32>) outs(%57 : tensor<2x6x1x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.exp %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x5xf32>
    %67 = tensor.empty() : tensor<2x6x1x1xf32>
    %68 = linalg.fill ins(%cst : f32) outs(%67 : tensor<2x6x1x1xf32>) -> tensor<2x6x1x1xf32>
    %69 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%66 : tensor<2x6x1x5xf32>) outs(%68 : tensor<2x6x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.addf %in, %out : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x1xf32>
    %70 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%66, %69 : tensor<2x6x1x5xf32>, tensor<2x6x1x1xf32>) outs(%57 : tensor<2x6x1x5xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.divf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x6x1x5xf32>
    %collapsed_34 = tensor.collapse_shape %70 [[0, 1], [2], [3]] : tensor<2x6x1x5xf32> into tensor<12x1x5xf32>
    %collapsed_35 = tensor.collapse_shape %52 [[0, 1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<12x5x8xf32>
    %71 = tensor.empty() : tensor<12x1x8xf32>
    %72 = linalg.fill ins(%cst : f32) outs(%71 : tensor<12x1x8xf32>) -> tensor<12x1x8xf32>
    %73 = linalg.batch_matmul ins(%collapsed_34, %collapsed_35 : tensor<12x1x5xf32>, tensor<12x5x8xf32>) outs(%72 : tensor<12x1x8xf32>) -> tensor<12x1x8xf32>
    %expanded_36 = tensor.expand_shape %73 [[0, 1], [2], [3]] output_shape [2, 6, 1, 8] : tensor<12x1x8xf32> into tensor<2x6x1x8xf32>
    %74 = tensor.empty() : tensor<2x1x6x8xf32>
    %transposed_37 = linalg.transpose ins(%expanded_36 : tensor<2x6x1x8xf32>) outs(%74 : tensor<2x1x6x8xf32>) permutation = [0, 2, 1, 3] 
    %75 = tensor.empty() : tensor<48x24xf32>
    %transposed_38 = linalg.transpose ins(%arg7 : tensor<24x48xf32>) outs(%75 : tensor<48x24xf32>) permutation = [1, 0] 
    %collapsed_39 = tensor.collapse_shape %transposed_37 [[0], [1, 2, 3]] : tensor<2x1x6x8xf32> into tensor<2x48xf32>
    %76 = tensor.empty() : tensor<2x24xf32>
    %77 = linalg.fill ins(%cst : f32) outs(%76 : tensor<2x24xf32>) -> tensor<2x24xf32>
    %78 = linalg.matmul ins(%collapsed_39, %transposed_38 : tensor<2x48xf32>, tensor<48x24xf32>) outs(%77 : tensor<2x24xf32>) -> tensor<2x24xf32>
    %expanded_40 = tensor.expand_shape %78 [[0], [1, 2]] output_shape [2, 1, 24] : tensor<2x24xf32> into tensor<2x1x24xf32>
    %79 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %expanded_40 : tensor<2x1x24xf32>, tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.addf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %80 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%79 : tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %81 = linalg.generic {indexing_maps = [#map1, #map7], iterator_types = ["parallel", "parallel", "reduction"]} ins(%80 : tensor<2x1x24xf32>) outs(%22 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.addf %in, %out : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %82 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%81 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.divf %in, %cst_7 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %83 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%82 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.truncf %cst_5 : f64 to f32
      %105 = arith.addf %in, %104 : f32
      linalg.yield %105 : f32
    } -> tensor<2x1x1xf32>
    %84 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%83 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.rsqrt %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %85 = linalg.generic {indexing_maps = [#map1, #map7, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%79, %84 : tensor<2x1x24xf32>, tensor<2x1x1xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %86 = linalg.generic {indexing_maps = [#map8, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg12, %85 : tensor<24xf32>, tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %transposed_41 = linalg.transpose ins(%arg8 : tensor<16x24xf32>) outs(%34 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_42 = tensor.collapse_shape %86 [[0], [1, 2]] : tensor<2x1x24xf32> into tensor<2x24xf32>
    %87 = linalg.matmul ins(%collapsed_42, %transposed_41 : tensor<2x24xf32>, tensor<24x16xf32>) outs(%36 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %expanded_43 = tensor.expand_shape %87 [[0], [1, 2]] output_shape [2, 1, 16] : tensor<2x16xf32> into tensor<2x1x16xf32>
    %88 = tensor.empty() : tensor<2x1x16xf32>
    %89 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_43 : tensor<2x1x16xf32>) outs(%88 : tensor<2x1x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.negf %in : f32
      %105 = math.exp %104 : f32
      %106 = arith.addf %105, %cst_1 : f32
      %107 = arith.divf %cst_1, %106 : f32
      linalg.yield %107 : f32
    } -> tensor<2x1x16xf32>
    %90 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_43, %89 : tensor<2x1x16xf32>, tensor<2x1x16xf32>) outs(%88 : tensor<2x1x16xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x16xf32>
    %transposed_44 = linalg.transpose ins(%arg9 : tensor<16x24xf32>) outs(%34 : tensor<24x16xf32>) permutation = [1, 0] 
    %91 = linalg.matmul ins(%collapsed_42, %transposed_44 : tensor<2x24xf32>, tensor<24x16xf32>) outs(%36 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %expanded_45 = tensor.expand_shape %91 [[0], [1, 2]] output_shape [2, 1, 16] : tensor<2x16xf32> into tensor<2x1x16xf32>
    %92 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%90, %expanded_45 : tensor<2x1x16xf32>, tensor<2x1x16xf32>) outs(%88 : tensor<2x1x16xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x16xf32>
    %93 = tensor.empty() : tensor<16x24xf32>
    %transposed_46 = linalg.transpose ins(%arg10 : tensor<24x16xf32>) outs(%93 : tensor<16x24xf32>) permutation = [1, 0] 
    %collapsed_47 = tensor.collapse_shape %92 [[0], [1, 2]] : tensor<2x1x16xf32> into tensor<2x16xf32>
    %94 = linalg.matmul ins(%collapsed_47, %transposed_46 : tensor<2x16xf32>, tensor<16x24xf32>) outs(%77 : tensor<2x24xf32>) -> tensor<2x24xf32>
    %expanded_48 = tensor.expand_shape %94 [[0], [1, 2]] output_shape [2, 1, 24] : tensor<2x24xf32> into tensor<2x1x24xf32>
    %95 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%79, %expanded_48 : tensor<2x1x24xf32>, tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.addf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %96 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%95 : tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %97 = linalg.generic {indexing_maps = [#map1, #map7], iterator_types = ["parallel", "parallel", "reduction"]} ins(%96 : tensor<2x1x24xf32>) outs(%22 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.addf %in, %out : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %98 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%97 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.divf %in, %cst_7 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %99 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%98 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = arith.truncf %cst_5 : f64 to f32
      %105 = arith.addf %in, %104 : f32
      linalg.yield %105 : f32
    } -> tensor<2x1x1xf32>
    %100 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%99 : tensor<2x1x1xf32>) outs(%21 : tensor<2x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %104 = math.rsqrt %in : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x1xf32>
    %101 = linalg.generic {indexing_maps = [#map1, #map7, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%95, %100 : tensor<2x1x24xf32>, tensor<2x1x1xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %102 = linalg.generic {indexing_maps = [#map8, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg13, %101 : tensor<24xf32>, tensor<2x1x24xf32>) outs(%0 : tensor<2x1x24xf32>) {
    ^bb0(%in: f32, %in_52: f32, %out: f32):
      %104 = arith.mulf %in, %in_52 : f32
      linalg.yield %104 : f32
    } -> tensor<2x1x24xf32>
    %transposed_49 = linalg.transpose ins(%arg14 : tensor<16x24xf32>) outs(%34 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_50 = tensor.collapse_shape %102 [[0], [1, 2]] : tensor<2x1x24xf32> into tensor<2x24xf32>
    %103 = linalg.matmul ins(%collapsed_50, %transposed_49 : tensor<2x24xf32>, tensor<24x16xf32>) outs(%36 : tensor<2x16xf32>) -> tensor<2x16xf32>
    %expanded_51 = tensor.expand_shape %103 [[0], [1, 2]] output_shape [2, 1, 16] : tensor<2x16xf32> into tensor<2x1x16xf32>
    return %expanded_51, %concat_26, %concat_27 : tensor<2x1x16xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>
  }
}
