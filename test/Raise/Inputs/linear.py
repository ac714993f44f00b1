"""Checks, by what --mlir-timing printed, that recognising and sharing attention in a decoder takes under two seconds, and
for each layer of many not much longer than for each of few.

    linear.py FEW.timing FEW MANY.timing MANY
"""

import pathlib
import re
import sys


def seconds(path):
    text = pathlib.Path(path).read_text()
    times = [re.search(rf"([0-9.]+) \([^)]*\)\s+{name}", text) for name in ("GQARaise", "GQAShareKV")]
    return sum(float(time.group(1)) for time in times)


(few, few_layers), (many, many_layers) = ((seconds(path), int(layers)) for path, layers in zip(sys.argv[1::2], sys.argv[2::2]))
print(f"{few_layers} layers {few:.3f} s, {many_layers} layers {many:.3f} s")
assert many < 2, "expected less than 2 s"
NOISE = 0.1  # seconds: the machine does other things
assert many <= 3 * few * many_layers / few_layers + NOISE, "the time of a layer grows with the number of layers"
