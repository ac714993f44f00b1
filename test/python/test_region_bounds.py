"""Keys that a score region hides by their positions are not visited, and results are what they are when all of them are.

Visited: keys out of bounds lie in pages that nobody may read. Equal: the same region without a bound that can be found,
since it is joined with a condition that is only known to be false when the program runs.
"""

import ctypes
import mmap
import multiprocessing
import signal

import numpy as np
import pytest
import torch

import gqa

KEYS, DIM, BLOCK = 4096, 64, 256  # BLOCK: the longest block of keys by which a loop begins too early
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}

# name: (code of %seen from %i, %j and the number %n of the batch element, keys that 40 queries see for n)
REGIONS = {
    "prefix": ("""%in = arith.cmpi slt, %j, %n : index
                  %past = arith.cmpi sge, %i, %j : index
                  %seen = arith.ori %in, %past : i1""", lambda n: (0, max(n, 40))),
    "behind": ("""%seen = arith.cmpi sge, %j, %n : index""", lambda n: (n, KEYS)),
    "band": ("""%at = arith.addi %i, %n : index
                %w = arith.constant 99 : index
                %low = arith.subi %at, %w : index
                %a = arith.cmpi sle, %low, %j : index
                %c = arith.cmpi sle, %j, %at : index
                %seen = arith.andi %a, %c : i1""", lambda n: (n - 99, n + 40)),
    "document": ("""%c = arith.constant 300 : index
                    %at = arith.addi %n, %i : index
                    %x = arith.divui %i, %c : index
                    %y = arith.divui %j, %c : index
                    %same = arith.cmpi eq, %x, %y : index
                    %near = arith.cmpi sle, %j, %at : index
                    %seen = arith.andi %same, %near : i1""", lambda n: (0, min(300, n + 40))),
}
SHAPES = {"few": (4, 1), "many": (2, 40)}  # query heads, queries


def program(region, shape, dtype, bounded=True, batch=1):
    heads, queries = SHAPES[shape]
    q, k = f"tensor<{batch}x{heads}x{queries}x{DIM}x{dtype}>", f"tensor<{batch}x1x{KEYS}x{DIM}x{dtype}>"
    seen = "%seen" if bounded else "%either"
    return f"""func.func @main(%q: {q}, %k: {k}, %v: {k}, %ns: tensor<{batch}xi64>, %nos: tensor<{batch}xi1>) -> {q} {{
      %o = gqa.attention %q, %k, %v : ({q}, {k}, {k}, tensor<{batch}xi64>, tensor<{batch}xi1>) -> {q}
        score(%s, %b, %h, %i, %j, %numbers = %ns, %falses = %nos) {{
        %word = tensor.extract %numbers[%b] : tensor<{batch}xi64>
        %n = arith.index_cast %word : i64 to index
        {REGIONS[region][0]}
        %no = tensor.extract %falses[%b] : tensor<{batch}xi1>
        %either = arith.ori %seen, %no : i1
        gqa.yield %s, {seen} : f32, i1
      }}
      return %o : {q}
    }}"""


def inputs(shape, dtype, numbers):
    torch.manual_seed(0)
    heads, queries = SHAPES[shape]
    q = torch.randn(len(numbers), heads, queries, DIM).to(TYPES[dtype])
    k, v = (torch.randn(len(numbers), 1, KEYS, DIM).to(TYPES[dtype]) for _ in range(2))
    return q, k, v, torch.tensor(numbers), torch.zeros(len(numbers), dtype=torch.bool)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("region", REGIONS)
def test_equal(region, shape, dtype):
    """Where keys are split into parts these are others, and sums in another order."""
    numbers = [0, 1, 47, 48, 100, 1000, KEYS - 1, KEYS, KEYS + 50, -1, -300, 2 ** 62, -2 ** 62]
    given = inputs(shape, dtype, numbers)
    found, expected = (gqa.compile(program(region, shape, dtype, bounded, len(numbers)))(*given) for bounded in (True, False))
    assert torch.isfinite(expected.float()).all()
    atol = 2 * (expected + 0.3 - 0.3 - expected).abs().max().item()  # the numeric rule's, as parts agree to its bounds
    torch.testing.assert_close(found, expected, rtol=2e-2 if dtype == "bf16" else 1e-5, atol=atol)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("region", REGIONS)
def test_visited(region, shape, dtype):
    code = ended(visit, region, shape, dtype)
    assert code == 0, "a key out of bounds was read" if code == -signal.SIGSEGV else f"ended with {code}"


def test_visited_finds_what_is_visited():
    """Without a bound the same program dies."""
    assert ended(visit, "prefix", "many", "f32", False) == -signal.SIGSEGV


# Each call has a process, made from one that has loaded torch and the compiler and done nothing yet.
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload([__name__])


def ended(function, *arguments):
    """The exit code of a process that calls the function."""
    child = CHILDREN.Process(target=function, args=arguments)
    child.start()
    child.join(120)
    child.kill()  # if it is still there
    return child.exitcode


def guarded(values, low, high):
    """The tensor, of one head, in memory of which only the pages with keys in [low, high) may be read."""
    size, row = values.nbytes, values.nbytes // KEYS
    memory = mmap.mmap(-1, size)
    words = np.frombuffer(memory, dtype=np.uint8)
    words[:] = values.view(torch.uint8).numpy().reshape(-1)
    address = words.ctypes.data
    before, behind = low * row // mmap.PAGESIZE * mmap.PAGESIZE, -(-high * row // mmap.PAGESIZE) * mmap.PAGESIZE
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for begin, end in ((0, before), (behind, size)):
        assert begin >= end or protect(address + begin, end - begin, 0) == 0
    return torch.from_numpy(words).view(values.dtype).view(values.shape)


def visit(region, shape, dtype, bounded=True):
    """Calls a program whose keys and values out of bounds cannot be read."""
    n = 2000
    low, high = REGIONS[region][1](n)
    low = max(low - BLOCK, 0)
    compiled = gqa.compile(program(region, shape, dtype, bounded))
    q, k, v, numbers, falses = inputs(shape, dtype, [n])
    compiled(q, *(guarded(x, low, min(high, KEYS)) for x in (k, v)), numbers, falses)
