"""CUDA kernels against float64, on the stand-in driver that executes their PTX on the CPU (test/emulator).

Each policy of asynchronous completion is a process of its own, as a driver is loaded once; the first one compiles for all,
which takes longer than everything else. The emulator also reports races, accesses out of bounds, reads of uninitialised
memory and the like: a kernel may cause none. What runs here has not thereby run on a GPU.

    python test_attention_cuda.py [NAME...]    runs cases on the driver that GQA_CUDA_DRIVER names
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attention_call import verify
from cuda_cases import BASE, CASES

DRIVER = Path(os.environ.get("GQA_BUILD", Path(__file__).parents[2] / "build")) / "lib/emulator/libcuda.so.1"
POLICIES = ["eager", "late", "random:7"]


def run(names):
    failed = []
    for name in names or CASES:
        try:
            verify({**BASE, **CASES[name]}, os.environ.get("GQA_TARGET", "cuda:sm_80"))
        except Exception as error:  # the others are worth knowing as well
            failed.append(name)
            print(f"{name}: {type(error).__name__}: {error}")
    return failed


def launches(names, policy, report, kernel_cache, device="", target="cuda:sm_80", script=__file__):
    """What the driver, as `device`, reports of the launches of these cases, which must all be right."""
    done = subprocess.run([sys.executable, script, *names], capture_output=True, text=True, timeout=900, env={
        **os.environ, **kernel_cache, "GQA_CUDA_DRIVER": str(DRIVER), "GQA_TARGET": target,
        "GQA_EMULATOR": f"completion={policy},report={report}{device}"})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    events = [json.loads(line) for line in report.read_text().splitlines()]
    assert [event for event in events if event["event"] == "fault"] == []
    return [event for event in events if event["event"] == "launch"]


needs_driver = pytest.mark.skipif(not DRIVER.exists(), reason=f"the stand-in driver is not built: {DRIVER}")


@needs_driver
@pytest.mark.parametrize("policy", POLICIES)
def test_numerics(policy, tmp_path, kernel_cache):
    events = launches([], policy, tmp_path / "report.json", kernel_cache)
    assert len(events) >= len(CASES)
    # Rows of a slot are so far apart that neither copies nor matrix loads conflict; few rows are joined through memory.
    prefill = [event["counters"] for event in events if event["block"][0] == 256 and event["counters"]["tensor_flop"]]
    assert prefill and all(counters["shared_bank_conflicts"] == 0 for counters in prefill)


# The stand-in driver has 108 multiprocessors, of which each runs two tasks of a decode step. Five blocks of keys are not
# split, nor are keys where 86 tasks or more are there without; else the parts are as many as there are blocks here.
@needs_driver
def test_splits(tmp_path, kernel_cache):
    parts = {"decode": 1, "decode_full": 1, "decode_f16_g7": 13, "wide_decode": 10}
    events = launches(list(parts), "eager", tmp_path / "report.json", kernel_cache)
    grids = [event["grid"][0] for event in events if event["kernel"] == "gqa_attention_0"]
    assert grids == [count * {**BASE, **CASES[name]}["batch"] * BASE["kv_heads"] for name, count in parts.items()]


# With what is copied of a block behind the last one, of which a narrow cache's are longer.
@needs_driver
def test_narrow_caches_are_half_of_the_bytes(tmp_path, kernel_cache):
    wide, narrow = (event["counters"]["global_load_bytes"]
                    for event in launches(["decode_full", "fp8_full"], "eager", tmp_path / "report.json", kernel_cache)
                    if event["kernel"] == "gqa_attention_0")
    assert 0.5 * wide < narrow < 0.6 * wide


if __name__ == "__main__":
    sys.exit(f"failed: {', '.join(failed)}" if (failed := run(sys.argv[1:])) else 0)
