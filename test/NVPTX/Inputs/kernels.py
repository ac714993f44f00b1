"""Assembles the kernels of a module with ptxas and checks what comes out, or says that it was skipped.

    kernels.py FILE.mlir CHIP... [--loops KERNEL HMMA=128 LDSM=64 INSTRUCTIONS=500]... [--registers KERNEL MOST]... [--spills KERNEL BYTES]...
                            [--beside KERNEL LEAST]

For every chip: no spills, no stack, no message that ptxas gives where it gives up (C75xx). With --loops, the innermost
loops of a kernel with tensor-core work, counted for a step of HMMA products: named opcodes are exact, INSTRUCTIONS is the
most of the loop of whole blocks, and nothing in them touches local memory. With --beside, so many exponentials stand between
the wait for a group's scores and the wait for its output, in each loop. --spills admits what a kernel that is rarely
needed spills.
"""

import re
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "tools/lib"))
import sass


def check_usage(chip, kernels, spills):
    for kernel, usage in kernels.items():
        if max(usage.stack, usage.stores, usage.loads) > spills.get(kernel, 0):
            sys.exit(f"{chip} {kernel}: {usage.stack} bytes of stack, {usage.stores} spilled, {usage.loads} loaded again")
    print(chip, *(f"{kernel}: {usage.registers} registers" for kernel, usage in kernels.items()))


def check_loops(hot, kernel, wanted):
    most = int(wanted.pop("INSTRUCTIONS"))
    if not hot:
        sys.exit(f"{kernel}: no loop on the tensor cores")
    product = "HGMMA" if "HGMMA" in wanted else "HMMA"
    steps = [sass.step_of(loop, int(wanted[product]), product) for loop in hot if loop[product]]
    totals = sorted(sum(step.values()) for step in steps)
    print(f"{kernel}: steps of", *totals, "instructions")
    for step in steps:
        for name, count in wanted.items():
            if step.get(name, 0) != int(count):
                sys.exit(f"{kernel}: {step.get(name, 0)} {name} in a step, expected {count}")
        if "LDL" in step or "STL" in step:
            sys.exit(f"{kernel}: local memory in a loop")
    if totals[0] > most:
        sys.exit(f"{kernel}: {totals[0]} instructions in a step of whole blocks, at most {most} expected")


def check_beside(loops, kernel, least):
    """A loop's exponentials go on while its second product does."""
    found = [sass.between_awaits(code)["MUFU"] for code in loops if sass.opcodes(code)["HGMMA"]]
    print(f"{kernel}: exponentials beside a product:", *found)
    if not found or min(found) < int(least):
        sys.exit(f"{kernel}: {found} exponentials between the waits of the loops, at least {least} expected")


def main(file, *rest):
    chips = [word for word in rest if word.startswith("sm_")]
    options = " ".join(rest).split("--")[1:]
    spills = {kernel: int(most) for kernel, most in re.findall(r"--spills (\w+) (\d+)", " ".join(rest))}
    ptxas, nvdisasm = sass.find("ptxas"), sass.find("nvdisasm")
    if not ptxas:
        return print("skipped: no ptxas; install nvidia-cuda-nvcc")
    with tempfile.TemporaryDirectory() as folder:
        for chip in chips:
            ptx, cubin = f"{folder}/k.ptx", f"{folder}/k.cubin"
            sass.run("gqa-compile", file, f"--target=cuda:{chip}", "--emit=ptx", "-o", ptx)
            kernels = sass.assemble(ptxas, ptx, chip, cubin)
            check_usage(chip, kernels, spills)
            for option in options:
                name, kernel, *words = option.split()
                if name == "registers" and kernels[kernel].registers > int(words[0]):
                    sys.exit(f"{chip} {kernel}: {kernels[kernel].registers} registers, at most {words[0]} expected")
                if name == "loops" and nvdisasm:
                    check_loops(sass.tensor_loops(nvdisasm, cubin, kernel), kernel, dict(w.split("=") for w in words))
                if name == "beside" and nvdisasm:
                    check_beside(sass.innermost_code(nvdisasm, cubin, kernel), kernel, *words)
                elif name in ("loops", "beside") and not nvdisasm:
                    print("skipped: no nvdisasm; install nvidia-cuda-nvdisasm")


main(*sys.argv[1:])
