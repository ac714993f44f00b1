"""Many launches of one program, which must all leave the same bits, beside copies that change what they meet."""

import numpy as np

from gqa._program import Array
from programs import Attention

NOISE_BYTES = 256 << 20  # more than any L2 has, and than a launch takes time for


def run(runtime, name, doing, launches):
    """{"launches": how many agreed}. The first result is judged by the rule, the others by its bits."""
    attention, stream = Attention(runtime, "races", name), runtime.stream()
    noise = [Array(runtime, [min(NOISE_BYTES, runtime.describe()["memory_bytes"] // 256)], "i8") for _ in range(2)]

    def copy():
        runtime.copy(noise[0].data_ptr(), noise[1].data_ptr(), noise[0].bytes, stream)

    doing("first launch")
    first = attention.launch()
    attention.check(first)
    for number in range(1, launches):
        # Every second launch shares the caches and the memory with a copy.
        results = attention.launch(beside=copy) if number % 2 else attention.launch()
        for index, (one, other) in enumerate(zip(first, results)):
            differs = np.flatnonzero(_bits(one) != _bits(other))
            if differs.size:
                raise AssertionError(f"launch {number + 1} of {launches}: result {index} differs from the first launch's at "
                                     f"{differs.size} of {one.size} places, first at {int(differs[0])}")
    runtime.synchronize(stream)
    return {"launches": launches, "loaded": [attention.program.loaded()]}


def _bits(array):
    return array.reshape(-1).view(f"u{array.itemsize}")
