"""Golden ranges of tools/gpu-predict, whose path is the argument: times in us, and what bounds them. A kernel that takes
more instructions, products or bytes than it did leaves its range; so does one that takes fewer, and then the ranges,
and the table in lib/NVPTX/MEASURED.md, are to be made tighter.
"""

import importlib.machinery
import importlib.util
import sys
import tempfile

WANTED = {  # (case, chip): bound, least and most us, most instructions of a step
    ("decode-8k", "a100"): ("memory", 22, 25, 219),
    ("decode-8k", "h200"): ("memory", 7, 9, 322),
    ("shazeer-mqa", "h200"): ("memory", 14.5, 15.5, 300),
    ("prefill-2k", "a100"): ("shared", 125, 135, 466),
    ("prefill-2k", "h200"): ("tensor", 35, 45, 450),
    ("prefill-256", "h200"): ("shared", 1.1, 1.4, 445),
    ("chunk-128-32k", "h200"): ("tensor", 68, 75, 445),
    ("chunk-128-32k-no-group-splits", "h200"): ("shared", 155, 168, 470),
    ("decode-d512-32k-b4", "h200"): ("memory", 57, 60, 260),
    ("decode-d512-g128-8k-b4", "h200"): ("memory", 20, 24, 380),
    ("decode-d512-g128-8k-b4-no-wide-groups", "h200"): ("shared", 44, 50, 260),
    ("prefill-d512-2k", "a100"): ("shared", 250, 350, 260),
    ("prefill-d512-2k", "h200"): ("shared", 75, 85, 400),
    ("prefill-4k-fp8", "h200"): ("tensor", 140, 150, 515),
    ("prefill-4k-fp8-queries", "h200"): ("tensor", 105, 112, 505),
}


def load(path):
    loader = importlib.machinery.SourceFileLoader("gpu_predict", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module  # dataclasses look for it
    loader.exec_module(module)
    return module


def main(path):
    tool = load(path)
    # The rule that the host follows; the numbers are those of test_attention_cuda.py's test_splits.
    for tiles, blocks, parts in ((2, 4, 1), (86, 7, 1), (2, 13, 13), (2, 10, 10)):
        assert tool.wave_splits(tiles, blocks, 216, 108, few_rows=True) == parts, (tiles, blocks, parts)
    # Few rows: one wave of tasks. Many: as many as pay.
    for tiles, blocks, resident, few_rows, parts in ((8, 128, 2, True, 32), (64, 128, 2, True, 4), (8, 16, 2, True, 16),
                                                     (90, 128, 2, True, 2), (16, 128, 1, False, 8), (100, 128, 1, False, 5)):
        assert tool.wave_splits(tiles, blocks, 132 * resident, 132, few_rows) == parts, (tiles, blocks, parts)
    # Times of a report stand beside those of its GPU, and of no other.
    rows = {(name, chip): {"us": 10.0, "serial": 20.0, "bytes": 1e6, "bound": "memory"}
            for name in ("decode-8k", "decode-1k") for chip in ("a100", "h200")}
    lines = tool.markdown(rows, ["a100", "h200"], {"decode-8k": 15.0}, "NVIDIA H200").splitlines()
    assert lines[2].endswith("| 1 | 10.0 (20.0) | 10.0 (20.0) | memory | 15.0 | 1.50 |") and lines[3].endswith("| memory |  |  |"), lines
    assert "measured" not in tool.markdown(rows, ["a100"], {"decode-8k": 15.0}, "NVIDIA H200")
    if not tool.sass.find("ptxas") or not tool.sass.find("nvdisasm"):
        return print("skipped: no ptxas or no nvdisasm; install nvidia-cuda-nvcc and nvidia-cuda-nvdisasm")
    kernels = {}
    with tempfile.TemporaryDirectory() as folder:
        for (name, chip_name), (bound, least, most, instructions) in WANTED.items():
            case, chip = tool.CASES[name], tool.CHIPS[chip_name]
            key = name, chip.arch
            kernels[key] = kernels.get(key) or tool.compile_kernel(case, chip, folder)
            row = tool.predict(case, chip, kernels[key])
            print(f"{name} {chip_name}: {row['us']:.1f} us, bound by {row['bound']}, {row['instructions']:.0f} instructions")
            assert row["bound"] == bound and least <= row["us"] <= most, f"expected {bound}, {least} to {most} us"
            assert row["instructions"] <= instructions, f"expected at most {instructions} instructions"


main(*sys.argv[1:])
