"""Modules that nobody would write: those of the dialects' tests with a few tokens changed. Whatever they are, they end in an
error or in a module, never in a crash, a hang, or a module that cannot be read again.

    python test_mutated_modules.py [SEED [SECONDS]]     a campaign over all modules of the tests
"""

import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
TOKEN = re.compile(r"%[\w#]+|-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+|[A-Za-z_!@#][\w.]*|\s+|.", re.DOTALL)
NUMBERS = ["0", "1", "-1", "2", "3", "8", "16", "64", "256", "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808"]
ELEMENTS = ["f32", "f16", "bf16", "f64", "i1", "i4", "i8", "i32", "i64", "index", "f8E4M3FN", "f8E5M2", "f128", "i128"]
CLAUSES = ["causal", "window", "softcap", "scale", "kv_len", "offset", "sinks", "mask", "bias", "layout", "dead_row", "zero", "nan",
           "uniform", "half", "interleaved", "block", "tiled", "own", "transposed", "interleaved", "unsigned"]
GRAPHS, KERNELS = "GQA/ops.mlir", "Tile/*ops.mlir"
FLAGS = {"--verify-roundtrip": "*/*ops.mlir", "--canonicalize --cse": "*/*ops.mlir", "--gqa-simplify": GRAPHS,
         "--gqa-decompose --canonicalize": GRAPHS, "--gqa-lower-to-reference": GRAPHS, "--gqa-tile=target=cpu:x86-64-v3": GRAPHS,
         "--gqa-tile=target=cuda:sm_90a": GRAPHS, "--gqa-lower-tile-to-cpu": KERNELS, "--gqa-lower-tile-to-nvvm": KERNELS}  # and the modules that they are for
TOGETHER = 40  # in one process; of those that end badly it is searched which one did


def modules(paths):
    """Their parts without comments."""
    for path in sorted(paths):
        for part in path.read_text().split("// -----"):
            text = re.sub(r"(?m)\s*//.*$", "", part).strip()
            if 0 < len(text) < 8000:
                yield text


def mutant(text, rng):
    tokens = TOKEN.findall(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = [n for n, token in enumerate(tokens) if not token.isspace()]

        def pick(pattern):
            return rng.choice([n for n in places if re.fullmatch(pattern, tokens[n])] or places)
        kind = rng.randrange(8)
        if kind == 0:
            tokens[pick(r"-?\d+")] = rng.choice(NUMBERS)
        elif kind == 1:  # sizes in a type: x8x16xf32
            place = pick(r"(x\d*)+x?\w*")
            tokens[place] = re.sub(r"\d+(?=x)", lambda _: rng.choice([*NUMBERS, "?"]), tokens[place], count=1)
        elif kind == 2:
            place = pick(r"(?:\w*x)?(?:f32|f16|bf16|f64|i1|i8|i32|i64|index)")
            tokens[place] = re.sub(r"(?:f32|f16|bf16|f64|i1|i8|i32|i64|index)$", rng.choice(ELEMENTS), tokens[place])
        elif kind == 3:
            tokens[pick(r"%.*")] = tokens[pick(r"%.*")]
        elif kind == 4:
            tokens[pick(r"[A-Za-z_]+")] = rng.choice(CLAUSES)
        elif kind == 5:
            del tokens[rng.choice(places)]
        elif kind == 6:
            tokens.insert(rng.choice(places), tokens[rng.choice(places)])
        else:
            a, b = rng.choice(places), rng.choice(places)
            tokens[a], tokens[b] = tokens[b], tokens[a]
        if not any(not token.isspace() for token in tokens):
            break
    return "".join(tokens)


def run(tool, flags, texts, folder):
    """What is wrong, or ""."""
    path = folder / "mutants.mlir"
    path.write_text("\n// -----\n".join(texts))
    try:
        done = subprocess.run([tool, path, *flags.split(), "--split-input-file", "-o", "/dev/null"], capture_output=True, text=True,
                              errors="replace", timeout=30 + 3 * len(texts))
    except subprocess.TimeoutExpired:
        return "it takes too long"
    if done.returncode not in (0, 1) or "roundtrip" in done.stderr.lower():
        return f"it ends with {done.returncode}: {done.stderr[-3000:]}"
    return ""


def culprits(tool, flags, texts, folder):
    """(module, what is wrong) of those that end badly by themselves."""
    wrong = run(tool, flags, texts, folder)
    if not wrong:
        return []
    if len(texts) == 1:
        return [(texts[0], wrong)]
    half = len(texts) // 2
    return culprits(tool, flags, texts[:half], folder) + culprits(tool, flags, texts[half:], folder)


@pytest.mark.parametrize("flags", FLAGS)
def test_mutated(flags, tools, tmp_path):
    """Modules of these dialects alone: upstream's parsers and verifiers do not survive everything."""
    texts = list(modules((TESTS / "Dialect").glob(FLAGS[flags])))
    rng = random.Random(flags)
    found = culprits(tools / "gqa-opt", flags, [mutant(rng.choice(texts), rng) for _ in range(TOGETHER)], tmp_path)
    assert not found, "\n\n".join(f"{wrong}\n{text}" for text, wrong in found)


def campaign(seed=0, seconds=60):
    texts, rng, end, count = list(modules(TESTS.rglob("*.mlir"))), random.Random(seed), time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            flags, count = rng.choice(list(FLAGS)), count + TOGETHER
            mutants = [mutant(rng.choice(texts), rng) for _ in range(TOGETHER)]
            for text, wrong in culprits(TESTS.parent / "build/bin/gqa-opt", flags, mutants, pathlib.Path(folder)):
                print(f"gqa-opt {flags}: {wrong}\n{text}\n", flush=True)
    print(f"{count} mutants")


if __name__ == "__main__":
    campaign(*map(int, sys.argv[1:]))
