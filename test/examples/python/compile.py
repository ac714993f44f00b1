"""A graph of MLIR, compiled in this process, with what was found out about it."""

import numpy as np

import gqa

MODULE = """
func.func @main(%q: tensor<?x6x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x6x?x64xf32> {
  %k6 = gqa.repeat_heads %k block groups(3) : tensor<?x2x?x64xf32> -> tensor<?x6x?x64xf32>
  %v6 = gqa.repeat_heads %v block groups(3) : tensor<?x2x?x64xf32> -> tensor<?x6x?x64xf32>
  %o = gqa.attention %q, %k6, %v6
    : (tensor<?x6x?x64xf32>, tensor<?x6x?x64xf32>, tensor<?x6x?x64xf32>) -> tensor<?x6x?x64xf32>
  return %o : tensor<?x6x?x64xf32>
}
"""
remarks = []
module = gqa.compile(MODULE, on_remark=remarks.append)
assert any("2 heads instead of 6" in remark.text for remark in remarks)
for keys in (7, 300):  # sizes are known when it is called; it is compiled once
    q, k, v = (np.random.default_rng(keys).standard_normal((1, heads, n, 64), np.float32) for heads, n in ((6, 5), (2, keys), (2, keys)))
    np.testing.assert_allclose(module(q, k, v), gqa.attention(q, k, v), rtol=1e-5, atol=1e-5)
