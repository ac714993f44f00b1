"""Assembles the kernels of a module with ptxas and checks what comes out, or says that it was skipped.

    kernels.py FILE.mlir CHIP... [--loops KERNEL HMMA=128 LDSM=64 INSTRUCTIONS=500]... [--registers KERNEL MOST]... [--spills KERNEL BYTES]...

For every chip: no spills, no stack, no message that ptxas gives where it gives up (C75xx). With --loops, the innermost
loops of a kernel with tensor-core work: the first named counts are exact, INSTRUCTIONS is the most, and nothing in them
touches local memory. --spills admits what a kernel that is rarely needed spills. ptxas and nvdisasm are looked for on PATH, in $GQA_CUDA_TOOLS and in NVIDIA's Python packages.
"""

import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile


def find(tool):
    folders = [os.environ.get("GQA_CUDA_TOOLS", "")]
    for path in sys.path:
        folders += glob.glob(f"{path}/nvidia/*/bin") + glob.glob(f"{path}/triton/backends/nvidia/bin")
    return shutil.which(tool) or next((f"{f}/{tool}" for f in folders if f and os.access(f"{f}/{tool}", os.X_OK)), None)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def assemble(ptxas, ptx, chip, cubin, spills):
    """The registers of each kernel; ends the program if one spills more bytes than `spills` says, or 0."""
    log = run(ptxas, f"-arch={chip}", "-v", ptx, "-o", cubin)
    for message in re.findall(r".*C75\d\d.*", log):
        sys.exit(f"{chip}: {message}")
    registers = {}
    for kernel, stack, stores, loads, used in re.findall(
            r"Compiling entry function '(\w+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
            r"(\d+) bytes spill loads[\s\S]*?Used (\d+) registers", log):
        if max(int(stack), int(stores), int(loads)) > spills.get(kernel, 0):
            sys.exit(f"{chip} {kernel}: {stack} bytes of stack, {stores} spilled, {loads} loaded again")
        registers[kernel] = int(used)
    if not registers:
        sys.exit(f"{chip}: ptxas says nothing of any kernel: {log}")
    return registers


def innermost_loops(nvdisasm, cubin, kernel):
    """The opcodes of each innermost loop."""
    text = run(nvdisasm, "-c", cubin)
    part = next(p for p in re.split(r"\n\s*\.section\s+\.text\.", text)[1:] if p.startswith(kernel + ","))
    code, labels = [], {}
    for line in part.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label.group(1)] = len(code)
        elif instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_.]+)(.*?);", line):
            code.append(instruction.groups())
    loops = []
    for at, (name, rest) in enumerate(code):
        target = re.search(r"\.L_x_\d+", rest) if name.startswith("BRA") else None
        if target and labels.get(target.group(), at + 1) <= at:
            loops.append((labels[target.group()], at))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    return [collections.Counter(name.split(".")[0] for name, _ in code[a:b + 1]) for a, b in inner]


def check_loops(loops, kernel, wanted):
    most = int(wanted.pop("INSTRUCTIONS"))
    hot = sorted((loop for loop in loops if loop["HMMA"]), key=lambda loop: loop.total())
    if not hot:
        sys.exit(f"{kernel}: no loop on the tensor cores")
    print(f"{kernel}: loops of", *(loop.total() for loop in hot), "instructions")
    for loop in hot:
        for name, count in wanted.items():
            if loop[name] != int(count):
                sys.exit(f"{kernel}: {loop[name]} {name} in a loop, expected {count}")
        if loop["LDL"] or loop["STL"]:
            sys.exit(f"{kernel}: local memory in a loop")
    if hot[0].total() > most:
        sys.exit(f"{kernel}: {hot[0].total()} instructions in the loop of whole blocks, at most {most} expected")


def main(file, *rest):
    chips = [word for word in rest if word.startswith("sm_")]
    options = " ".join(rest).split("--")[1:]
    spills = {kernel: int(most) for kernel, most in re.findall(r"--spills (\w+) (\d+)", " ".join(rest))}
    ptxas, nvdisasm = find("ptxas"), find("nvdisasm")
    if not ptxas:
        return print("skipped: no ptxas; install nvidia-cuda-nvcc")
    with tempfile.TemporaryDirectory() as folder:
        for chip in chips:
            ptx, cubin = f"{folder}/k.ptx", f"{folder}/k.cubin"
            run("gqa-compile", file, f"--target=cuda:{chip}", "--emit=ptx", "-o", ptx)
            registers = assemble(ptxas, ptx, chip, cubin, spills)
            print(chip, *(f"{kernel}: {used} registers" for kernel, used in registers.items()))
            for option in options:
                name, kernel, *words = option.split()
                if name == "registers" and registers[kernel] > int(words[0]):
                    sys.exit(f"{chip} {kernel}: {registers[kernel]} registers, at most {words[0]} expected")
                if name == "loops" and nvdisasm:
                    check_loops(innermost_loops(nvdisasm, cubin, kernel), kernel, dict(w.split("=") for w in words))
                elif name == "loops":
                    print("skipped: no nvdisasm; install nvidia-cuda-nvdisasm")


main(*sys.argv[1:])
