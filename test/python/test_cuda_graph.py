"""`gqa.capture`: calls recorded in CUDA graphs, on the stand-in driver or a GPU: replays with other contents, what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gqa
from attention_call import check_attention
from cuda import EMULATOR, missing, on_gpu, on_host
from gqa import _native
from safetensors.numpy import load_file

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

RNG = np.random.default_rng(11)
TARGET = os.environ.get("GQA_TEST_TARGET", "cuda:sm_80")
HOST = "is on cpu; expected cuda:0, as the stream is being captured into a CUDA graph, which copies nothing from the host"


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float16)


def fill(tensor, array):
    """Gives a tensor on the GPU other contents."""
    import tvm_ffi

    _native.library()["cuda_fill"](tvm_ffi.from_dlpack(np.ascontiguousarray(array)), tensor)


def room(*shape, dtype=np.float16):
    return on_gpu(np.full(shape, 7, dtype))


def decode():
    """A step of two sequences."""
    return normal(2, 6, 1, 32), normal(2, 2, 70, 32), normal(2, 2, 70, 16)


def test_replays_read_what_is_there_then():
    first, second = decode(), decode()
    qkv, output, length = [on_gpu(x) for x in first], room(2, 6, 1, 16), on_gpu(np.array([70, 70]))
    graph = gqa.capture(gqa.attention, *qkv, kv_len=length, out=output)
    assert graph.result is output and (on_host(output) == 7).all(), "nothing is done before the first replay"
    for arrays, lengths in ((first, [70, 70]), (second, [70, 70]), (second, [5, 33])):
        for tensor, array in zip(qkv, arrays):
            fill(tensor, array)
        fill(length, np.array(lengths))
        assert graph.replay() is output
        check_attention(on_host(output), None, *arrays, dtype="f16", kv_len=np.array(lengths))


def test_numbers_are_those_of_the_capture():
    q, k, v = normal(2, 6, 3, 32), normal(2, 2, 70, 32), normal(2, 2, 70, 16)
    output, lse, offset = room(2, 6, 3, 16), room(2, 6, 3, dtype=np.float32), np.array([67, 20])
    graph = gqa.capture(gqa.attention, *map(on_gpu, (q, k, v)), causal=True, offset=offset, scale=0.3, return_lse=True,
                        out=(output, lse))
    offset[:] = 0
    graph.replay()
    check_attention(on_host(output), on_host(lse), q, k, v, dtype="f16", causal=True, offset=np.array([67, 20]), scale=0.3)


def test_several_calls():
    q, k, v = normal(1, 4, 8, 32), normal(1, 2, 8, 32), normal(1, 2, 8, 32)
    gpu, between, output = [on_gpu(x) for x in (q, k, v)], room(1, 4, 8, 32), room(1, 4, 8, 32)

    def twice():
        gqa.attention(*gpu, out=between)
        return gqa.attention(between, *gpu[1:], out=output)

    graph = gqa.capture(twice)
    for _ in range(2):
        graph.replay()
        check_attention(on_host(output), None, on_host(between), k, v, dtype="f16")


ATTENTION = """func.func @main(%q: tensor<2x6x40x32xf16>, %k: tensor<2x2x70x32xf16>, %v: tensor<2x2x70x16xf16>)
  -> tensor<2x6x40x16xf16> {
  %o = gqa.attention %q, %k, %v : (tensor<2x6x40x32xf16>, tensor<2x2x70x32xf16>, tensor<2x2x70x16xf16>) -> tensor<2x6x40x16xf16>
  return %o : tensor<2x6x40x16xf16>
}
"""


@pytest.mark.parametrize("form", ["compiled", "library"])
def test_modules(form, tmp_path):
    if form == "compiled":
        module = gqa.compile(ATTENTION, target="cuda")
    else:
        gqa.build(ATTENTION, tmp_path / "attention.so", target="cuda")
        module = gqa.load(tmp_path / "attention.so")
    arrays = normal(2, 6, 40, 32), normal(2, 2, 70, 32), normal(2, 2, 70, 16)
    tensors, output = [on_gpu(x) for x in arrays], room(2, 6, 40, 16)
    assert module(*tensors, out=output) is output
    check_attention(on_host(output), None, *arrays, dtype="f16")
    graph = gqa.capture(module, *tensors, out=output)
    fill(tensors[0], -arrays[0])
    graph.replay()
    check_attention(on_host(output), None, -arrays[0], *arrays[1:], dtype="f16")
    with pytest.raises((RuntimeError, ValueError), match="result 0 of 15360 bytes needs memory of the caller while the stream"):
        gqa.capture(module, *tensors)
    with pytest.raises((RuntimeError, ValueError), match=f"argument 1 {HOST}"):
        gqa.capture(module, tensors[0], arrays[1], tensors[2], out=output)
    assert (on_host(module(*tensors)) == on_host(output)).all(), "the device is as it was"


@pytest.mark.parametrize("form", ["compiled", "library"])
def test_whole_graphs(form, tmp_path):
    """A decoder's step from the token to the output: products, norms, rotations and attention; parameters are copied once."""
    folder = Path(__file__).parents[1] / "graphs"
    known = np.load(folder / "llama_decode_concat.npz")
    if form == "compiled":
        module = gqa.compile(folder / "llama_decode_concat.mlir", target=TARGET)
    else:
        gqa.build(folder / "llama_decode_concat.mlir", tmp_path / "step.so", target=TARGET)
        module = gqa.load(tmp_path / "step.so", weights=load_file(folder / "llama_decode_concat.safetensors"))
    wanted = [known[f"out{i}"] for i in range(3)]
    token, keys, values = (on_gpu(known[f"arg{i}"]) for i in range(3))
    output = tuple(room(*each.shape, dtype=each.dtype) for each in wanted)
    graph = gqa.capture(module, token, keys, values, out=output)
    for sign in (1, -1, 1):
        fill(values, sign * known["arg2"])
        graph.replay()
        host = gqa.compile(folder / "llama_decode_concat.mlir")(known["arg0"], known["arg1"], sign * known["arg2"])
        for found, from_host in zip(output, host):
            np.testing.assert_allclose(on_host(found), from_host, rtol=2e-5, atol=2e-6)
    for found, expected in zip(output, wanted):
        np.testing.assert_allclose(on_host(found), expected, rtol=2e-5, atol=2e-6)


def test_whole_graphs_on_a_later_chip():
    """The stand-in driver is what it was when the process first asked for it."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", __file__, "-k", "test_whole_graphs and not chip"], text=True,
                          env={**os.environ, "GQA_EMULATOR": "sm=90,processors=6", "GQA_TEST_TARGET": "cuda:sm_90a"},
                          capture_output=True, timeout=300)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_function_that_fails():
    def fails():
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        gqa.capture(fails)
    arrays = decode()
    output = room(2, 6, 1, 16)
    gqa.capture(gqa.attention, *map(on_gpu, arrays), out=output).replay()
    check_attention(on_host(output), None, *arrays, dtype="f16")


def test_results_have_memory_of_their_own():
    q, k, v = [on_gpu(x) for x in (normal(1, 4, 8, 32), normal(1, 2, 8, 32), normal(1, 2, 8, 32))]
    with pytest.raises((RuntimeError, ValueError), match="output 0 shares memory of the device with argument 0"):
        gqa.attention(q, k, v, out=q)


def test_what_the_host_does_is_refused():
    """It would be done at once and by no replay."""
    arrays = decode()
    host, device = gqa.compile(ATTENTION), gqa.compile(ATTENTION, target="cuda")
    for call, what in ((gqa.attention, "q is"), (host, "main runs"), (device, "all arguments are")):
        with pytest.raises(RuntimeError, match=f"{what} on the CPU, in a call that gqa.capture records for CUDA device 0"):
            gqa.capture(call, *arrays)
    wanted = gqa.attention(*arrays)
    output = room(2, 6, 1, 16)
    graph = gqa.capture(gqa.attention, *map(on_gpu, arrays), out=output)
    assert (gqa.attention(*arrays) == wanted).all(), "outside it is as before"
    graph.replay()
    check_attention(on_host(output), None, *arrays, dtype="f16")


def test_what_waits_is_refused():
    tensor = on_gpu(np.zeros(4))
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        gqa.capture(lambda: _native.library()["cuda_synchronize"](0))
    assert (on_host(tensor) == 0).all()


# The first product of work in a process is in a capture: its module is loaded there.
FIRST = """
import numpy as np
import gqa
from cuda import on_gpu, on_host

q, k, v = (on_gpu(np.ones(shape, np.float16)) for shape in ((1, 4, 1, 32), (1, 2, 9, 32), (1, 2, 9, 32)))
output = on_gpu(np.zeros((1, 4, 1, 32), np.float16))
gqa.capture(gqa.attention, q, k, v, out=output).replay()
assert (on_host(output) == 1).all()
"""


@pytest.mark.skipif(not EMULATOR.exists(), reason="the stand-in driver is not built")
@pytest.mark.parametrize("policy", ["eager", "late", "random:3"])
def test_first_launch_of_a_process(policy):
    done = subprocess.run([sys.executable, "-c", FIRST], cwd=Path(__file__).parent, capture_output=True, text=True,
                          env={**os.environ, "GQA_CUDA_DRIVER": str(EMULATOR), "GQA_EMULATOR": f"completion={policy}"})
    assert done.returncode == 0, done.stderr
