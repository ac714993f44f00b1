"""Runs AVX-512 kernels where no processor has it: in Bochs, an emulator of the whole machine, as the first process of Linux.

    python test/CPU/bochs/run.py [--gqa-compile build/bin/gqa-compile] [--kernel vmlinuz] [--type f32] [--seconds 3000]

Needs, of Debian: bochs, isolinux, syslinux-common, xorriso, gcc, and a kernel (linux-image-cloud-amd64; /boot/vmlinuz* by
default). Exit 0: every case is within the caps for normal inputs; 1: one is not, or the machine did not get to the end;
2: something is missing. AMX is not emulated: `test_attention_amx.py` covers it.
"""

import argparse
import glob
import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TYPES = {"f32": "kF32", "bf16": "kBF16", "f16": "kF16"}
MASKS = ("full", "causal", "mask", "alibi")
# Heads, KV heads, queries, keys, head dimension.
DECODE = [(heads, kv, 1, 300, dim) for heads, kv, dim in ((4, 1, 128), (8, 2, 64), (3, 1, 40), (8, 1, 128), (2, 2, 96), (12, 1, 32))]
PREFILL = [(2, 1, 65, 65, 128), (4, 1, 50, 130, 64), (2, 2, 49, 97, 80), (6, 2, 33, 70, 48)]
ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"
# Bochs counts the compacted state of processors otherwise than Linux, which then gives up AVX; and no clock is needed.
BOOT = "console=ttyS0 quiet noxsaves clearcpuid=xsavec,xsaves mitigations=off nokaslr noapic nolapic acpi=off random.trust_cpu=on"
MACHINE = """megs: 256
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=boot.iso, status=inserted
cpu: model={cpu}, ips=100000000
display_library: rfb, options="timeout=0"
port_e9_hack: enabled=1
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
error: action=ignore
info: action=ignore
clock: sync=none
"""


def text(dtype, heads, kv, queries, keys, dim, mask):
    """The program of a case: (q, k, v[, mask or slopes]) -> o."""
    q, k = (f"tensor<1x{h}x{n}x{dim}x{dtype}>" for h, n in ((heads, queries), (kv, keys)))
    extra = {"mask": f"tensor<1x1x{queries}x{keys}xi1>", "alibi": f"tensor<{heads}xf32>"}.get(mask)
    clause = {"causal": " causal offset(0)", "mask": " mask(%x)"}.get(mask, "")
    region = f""" score(%s, %b, %h, %i, %j, %slopes = %x) {{
    %slope = tensor.extract %slopes[%h] : tensor<{heads}xf32>
    %distance = arith.subi %j, %i : index
    %word = arith.index_cast %distance : index to i64
    %number = arith.sitofp %word : i64 to f32
    %bias = arith.mulf %slope, %number : f32
    %y = arith.addf %s, %bias : f32
    gqa.yield %y : f32
  }}""" if mask == "alibi" else ""
    argument, operand = (f", %x: {extra}", f", {extra}") if extra else ("", "")
    return f"""func.func @main(%q: {q}, %k: {k}, %v: {k}{argument}) -> {q} {{
  %o = gqa.attention %q, %k, %v{clause} : ({q}, {k}, {k}{operand}) -> {q}{region}
  return %o : {q}
}}
"""


def cases(types):
    """(name, dtype, shape, mask) of every kernel."""
    for dtype, shape, mask in itertools.product(types, DECODE + PREFILL, MASKS):
        if mask == "causal" and shape in DECODE:
            continue  # of one query there is one key
        yield "-".join([dtype, *map(str, shape), mask]), dtype, shape, mask


def build(folder, compiler, target, types):
    """The static program; returns how many kernels it has."""
    rows, sources = [], []
    for number, (name, dtype, shape, mask) in enumerate(cases(types)):
        source = folder / f"case{number}.mlir"
        source.write_text(text(dtype, *shape, mask))
        made = subprocess.run([compiler, source, f"--target={target}", "--emit=asm"], capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"{name}: {made.stderr}")
        assembly = folder / f"case{number}.s"
        assembly.write_text(made.stdout.replace("gqa_entry", f"case{number}"))
        sources.append(assembly)
        rows.append((number, f'{{"{name}", case{number}, {TYPES[dtype]}, 1, {", ".join(map(str, shape))}, {MASKS.index(mask)}}}'))
    (folder / "cases.inc").write_text("\n".join([*(f"void case{n}(void **);" for n, _ in rows),
                                                 "const struct shape shapes[] = {", *(f"  {row}," for _, row in rows), "};\n"]))
    subprocess.run(["gcc", "-O2", "-msse2", "-static", f"-I{folder}", "-o", folder / "init", HERE / "driver.c", *sources, "-lm"],
                   check=True)
    return len(rows)


def archive(files):
    """An initial file system, as cpio's new format."""
    def entry(name, mode, data=b"", device=(0, 0)):
        name = name.encode() + b"\0"
        numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    content = entry("dev", 0o40755) + entry("dev/console", 0o20600, device=(5, 1))
    content += b"".join(entry(name, 0o100755, path.read_bytes()) for name, path in files.items())
    return content + entry("TRAILER!!!", 0)


def write_disc(folder, kernel):
    disc = folder / "disc"
    (disc / "isolinux").mkdir(parents=True)
    for path in ISOLINUX:
        shutil.copy(path, disc / "isolinux")
    shutil.copy(kernel, disc / "vmlinuz")
    (disc / "initrd").write_bytes(archive({"init": folder / "init"}))
    (disc / "isolinux/isolinux.cfg").write_text(f"DEFAULT l\nPROMPT 0\nTIMEOUT 1\nLABEL l\nKERNEL /vmlinuz\nAPPEND initrd=/initrd {BOOT}\n")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", folder / "boot.iso", "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
                    "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", disc], check=True, stderr=subprocess.DEVNULL)


def emulate(folder, cpu, seconds):
    """What the program reported."""
    (folder / "machine").write_text(MACHINE.format(cpu=cpu))
    (folder / "commands").write_text("continue\n")  # Debian's Bochs starts in its debugger
    report = folder / "report"
    with report.open("wb") as output:
        machine = subprocess.Popen(["bochs", "-q", "-f", "machine", "-rc", "commands"], cwd=folder, stdout=output,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        end = time.monotonic() + seconds
        while machine.poll() is None and time.monotonic() < end and b"\nend\n" not in report.read_bytes():
            time.sleep(1)
        machine.terminate()
        machine.wait()
    return report.read_text(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gqa-compile", default="build/bin/gqa-compile")
    parser.add_argument("--kernel", default=next(iter(sorted(glob.glob("/boot/vmlinuz*"))), None))
    parser.add_argument("--cpu", default="corei7_skylake_x")
    parser.add_argument("--target", default="cpu:x86-64-v4")
    parser.add_argument("--type", choices=TYPES, action="append", help="only kernels of this type; may be repeated")
    parser.add_argument("--seconds", type=int, default=3000)
    options = parser.parse_args()
    missing = [name for name in ("bochs", "xorriso", "gcc") if not shutil.which(name)]
    missing += [path for path in (options.gqa_compile, options.kernel or "/boot/vmlinuz", *ISOLINUX) if not pathlib.Path(path).exists()]
    if missing:
        print(f"error: {', '.join(missing)} not found; see --help and the top of run.py", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        count = build(folder, options.gqa_compile, options.target, options.type or TYPES)
        write_disc(folder, options.kernel)
        report = emulate(folder, options.cpu, options.seconds)
    lines = [line for line in report.splitlines() if line.startswith(("processor", "pass ", "FAIL "))]
    print("\n".join(lines))
    passed = sum(line.startswith("pass ") for line in lines)
    print(f"{passed} of {count} cases passed")
    return 0 if passed == count and "processor with AVX-512" in lines else 1


if __name__ == "__main__":
    sys.exit(main())
