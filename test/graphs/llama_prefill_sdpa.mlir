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
module attributes {gqa.weights = "llama_prefill_sdpa.safetensors"} {
  func.func @main(%arg0: tensor<2x5xi64>, %arg1: tensor<16x24xf32> {gqa.param = "model.model.embed_tokens.weight"}, %arg2: tensor<48x24xf32> {gqa.param = "model.model.layers.0.self_attn.q_proj.weight"}, %arg3: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.k_proj.weight"}, %arg4: tensor<16x24xf32> {gqa.param = "model.model.layers.0.self_attn.v_proj.weight"}, %arg5: tensor<24x48xf32> {gqa.param = "model.model.layers.0.self_attn.o_proj.weight"}, %arg6: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.gate_proj.weight"}, %arg7: tensor<16x24xf32> {gqa.param = "model.model.layers.0.mlp.up_proj.weight"}, %arg8: tensor<24x16xf32> {gqa.param = "model.model.layers.0.mlp.down_proj.weight"}, %arg9: tensor<24xf32> {gqa.param = "model.model.layers.0.input_layernorm.weight"}, %arg10: tensor<24xf32> {gqa.param = "model.model.layers.0.post_attention_layernorm.weight"}, %arg11: tensor<24xf32> {gqa.param = "model.model.norm.weight"}, %arg12: tensor<16x24xf32> {gqa.param = "model.lm_head.weight"}) -> tensor<2x5x16xf32> {
    %c2_i64 = arith.constant 2 : i64
    %c1_i64 = arith.constant 1 : i64
    %c5_i64 = arith.constant 5 : i64
    %c0_i64 = arith.constant 0 : i64
    %c16 = arith.constant 16 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %false = arith.constant false
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<2x6x5x5xf32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_5 = arith.constant dense<true> : tensor<i1>
    %cst_6 = arith.constant 0.59460355750136051 : f64
    %cst_7 = arith.constant 0xFFF0000000000000 : f64
    %cst_8 = arith.constant 9.9999999999999995E-7 : f64
    %cst_9 = arith.constant dense<[1.000000e+00, 1.000000e-01, 0.00999999977, 1.000000e-03]> : tensor<4xf32>
    %cst_10 = arith.constant 2.400000e+01 : f32
    %cst_11 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<2x5x24xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<2x5xi64>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: i64, %out: f32):
      %133 = arith.index_cast %in : i64 to index
      %134 = linalg.index 2 : index
      %135 = arith.cmpi slt, %133, %c16 : index
      cf.assert %135, "index must be smaller than dim size"
      %136 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %136, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg1[%133, %134] : tensor<16x24xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x5x24xf32>
    %2 = tensor.empty() : tensor<5xi64>
    %3 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%2 : tensor<5xi64>) {
    ^bb0(%out: i64):
      %133 = linalg.index 0 : index
      %134 = arith.index_cast %133 : index to i64
      linalg.yield %134 : i64
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
      %133 = arith.subi %in, %c1_i64 : i64
      linalg.yield %133 : i64
    } -> tensor<2x1xi64>
    %concat = tensor.concat dim(1) %7, %5 : (tensor<2x1xi64>, tensor<2x5xi64>) -> tensor<2x6xi64>
    %extracted_slice_12 = tensor.extract_slice %concat[0, 0] [2, 5] [1, 1] : tensor<2x6xi64> to tensor<2x5xi64>
    %extracted_slice_13 = tensor.extract_slice %concat[0, 1] [2, 5] [1, 1] : tensor<2x6xi64> to tensor<2x5xi64>
    %8 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%extracted_slice_13, %extracted_slice_12 : tensor<2x5xi64>, tensor<2x5xi64>) outs(%4 : tensor<2x5xi64>) {
    ^bb0(%in: i64, %in_61: i64, %out: i64):
      %133 = arith.subi %in, %in_61 : i64
      linalg.yield %133 : i64
    } -> tensor<2x5xi64>
    %9 = tensor.empty() : tensor<2x5xi1>
    %10 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<2x5xi64>) outs(%9 : tensor<2x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %133 = arith.cmpi ne, %in, %c1_i64 : i64
      linalg.yield %133 : i1
    } -> tensor<2x5xi1>
    %11 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<2x5xi1>) outs(%4 : tensor<2x5xi64>) {
    ^bb0(%in: i1, %out: i64):
      %133 = arith.extui %in : i1 to i64
      linalg.yield %133 : i64
    } -> tensor<2x5xi64>
    %expanded = tensor.expand_shape %3 [[0, 1]] output_shape [1, 5] : tensor<5xi64> into tensor<1x5xi64>
    %expanded_14 = tensor.expand_shape %3 [[0, 1]] output_shape [5, 1] : tensor<5xi64> into tensor<5x1xi64>
    %12 = tensor.empty() : tensor<5x5xi1>
    %13 = linalg.generic {indexing_maps = [#map5, #map6, #map4], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_14 : tensor<1x5xi64>, tensor<5x1xi64>) outs(%12 : tensor<5x5xi1>) {
    ^bb0(%in: i64, %in_61: i64, %out: i1):
      %133 = arith.cmpi sle, %in, %in_61 : i64
      linalg.yield %133 : i1
    } -> tensor<5x5xi1>
    %expanded_15 = tensor.expand_shape %11 [[0], [1, 2]] output_shape [2, 1, 5] : tensor<2x5xi64> into tensor<2x1x5xi64>
    %14 = tensor.empty() : tensor<2x5x5xi64>
    %15 = linalg.generic {indexing_maps = [#map7, #map8, #map9, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%13, %expanded_15, %cst_11 : tensor<5x5xi1>, tensor<2x1x5xi64>, tensor<i64>) outs(%14 : tensor<2x5x5xi64>) {
    ^bb0(%in: i1, %in_61: i64, %in_62: i64, %out: i64):
      %133 = arith.select %in, %in_61, %in_62 : i64
      linalg.yield %133 : i64
    } -> tensor<2x5x5xi64>
    %16 = linalg.fill ins(%c0_i64 : i64) outs(%4 : tensor<2x5xi64>) -> tensor<2x5xi64>
    %17 = linalg.generic {indexing_maps = [#map1, #map], iterator_types = ["parallel", "parallel", "reduction"]} ins(%15 : tensor<2x5x5xi64>) outs(%16 : tensor<2x5xi64>) {
    ^bb0(%in: i64, %out: i64):
      %133 = arith.addi %in, %out : i64
      linalg.yield %133 : i64
    } -> tensor<2x5xi64>
    %18 = tensor.empty() : tensor<2xi64>
    %19 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<2xi64>) {
    ^bb0(%out: i64):
      %133 = linalg.index 0 : index
      %134 = arith.index_cast %133 : index to i64
      linalg.yield %134 : i64
    } -> tensor<2xi64>
    %expanded_16 = tensor.expand_shape %19 [[0, 1, 2, 3]] output_shape [2, 1, 1, 1] : tensor<2xi64> into tensor<2x1x1x1xi64>
    %expanded_17 = tensor.expand_shape %3 [[0, 1, 2, 3]] output_shape [1, 1, 5, 1] : tensor<5xi64> into tensor<1x1x5x1xi64>
    %expanded_18 = tensor.expand_shape %3 [[0, 1, 2, 3]] output_shape [1, 1, 1, 5] : tensor<5xi64> into tensor<1x1x1x5xi64>
    %20 = tensor.empty() : tensor<2x1x5x1xi64>
    %21 = linalg.generic {indexing_maps = [#map10, #map11, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_16, %expanded_17 : tensor<2x1x1x1xi64>, tensor<1x1x5x1xi64>) outs(%20 : tensor<2x1x5x1xi64>) {
    ^bb0(%in: i64, %in_61: i64, %out: i64):
      %133 = arith.cmpi slt, %in, %c0_i64 : i64
      %134 = arith.addi %in, %c2_i64 : i64
      %135 = arith.select %133, %134, %in : i64
      %136 = arith.index_cast %135 : i64 to index
      %137 = arith.cmpi slt, %in_61, %c0_i64 : i64
      %138 = arith.addi %in_61, %c5_i64 : i64
      %139 = arith.select %137, %138, %in_61 : i64
      %140 = arith.index_cast %139 : i64 to index
      %extracted = tensor.extract %17[%136, %140] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x5x1xi64>
    %22 = tensor.empty() : tensor<2x1x1x5xi64>
    %23 = linalg.generic {indexing_maps = [#map10, #map13, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_16, %expanded_18 : tensor<2x1x1x1xi64>, tensor<1x1x1x5xi64>) outs(%22 : tensor<2x1x1x5xi64>) {
    ^bb0(%in: i64, %in_61: i64, %out: i64):
      %133 = arith.cmpi slt, %in, %c0_i64 : i64
      %134 = arith.addi %in, %c2_i64 : i64
      %135 = arith.select %133, %134, %in : i64
      %136 = arith.index_cast %135 : i64 to index
      %137 = arith.cmpi slt, %in_61, %c0_i64 : i64
      %138 = arith.addi %in_61, %c5_i64 : i64
      %139 = arith.select %137, %138, %in_61 : i64
      %140 = arith.index_cast %139 : i64 to index
      %extracted = tensor.extract %17[%136, %140] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x1x5xi64>
    %24 = tensor.empty() : tensor<2x1x5x5xi1>
    %25 = linalg.generic {indexing_maps = [#map14, #map15, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %23 : tensor<2x1x5x1xi64>, tensor<2x1x1x5xi64>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i64, %in_61: i64, %out: i1):
      %133 = arith.cmpi eq, %in, %in_61 : i64
      linalg.yield %133 : i1
    } -> tensor<2x1x5x5xi1>
    %26 = linalg.generic {indexing_maps = [#map16, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_5, %25 : tensor<i1>, tensor<2x1x5x5xi1>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i1, %in_61: i1, %out: i1):
      %133 = arith.andi %in, %in_61 : i1
      linalg.yield %133 : i1
    } -> tensor<2x1x5x5xi1>
    %27 = linalg.generic {indexing_maps = [#map10, #map11, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_16, %expanded_17 : tensor<2x1x1x1xi64>, tensor<1x1x5x1xi64>) outs(%20 : tensor<2x1x5x1xi64>) {
    ^bb0(%in: i64, %in_61: i64, %out: i64):
      %133 = arith.cmpi slt, %in, %c0_i64 : i64
      %134 = arith.addi %in, %c2_i64 : i64
      %135 = arith.select %133, %134, %in : i64
      %136 = arith.index_cast %135 : i64 to index
      %137 = arith.cmpi slt, %in_61, %c0_i64 : i64
      %138 = arith.addi %in_61, %c5_i64 : i64
      %139 = arith.select %137, %138, %in_61 : i64
      %140 = arith.index_cast %139 : i64 to index
      %extracted = tensor.extract %5[%136, %140] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x5x1xi64>
    %28 = linalg.generic {indexing_maps = [#map10, #map13, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_16, %expanded_18 : tensor<2x1x1x1xi64>, tensor<1x1x1x5xi64>) outs(%22 : tensor<2x1x1x5xi64>) {
    ^bb0(%in: i64, %in_61: i64, %out: i64):
      %133 = arith.cmpi slt, %in, %c0_i64 : i64
      %134 = arith.addi %in, %c2_i64 : i64
      %135 = arith.select %133, %134, %in : i64
      %136 = arith.index_cast %135 : i64 to index
      %137 = arith.cmpi slt, %in_61, %c0_i64 : i64
      %138 = arith.addi %in_61, %c5_i64 : i64
      %139 = arith.select %137, %138, %in_61 : i64
      %140 = arith.index_cast %139 : i64 to index
      %extracted = tensor.extract %5[%136, %140] : tensor<2x5xi64>
      linalg.yield %extracted : i64
    } -> tensor<2x1x1x5xi64>
    %29 = linalg.generic {indexing_maps = [#map15, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%28, %27 : tensor<2x1x1x5xi64>, tensor<2x1x5x1xi64>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i64, %in_61: i64, %out: i1):
      %133 = arith.cmpi sle, %in, %in_61 : i64
      linalg.yield %133 : i1
    } -> tensor<2x1x5x5xi1>
    %30 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%26, %29 : tensor<2x1x5x5xi1>, tensor<2x1x5x5xi1>) outs(%24 : tensor<2x1x5x5xi1>) {
    ^bb0(%in: i1, %in_61: i1, %out: i1):
      %133 = arith.andi %in, %in_61 : i1
      linalg.yield %133 : i1
    } -> tensor<2x1x5x5xi1>
    %expanded_19 = tensor.expand_shape %3 [[0, 1, 2]] output_shape [1, 5, 1] : tensor<5xi64> into tensor<1x5x1xi64>
    %31 = tensor.empty() : tensor<1x5x1xf32>
    %32 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_19 : tensor<1x5x1xi64>) outs(%31 : tensor<1x5x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %133 = arith.sitofp %in : i64 to f32
      linalg.yield %133 : f32
    } -> tensor<1x5x1xf32>
    %33 = tensor.empty() : tensor<1x5x4xf32>
    %34 = linalg.generic {indexing_maps = [#map17, #map18, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%32, %cst_9 : tensor<1x5x1xf32>, tensor<4xf32>) outs(%33 : tensor<1x5x4xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<1x5x4xf32>
    %concat_20 = tensor.concat dim(2) %34, %34 : (tensor<1x5x4xf32>, tensor<1x5x4xf32>) -> tensor<1x5x8xf32>
    %35 = tensor.empty() : tensor<1x5x8xf32>
    %36 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat_20 : tensor<1x5x8xf32>) outs(%35 : tensor<1x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.cos %in : f32
      linalg.yield %133 : f32
    } -> tensor<1x5x8xf32>
    %37 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat_20 : tensor<1x5x8xf32>) outs(%35 : tensor<1x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.sin %in : f32
      linalg.yield %133 : f32
    } -> tensor<1x5x8xf32>
    %38 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %39 = tensor.empty() : tensor<2x5x1xf32>
    %40 = linalg.fill ins(%cst : f32) outs(%39 : tensor<2x5x1xf32>) -> tensor<2x5x1xf32>
    %41 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%38 : tensor<2x5x24xf32>) outs(%40 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.addf %in, %out : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %42 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%41 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.divf %in, %cst_10 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %43 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%42 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.truncf %cst_8 : f64 to f32
      %134 = arith.addf %in, %133 : f32
      linalg.yield %134 : f32
    } -> tensor<2x5x1xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%43 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.rsqrt %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %44 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %46 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg9, %45 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %47 = tensor.empty() : tensor<24x48xf32>
    %transposed = linalg.transpose ins(%arg2 : tensor<48x24xf32>) outs(%47 : tensor<24x48xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %46 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %48 = tensor.empty() : tensor<10x48xf32>
    %49 = linalg.fill ins(%cst : f32) outs(%48 : tensor<10x48xf32>) -> tensor<10x48xf32>
    %50 = linalg.matmul ins(%collapsed, %transposed : tensor<10x24xf32>, tensor<24x48xf32>) outs(%49 : tensor<10x48xf32>) -> tensor<10x48xf32>
    %expanded_21 = tensor.expand_shape %50 [[0, 1], [2, 3]] output_shape [2, 5, 6, 8] : tensor<10x48xf32> into tensor<2x5x6x8xf32>
    %51 = tensor.empty() : tensor<2x6x5x8xf32>
    %transposed_22 = linalg.transpose ins(%expanded_21 : tensor<2x5x6x8xf32>) outs(%51 : tensor<2x6x5x8xf32>) permutation = [0, 2, 1, 3] 
    %52 = tensor.empty() : tensor<24x16xf32>
    %transposed_23 = linalg.transpose ins(%arg3 : tensor<16x24xf32>) outs(%52 : tensor<24x16xf32>) permutation = [1, 0] 
    %53 = tensor.empty() : tensor<10x16xf32>
    %54 = linalg.fill ins(%cst : f32) outs(%53 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %55 = linalg.matmul ins(%collapsed, %transposed_23 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%54 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_24 = tensor.expand_shape %55 [[0, 1], [2, 3]] output_shape [2, 5, 2, 8] : tensor<10x16xf32> into tensor<2x5x2x8xf32>
    %56 = tensor.empty() : tensor<2x2x5x8xf32>
    %transposed_25 = linalg.transpose ins(%expanded_24 : tensor<2x5x2x8xf32>) outs(%56 : tensor<2x2x5x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_26 = linalg.transpose ins(%arg4 : tensor<16x24xf32>) outs(%52 : tensor<24x16xf32>) permutation = [1, 0] 
    %57 = linalg.matmul ins(%collapsed, %transposed_26 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%54 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_27 = tensor.expand_shape %57 [[0, 1], [2, 3]] output_shape [2, 5, 2, 8] : tensor<10x16xf32> into tensor<2x5x2x8xf32>
    %transposed_28 = linalg.transpose ins(%expanded_27 : tensor<2x5x2x8xf32>) outs(%56 : tensor<2x2x5x8xf32>) permutation = [0, 2, 1, 3] 
    %expanded_29 = tensor.expand_shape %36 [[0], [1, 2], [3]] output_shape [1, 1, 5, 8] : tensor<1x5x8xf32> into tensor<1x1x5x8xf32>
    %expanded_30 = tensor.expand_shape %37 [[0], [1, 2], [3]] output_shape [1, 1, 5, 8] : tensor<1x5x8xf32> into tensor<1x1x5x8xf32>
    %58 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_22, %expanded_29 : tensor<2x6x5x8xf32>, tensor<1x1x5x8xf32>) outs(%51 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x8xf32>
    %extracted_slice_31 = tensor.extract_slice %transposed_22[0, 0, 0, 0] [2, 6, 5, 4] [1, 1, 1, 1] : tensor<2x6x5x8xf32> to tensor<2x6x5x4xf32>
    %extracted_slice_32 = tensor.extract_slice %transposed_22[0, 0, 0, 4] [2, 6, 5, 4] [1, 1, 1, 1] : tensor<2x6x5x8xf32> to tensor<2x6x5x4xf32>
    %59 = tensor.empty() : tensor<2x6x5x4xf32>
    %60 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_32 : tensor<2x6x5x4xf32>) outs(%59 : tensor<2x6x5x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.negf %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x4xf32>
    %concat_33 = tensor.concat dim(3) %60, %extracted_slice_31 : (tensor<2x6x5x4xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x8xf32>
    %61 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_33, %expanded_30 : tensor<2x6x5x8xf32>, tensor<1x1x5x8xf32>) outs(%51 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x8xf32>
    %62 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%58, %61 : tensor<2x6x5x8xf32>, tensor<2x6x5x8xf32>) outs(%51 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.addf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x8xf32>
    %63 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_25, %expanded_29 : tensor<2x2x5x8xf32>, tensor<1x1x5x8xf32>) outs(%56 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x2x5x8xf32>
    %extracted_slice_34 = tensor.extract_slice %transposed_25[0, 0, 0, 0] [2, 2, 5, 4] [1, 1, 1, 1] : tensor<2x2x5x8xf32> to tensor<2x2x5x4xf32>
    %extracted_slice_35 = tensor.extract_slice %transposed_25[0, 0, 0, 4] [2, 2, 5, 4] [1, 1, 1, 1] : tensor<2x2x5x8xf32> to tensor<2x2x5x4xf32>
    %64 = tensor.empty() : tensor<2x2x5x4xf32>
    %65 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_35 : tensor<2x2x5x4xf32>) outs(%64 : tensor<2x2x5x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.negf %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x2x5x4xf32>
    %concat_36 = tensor.concat dim(3) %65, %extracted_slice_34 : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x8xf32>
    %66 = linalg.generic {indexing_maps = [#map12, #map19, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_36, %expanded_30 : tensor<2x2x5x8xf32>, tensor<1x1x5x8xf32>) outs(%56 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x2x5x8xf32>
    %67 = linalg.generic {indexing_maps = [#map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%63, %66 : tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>) outs(%56 : tensor<2x2x5x8xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.addf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x2x5x8xf32>
    %68 = tensor.empty() : tensor<2x2x3x5x8xf32>
    %69 = linalg.generic {indexing_maps = [#map20, #map21], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%67 : tensor<2x2x5x8xf32>) outs(%68 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %collapsed_37 = tensor.collapse_shape %69 [[0], [1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<2x6x5x8xf32>
    %70 = linalg.generic {indexing_maps = [#map20, #map21], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%transposed_28 : tensor<2x2x5x8xf32>) outs(%68 : tensor<2x2x3x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x3x5x8xf32>
    %71 = tensor.empty() : tensor<2x1x5x5xf32>
    %72 = linalg.generic {indexing_maps = [#map12, #map16, #map16, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%30, %cst_3, %cst_4 : tensor<2x1x5x5xi1>, tensor<f32>, tensor<f32>) outs(%71 : tensor<2x1x5x5xf32>) {
    ^bb0(%in: i1, %in_61: f32, %in_62: f32, %out: f32):
      %133 = arith.select %in, %in_61, %in_62 : f32
      linalg.yield %133 : f32
    } -> tensor<2x1x5x5xf32>
    %73 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%62 : tensor<2x6x5x8xf32>) outs(%51 : tensor<2x6x5x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.truncf %cst_6 : f64 to f32
      %134 = arith.mulf %in, %133 : f32
      linalg.yield %134 : f32
    } -> tensor<2x6x5x8xf32>
    %74 = tensor.empty() : tensor<2x6x8x5xf32>
    %transposed_38 = linalg.transpose ins(%collapsed_37 : tensor<2x6x5x8xf32>) outs(%74 : tensor<2x6x8x5xf32>) permutation = [0, 1, 3, 2] 
    %75 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_38 : tensor<2x6x8x5xf32>) outs(%74 : tensor<2x6x8x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.truncf %cst_6 : f64 to f32
      %134 = arith.mulf %in, %133 : f32
      linalg.yield %134 : f32
    } -> tensor<2x6x8x5xf32>
    %collapsed_39 = tensor.collapse_shape %73 [[0, 1], [2], [3]] : tensor<2x6x5x8xf32> into tensor<12x5x8xf32>
    %collapsed_40 = tensor.collapse_shape %75 [[0, 1], [2], [3]] : tensor<2x6x8x5xf32> into tensor<12x8x5xf32>
    %76 = tensor.empty() : tensor<12x5x5xf32>
    %77 = linalg.fill ins(%cst : f32) outs(%76 : tensor<12x5x5xf32>) -> tensor<12x5x5xf32>
    %78 = linalg.batch_matmul ins(%collapsed_39, %collapsed_40 : tensor<12x5x8xf32>, tensor<12x8x5xf32>) outs(%77 : tensor<12x5x5xf32>) -> tensor<12x5x5xf32>
    %expanded_41 = tensor.expand_shape %78 [[0, 1], [2], [3]] output_shape [2, 6, 5, 5] : tensor<12x5x5xf32> into tensor<2x6x5x5xf32>
    %79 = tensor.empty() : tensor<2x6x5x5xf32>
    %80 = linalg.generic {indexing_maps = [#map12, #map22, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_41, %72 : tensor<2x6x5x5xf32>, tensor<2x1x5x5xf32>) outs(%79 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.addf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x5xf32>
    %81 = tensor.empty() : tensor<2x6x5xi64>
    %82 = linalg.fill ins(%c0_i64 : i64) outs(%81 : tensor<2x6x5xi64>) -> tensor<2x6x5xi64>
    %83 = tensor.empty() : tensor<2x6x5xf32>
    %84 = linalg.fill ins(%cst_0 : f32) outs(%83 : tensor<2x6x5xf32>) -> tensor<2x6x5xf32>
    %85:2 = linalg.generic {indexing_maps = [#map12, #map23, #map23], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%80 : tensor<2x6x5x5xf32>) outs(%84, %82 : tensor<2x6x5xf32>, tensor<2x6x5xi64>) {
    ^bb0(%in: f32, %out: f32, %out_61: i64):
      %133 = linalg.index 3 : index
      %134 = arith.index_cast %133 : index to i64
      %135 = arith.maximumf %in, %out : f32
      %136 = arith.cmpf ogt, %in, %out : f32
      %137 = arith.select %136, %134, %out_61 : i64
      linalg.yield %135, %137 : f32, i64
    } -> (tensor<2x6x5xf32>, tensor<2x6x5xi64>)
    %expanded_42 = tensor.expand_shape %85#0 [[0], [1], [2, 3]] output_shape [2, 6, 5, 1] : tensor<2x6x5xf32> into tensor<2x6x5x1xf32>
    %86 = linalg.generic {indexing_maps = [#map12, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%80, %expanded_42 : tensor<2x6x5x5xf32>, tensor<2x6x5x1xf32>) outs(%79 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.subf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x5xf32>
    %87 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%86 : tensor<2x6x5x5xf32>) outs(%79 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.exp %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x5xf32>
    %88 = tensor.empty() : tensor<2x6x5x1xf32>
    %89 = linalg.fill ins(%cst : f32) outs(%88 : tensor<2x6x5x1xf32>) -> tensor<2x6x5x1xf32>
    %90 = linalg.generic {indexing_maps = [#map12, #map14], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%87 : tensor<2x6x5x5xf32>) outs(%89 : tensor<2x6x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.addf %in, %out : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x1xf32>
    %91 = linalg.generic {indexing_maps = [#map12, #map14, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%87, %90 : tensor<2x6x5x5xf32>, tensor<2x6x5x1xf32>) outs(%79 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.divf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x5xf32>
    %92 = tensor.empty() : tensor<2x6x5x5xi1>
    %93 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%80 : tensor<2x6x5x5xf32>) outs(%92 : tensor<2x6x5x5xi1>) {
    ^bb0(%in: f32, %out: i1):
      %133 = arith.extf %in : f32 to f64
      %134 = arith.cmpf oeq, %133, %cst_7 : f64
      linalg.yield %134 : i1
    } -> tensor<2x6x5x5xi1>
    %94 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%93 : tensor<2x6x5x5xi1>) outs(%92 : tensor<2x6x5x5xi1>) {
    ^bb0(%in: i1, %out: i1):
      %133 = arith.cmpi eq, %in, %false : i1
      linalg.yield %133 : i1
    } -> tensor<2x6x5x5xi1>
    %95 = tensor.empty() : tensor<2x6x5x1xi1>
    %96 = linalg.fill ins(%false : i1) outs(%95 : tensor<2x6x5x1xi1>) -> tensor<2x6x5x1xi1>
    %97 = linalg.generic {indexing_maps = [#map12, #map14], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%94 : tensor<2x6x5x5xi1>) outs(%96 : tensor<2x6x5x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %133 = arith.ori %in, %out : i1
      linalg.yield %133 : i1
    } -> tensor<2x6x5x1xi1>
    %98 = linalg.generic {indexing_maps = [#map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%97 : tensor<2x6x5x1xi1>) outs(%95 : tensor<2x6x5x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %133 = arith.cmpi eq, %in, %false : i1
      linalg.yield %133 : i1
    } -> tensor<2x6x5x1xi1>
    %99 = linalg.generic {indexing_maps = [#map14, #map12, #map12, #map12], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%98, %cst_2, %91 : tensor<2x6x5x1xi1>, tensor<2x6x5x5xf32>, tensor<2x6x5x5xf32>) outs(%79 : tensor<2x6x5x5xf32>) {
    ^bb0(%in: i1, %in_61: f32, %in_62: f32, %out: f32):
      %133 = arith.select %in, %in_61, %in_62 : f32
      linalg.yield %133 : f32
    } -> tensor<2x6x5x5xf32>
    %collapsed_43 = tensor.collapse_shape %99 [[0, 1], [2], [3]] : tensor<2x6x5x5xf32> into tensor<12x5x5xf32>
    %collapsed_44 = tensor.collapse_shape %70 [[0, 1, 2], [3], [4]] : tensor<2x2x3x5x8xf32> into tensor<12x5x8xf32>
    %100 = tensor.empty() : tensor<12x5x8xf32>
    %101 = linalg.fill ins(%cst : f32) outs(%100 : tensor<12x5x8xf32>) -> tensor<12x5x8xf32>
    %102 = linalg.batch_matmul ins(%collapsed_43, %collapsed_44 : tensor<12x5x5xf32>, tensor<12x5x8xf32>) outs(%101 : tensor<12x5x8xf32>) -> tensor<12x5x8xf32>
    %expanded_45 = tensor.expand_shape %102 [[0, 1], [2], [3]] output_shape [2, 6, 5, 8] : tensor<12x5x8xf32> into tensor<2x6x5x8xf32>
    %103 = tensor.empty() : tensor<2x5x6x8xf32>
    %transposed_46 = linalg.transpose ins(%expanded_45 : tensor<2x6x5x8xf32>) outs(%103 : tensor<2x5x6x8xf32>) permutation = [0, 2, 1, 3] 
    %104 = tensor.empty() : tensor<48x24xf32>
    %transposed_47 = linalg.transpose ins(%arg5 : tensor<24x48xf32>) outs(%104 : tensor<48x24xf32>) permutation = [1, 0] 
    %collapsed_48 = tensor.collapse_shape %transposed_46 [[0, 1], [2, 3]] : tensor<2x5x6x8xf32> into tensor<10x48xf32>
    %105 = tensor.empty() : tensor<10x24xf32>
    %106 = linalg.fill ins(%cst : f32) outs(%105 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %107 = linalg.matmul ins(%collapsed_48, %transposed_47 : tensor<10x48xf32>, tensor<48x24xf32>) outs(%106 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %expanded_49 = tensor.expand_shape %107 [[0, 1], [2]] output_shape [2, 5, 24] : tensor<10x24xf32> into tensor<2x5x24xf32>
    %108 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %expanded_49 : tensor<2x5x24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.addf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %109 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%108 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %110 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%109 : tensor<2x5x24xf32>) outs(%40 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.addf %in, %out : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %111 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%110 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.divf %in, %cst_10 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %112 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%111 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.truncf %cst_8 : f64 to f32
      %134 = arith.addf %in, %133 : f32
      linalg.yield %134 : f32
    } -> tensor<2x5x1xf32>
    %113 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%112 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.rsqrt %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %114 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%108, %113 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %115 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg10, %114 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %transposed_50 = linalg.transpose ins(%arg6 : tensor<16x24xf32>) outs(%52 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_51 = tensor.collapse_shape %115 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %116 = linalg.matmul ins(%collapsed_51, %transposed_50 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%54 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_52 = tensor.expand_shape %116 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    %117 = tensor.empty() : tensor<2x5x16xf32>
    %118 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_52 : tensor<2x5x16xf32>) outs(%117 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.negf %in : f32
      %134 = math.exp %133 : f32
      %135 = arith.addf %134, %cst_1 : f32
      %136 = arith.divf %cst_1, %135 : f32
      linalg.yield %136 : f32
    } -> tensor<2x5x16xf32>
    %119 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_52, %118 : tensor<2x5x16xf32>, tensor<2x5x16xf32>) outs(%117 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x16xf32>
    %transposed_53 = linalg.transpose ins(%arg7 : tensor<16x24xf32>) outs(%52 : tensor<24x16xf32>) permutation = [1, 0] 
    %120 = linalg.matmul ins(%collapsed_51, %transposed_53 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%54 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_54 = tensor.expand_shape %120 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    %121 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%119, %expanded_54 : tensor<2x5x16xf32>, tensor<2x5x16xf32>) outs(%117 : tensor<2x5x16xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x16xf32>
    %122 = tensor.empty() : tensor<16x24xf32>
    %transposed_55 = linalg.transpose ins(%arg8 : tensor<24x16xf32>) outs(%122 : tensor<16x24xf32>) permutation = [1, 0] 
    %collapsed_56 = tensor.collapse_shape %121 [[0, 1], [2]] : tensor<2x5x16xf32> into tensor<10x16xf32>
    %123 = linalg.matmul ins(%collapsed_56, %transposed_55 : tensor<10x16xf32>, tensor<16x24xf32>) outs(%106 : tensor<10x24xf32>) -> tensor<10x24xf32>
    %expanded_57 = tensor.expand_shape %123 [[0, 1], [2]] output_shape [2, 5, 24] : tensor<10x24xf32> into tensor<2x5x24xf32>
    %124 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%108, %expanded_57 : tensor<2x5x24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.addf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %125 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%124 : tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %126 = linalg.generic {indexing_maps = [#map1, #map17], iterator_types = ["parallel", "parallel", "reduction"]} ins(%125 : tensor<2x5x24xf32>) outs(%40 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.addf %in, %out : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %127 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%126 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.divf %in, %cst_10 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %128 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%127 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = arith.truncf %cst_8 : f64 to f32
      %134 = arith.addf %in, %133 : f32
      linalg.yield %134 : f32
    } -> tensor<2x5x1xf32>
    %129 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%128 : tensor<2x5x1xf32>) outs(%39 : tensor<2x5x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %133 = math.rsqrt %in : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x1xf32>
    %130 = linalg.generic {indexing_maps = [#map1, #map17, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%124, %129 : tensor<2x5x24xf32>, tensor<2x5x1xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %131 = linalg.generic {indexing_maps = [#map18, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg11, %130 : tensor<24xf32>, tensor<2x5x24xf32>) outs(%0 : tensor<2x5x24xf32>) {
    ^bb0(%in: f32, %in_61: f32, %out: f32):
      %133 = arith.mulf %in, %in_61 : f32
      linalg.yield %133 : f32
    } -> tensor<2x5x24xf32>
    %transposed_58 = linalg.transpose ins(%arg12 : tensor<16x24xf32>) outs(%52 : tensor<24x16xf32>) permutation = [1, 0] 
    %collapsed_59 = tensor.collapse_shape %131 [[0, 1], [2]] : tensor<2x5x24xf32> into tensor<10x24xf32>
    %132 = linalg.matmul ins(%collapsed_59, %transposed_58 : tensor<10x24xf32>, tensor<24x16xf32>) outs(%54 : tensor<10x16xf32>) -> tensor<10x16xf32>
    %expanded_60 = tensor.expand_shape %132 [[0, 1], [2]] output_shape [2, 5, 16] : tensor<10x16xf32> into tensor<2x5x16xf32>
    return %expanded_60 : tensor<2x5x16xf32>
  }
}
