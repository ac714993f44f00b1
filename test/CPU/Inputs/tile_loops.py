"""Describes the loops of the assembly on standard input that multiply in tile registers: one line for each innermost loop
of a kernel's task, and one for each task that has such loops.

    loop products=32 loads=32 stores=8 zeros=8 spills=0
    task configurations=1 libm=0

`spills` counts tiles that the loop keeps on the stack.
"""

import re
import sys

from hot_loops import LIBM, functions, innermost_loops

COUNTED = {"tdpbf16ps": "products", "tileloadd": "loads", "tilestored": "stores", "tilezero": "zeros"}


def describe(body):
    counts = dict.fromkeys([*COUNTED.values(), "spills"], 0)
    for line in body:
        operation = line.split()[0]
        if operation in COUNTED:
            counts[COUNTED[operation]] += 1
            counts["spills"] += bool(re.search(r"\(%r[sb]p", line))
    return counts


def main():
    for name, lines in functions(sys.stdin.read()):
        loops = [counts for counts in map(describe, innermost_loops(lines)) if counts["products"]]
        if "_task" not in name or not loops:
            continue
        for counts in loops:
            print("loop", *(f"{key}={value}" for key, value in counts.items()))
        configurations = sum(line.startswith("ldtilecfg") for line in lines)
        print("task", f"configurations={configurations}", f"libm={sum(bool(LIBM.search(line)) for line in lines)}")


if __name__ == "__main__":
    main()
