"""What must not show in a result: the number of threads, other callers, how keys are split, and where arrays lie."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import gqa
from attention_call import arguments, call, check_output, compiled, numbers
from attention_cases import build
from attention_hard import SHAPES, clauses, shaped
from reference import attention, check_lse, largest_score, rounded, unfused

HASHES = """
import hashlib, sys
import numpy as np
import gqa
module, rng = gqa.compile(sys.argv[1]), np.random.default_rng(0)
for queries, keys in ((1, 4099), (70, 799)):
    shapes = (2, 6, queries, 64), (2, 2, keys, 64), (2, 2, keys, 80)
    results = module(*(rng.standard_normal(shape, np.float32) for shape in shapes), np.array([keys - queries]))
    print([hashlib.sha256(x.tobytes()).hexdigest() for x in results])
"""


def hashes(threads):
    text = build(clauses("causal", "few")).text
    return subprocess.run([sys.executable, "-c", HASHES, text], env={**os.environ, "GQA_NUM_THREADS": str(threads)},
                          check=True, capture_output=True, text=True, timeout=60).stdout


class TestThreads:
    def test_number_of_threads_does_not_show(self):
        alone = hashes(1)
        assert alone.count("\n") == 2 and hashes(2) == alone and hashes(5) == alone

    @pytest.mark.parametrize("shape", SHAPES)
    def test_concurrent_calls(self, shape):
        programs = [build(shaped(shape, seed=seed)) for seed in range(3)]
        function = compiled(programs[0].text)
        assert {program.text for program in programs} == {programs[0].text}
        inputs = [arguments(program) for program in programs]
        want = [function(*x) for x in inputs]
        with ThreadPoolExecutor(5) as pool:
            for number, results in enumerate(pool.map(lambda n: function(*inputs[n % 3]), range(60))):
                assert all(torch.equal(x, y) for x, y in zip(results, want[number % 3]))


class TestSplit:
    """The keys of three batches are cut into parts; 96 make tiles enough to keep them whole."""

    @pytest.mark.parametrize("queries, name, dtype", [
        (1, "kv_len", "f32"), (1, "sinks", "bf16"), (1, "causal_window", "f16"), (50, "window_left", "f32"),
        (50, "kv_len", "f64")])
    def test_split_and_unsplit_agree(self, queries, name, dtype):
        program = build(clauses(name, "few_split", dtype=dtype, queries=queries, batch=3))
        (q, k, v), options = program.qkv, program.options
        split, split_lse = call(program)
        repeated = [x.repeat(32, *[1] * (x.ndim - 1)) if len(x) == 3 else x for x in arguments(program)]
        output, lse = (numbers(x) for x in compiled(program.text)(*repeated))
        assert np.array_equal(output, np.tile(output[:3], (32, 1, 1, 1)), equal_nan=True)
        base = unfused(q, k, v, dtype, **options)[0]
        check_output(output[:3], attention(q, k, v, **options)[0], base, dtype)
        check_output(split, output[:3].astype(np.float64), base, dtype)
        check_lse(split_lse, lse[:3].astype(np.float64), dtype, largest_score(q, k, **options))


BORROWED = """
import os, sys
import torch, tvm_ffi
import gqa
from gqa import _native
torch.set_num_threads(1)
q, k = torch.randn(1, 8, 256, 64), torch.randn(1, 2, 256, 64)
if sys.argv[1] == "library":
    module, set_parallel = gqa.load("model.so"), tvm_ffi.load_module("model.so")["gqa_set_parallel"]
else:
    module, set_parallel = gqa.compile(sys.argv[2]), _native.library()["set_parallel"]
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
wanted = module(q, k)
assert threads() <= before, "kernels run in torch's threads, of which there is one"
if child := os.fork():
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
else:
    os._exit(not torch.equal(module(q, k), wanted))
set_parallel(0)
before = threads()
assert torch.equal(module(q, k), wanted)
assert threads() > before or os.cpu_count() == 1, "kernels run in threads of their own"
"""
SHARED = """func.func @main(%q: tensor<1x8x256x64xf32>, %k: tensor<1x2x256x64xf32>) -> tensor<1x8x256x64xf32> {
  %o = gqa.attention %q, %k, %k : (tensor<1x8x256x64xf32>, tensor<1x2x256x64xf32>, tensor<1x2x256x64xf32>) -> tensor<1x8x256x64xf32>
  return %o : tensor<1x8x256x64xf32>
}
"""


@pytest.mark.parametrize("form", ["compiled", "library"])
def test_torch_lends_its_threads(form, tmp_path):
    gqa.build(SHARED, tmp_path / "model.so")
    done = subprocess.run([sys.executable, "-c", BORROWED, form, SHARED], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


class TestMemory:
    """Arrays as callers have them; the boundary copies what no layout describes."""

    @pytest.mark.parametrize("queries", [1, 70])
    @pytest.mark.parametrize("dtype", ["f32", "bf16", "f64"])
    def test_unaligned(self, dtype, queries):
        q, k, v = self.inputs(queries, dtype)
        want = gqa.attention(q, k, v)
        assert torch.equal(gqa.attention(*map(self.shifted, (q, k, v))), want)

    @pytest.mark.parametrize("queries", [1, 70])
    def test_broadcast(self, queries):
        q, k, v = self.inputs(queries, "f32")
        k, v = (x[:1, :1].expand(3, 2, -1, -1) for x in (k, v))
        assert torch.equal(gqa.attention(q, k, v), gqa.attention(q, k.contiguous(), v.contiguous()))

    @pytest.mark.parametrize("queries", [1, 70])
    def test_steps(self, queries):
        q, k, v = self.inputs(queries, "f32")
        wide = [x.repeat_interleave(2, dim=3)[..., ::2] for x in (q, k, v)]
        cut = [torch.cat([x, x], dim=2)[:, :, :x.shape[2]] for x in (q, k, v)]  # a cache that is longer
        want = gqa.attention(q, k, v)
        assert torch.equal(gqa.attention(*wide), want) and torch.equal(gqa.attention(*cut), want)

    @staticmethod
    def inputs(queries, dtype):
        rng = np.random.default_rng(5)
        kinds = {"f32": torch.float32, "bf16": torch.bfloat16, "f64": torch.float64}
        shapes = (3, 6, queries, 40), (3, 2, 300, 40), (3, 2, 300, 24)
        return [torch.from_numpy(rounded(rng.standard_normal(s), dtype)).to(kinds[dtype]) for s in shapes]

    @staticmethod
    def shifted(x):
        """The same numbers, one element behind where an allocator puts them."""
        room = torch.empty(x.numel() + 1, dtype=x.dtype)
        room[1:] = x.flatten()
        return room[1:].view(x.shape)
