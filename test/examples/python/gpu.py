"""Kernels on a CUDA device, and a step of decoding captured in a CUDA graph.

With torch on a GPU, tensors are torch's, and `torch.cuda.graph` records calls as well. Without a GPU, this program takes the
project's stand-in driver, which executes the kernels' code.
"""

import pathlib
import sys

import numpy as np
import torch

import gqa

HQ, HKV, D, LENGTH = 8, 2, 64, 70
if torch.cuda.is_available():
    to_device, to_host = (lambda array: torch.from_numpy(array).cuda()), (lambda tensor: tensor.cpu().numpy())
else:
    sys.path.append(str(pathlib.Path(__file__).parents[2] / "python"))
    from cuda import on_gpu as to_device, on_host as to_host  # names the driver; tensors that belong to no framework

rng = np.random.default_rng(0)
q, k, v = (rng.standard_normal((1, heads, n, D)).astype(np.float16) for heads, n in ((HQ, 1), (HKV, LENGTH), (HKV, LENGTH)))
length = np.array([10])
on_device = [to_device(array) for array in (q, k, v, length)]
output = to_device(np.zeros_like(q))

# A launch costs more than such a small kernel: recorded once, a step is one launch, of which contents may change.
graph = gqa.capture(gqa.attention, *on_device[:3], kv_len=on_device[3], out=output)
graph.replay()
np.testing.assert_allclose(to_host(output), gqa.attention(q, k, v, kv_len=length), rtol=1e-2, atol=1e-3)
