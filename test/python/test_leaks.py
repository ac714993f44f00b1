"""10,000 calls leave nothing behind: by the blocks that Python has allocated, and by the memory that the process occupies."""

import gc
import resource
import sys

import numpy as np
import pytest
import torch

import gqa
import gqa.torch


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def tensors():
    return torch.zeros(1, 4, 3, 16), torch.zeros(1, 2, 5, 16), torch.zeros(1, 2, 5, 16)


def numpy():
    return tuple(x.numpy() for x in tensors())


def fails(q, k, v):
    with pytest.raises(ValueError):
        gqa.attention(q, k, v[:, :1])


MODULE = """func.func @main(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %y = arith.addf %x, %x : tensor<?xf32>
  return %x, %y : tensor<?xf32>, tensor<?xf32>
}
"""
module = gqa.compile(MODULE)
CALLS = {
    "torch": (10000, tensors, gqa.attention),
    "numpy": (10000, numpy, gqa.attention),
    "lse": (10000, tensors, lambda *x: gqa.attention(*x, return_lse=True)),
    "options": (2000, tensors, lambda *x: gqa.attention(*x, kv_len=[3], scale=0.5, causal=True, offset=1)),
    "score": (2000, tensors, lambda *x: gqa.attention(*x, score=lambda s, b, h, i, j: s + j)),
    "out": (2000, tensors, lambda q, k, v: gqa.attention(q, k, v, out=torch.empty_like(q))),
    "operator": (2000, tensors, torch.ops.gqa.attention),
    "module": (10000, lambda: (np.zeros(7, np.float32),), module),
    "fails": (2000, tensors, fails),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_leave_nothing(name):
    count, make, call = CALLS[name]
    arguments = make()

    def repeat(times):
        for _ in range(times):
            call(*arguments)
        gc.collect()

    repeat(200)
    blocks, bytes_ = sys.getallocatedblocks(), resident()
    repeat(count)
    assert sys.getallocatedblocks() - blocks < 100
    assert resident() - bytes_ < 2 << 20
