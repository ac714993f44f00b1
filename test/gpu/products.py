"""Matrix products of the runtime against float64."""

import ctypes

import numpy as np

import suite
from gqa._program import Array
from programs import FOLDER
from reference import from_bf16, to_bf16

TYPES = {"f32": 0, "f64": 1, "f16": 2, "bf16": 3}  # of GQA_RT_TYPES
TRANSPOSE_A, TRANSPOSE_B, ACCUMULATE = 1, 2, 4
SUM = {"f64": 2.0 ** -52, "f32": 2.0 ** -23}  # that a step of a sum may lose: tensor cores cut where others round
HALF_ULP = {"f64": 2.0 ** -53, "f32": 2.0 ** -24, "f16": 2.0 ** -11, "bf16": 2.0 ** -8}
LEAST = {"f64": 0, "f32": 0, "f16": 2.0 ** -25, "bf16": 0}  # half of the distance between subnormal numbers


class Operand:
    """A batch of random matrices with rows `padding` elements farther apart than they are long."""

    def __init__(self, runtime, rng, dtype, batch, rows, columns, padding):
        self.dtype, self.row = dtype, columns + padding
        self.batch = rows * self.row if batch > 1 else 0
        self.values = _rounded(rng.standard_normal((batch, rows, columns)), dtype)
        whole = np.zeros((batch, rows, self.row))
        whole[:, :, :columns] = self.values
        self.array = Array.of(runtime, _stored(whole, dtype), dtype)

    def read(self):
        """What is there now, without the padding, and the padding."""
        found = self.array.numpy()
        found = from_bf16(found) if self.dtype == "bf16" else found
        columns = self.values.shape[2]
        return found[:, :, :columns].astype(np.float64), found[:, :, columns:]


def run(runtime, name, doing):
    """Nothing to tell. Raises AssertionError if an element is farther from the right one than its sums may round."""
    if reason := runtime.missing_blas():
        return {"status": "not run", "reason": reason}
    dtype, result, batch, m, n, k, how = suite.PRODUCTS[name]
    rng, padding = np.random.default_rng(len(name) + k), 5 if "p" in how else 0
    a = Operand(runtime, rng, dtype, batch, *((k, m) if "a" in how else (m, k)), padding)
    b = Operand(runtime, rng, dtype, 1 if "1" in how else batch, *((n, k) if "b" in how else (k, n)), padding)
    c = Operand(runtime, rng, result, batch, m, n, padding)
    flags = TRANSPOSE_A * ("a" in how) | TRANSPOSE_B * ("b" in how) | ACCUMULATE * ("+" in how)
    doing("product")
    _multiply(runtime, flags | TYPES[dtype] << 4 | TYPES[dtype] << 6 | TYPES[result] << 8, batch, m, n, k, a, b, c)
    _check(a, b, c, how, k)
    return {}


def _multiply(runtime, flags, batch, m, n, k, a, b, c):
    words = [flags, batch, m, n, k]
    for operand in (a, b, c):
        words += [operand.array.data_ptr(), operand.row, operand.batch]
    product = (ctypes.c_int64 * len(words))(*words)
    arguments = (ctypes.c_void_p * 1)(ctypes.addressof(product))
    entry = ctypes.cast(ctypes.CDLL(str(FOLDER / "lib" / "product.so")).product, ctypes.c_void_p)
    runtime.call(entry, ctypes.cast(arguments, ctypes.c_void_p), [], [], None)
    runtime.synchronize()


def _check(a, b, c, how, k):
    left = a.values.transpose(0, 2, 1) if "a" in how else a.values
    right = b.values.transpose(0, 2, 1) if "b" in how else b.values
    want, size, rounded = left @ right, np.abs(left) @ np.abs(right), 0
    if "+" in how:  # the product may be rounded in front of the sum, as gqa_rt_cuda_matmul says
        want, size, rounded = want + c.values, size + np.abs(c.values), HALF_ULP[c.dtype] * np.abs(want)
    found, padding = c.read()
    step = SUM["f64" if c.dtype == "f64" else "f32"]
    allowed = rounded + (k + 1) * step * size + HALF_ULP[c.dtype] * (1 + 2 * k * step) * np.abs(want) + LEAST[c.dtype]
    beyond = np.abs(found - want) - allowed
    worst = np.unravel_index(np.argmax(beyond), beyond.shape)
    assert beyond[worst] <= 0, (f"element {tuple(map(int, worst))} is {found[worst]:.9g}, expected {want[worst]:.9g} within "
                                f"{allowed[worst]:.2g}")
    assert not padding.any(), "elements between the rows of the result were written"


def _stored(values, dtype):
    return to_bf16(values) if dtype == "bf16" else values.astype({"f16": np.float16, "f32": np.float32, "f64": np.float64}[dtype])


def _rounded(values, dtype):
    stored = _stored(values, dtype)
    return (from_bf16(stored) if dtype == "bf16" else stored).astype(np.float64)
