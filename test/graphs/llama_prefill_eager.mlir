#map = affine_map<(d0, d1, d2) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (d1)>
#map4 = affine_map<(d0, d1) -> (d0, d1)>
#map5 = affine_map<(d0, d1) -> (0, d1)>
#map6 = affine_map<(d0, d1) -> (d0, 0)>
#map7 = affine_map<(d0, d1, d2) -> (d1, d2)>
#map8 = affine_map<(d0, d1, d2) -> (d0, 0, d2)>
#map9 = affine_map<(d0, d1, d2) -> ()>
#map10 = affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, 0)>
#map11 = affine_map<(d0, d1, d2, d3) -> (0, 0, d2, 0)>
#map12 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map13 = affine_map<(d0, d1, d2, d3) -> (0, 0, 0, d3)>
#map14 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map15 = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, d3)>
#map16 = affine_map<(d0, d1, d2, d3) -> ()>
#map17 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map18 = affine_map<(d0, d1, d2) -> (d2)>
#map19 = affine_map<(d0, d1, d2, d3) -> (0, 0, d2, d3)>
#map20 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map21 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map22 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map23 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
module attributes {gqa.weights = "llama_prefill_eager.safetensors"} {
  func.func @main(%arg0: tensor<2x5xi64>, %arg1: tensor<16x24xf32> {gqa.param = "model.model.embed_tokens.weight"}, %arg2: tensor<48x24xf32> {gqa.param = "model.model.layers.0.self_attn.q_proj.weight"}, %arg3: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.k_proj.weight"}, %arg4: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.v_proj.weight"}, %arg5: tensor<24x48xf32> {gqa.param = "model.model.layers.0.self_attn.o_proj.weight"}, %arg6: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.gate_proj.weight"}, %arg7: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.up_proj.weight"}, %arg8: tensor<24x16xf32> {gqa.param = "model.model.layers.0.mlp.down_proj.weight"}, %arg9: tensor<24xf32> {gqa.param = "model.model.layers.0.input_layernorm.weight"}, %arg10: tensor<24xf32> {gqa.param = "model.model.layers.0.post_attention_layernorm.weight"}, %arg11: tensor<24xf32> {gqa.param = "model.model.norm.weight"}, %arg12: tensor<16x24xf32> {gqa.param = "model.lm_head.weight"}) -> tensor<2x5x16xf32> {
    %c2_i64 = arith.constant 2 : i64
    %c1_i64 = arith.constant 1 : i64
    %c5_i64 = arith.constant 5 : i64
    %c0_i64 = arith.constant 0 : i64
    %c16 = arith.constant 16 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<-3.40282347E+38> : tensor<f32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant dense<true> : tensor<i1>
    %cst_5 = arith.constant 0.35355339059327379 : f64
    %cst_6 = arith.constant 9.9999999999999995E-7 : f64
    %cst_7 = arith.constant dense<[1.000000e+00, 1.000000e-01, 0.00999999977, 1.000000e-03]> : tensor<4xf32>
    %cst_8 = arith.constant 2.400000e+01 : f32
    %cst_9 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<2x5x24xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<2x5xi64>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: i64, %out: f32):
      %124 = arith.index_cast %in : i64 to index
      %125 = linalg.index 2 : index
      %126 = arith.cmpi slt, %124, %c16 : index
      cf.assert %126, "index must be smaller than dim size"
      %127 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %127, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg1[%124, %125] : tensor<16x24xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x5x24xf32>
    %2 = tensor.empty() : tensor<5xi64>
    %3 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%2 : tensor<5xi64>) {
    ^bb0(%out: i64):
      %124 = linalg.index 0 : index
      %125 = arith.index_cast %124 : index to i64
      linalg.yield %125 : i64
    } -> tensor<5xi64>
    %4 = tensor.empty() : tensor<2x5xi64>
    %5 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel"]} ins(%3 : tensor<5xi64>) outs(%4 : tensor<2x5xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<2x5xi64>
    %extracted_slice = tensor.extract_slice %5[0, 0] [2, 1] [1, 1] : tensor<2x5xi64> to tensor<2x1xi64>
    %6 = tensor.empty() : tensor<2x1xi64>
    %7 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice : tensor<2x1xi64>) outs(%6 : tensor<2x1xi64>) {
    ^bb0(%in: i64, %out: i64):
      %124 = arith.subi %in, %c1_i64 : i64
      linalg.yield %124 : i64
    } -> tensor<2x1xi64>
    %concat = tensor.concat dim(1) %7, %5 : (tensor<2x1xi64>, tensor<2x5xi64>) -> tensor<2x6xi64>
    %extracted_slice_10 = tensor.extract_slice %concat[0, 0] [2, 5] [1, 1] : tensor<2x6xi64> to tensor<2x5xi64>
    %extracted_slice_11 = tensor.extract_slice %concat[0, 1] [2, 5] [1, 1] : tensor<2x6xi64> to tensor<2x5xi64>
    %8 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_11, %extracted_slice_10 : tensor<2x5xi64>, tensor<2x5xi64>) outs(%4 : tensor<2x5xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.subi %in, %in_59 : i64
      linalg.yield %124 : i64
    } -> tensor<2x5xi64>
    %9 = tensor.empty() : tensor<2x5xi1>
    %10 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<2x5xi64>) outs(%9 : tensor<2x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %124 = arith.cmpi ne, %in, %c1_i64 : i64
      linalg.yield %124 : i1
    } -> tensor<2x5xi1>
    %11 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<2x5xi1>) outs(%4 : tensor<2x5xi64>) {
    ^bb0(%in: i1, %out: i64):
      %124 = arith.extui %in : i1 to i64
      linalg.yield %124 : i64
    } -> tensor<2x5xi64>
    %expanded = tensor.expand_shape %3 [[0, 1]] output_shape [1, 5] : tensor<5xi64> into tensor<1x5xi64>
    %expanded_12 = tensor.expand_shape %3 [[0, 1]] output_shape [5, 1] : tensor<5xi64> into tensor<5x1xi64>
    %12 = tensor.empty() : tensor<5x5xi1>
    %13 = linalg.generic {indexing_maps = [#map5, #map6, #map4], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_12 : tensor<1x5xi64>, tensor<5x1xi64>) outs(%12 : tensor<5x5xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %124 = arith.cmpi sle, %in, %in_59 : i64
      linalg.yield %124 : i1
    } -> tensor<5x5xi1>
    %expanded_13 = tensor.expand_shape %11 [[0], [1, 2]] output_shape [2, 1, 5] : tensor<2x5xi64> into tensor<2x1x5xi64>
    %14 = tensor.empty() : tensor<2x5x5xi64>
    %15 = linalg.generic {indexing_maps = [#map7, #map8, #map9, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%13, %expanded_13, %cst_9 : tensor<5x5xi1>, tensor<2x1x5xi64>, tensor<i64>) outs(%14 : tensor<2x5x5xi64>) {
    ^bb0(%in: i1, %in_59: i64, %in_60: i64, %out: i64):
      %124 = arith.select %in, %in_59, %in_60 : i64
      linalg.yield %124 : i64
    } -> tensor<2x5x5xi64>
    %16 = linalg.fill ins(%c0_i64 : i64) outs(%4 : tensor<2x5xi64>) -> tensor<2x5xi64>
    %17 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel", "reduction"]} ins(%15 : tensor<2x5x5xi64>) outs(%16 : tensor<2x5xi64>) {
    ^bb0(%in: i64, %out: i64):
      %124 = arith.addi %in, %out : i64
      linalg.yield %124 : i64
    } -> tensor<2x5xi64>
    %18 = tensor.empty() : tensor<2xi64>
    %19 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi64>) {
    ^bb0(%out: i64):
      %124 = linalg.index 0 : index
      %125 = arith.index_cast %124 : index to i64
      linalg.yield %125 : i64
    } -> tensor<2xi64>
    %expanded_14 = tensor.expand_shape %19 [[0, 1, 2, 3]] output_shape [2, 1, 1, 1] : tensor<2xi64> into tensor<2x1x1x1xi64>
    %expanded_15 = tensor.expand_shape %3 [[0, 1, 2, 3]] output_shape [1, 1, 5, 1] : tensor<5xi64> into tensor<1x1x5x1xi64>
    %expanded_16 = tensor.expand_shape %3 [[0, 1, 2, 3]] output_shape [1, 1, 1, 5] : tensor<5xi64> into tensor<1x1x1x5xi64>
    %20 = tensor.empty() : tensor<2x1x5x1xi64>
    %21 = linalg.generic {indexing_maps = [#map10, #map11, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %expanded_15 : tensor<2x1x1x1xi64>, tensor<1x1x5x1xi64>) outs(%20 : tensor<2x1x5x1xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.cmpi slt, %in, %c0_i64 : i64
      %125 = arith.addi %in, %c2_i64 : i64
      %126 = arith.select %124, %125, %in : i64
      %127 = arith.index_cast %126 : i64 to index
      %128 = arith.cmpi slt, %in_59, %c0_i64 : i64
      %129 = arith.addi %in_59, %c5_i64 : i64
      %130 = arith.select %128, %129, %in_59 : i64
      %131 = arith.index_cast %130 : i64 to index
      %extracted = tensor.extract %17[%127, %131] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x5x1xi64>
    %22 = tensor.empty() : tensor<2x1x1x5xi64>
    %23 = linalg.generic {indexing_maps = [#map10, #map13, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %expanded_16 : tensor<2x1x1x1xi64>, tensor<1x1x1x5xi64>) outs(%22 : tensor<2x1x1x5xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.cmpi slt, %in, %c0_i64 : i64
      %125 = arith.addi %in, %c2_i64 : i64
      %126 = arith.select %124, %125, %in : i64
      %127 = arith.index_cast %126 : i64 to index
      %128 = arith.cmpi slt, %in_59, %c0_i64 : i64
      %129 = arith.addi %in_59, %c5_i64 : i64
      %130 = arith.select %128, %129, %in_59 : i64
      %131 = arith.index_cast %130 : i64 to index
      %extracted = tensor.extract %17[%127, %131] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x1x5xi64>
    %24 = tensor.empty() : tensor<2x1x5x5xi1>
    %25 = linalg.generic {indexing_maps = [#map14, #map15, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %23 : tensor<2x1x5x1xi64>, tensor<2x1x1x5xi64>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %124 = arith.cmpi eq, %in, %in_59 : i64
      linalg.yield %124 : i1
    } -> tensor<2x1x5x5xi1>
    %26 = linalg.generic {indexing_maps = [#map16, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_4, %25 : tensor<i1>, tensor<2x1x5x5xi1>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %124 = arith.andi %in, %in_59 : i1
      linalg.yield %124 : i1
    } -> tensor<2x1x5x5xi1>
    %27 = linalg.generic {indexing_maps = [#map10, #map11, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %expanded_15 : tensor<2x1x1x1xi64>, tensor<1x1x5x1xi64>) outs(%20 : tensor<2x1x5x1xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.cmpi slt, %in, %c0_i64 : i64
      %125 = arith.addi %in, %c2_i64 : i64
      %126 = arith.select %124, %125, %in : i64
      %127 = arith.index_cast %126 : i64 to index
      %128 = arith.cmpi slt, %in_59, %c0_i64 : i64
      %129 = arith.addi %in_59, %c5_i64 : i64
      %130 = arith.select %128, %129, %in_59 : i64
      %131 = arith.index_cast %130 : i64 to index
      %extracted = tensor.extract %5[%127, %131] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x5x1xi64>
    %28 = linalg.generic {indexing_maps = [#map10, #map13, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %expanded_16 : tensor<2x1x1x1xi64>, tensor<1x1x1x5xi64>) outs(%22 : tensor<2x1x1x5xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.cmpi slt, %in, %c0_i64 : i64
      %125 = arith.addi %in, %c2_i64 : i64
      %126 = arith.select %124, %125, %in : i64
      %127 = arith.index_cast %126 : i64 to index
      %128 = arith.cmpi slt, %in_59, %c0_i64 : i64
      %129 = arith.addi %in_59, %c5_i64 : i64
      %130 = arith.select %128, %129, %in_59 : i64
      %131 = arith.index_cast %130 : i64 to index
      %extracted = tensor.extract %5[%127, %131] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x1x5xi64>
    %29 = linalg.generic {indexing_maps = [#map15, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%28, %27 : tensor<2x1x1x5xi64>, tensor<2x1x5x1xi64>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %124 = arith.cmpi sle, %in, %in_59 : i64
      linalg.yield %124 : i1
    } -> tensor<2x1x5x5xi1>
    %30 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%26, %29 : tensor<2x1x5x5xi1>, tensor<2x1x5x5xi1>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %124 = arith.andi %in, %in_59 : i1
      linalg.yield %124 : i1
    } -> tensor<2x1x5x5xi1>
    %31 = tensor.empty() : tensor<2x1x5x5xf32>
    %32 = linalg.generic {indexing_maps = [#map12, #map16, #map16, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%30, %cst_3, %cst_2 : tensor<2x1x5x5xi1>, tensor<f32>, tensor<f32>) outs(%31 : tensor<2x1x5x5xf32>) {
    ^bb0(%in: i1, %in_59: f32, %in_60: f32, %out: f32):
      %124 = arith.select %in, %in_59, %in_60 : f32
      linalg.yield %124 : f32
    } -> tensor<2x1x5x5xf32>
    %expanded_17 = tensor.expand_shape %3 [[0, 1, 2]] output_shape [1, 5, 1] : tensor<5xi64> into tensor<1x5x1xi64>
    %33 = tensor.empty() : tensor<1x5x1xf32>
    %34 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_17 : tensor<1x5x1xi64>) outs(%33 : tensor<1x5x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %124 = arith.sitofp %in : i64 to f32
      linalg.yield %124 : f32
    } -> tensor<1x5x1xf32>
    %35 = tensor.empty() : tensor<1x5x4xf32>
    %36 = linalg.generic {indexing_maps = [#map17, #map18, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%34, %cst_7 : tensor<1x5x1xf32>, tensor<4xf32>) outs(%35 : tensor<1x5x4xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x5x4xf32>
    %concat_18 = tensor.concat dim(2) %36, %36 : (tensor<1x5x4xf32>, tensor<1x5x4xf32>) -> tensor<1x5x8xf32>
    %37 = tensor.empty() : tensor<1x5x8xf32>
    %38 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat_18 : tensor<1x5x8xf32>) outs(%37 : tensor<1x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.cos %in : f32
      linalg.yield %124 : f32
    } -> tensor<1x5x8xf32>
    %39 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat_18 : tensor<1x5x8xf32>) outs(%37 : tensor<1x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.sin %in : f32
      linalg.yield %124 : f32
    } -> tensor<1x5x8xf32>
    %40 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %41 = tensor.empty() : tensor<2x5x1xf32>
    %42 = linalg.fill ins(%cst : f32) outs(%41 : tensor<2x5x1xf32>) -> tensor<2x5x1xf32>
    %43 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%40 : tensor<2x5x24xf32>) outs(%42 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%43 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.divf %in, %cst_8 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%44 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_6 : f64 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<2x5x1xf32>
    %46 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%45 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.rsqrt %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %47 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %46 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %48 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg9, %47 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %49 = tensor.empty() : tensor<24x48xf32>
    %transposed = linalg.transpose ins(%arg2 : tensor<48x24xf32>) outs(%49 : tensor<24x48xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %48 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %50 = tensor.empty() : tensor<10x48xf32>
    %51 = linalg.fill ins(%cst : f32) outs(%50 : tensor<10x48xf32>) -> tensor<10x48xf32>
    %52 = linalg.matmul ins(%collapsed, %transposed : tensor<10x24xf32>, tensor<24x48xf32>) outs(%51 : tensor<10x48xf32>) -> tensor<10x48xf32>
    %expanded_19 = tensor.expand_shape %52 [[0, 1], [2, 3]] output_shape [2, 5, 6, 8] : tensor<10x48xf32> into tensor<2x5x6x8xf32>
    %53 = tensor.empty() : tensor<2x6x5x8xf32>
    %transposed_20 = linalg.transpose ins(%expanded_19 : tensor<2x5x6x8xf32>) outs(%53 : tensor<2x6x5x8xf32>) permutation = [0, 2, 1, 3] 
    %54 = tensor.empty() : tensor<24x16xf32>
    %transposed_21 = linalg.transpose ins(%arg3 : tensor<16x24xf32>) outs(%54 : tensor<24x16xf32>) permutation = [1, 0] 
    %55 = tensor.empty() : tensor<10x16xf32>
    %56 = linalg.fill ins(%cst : f32) outs(%55 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %57 = linalg.matmul ins(%collapsed, %transposed_21 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%56 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_22 = tensor.expand_shape %57 [[0, 1], [2, 3]] output_shape [2, 5, 2, 8] : tensor<10x16xf32> into tensor<2x5x2x8xf32>
    %58 = tensor.empty() : tensor<2x2x5x8xf32>
    %transposed_23 = linalg.transpose ins(%expanded_22 : tensor<2x5x2x8xf32>) outs(%58 : tensor<2x2x5x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_24 = linalg.transpose ins(%arg4 : tensor<16x24xf32>) outs(%54 : tensor<24x16xf32>) permutation = [1, 0] 
    %59 = linalg.matmul ins(%collapsed, %transposed_24 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%56 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_25 = tensor.expand_shape %59 [[0, 1], [2, 3]] output_shape [2, 5, 2, 8] : tensor<10x16xf32> into tensor<2x5x2x8xf32>
    %transposed_26 = linalg.transpose ins(%expanded_25 : tensor<2x5x2x8xf32>) outs(%58 : tensor<2x2x5x8xf32>) permutation = [0, 2, 1, 3] 
    %expanded_27 = tensor.expand_shape %38 [[0], [1, 2], [3]] output_shape [1, 1, 5, 8] : tensor<1x5x8xf32> into tensor<1x1x5x8xf32>
    %expanded_28 = tensor.expand_shape %39 [[0], [1, 2], [3]] output_shape [1, 1, 5, 8] : tensor<1x5x8xf32> into tensor<1x1x5x8xf32>
    %60 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_20, %expanded_27 : tensor<2x6x5x8xf32>, tensor<1x1x5x8xf32>) outs(%53 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x8xf32>
    %extracted_slice_29 = tensor.extract_slice %transposed_20[0, 0, 0, 0] [2, 6, 5, 4] [1, 1, 1, 1] : tensor<2x6x5x8xf32> to tensor<2x6x5x4xf32>
    %extracted_slice_30 = tensor.extract_slice %transposed_20[0, 0, 0, 4] [2, 6, 5, 4] [1, 1, 1, 1] : tensor<2x6x5x8xf32> to tensor<2x6x5x4xf32>
    %61 = tensor.empty() : tensor<2x6x5x4xf32>
    %62 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_30 : tensor<2x6x5x4xf32>) outs(%61 : tensor<2x6x5x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.negf %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x4xf32>
    %concat_31 = tensor.concat dim(3) %62, %extracted_slice_29 : (tensor<2x6x5x4xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x8xf32>
    %63 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_31, %expanded_28 : tensor<2x6x5x8xf32>, tensor<1x1x5x8xf32>) outs(%53 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x8xf32>
    %64 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%60, %63 : tensor<2x6x5x8xf32>, tensor<2x6x5x8xf32>) outs(%53 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.addf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x8xf32>
    %65 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_23, %expanded_27 : tensor<2x2x5x8xf32>, tensor<1x1x5x8xf32>) outs(%58 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x2x5x8xf32>
    %extracted_slice_32 = tensor.extract_slice %transposed_23[0, 0, 0, 0] [2, 2, 5, 4] [1, 1, 1, 1] : tensor<2x2x5x8xf32> to tensor<2x2x5x4xf32>
    %extracted_slice_33 = tensor.extract_slice %transposed_23[0, 0, 0, 4] [2, 2, 5, 4] [1, 1, 1, 1] : tensor<2x2x5x8xf32> to tensor<2x2x5x4xf32>
    %66 = tensor.empty() : tensor<2x2x5x4xf32>
    %67 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_33 : tensor<2x2x5x4xf32>) outs(%66 : tensor<2x2x5x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.negf %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x2x5x4xf32>
    %concat_34 = tensor.concat dim(3) %67, %extracted_slice_32 : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x8xf32>
    %68 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_34, %expanded_28 : tensor<2x2x5x8xf32>, tensor<1x1x5x8xf32>) outs(%58 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x2x5x8xf32>
    %69 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%65, %68 : tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) outs(%58 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.addf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x2x5x8xf32>
    %70 = tensor.empty() : tensor<2x2x3x5x8xf32>
    %71 = linalg.generic {indexing_maps = [#map20, #map21], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%69 : tensor<2x2x5x8xf32>) outs(%70 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %collapsed_35 = tensor.collapse_shape %71 [[0], [1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<2x6x5x8xf32>
    %72 = linalg.generic {indexing_maps = [#map20, #map21], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%transposed_26 : tensor<2x2x5x8xf32>) outs(%70 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %73 = tensor.empty() : tensor<2x6x8x5xf32>
    %transposed_36 = linalg.transpose ins(%collapsed_35 : tensor<2x6x5x8xf32>) outs(%73 : tensor<2x6x8x5xf32>) permutation = [0, 1, 3, 2] 
    %collapsed_37 = tensor.collapse_shape %64 [[0, 1], [2], [3]] : tensor<2x6x5x8xf32> into tensor<12x5x8xf32>
    %collapsed_38 = tensor.collapse_shape %transposed_36 [[0, 1], [2], [3]] : tensor<2x6x8x5xf32> into tensor<12x8x5xf32>
    %74 = tensor.empty() : tensor<12x5x5xf32>
    %75 = linalg.fill ins(%cst : f32) outs(%74 : tensor<12x5x5xf32>) -> tensor<12x5x5xf32>
    %76 = linalg.batch_matmul ins(%collapsed_37, %collapsed_38 : tensor<12x5x8xf32>, tensor<12x8x5xf32>) outs(%75 : tensor<12x5x5xf32>) -> tensor<12x5x5xf32>
    %expanded_39 = tensor.expand_shape %76 [[0, 1], [2], [3]] output_shape [2, 6, 5, 5] : tensor<12x5x5xf32> into tensor<2x6x5x5xf32>
    %77 = tensor.empty() : tensor<2x6x5x5xf32>
    %78 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_39 : tensor<2x6x5x5xf32>) outs(%77 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_5 : f64 to f32
      %125 = arith.mulf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<2x6x5x5xf32>
    %79 = linalg.generic {indexing_maps = [#map12, #map22, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%78, %32 : tensor<2x6x5x5xf32>, tensor<2x1x5x5xf32>) outs(%77 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.addf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x5xf32>
    %80 = tensor.empty() : tensor<2x6x5xi64>
    %81 = linalg.fill ins(%c0_i64 : i64) outs(%80 : tensor<2x6x5xi64>) -> tensor<2x6x5xi64>
    %82 = tensor.empty() : tensor<2x6x5xf32>
    %83 = linalg.fill ins(%cst_0 : f32) outs(%82 : tensor<2x6x5xf32>) -> tensor<2x6x5xf32>
    %84:2 = linalg.generic {indexing_maps = [#map12, #map23, #map23], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%79 : tensor<2x6x5x5xf32>) outs(%83, %81 : tensor<2x6x5xf32>, tensor<2x6x5xi64>) {
    ^bb0(%in: f32, %out: f32, %out_59: i64):
      %124 = linalg.index 3 : index
      %125 = arith.index_cast %124 : index to i64
      %126 = arith.maximumf %in, %out : f32
      %127 = arith.cmpf ogt, %in, %out : f32
      %128 = arith.select %127, %125, %out_59 : i64
      linalg.yield %126, %128 : f32, i64
    } -> (tensor<2x6x5xf32>, tensor<2x6x5xi64>)
    %expanded_40 = tensor.expand_shape %84#0 [[0], [1], [2, 3]] output_shape [2, 6, 5, 1] : tensor<2x6x5xf32> into tensor<2x6x5x1xf32>
    %85 = linalg.generic {indexing_maps = [#map12, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%79, %expanded_40 : tensor<2x6x5x5xf32>, tensor<2x6x5x1xf32>) outs(%77 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.subf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x5xf32>
    %86 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%85 : tensor<2x6x5x5xf32>) outs(%77 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.exp %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x5xf32>
    %87 = tensor.empty() : tensor<2x6x5x1xf32>
    %88 = linalg.fill ins(%cst : f32) outs(%87 : tensor<2x6x5x1xf32>) -> tensor<2x6x5x1xf32>
    %89 = linalg.generic {indexing_maps = [#map12, #map14], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%86 : tensor<2x6x5x5xf32>) outs(%88 : tensor<2x6x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x1xf32>
    %90 = linalg.generic {indexing_maps = [#map12, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%86, %89 : tensor<2x6x5x5xf32>, tensor<2x6x5x1xf32>) outs(%77 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.divf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x6x5x5xf32>
    %collapsed_41 = tensor.collapse_shape %90 [[0, 1], [2], [3]] : tensor<2x6x5x5xf32> into tensor<12x5x5xf32>
    %collapsed_42 = tensor.collapse_shape %72 [[0, 1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<12x5x8xf32>
    %91 = tensor.empty() : tensor<12x5x8xf32>
    %92 = linalg.fill ins(%cst : f32) outs(%91 : tensor<12x5x8xf32>) -> tensor<12x5x8xf32>
    %93 = linalg.batch_matmul ins(%collapsed_41, %collapsed_42 : tensor<12x5x5xf32>, tensor<12x5x8xf32>) outs(%92 : tensor<12x5x8xf32>) -> tensor<12x5x8xf32>
    %expanded_43 = tensor.expand_shape %93 [[0, 1], [2], [3]] output_shape [2, 6, 5, 8] : tensor<12x5x8xf32> into tensor<2x6x5x8xf32>
    %94 = tensor.empty() : tensor<2x5x6x8xf32>
    %transposed_44 = linalg.transpose ins(%expanded_43 : tensor<2x6x5x8xf32>) outs(%94 : tensor<2x5x6x8xf32>) permutation = [0, 2, 1, 3] 
    %95 = tensor.empty() : tensor<48x24xf32>
    %transposed_45 = linalg.transpose ins(%arg5 : tensor<24x48xf32>) outs(%95 : tensor<48x24xf32>) permutation = [1, 0] 
    %collapsed_46 = tensor.collapse_shape %transposed_44 [[0, 1], [2, 3]] : tensor<2x5x6x8xf32> into tensor<10x48xf32>
    %96 = tensor.empty() : tensor<10x24xf32>
    %97 = linalg.fill ins(%cst : f32) outs(%96 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %98 = linalg.matmul ins(%collapsed_46, %transposed_45 : tensor<10x48xf32>, tensor<48x24xf32>) outs(%97 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %expanded_47 = tensor.expand_shape %98 [[0, 1], [2]] output_shape [2, 5, 24] : tensor<10x24xf32> into tensor<2x5x24xf32>
    %99 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %expanded_47 : tensor<2x5x24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.addf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %100 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%99 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %101 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%100 : tensor<2x5x24xf32>) outs(%42 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %102 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%101 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.divf %in, %cst_8 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %103 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%102 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_6 : f64 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<2x5x1xf32>
    %104 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%103 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.rsqrt %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %105 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%99, %104 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %106 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg10, %105 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %transposed_48 = linalg.transpose ins(%arg6 : tensor<16x24xf32>) outs(%54 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_49 = tensor.collapse_shape %106 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %107 = linalg.matmul ins(%collapsed_49, %transposed_48 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%56 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_50 = tensor.expand_shape %107 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    %108 = tensor.empty() : tensor<2x5x16xf32>
    %109 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_50 : tensor<2x5x16xf32>) outs(%108 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.negf %in : f32
      %125 = math.exp %124 : f32
      %126 = arith.addf %125, %cst_1 : f32
      %127 = arith.divf %cst_1, %126 : f32
      linalg.yield %127 : f32
    } -> tensor<2x5x16xf32>
    %110 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_50, %109 : tensor<2x5x16xf32>, tensor<2x5x16xf32>) outs(%108 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x16xf32>
    %transposed_51 = linalg.transpose ins(%arg7 : tensor<16x24xf32>) outs(%54 : tensor<24x16xf32>) permutation = [1, 0] 
    %111 = linalg.matmul ins(%collapsed_49, %transposed_51 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%56 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_52 = tensor.expand_shape %111 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    %112 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%110, %expanded_52 : tensor<2x5x16xf32>, tensor<2x5x16xf32>) outs(%108 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x16xf32>
    %113 = tensor.empty() : tensor<16x24xf32>
    %transposed_53 = linalg.transpose ins(%arg8 : tensor<24x16xf32>) outs(%113 : tensor<16x24xf32>) permutation = [1, 0] 
    %collapsed_54 = tensor.collapse_shape %112 [[0, 1], [2]] : tensor<2x5x16xf32> into tensor<10x16xf32>
    %114 = linalg.matmul ins(%collapsed_54, %transposed_53 : tensor<10x16xf32>, tensor<16x24xf32>) outs(%97 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %expanded_55 = tensor.expand_shape %114 [[0, 1], [2]] output_shape [2, 5, 24] : tensor<10x24xf32> into tensor<2x5x24xf32>
    %115 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%99, %expanded_55 : tensor<2x5x24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.addf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %116 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%115 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %117 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%116 : tensor<2x5x24xf32>) outs(%42 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %118 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%117 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.divf %in, %cst_8 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %119 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%118 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_6 : f64 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<2x5x1xf32>
    %120 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%119 : tensor<2x5x1xf32>) outs(%41 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.rsqrt %in : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x1xf32>
    %121 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%115, %120 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %122 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11, %121 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<2x5x24xf32>
    %transposed_56 = linalg.transpose ins(%arg12 : tensor<16x24xf32>) outs(%54 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_57 = tensor.collapse_shape %122 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %123 = linalg.matmul ins(%collapsed_57, %transposed_56 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%56 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_58 = tensor.expand_shape %123 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    return %expanded_58 : tensor<2x5x16xf32>
  }
}
