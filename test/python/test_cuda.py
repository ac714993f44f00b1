"""Calls with tensors on a GPU: where results are, what is said about arguments elsewhere, threads, a missing driver."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import gqa
from attention_call import check_attention, compiled
from cuda import missing, on_gpu, on_host

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float16)


Q, K, V = normal(2, 6, 40, 32), normal(2, 2, 70, 32), normal(2, 2, 70, 16)
GPU = [on_gpu(x) for x in (Q, K, V)] if not missing() else []


def expect(output, lse=None, qkv=(Q, K, V), **options):
    check_attention(on_host(output), None if lse is None else on_host(lse), *qkv, dtype="f16", **options)


def test_output_is_on_the_gpu():
    output = gqa.attention(*GPU)
    assert str(output.device) == "cuda:0" and output.__dlpack_device__() == (2, 0)
    expect(output)


def test_lse_and_numbers_of_the_host():
    output, lse = gqa.attention(*GPU, causal=True, offset=30, kv_len=[70, 33], scale=0.3, return_lse=True)
    expect(output, lse, causal=True, offset=30, kv_len=np.array([70, 33]), scale=0.3)


def test_lengths_on_the_gpu():
    expect(gqa.attention(*GPU, kv_len=on_gpu(np.array([5, 70]))), kv_len=np.array([5, 70]))


def test_mask_and_bias():
    mask, bias = RNG.random((40, 70)) < 0.8, normal(6, 1, 70)
    expect(gqa.attention(*GPU, mask=on_gpu(mask)), mask=mask)
    expect(gqa.attention(*GPU, bias=on_gpu(bias)), bias=bias)


def test_token_major():
    qkv = [on_gpu(x.transpose(0, 2, 1, 3)) for x in (Q, K, V)]
    output = on_host(gqa.attention(*qkv, layout="bshd"))
    check_attention(output.transpose(0, 2, 1, 3), None, Q, K, V, dtype="f16")


def test_one_query():
    q = normal(2, 6, 1, 32)
    expect(gqa.attention(on_gpu(q), *GPU[1:]), qkv=(q, K, V))


@pytest.mark.parametrize("queries", [2, 5, 16])
def test_a_draft(queries):
    """Rows that fill a decode step's tile, or a part of a prompt's."""
    q = Q[:, :, :queries]
    expect(gqa.attention(on_gpu(q), *GPU[1:], causal=True, offset=70 - queries), qkv=(q, K, V), causal=True, offset=70 - queries)


@pytest.mark.parametrize("call, error, words", [
    (lambda: gqa.attention(GPU[0], K, V), ValueError, ["k is on cpu, expected cuda:0"]),
    (lambda: gqa.attention(Q, GPU[1], V), ValueError, ["k is on cuda:0, expected cpu"]),
    (lambda: gqa.attention(Q, K, V, kv_len=on_gpu(np.array([5, 70]))), ValueError, ["kv_len is on cuda:0, expected cpu"]),
    (lambda: gqa.attention(*GPU, mask=np.ones((40, 70), bool)), ValueError, ["mask is on cpu, expected cuda:0"]),
    (lambda: gqa.attention(*GPU, kv_len=on_gpu(np.array([5, 7], np.int32))), TypeError, ["kv_len", "expected int64"]),
    (lambda: gqa.attention(GPU[0], GPU[1], on_gpu(V[:, :, :6])), ValueError, ["v has 6 keys, expected 70"]),
    (lambda: gqa.attention(*(on_gpu(x.astype(np.float64)) for x in (Q, K, V))), ValueError, ["cuda", "f64"]),
    (lambda: gqa.attention(torch.zeros(1, 1, 1, 16, device="meta"), K, V), ValueError, ["q is on meta"]),
])
def test_messages(call, error, words):
    with pytest.raises(error) as raised:
        call()
    for word in words:
        assert word in str(raised.value)


TYPES = "(tensor<2x6x40x32xf16>, tensor<2x2x70x32xf16>, tensor<2x2x70x16xf16>) -> tensor<2x6x40x16xf16>"
ATTENTION = f"""func.func @main(%q: tensor<2x6x40x32xf16>, %k: tensor<2x2x70x32xf16>, %v: tensor<2x2x70x16xf16>)
  -> tensor<2x6x40x16xf16> {{
  %o = gqa.attention %q, %k, %v : {TYPES}
  return %o : tensor<2x6x40x16xf16>
}}
"""
GRAPH = f"""func.func @main(%q: tensor<2x6x40x32xf16>, %k: tensor<2x2x70x32xf16>, %v: tensor<2x2x70x16xf16>)
  -> (tensor<2x6x40x16xf16>, tensor<2x6x40x16xf16>) {{
  %o = gqa.attention %q, %k, %v : {TYPES}
  %twice = arith.addf %o, %o : tensor<2x6x40x16xf16>
  return %o, %twice : tensor<2x6x40x16xf16>, tensor<2x6x40x16xf16>
}}
"""


def test_graph_with_arrays_of_the_host():
    output, twice = compiled(GRAPH, target="cuda")(Q, K, V)
    check_attention(output, None, Q, K, V, dtype="f16")
    np.testing.assert_array_equal(twice, 2 * output)


def test_graph_whose_host_reads_what_a_kernel_wrote():
    # An arc tangent is the host's work: then the output is in its memory, wherever the arguments are.
    graph = GRAPH.replace("arith.addf %o, %o", "math.atan %o")
    output, angle = compiled(graph, target="cuda")(*GPU)
    assert {str(output.device), str(angle.device)} == {"cpu:0"}
    np.testing.assert_allclose(np.from_dlpack(angle), np.arctan(np.from_dlpack(output)), atol=1e-3)


def test_graph_whose_results_stay_on_the_gpu():
    output, twice = compiled(GRAPH, target="cuda")(*GPU)
    assert {str(output.device), str(twice.device)} == {str(GPU[0].device)}


def test_tensors_on_the_gpu_and_elsewhere():
    expect(compiled(ATTENTION, target="cuda")(*GPU))
    expect(compiled(ATTENTION, target="cuda")(GPU[0], K, GPU[2]))
    with pytest.raises(ValueError, match="argument 1 is on cuda:0, expected cpu"):
        gqa.compile(ATTENTION)(Q, GPU[1], V)


def test_given_outputs():
    function, output = compiled(ATTENTION, target="cuda"), on_gpu(np.zeros((2, 6, 40, 16), np.float16))
    assert function._call(*GPU, output) is None
    expect(output)
    with pytest.raises(ValueError, match="output 0 is on cpu; expected cuda:0, where other arguments are"):
        function._call(*GPU, np.zeros((2, 6, 40, 16), np.float16))


def test_threads():
    results = [None] * 8

    def run(number):
        scale = 0.1 * (number + 1)
        results[number] = scale, gqa.attention(*GPU, scale=scale)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scale, output in results:
        expect(output, scale=scale)


@pytest.mark.parametrize("driver, words", [("/nowhere/libcuda.so.1", "cannot be loaded"), (os.devnull, "cannot be loaded")])
def test_no_driver(driver, words):
    done = subprocess.run([sys.executable, "-c", "import gqa; gqa.compile('func.func @main() { return }\\n', target='cuda')"],
                          env={**os.environ, "GQA_CUDA_DRIVER": driver}, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: CUDA needs NVIDIA's driver, and ") and words in last
