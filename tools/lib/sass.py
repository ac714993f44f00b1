"""What ptxas and nvdisasm know of a kernel: registers, spills, and the instructions of its loops.

Both tools are looked for on PATH, in $GQA_CUDA_TOOLS and in NVIDIA's Python packages (nvidia-cuda-nvcc,
nvidia-cuda-nvdisasm). Nothing here needs a GPU.
"""

import collections
import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass


SHORTEST = 16  # instructions of a loop that is worth a look


@dataclass(frozen=True)
class Usage:
    """What ptxas reports of a kernel. Bytes are for each thread."""
    registers: int
    stack: int
    stores: int  # bytes that are spilled
    loads: int   # and loaded again


def find(tool):
    """The path of `tool`, or None."""
    folders = [os.environ.get("GQA_CUDA_TOOLS", "")]
    for path in sys.path:
        folders += glob.glob(f"{path}/nvidia/*/bin") + glob.glob(f"{path}/triton/backends/nvidia/bin")
    return shutil.which(tool) or next((f"{f}/{tool}" for f in folders if f and os.access(f"{f}/{tool}", os.X_OK)), None)


def run(*command):
    """What a command prints; the program ends with it if the command fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def assemble(ptxas, ptx, chip, cubin):
    """The Usage of each kernel of a file of PTX. A message by which ptxas says that it gave up (C75xx) ends the program."""
    log = run(ptxas, f"-arch={chip}", "-v", ptx, "-o", cubin)
    for message in re.findall(r".*C75\d\d.*", log):
        sys.exit(f"{chip}: {message}")
    kernels = re.findall(r"Compiling entry function '(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
                         r"(\d+) bytes spill loads[\s\S]*?Used (\d+) registers", log)
    if not kernels:
        sys.exit(f"{chip}: ptxas says nothing of any kernel: {log}")
    return {name: Usage(int(used), int(stack), int(stores), int(loads)) for name, stack, stores, loads, used in kernels}


def innermost_code(nvdisasm, cubin, kernel):
    """Each innermost loop as a list of (opcode with its modifiers, operands), in the order of the code."""
    text = run(nvdisasm, "-c", cubin)
    part = next(p for p in re.split(r"\n\s*\.section\s+\.text\.", text)[1:] if p.startswith(kernel + ","))
    code, labels = [], {}  # (predicate, opcode, operands); where a label is
    for line in part.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label.group(1)] = len(code)
        elif instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z0-9_.]+)(.*?);", line):
            code.append(instruction.groups(default=""))
    targets = {at: labels[target.group()] for at, (_, name, rest) in enumerate(code)
               if name.startswith("BRA") and (target := re.search(r"\.L_x_\d+", rest)) and target.group() in labels}
    # A wait is a loop of its own, of a few instructions.
    loops = [(to, at) for at, to in targets.items() if at - to >= SHORTEST and comes_round(code, targets, to, at)]
    inner = []
    for a, b in sorted(loops, key=lambda loop: loop[1] - loop[0]):
        if all(b < first or last < a for first, last in inner):
            inner.append((a, b))
    inner.sort()
    return [[(name, rest) for _, name, rest in code[a:b + 1]] for a, b in inner]


def comes_round(code, targets, first, last):
    """Whether the way from `first` to `last`, which jumps back there, stays between them. Where a wait has to go on, its code
    may stand behind a loop, and jumps back into it: that makes no loop of what is between."""
    seen, left = set(), [first]
    while left:
        at = left.pop()
        if at in seen or not first <= at <= last:
            continue
        if at == last:
            return True
        seen.add(at)
        predicate, name, rest = code[at]
        always = not predicate and not re.match(r"\s*!?U?P\d", rest)
        if at in targets:
            left.append(targets[at])
        if not (always and name.split(".")[0] in ("BRA", "EXIT", "RET")):
            left.append(at + 1)
    return False


def opcodes(code):
    """How often each opcode is there, without its modifiers."""
    return collections.Counter(name.split(".")[0] for name, _ in code)


def tensor_loops(nvdisasm, cubin, kernel):
    """The innermost loops with tensor-core products, as opcodes."""
    loops = map(opcodes, innermost_code(nvdisasm, cubin, kernel))
    return [loop for loop in loops if loop["HMMA"] or loop["HGMMA"]]


def between_awaits(code):
    """The opcodes between the wait for the older and the wait for the younger product of a group of warps."""
    waits = [(at, rest) for at, (name, rest) in enumerate(code) if name.startswith("WARPGROUP.DEPBAR")]
    first = next((at for at, rest in waits if rest.rstrip().endswith("0x1")), None)
    then = next((at for at, rest in waits if rest.rstrip().endswith("0x0") and first is not None and at > first), None)
    return opcodes(code[first:then]) if then is not None else collections.Counter()


def products_of_step(keys, dim, value_dim):
    """m16n8k16 products of a warp for `keys` keys: of scores, and of the output."""
    return keys // 8 * (dim // 16) + value_dim // 8 * (keys // 16)


def step_of(loop, products, product="HMMA"):
    """The opcodes of one step of a loop, which may do several in a round, as numbers that need not be whole."""
    steps = loop[product] / products
    return {name: count / steps for name, count in loop.items()}
