"""Describes the loops of the assembly on standard input in which the time goes: one line for each innermost loop of a
kernel's task that multiplies and adds vectors, and one for each task.

    loop fma=12 mul-add=0 broadcast=6 load-bytes=64 prefetch=0 spills=0 calls=0
    task spilling-loops=0 libm=0 prefetch=28 scalar-loops=0

`load-bytes` counts whole vectors that one iteration reads, memory operands of products included; `broadcast` numbers that
are spread over a vector; `spills` vector registers that a loop keeps on the stack. A task's `prefetch` counts all of them, wherever they are; `scalar-loops`
the innermost loops that compute with single floats.

With `--mca CPU` each loop has `tile-products` and `cycles` as well: what llvm-mca says an iteration takes on that processor if all it
reads is in L1.
"""

import re
import subprocess
import sys

VECTOR = {"xmm": 16, "ymm": 32, "zmm": 64}
LIBM = re.compile(r"\bcall\w*\s+\*?(expf?|exp2f?|tanhf?|logf?|fmaf?|fma)\b")

SCALAR = re.compile(r"v?(add|sub|mul|div|max|min|u?comi|cvtsi2|fn?m(add|sub)\d+)s[sdl]\w?$")


def functions(text):
    """(name, lines) of every function."""
    name, lines = None, []
    for line in text.splitlines():
        code = line.split("#")[0].rstrip()
        if match := re.match(r"([\w.$]+):", code):
            if not match[1].startswith(".L"):
                name, lines = match[1], []
        if name and code.strip():
            lines.append(code.strip())
        if name and code.strip().startswith(".size"):
            yield name, lines
            name = None


def innermost_loops(lines):
    """The bodies between a label and a jump back to it, with no other such body inside."""
    place = {line[:-1]: i for i, line in enumerate(lines) if line.startswith(".L") and line.endswith(":")}
    spans = []
    for i, line in enumerate(lines):
        match = re.match(r"j\w+\s+(\.L\w+)", line)
        if match and place.get(match[1], i) < i:
            spans.append((place[match[1]], i))
    for begin, end in spans:
        if not any((b, e) != (begin, end) and begin <= b and e <= end for b, e in spans):
            yield lines[begin:end]


def describe(body):
    counts = dict.fromkeys(["fma", "mul-add", "broadcast", "load-bytes", "prefetch", "spills", "calls"], 0)
    for line in body:
        operation, _, operands = line.partition("\t") if "\t" in line else line.partition(" ")
        widths = [size for kind, size in VECTOR.items() if kind in operands]
        memory = "(" in operands
        on_stack = re.search(r"\(%r[sb]p\)", operands)
        writes_memory = memory and operands.rstrip().endswith(")")
        if operation.startswith(("vfmadd", "vdpbf16")) and operation.endswith(("ps", "pd")):  # of pairs, too
            counts["fma"] += 1
        elif re.match(r"v?(mul|add)p[sd]$", operation):
            counts["mul-add"] += 1
        if operation.startswith("vbroadcast") or "{1to" in operands:
            counts["broadcast"] += memory
        elif widths and memory and not writes_memory and not on_stack and not operation.startswith(("prefetch", "vmovss")):
            half = operation.startswith(("vpmovzx", "vcvtph2ps"))  # reads half of what it makes
            counts["load-bytes"] += max(widths) // (2 if half else 1)
        counts["prefetch"] += operation.startswith("prefetch")
        counts["spills"] += bool(widths and on_stack)
        counts["calls"] += operation.startswith("call")
    return counts


def cycles(body, cpu):
    """Cycles of an iteration, by LLVM's model of the processor."""
    rounds = 200
    text = "\n".join(line for line in body if not line.startswith((".L", "j")))
    report = subprocess.run(["llvm-mca", f"-mcpu={cpu}", f"-iterations={rounds}"], input=text + "\n", capture_output=True,
                            text=True, check=True).stdout
    return round(int(re.search(r"Total Cycles:\s+(\d+)", report)[1]) / rounds, 1)


def main():
    cpu = sys.argv[sys.argv.index("--mca") + 1] if "--mca" in sys.argv else None
    for name, lines in functions(sys.stdin.read()):
        if "_task" not in name:
            continue
        spilling = scalar = 0
        for body in innermost_loops(lines):
            counts = describe(body)
            scalar += any(SCALAR.match(line.split()[0]) for line in body)
            tiles = sum(line.startswith("tdp") for line in body)
            if counts["fma"] + counts["mul-add"] // 2 < 4 and not (cpu and tiles):
                continue
            spilling += counts["spills"] > 0
            if cpu:
                counts |= {"tile-products": tiles, "cycles": cycles(body, cpu)}
            print("loop", *(f"{key}={value}" for key, value in counts.items()))
        print("task", f"spilling-loops={spilling}", f"libm={sum(bool(LIBM.search(line)) for line in lines)}",
              f"prefetch={sum(line.startswith('prefetch') for line in lines)}", f"scalar-loops={scalar}")


if __name__ == "__main__":
    main()
