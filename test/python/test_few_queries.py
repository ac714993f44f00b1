"""One compiled function, called with one query, with the few of a draft, with as many as half a tile of sm_90a has room for and
with a prompt's: which kernels run on the stand-in driver, decided in the call, and that all are right, alone and between other
operations.

    python test_few_queries.py run|run_short    runs them on the driver that GQA_CUDA_DRIVER names
"""

import os
import sys

import numpy as np
import pytest
import torch

import gqa
import test_attention_cuda as driver
from attention_call import compiled, verify
from cuda_cases import BASE

KEYS = 330
COUNTS = {1: (1, 2, 7, 16, 17, 64, 65), 3: (1, 5, 6)}  # for heads of a group: 16 queries fill 16 rows, or five
SHORT = dict(batch=3, queries=33, keys=600, kv_heads=1)  # nine half tiles, of five blocks of keys
GRAPH = """
func.func @main(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x2x?x64xbf16>, %v: tensor<1x2x?x64xbf16>) -> tensor<1x4x?x64xbf16> {
  %x = arith.addf %q, %q : tensor<1x4x?x64xbf16>
  %o = gqa.attention %x, %k, %v : (tensor<1x4x?x64xbf16>, tensor<1x2x?x64xbf16>, tensor<1x2x?x64xbf16>) -> tensor<1x4x?x64xbf16>
  %y = arith.addf %o, %q : tensor<1x4x?x64xbf16>
  return %y : tensor<1x4x?x64xbf16>
}
"""


def run(target):
    for group, counts in COUNTS.items():
        before = compiled.cache_info().misses
        for queries in counts:
            verify({**BASE, "dynamic": "lengths", "group": group, "queries": queries, "keys": KEYS, "causal": True,
                    "offset": ("i64", [KEYS - queries])}, target)
        assert compiled.cache_info().misses == before + 1
    run_graph(target)


def run_short(target):
    for change in ({}, {"keys": 1025}, {"batch": 4}):
        verify({**BASE, **SHORT, "dynamic": "lengths", **change}, target)


def run_graph(target):
    function = gqa.compile(GRAPH, target=target)
    generator = torch.Generator().manual_seed(1)
    k, v = (torch.randn(1, 2, KEYS, 64, generator=generator).bfloat16() for _ in range(2))
    for queries in (1, 8, 9):
        q = torch.randn(1, 4, queries, 64, generator=generator).bfloat16()
        wanted = torch.nn.functional.scaled_dot_product_attention(2 * q.double(), k.double(), v.double(), enable_gqa=True) + q
        np.testing.assert_allclose(function(q, k, v).double().numpy(), wanted.numpy(), rtol=2e-2, atol=2e-2)


def products(what, completion, tmp_path, kernel_cache, device, target):
    """(kernel, threads of a task) of each launch that multiplies."""
    events = driver.launches([what], completion, tmp_path / "report.json", kernel_cache, device, target, script=__file__)
    return [(event["kernel"], event["block"][0]) for event in events if event["counters"]["tensor_flop"]]


@driver.needs_driver
@pytest.mark.parametrize("target, device", [("cuda:sm_80", ""), ("cuda:sm_90a", ",sm=90,processors=3")])
def test_few_queries_have_kernels_of_their_own(target, device, tmp_path, kernel_cache):
    found = products("run", "late", tmp_path, kernel_cache, device, target)
    assert len(found) == sum(map(len, COUNTS.values())) + 3
    for one, *few, many in (found[:5], found[7:10], found[10:]):
        assert len({one, *few, many}) == 3 and len(set(few)) == 1
        assert few[0][1] == one[1] == 128 < many[1]
    # With 64 rows half a tile of sm_90a is full, which has one group and a warp that fills channels for it.
    half, full, more = found[4:7]
    assert half == full and (half == more if device == "" else half[1] == 256 and more[1] == 384)


@driver.needs_driver
@pytest.mark.parametrize("policy", driver.POLICIES)
def test_short_prompts_have_half_tiles(policy, tmp_path, kernel_cache):
    """Where all of them have a multiprocessor, and keys are eight blocks at most."""
    found = products("run_short", policy, tmp_path, kernel_cache, ",sm=90,processors=9", "cuda:sm_90a")
    assert [threads for _, threads in found] == [256, 384, 384]


if __name__ == "__main__":
    globals()[sys.argv[1]](os.environ["GQA_TARGET"])
