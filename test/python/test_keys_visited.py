"""Which keys a kernel reads: those that a mask hides from all queries of a tile lie in memory that must not be touched.

Queries 0 to 95, keys 0 to 4095, of which the second half is protected: a kernel that reads one of them dies.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, mmap, sys
import numpy as np, torch, gqa

KEYS, DIM = 4096, 64
text, arguments = sys.argv[1], [torch.from_numpy(np.array(eval(a))) for a in sys.argv[2:]]

def protected(seed):
    memory = mmap.mmap(-1, KEYS * DIM * 4)
    values = np.frombuffer(memory, np.float32).reshape(1, 1, KEYS, DIM)
    values[:, :, :KEYS // 2] = np.random.default_rng(seed).standard_normal((1, 1, KEYS // 2, DIM))
    libc = ctypes.CDLL(None, use_errno=True)
    half = KEYS // 2 * DIM * 4
    assert libc.mprotect(ctypes.c_void_p(values.ctypes.data + half), ctypes.c_size_t(half), 0) == 0
    return torch.from_numpy(values), memory

(k, k_memory), (v, v_memory) = protected(1), protected(2)
q = torch.randn(1, 1, 96, DIM, generator=torch.Generator().manual_seed(3))
o = gqa.compile(text)(q, k, v, *arguments)
seen = int(text.split("sees ")[1].split()[0])
s = (q[0, 0].double() @ k[0, 0, :seen].double().T / 8).softmax(-1) @ v[0, 0, :seen].double()
assert (o[0, 0].double() - s).abs().max() < 1e-5
print("done")
"""

REGION = """// sees {seen} keys
func.func @main(%q: tensor<1x1x96x64xf32>, %k: tensor<1x1x4096x64xf32>, %v: tensor<1x1x4096x64xf32>{arguments}) -> tensor<1x1x96x64xf32> {{
  %o = gqa.attention %q, %k, %v : (tensor<1x1x96x64xf32>, tensor<1x1x4096x64xf32>, tensor<1x1x4096x64xf32>{types}) -> tensor<1x1x96x64xf32>
    score(%s, %b, %h, %i, %j{captures}) {{
    {condition}
    gqa.yield %s, %seen : f32, i1
  }}
  return %o : tensor<1x1x96x64xf32>
}}
"""

LENGTH = "%e = tensor.extract %n[%b] : tensor<1xi64>\n %x = arith.index_cast %e : i64 to index\n"
DOCUMENTS = ("%x = tensor.extract %d[%b, %i] : tensor<1x96xi64>\n %y = tensor.extract %e[%b, %j] : tensor<1x4096xi64>\n"
             "%seen = arith.cmpi eq, %x, %y : i64")
CASES = {
    "prefix": (1000, LENGTH + "%seen = arith.cmpi slt, %j, %x : index", {"n": ("1xi64", "[1000]")}),
    "blocks": (512, "%c = arith.constant 512 : index\n %x = arith.divui %i, %c : index\n %y = arith.divui %j, %c : index\n"
                    "%seen = arith.cmpi eq, %x, %y : index", {}),
    "documents": (1500, DOCUMENTS, {"d": ("1x96xi64", "[[7] * 96]"), "e": ("1x4096xi64", "[[7] * 1500 + [9] * 2596]")}),
}


def text_of(seen, condition, arguments):
    kinds = {name: f"tensor<{shape}>" for name, (shape, _) in arguments.items()}
    return REGION.format(seen=seen, condition=condition, arguments="".join(f", %{n}_: {t}" for n, t in kinds.items()),
                         types="".join(f", {t}" for t in kinds.values()), captures="".join(f", %{n} = %{n}_" for n in kinds))


def run(seen, condition, arguments):
    command = [sys.executable, "-c", PROGRAM, text_of(seen, condition, arguments), *(value for _, value in arguments.values())]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", CASES)
def test_hidden_keys_are_not_read(name):
    done = run(*CASES[name])
    assert done.returncode == 0 and "done" in done.stdout, done.stderr


def test_a_key_that_is_seen_is_read():
    """That the protection works: one key of the second half is seen."""
    assert run(2049, LENGTH + "%seen = arith.cmpi slt, %j, %x : index", {"n": ("1xi64", "[2049]")}).returncode < 0
