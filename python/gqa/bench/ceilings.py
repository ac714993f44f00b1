"""What this machine allows, measured in the same rounds as the candidates."""

import dataclasses
import time
from typing import Callable

import torch

from gqa import _native

from .buffers import TORCH

MULTIPLY_ADD_ROUNDS = 4 << 20  # some milliseconds
LARGEST, SMALLEST = 2048, 256  # sides of the products
PRODUCT_SECONDS = 0.5


@dataclasses.dataclass
class Ceiling:
    """`call(i)` does `work` units of work: bytes, or floating-point operations."""

    name: str
    unit: str  # of a rate: GB/s or GFLOP/s
    work: float
    call: Callable
    note: str = ""


def of_case(case, sets):
    """The ceilings that say something about the case."""
    if case.many_queries:
        found = [multiply_adds(case.target), product_by_torch("f32"), product_by_blas()]
        return found if case.dtype == "f32" else [*found, product_by_torch(case.dtype)]
    if case.kind not in ("decode", "step", "step-cache", "model"):
        return []
    pairs = multiply_pairs(case.target) if case.dtype == "bf16" else None
    return [read(case, sets), multiply_adds(case.target), *([pairs] if pairs else [])]


def read(case, sets):
    """Reads K and V of a set: the bytes that a step of decoding cannot do without, cold as it finds them."""
    import tvm_ffi

    function = _native.library()["ceiling_read"]
    tensors = [[tvm_ffi.from_dlpack(x) for x in (k, v)] for _, k, v in sets]
    return Ceiling("read", "GB/s", case.kv_bytes, lambda i: function(tensors[i]))


def multiply_adds(target):
    """f32 multiply-adds in registers, in the vectors that code for `target` has."""
    function = _native.library()["ceiling_multiply_adds"]
    operations = function(target, MULTIPLY_ADD_ROUNDS)
    return Ceiling("fma", "GFLOP/s", operations, lambda i: function(target, MULTIPLY_ADD_ROUNDS))


def multiply_pairs(target):
    """Products of pairs of bf16 numbers in vectors; None where code for `target` has no use for them."""
    function = _native.library()["ceiling_multiply_pairs"]
    operations = function(target, MULTIPLY_ADD_ROUNDS)
    return Ceiling("pairs", "GFLOP/s", operations, lambda i: function(target, MULTIPLY_ADD_ROUNDS)) if operations else None


def product_by_torch(dtype):
    """A square matrix product in `dtype`: smaller where the library would take too long."""
    side = SMALLEST
    while True:
        a, b, c = (torch.randn(side, side).to(TORCH[dtype]) for _ in range(3))
        torch.mm(a, b, out=c)
        start = time.perf_counter()
        torch.mm(a, b, out=c)
        if side >= LARGEST or 8 * (time.perf_counter() - start) > PRODUCT_SECONDS:
            break
        side *= 2
    return Ceiling(f"torch-{dtype}-gemm", "GFLOP/s", 2.0 * side ** 3, lambda i: torch.mm(a, b, out=c), f"{side}^3")


def product_by_blas():
    """The same in f32 by the BLAS that the runtime loads."""
    import tvm_ffi

    function = _native.library()["ceiling_matmul"]
    tensors = [tvm_ffi.from_dlpack(torch.randn(LARGEST, LARGEST)) for _ in range(3)]
    return Ceiling("blas-f32-gemm", "GFLOP/s", 2.0 * LARGEST ** 3, lambda i: function(*tensors), f"{LARGEST}^3")


def limits(case, rates):
    """(what limits, seconds a call of each round at best), from the rates of each round by ceiling, in units a second.

    Decoding: the slower of reading K and V and multiplying them in registers, as f32 or, if that is faster, as pairs of bf16.
    Prefill: the fastest matrix product.
    """
    if case.many_queries:
        products = {name: r for name, r in rates.items() if name.endswith("-gemm")}
        name = max(products, key=lambda n: max(products[n]))
        return name, [case.flops / r for r in products[name]]
    if "read" not in rates:
        return "", []
    reading = [case.kv_bytes / r for r in rates["read"]]
    products = max((name for name in ("fma", "pairs") if name in rates), key=lambda name: max(rates[name]))
    computing = [case.flops / r for r in rates[products]]
    name = "read" if min(reading) >= min(computing) else products
    return name, [max(pair) for pair in zip(reading, computing)]
