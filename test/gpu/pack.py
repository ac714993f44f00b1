"""The packing half: everything that the running half needs, in one folder, and that in an archive of a few megabytes.

It needs the build, ptxas and a C compiler (which links); the folder needs Python, NumPy and a GPU, and for the benchmark torch.
"""

import argparse
import concurrent.futures
import ctypes
import datetime
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test" / "python"), str(ROOT / "test" / "emulator")]

import graph_cases  # noqa: E402
import suite  # noqa: E402
from gqa._program import NUMPY, signature_of  # noqa: E402
from reference import to_bf16  # noqa: E402

CHIPS = ("sm_80", "sm_86", "sm_89", "sm_90", "sm_90a")  # with machine code; later ones compile the PTX
HOST = "cpu:x86-64"
MOST_BYTES = 64 << 20
NEWEST_GLIBC = (2, 35)  # that the libraries may ask for
EXPORTS = threading.Lock()  # torch.export has one caller at a time
MODULES = ("attention_cases", "attention_producers", "attention_scores", "attention_check", "cuda_cases", "reference")


def pack(folder, parts=suite.PARTS, only=None, chips=CHIPS, corpus=None):
    """Fills `folder`, which is replaced, with the programs of `parts`, and the archive beside it; `only`: a set of names, as
    PART-NAME or alone; `chips`: those with machine code, the first one the least that runs it; `corpus`: a folder with more whole
    graphs. Returns the archive."""
    folder, build = Path(folder).absolute(), Path(os.environ.get("GQA_BUILD", ROOT / "build"))
    if folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        sys.exit(f"{folder} is no package of gpu-check and not empty; name another folder, or remove it")
    work = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    for name in ("programs", "lib"):
        (work / name).mkdir(parents=True)
    shutil.copy(build / "lib" / "libgqa_cuda.so", work / "lib")
    _run(_linker(), "-shared", "-fPIC", "-O1", "-o", work / "lib" / "product.so", ROOT / "test" / "gpu" / "product.c",
         f"-I{ROOT / 'include'}", f"-L{work / 'lib'}", "-lgqa_cuda", "-Wl,-rpath,$ORIGIN")
    graphs = graph_cases.cases(corpus) if "graphs" in parts else {}
    wanted = [(part, name) for part in parts if part not in suite.UNPACKED
              for name in (graphs if part == "graphs" else suite.names(part)) if only is None or {name, f"{part}-{name}"} & only]

    def program(entry):
        part, name = entry
        return _graph(work, build, chips, name, graphs[name]) if part == "graphs" else _program(work, build, chips, part, name)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = dict(zip(wanted, pool.map(program, wanted)))
    left_out = [f"{part}-{name}" for (part, name), digest in digests.items() if digest is None]
    _copy_sources(work)
    manifest = {"schema": 1, "packed": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "commit": _commit(), "chips": chips, "ptxas": _ptxas_version(), "glibc": _glibc(work.rglob("*.so")),
                "left_out": dict.fromkeys(left_out, "the host writes a result"),
                "programs": [{"part": part, "name": name, "text": digest} for (part, name), digest in digests.items() if digest]}
    (work / "manifest.json").write_text(json.dumps(manifest, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    return _archive(folder)


def _archive(folder):
    """What travels: machine code of five chips is a ninth of its size there. Ends the program if it is larger than MOST_BYTES."""
    archive = folder.with_name(f"{folder.name}.tar.xz")
    with tarfile.open(archive, "w:xz", preset=1) as file:
        file.add(folder, folder.name)
    if (size := archive.stat().st_size) > MOST_BYTES:
        sys.exit(f"{archive} has {size >> 20} MiB, expected at most {MOST_BYTES >> 20}")
    return archive


def _program(folder, build, chips, part, name):
    """One shared library, and one for each of its other forms; returns the digest of its module."""
    with EXPORTS:
        module = suite.text(part, name)
    for form in suite.forms(part, name):
        _link(folder, build, chips, f"{part}-{name}-{form}", suite.text_of_form(module, form))
    _link(folder, build, chips, f"{part}-{name}", module)
    return suite.digest(module)


def _graph(folder, build, chips, name, make):
    """A whole graph's library, with its inputs and what is expected of it in an .npz beside; returns the digest of its module, or
    None and leaves nothing if kernels do not write all results."""
    with EXPORTS:
        graph = make()
    function = f"--function={graph.function}"
    library = _link(folder, build, chips, f"graphs-{name}", graph.text, function)
    signature = signature_of(ctypes.CDLL(str(library)))
    if not all(kind["device"] for kind in signature["outputs"]):
        return library.unlink()
    values, weights = _values(graph, signature), load_file(graph.weights) if graph.weights else {}
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "graph.mlir").write_text(graph.text)
        if graph.weights:
            (place / graph.weights.name).symlink_to(graph.weights)
        np.savez(place / "in.npz", **{f"arg{i}": value for i, value in enumerate(values)})
        _run(build / "bin" / "gqa-run", place / "graph.mlir", function, "--reference",
             f"--inputs={place / 'in.npz'}", f"--outputs={place / 'out.npz'}")
        results = np.load(place / "out.npz")
        wanted = [results[f"out{i}"] for i in range(len(signature["outputs"]))]
    if graph.recorded:
        wanted[-len(graph.recorded):] = graph.recorded
    rest = iter(values)
    inputs = [weights[kind["parameter"]] if kind["parameter"] else next(rest) for kind in signature["inputs"]]
    extra = {} if graph.tolerance is None else {"tolerance": graph.tolerance}
    np.savez_compressed(library.with_suffix(".npz"), **{f"arg{i}": value for i, value in enumerate(inputs)},
                        **{f"out{i}": value for i, value in enumerate(wanted)}, **extra)
    return suite.digest(graph.text)


def _values(graph, signature):
    """A graph's inputs, those that it does not bring drawn as gqa-run draws them."""
    if isinstance(graph.inputs, list):
        return graph.inputs
    kinds = [kind for kind in signature["inputs"] if not kind["parameter"]]
    shapes = [map(int, text.split("x")[:-1]) for text in graph.inputs.split(",")] if graph.inputs else (kind["shape"] for kind in kinds)
    rng = np.random.default_rng(1)
    return [_random(rng, tuple(shape), kind["dtype"]) for shape, kind in zip(shapes, kinds, strict=True)]


def _random(rng, shape, dtype):
    """Normal numbers; small integers, as most of them are places; fp8 of either sign, around 1/2."""
    if dtype in ("f64", "f32", "f16", "bf16"):
        values = rng.standard_normal(shape)
        return to_bf16(values.astype(np.float32)) if dtype == "bf16" else values.astype(NUMPY[dtype])
    if dtype.startswith("f8"):
        return (rng.integers(0, 256, shape) & 0x8F | 0x30).astype(np.uint8)
    return rng.integers(0, 2 if dtype == "i1" else 8, shape).astype(NUMPY[dtype])


def _link(folder, build, chips, name, module, *function):
    """The path of the library; `function`: the option that names it, if the module has several."""
    stem = folder / "programs" / name
    source, target = stem.with_suffix(".mlir"), ",".join([f"cuda:{chips[0]}", *chips[1:], HOST])
    source.write_text(module)
    _run(build / "bin" / "gqa-compile", source, *function, f"--target={target}", "--emit=obj", "-o", stem.with_suffix(".o"))
    _run(_linker(), "-shared", "-o", stem.with_suffix(".so"), stem.with_suffix(".o"), "-Wl,-z,defs", "-Wl,--no-undefined",
         f"-L{folder / 'lib'}", "-lgqa_cuda", "-Wl,--as-needed", "-lm", "-Wl,-rpath,$ORIGIN/../lib")
    for suffix in (".mlir", ".o"):
        stem.with_suffix(suffix).unlink()
    return stem.with_suffix(".so")


def _copy_sources(folder):
    for path in (ROOT / "test" / "gpu").glob("*.py"):
        if path.name not in ("pack.py", "graph_cases.py"):
            shutil.copy(path, folder)
    for name in MODULES:
        shutil.copy(ROOT / "test" / "python" / f"{name}.py", folder)
    package = ROOT / "python" / "gqa"
    (folder / "gqa").mkdir()
    for name in ("__init__", "_library", "_native", "_program", "_remarks", "_signature"):
        shutil.copy(package / f"{name}.py", folder / "gqa")
    shutil.copytree(package / "bench", folder / "gqa" / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "test" / "emulator" / "vectors", folder / "vectors", ignore=shutil.ignore_patterns("__pycache__", "*.json"))


def tools_folder():
    """Where ptxas is, for GQA_CUDA_TOOLS: what the variable says, else NVIDIA's Python packages; "" for PATH."""
    folders = [path for entry in sys.path for path in glob.glob(f"{entry}/nvidia/*/bin")]
    return os.environ.get("GQA_CUDA_TOOLS") or next((f for f in folders if os.access(f"{f}/ptxas", os.X_OK)), "")


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "GQA_CUDA_TOOLS": tools_folder()})
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def _linker():
    return next(filter(None, map(shutil.which, ("cc", "clang", "clang-22", "gcc"))), None) or sys.exit(
        "there is no C compiler; expected cc, clang or gcc on PATH")


def _commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _ptxas_version():
    found = re.search(r"V([\d.]+)", _run(shutil.which("ptxas", path=tools_folder() or None) or "ptxas", "--version"))
    return found[1] if found else "unknown"


def _glibc(libraries):
    """The version of the C library that is needed; ends the program if it is later than NEWEST_GLIBC."""
    found = {tuple(map(int, version.split(b"."))) for path in libraries
             for version in re.findall(rb"GLIBC_(2\.\d+)", path.read_bytes())}
    newest = max(found, default=(2, 2))
    if newest > NEWEST_GLIBC:
        sys.exit(f"the libraries need glibc {newest[0]}.{newest[1]}, expected at most {NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}")
    return f"{newest[0]}.{newest[1]}"


def main(argv):
    parser = argparse.ArgumentParser(prog="gpu-check --pack", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder")
    parser.add_argument("--parts", default=",".join(suite.PARTS), help="whose programs, with commas between")
    parser.add_argument("--only", help="names of programs, alone or as part-name, with commas between; by default all")
    parser.add_argument("--chips", default=",".join(CHIPS), help="with machine code, with commas between; all later ones than the "
                        "first compile its PTX. By default %(default)s")
    parser.add_argument("--corpus", metavar="FOLDER", help="with more whole graphs: what GQA_CORPUS is for tools/check")
    options = parser.parse_args(argv)
    archive = pack(options.folder, options.parts.split(","), set(options.only.split(",")) if options.only else None,
                   options.chips.split(","), options.corpus)
    print(f"{options.folder}, and what travels: {archive}, {archive.stat().st_size / 2 ** 20:.1f} MiB")


if __name__ == "__main__":
    main(sys.argv[1:])
