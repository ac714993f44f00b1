"""One compiled function, called with one query, with the few of a draft and with a prompt's: which kernels run on the stand-in
driver, decided in the call, and that all are right, alone and between other operations.

    python test_few_queries.py    runs them on the driver that GQA_CUDA_DRIVER names
"""

import os

import numpy as np
import pytest
import torch

import gqa
import test_attention_cuda as driver
from attention_call import compiled, verify
from cuda_cases import BASE

KEYS = 330
COUNTS = {1: (1, 2, 7, 16, 17, 300), 3: (1, 5, 6)}  # for heads of a group: 16 queries fill 16 rows, or five
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


def run_graph(target):
    function = gqa.compile(GRAPH, target=target)
    generator = torch.Generator().manual_seed(1)
    k, v = (torch.randn(1, 2, KEYS, 64, generator=generator).bfloat16() for _ in range(2))
    for queries in (1, 8, 9):
        q = torch.randn(1, 4, queries, 64, generator=generator).bfloat16()
        wanted = torch.nn.functional.scaled_dot_product_attention(2 * q.double(), k.double(), v.double(), enable_gqa=True) + q
        np.testing.assert_allclose(function(q, k, v).double().numpy(), wanted.numpy(), rtol=2e-2, atol=2e-2)


@driver.needs_driver
@pytest.mark.parametrize("target, device", [("cuda:sm_80", ""), ("cuda:sm_90a", ",sm=90,processors=132")])
def test_few_queries_have_kernels_of_their_own(target, device, tmp_path, kernel_cache):
    events = driver.launches([], "late", tmp_path / "report.json", kernel_cache, device, target, script=__file__)
    products = [event for event in events if event["counters"]["tensor_flop"]]
    assert len(products) == sum(map(len, COUNTS.values())) + 3
    def kernels(first, count):
        return [(event["kernel"], event["block"][0]) for event in products[first:first + count]]
    for one, *few, many in (kernels(0, 5), kernels(6, 3), kernels(9, 3)):
        assert len({one, *few, many}) == 3 and len(set(few)) == 1
        assert few[0][1] == one[1] == 128 < many[1]
    assert kernels(4, 1) == kernels(5, 1)


if __name__ == "__main__":
    run(os.environ["GQA_TARGET"])
