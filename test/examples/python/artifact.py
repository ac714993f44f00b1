"""A library that runs without the compiler: built once, called from Python with and without this package."""

import pathlib
import tempfile

import numpy as np
import torch
import tvm_ffi

import gqa

MODULE = """
func.func @main(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
"""
q, k, v = torch.randn(1, 8, 5, 64), torch.randn(1, 2, 9, 64), torch.randn(1, 2, 9, 64)
want = gqa.attention(q, k, v)
with tempfile.TemporaryDirectory() as folder:
    library = pathlib.Path(folder) / "model.so"
    gqa.build(MODULE, library, target="cpu:x86-64-v2,cpu:x86-64-v3")  # each machine takes the best that it runs
    torch.testing.assert_close(gqa.load(library)(q, k, v), want)
    # Whoever has apache-tvm-ffi needs nothing else of Python's; tensors of every framework, or of the program's own C.
    torch.testing.assert_close(torch.from_dlpack(tvm_ffi.load_module(str(library)).forward(q, k, v)), want)
    arrays = [np.asarray(x) for x in (q, k, v)]
    np.testing.assert_allclose(gqa.load(library)(*arrays), want, rtol=1e-5, atol=1e-5)
