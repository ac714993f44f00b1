// A norm, a gate and its partner, and SiLU times that, of Llama 3 8B: one kernel, whose registers leave room for three blocks.
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=ptx -o %t.ptx
// RUN: grep -c "^.visible .entry" %t.ptx | FileCheck %s --check-prefix=KERNELS
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers main 80 --loops main HMMA=4 INSTRUCTIONS=60
// KERNELS: {{^1$}}

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#scale = affine_map<(m, n) -> (n)>

func.func @main(%from: tensor<1x4096xbf16>, %s: tensor<4096xbf16>, %a: tensor<14336x4096xbf16>, %b: tensor<14336x4096xbf16>) -> tensor<1x14336xbf16> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0.0 : bf16
  %one = arith.constant 1.0 : f32
  %depth = arith.constant 4096.0 : f32
  %epsilon = arith.constant 1.0e-5 : f32
  %es = tensor.empty() : tensor<1xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<1xf32>) -> tensor<1xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%from : tensor<1x4096xbf16>) outs(%fs : tensor<1xf32>) {
  ^bb0(%p: bf16, %so: f32):
    %0 = arith.extf %p : bf16 to f32
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %so, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<1xf32>
  %ex = tensor.empty() : tensor<1x4096xbf16>
  %x = linalg.generic {indexing_maps = [#id, #row, #scale, #id], iterator_types = ["parallel", "parallel"]} ins(%from, %sum, %s : tensor<1x4096xbf16>, tensor<1xf32>, tensor<4096xbf16>) outs(%ex : tensor<1x4096xbf16>) {
  ^bb0(%p: bf16, %q: f32, %w: bf16, %out: bf16):
    %0 = arith.divf %q, %depth : f32
    %1 = arith.addf %0, %epsilon : f32
    %2 = math.rsqrt %1 : f32
    %3 = arith.extf %p : bf16 to f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.truncf %4 : f32 to bf16
    %6 = arith.mulf %w, %5 : bf16
    linalg.yield %6 : bf16
  } -> tensor<1x4096xbf16>
  %e = tensor.empty() : tensor<1x14336xbf16>
  %f = linalg.fill ins(%none : bf16) outs(%e : tensor<1x14336xbf16>) -> tensor<1x14336xbf16>
  %gate = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : tensor<1x4096xbf16>, tensor<14336x4096xbf16>) outs(%f : tensor<1x14336xbf16>) -> tensor<1x14336xbf16>
  %up = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : tensor<1x4096xbf16>, tensor<14336x4096xbf16>) outs(%f : tensor<1x14336xbf16>) -> tensor<1x14336xbf16>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%gate, %up : tensor<1x14336xbf16>, tensor<1x14336xbf16>) outs(%e : tensor<1x14336xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %out: bf16):
    %0 = arith.extf %p : bf16 to f32
    %1 = arith.negf %0 : f32
    %2 = math.exp %1 : f32
    %3 = arith.addf %2, %one : f32
    %4 = arith.divf %0, %3 : f32
    %5 = arith.truncf %4 : f32 to bf16
    %6 = arith.mulf %5, %q : bf16
    linalg.yield %6 : bf16
  } -> tensor<1x14336xbf16>
  return %y : tensor<1x14336xbf16>
}
