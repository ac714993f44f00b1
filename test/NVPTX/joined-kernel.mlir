// Products of one operand in one kernel, of q, k and v of Llama 3 8B: the PTX and, where ptxas and nvdisasm are at hand, what
// becomes of it. What a loop has in flight beside what it multiplies takes registers, of which three blocks have room.
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=ptx -o %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers main 80 --loops main HMMA=4 INSTRUCTIONS=60
// RUN: %{python} %S/Inputs/kernels.py %s sm_100 sm_120

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

func.func @main(%x: tensor<1x4096xbf16>, %q: tensor<4096x4096xbf16>, %k: tensor<1024x4096xbf16>, %v: tensor<1024x4096xbf16>)
    -> (tensor<1x4096xbf16>, tensor<1x1024xbf16>, tensor<1x1024xbf16>) {
  %zero = arith.constant 0.0 : bf16
  %eq = tensor.empty() : tensor<1x4096xbf16>
  %fq = linalg.fill ins(%zero : bf16) outs(%eq : tensor<1x4096xbf16>) -> tensor<1x4096xbf16>
  %ek = tensor.empty() : tensor<1x1024xbf16>
  %fk = linalg.fill ins(%zero : bf16) outs(%ek : tensor<1x1024xbf16>) -> tensor<1x1024xbf16>
  %0 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %q : tensor<1x4096xbf16>, tensor<4096x4096xbf16>) outs(%fq : tensor<1x4096xbf16>) -> tensor<1x4096xbf16>
  %1 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %k : tensor<1x4096xbf16>, tensor<1024x4096xbf16>) outs(%fk : tensor<1x1024xbf16>) -> tensor<1x1024xbf16>
  %2 = linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %v : tensor<1x4096xbf16>, tensor<1024x4096xbf16>) outs(%fk : tensor<1x1024xbf16>) -> tensor<1x1024xbf16>
  return %0, %1, %2 : tensor<1x4096xbf16>, tensor<1x1024xbf16>, tensor<1x1024xbf16>
}
