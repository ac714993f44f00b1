"""gqa-run on the emulator while each function of the driver fails: one line that names it, and exit code 2."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cuda import EMULATOR

TABLE = Path(__file__).resolve().parents[2] / "lib" / "Runtime" / "Cuda" / "Driver.def"
SYMBOLS = re.findall(r"^GQA_CUDA_\w+\(\w+, (cu\w+),", TABLE.read_text(), re.M)
# What a run does not call (memory comes from a pool, or from cuMemAlloc where the driver has none), or calls when its
# results are there.
UNUSED = ("cuStreamCreate", "cuStreamDestroy", "cuStreamWaitEvent", "cuEvent", "cuMemPool", "cuMemAlloc", "cuMemFree",
          "cuMemcpyDtoD", "cuLaunchKernelEx", "cuGetError", "cuStreamBeginCapture", "cuStreamEndCapture", "cuGraph", "cuMemset",
          "cuOccupancy")
AT_THE_END = ("cuModuleUnload", "cuCtxPopCurrent", "cuCtxSynchronize")
# A head dimension whose rings need more shared memory than a kernel has without asking.
MODULE = """func.func @main(%q: tensor<1x2x4x128xf16>, %k: tensor<1x1x9x128xf16>, %v: tensor<1x1x9x128xf16>) -> tensor<1x2x4x128xf16> {
  %o = gqa.attention %q, %k, %v : (tensor<1x2x4x128xf16>, tensor<1x1x9x128xf16>, tensor<1x1x9x128xf16>) -> tensor<1x2x4x128xf16>
  return %o : tensor<1x2x4x128xf16>
}
"""

pytestmark = pytest.mark.skipif(not EMULATOR.is_file(), reason=f"{EMULATOR} is not built")


def run(tools, file, settings):
    environment = {**os.environ, "GQA_CUDA_DRIVER": str(EMULATOR), "GQA_EMULATOR": settings}
    return subprocess.run([tools / "gqa-run", file, "--target=cuda"], capture_output=True, text=True, env=environment, timeout=100)


@pytest.fixture(scope="module")
def runs(tools, tmp_path_factory):
    """Runs in which the first call of each function fails for want of memory."""
    file = tmp_path_factory.mktemp("cuda") / "attention.mlir"
    file.write_text(MODULE)
    good = run(tools, file, "")
    assert good.returncode == 0, good.stderr
    with ThreadPoolExecutor(2) as pool:
        def failing(symbol):
            device = ",sm=90" if "TensorMap" in symbol else ""  # earlier chips have none
            return run(tools, file, f"fail={symbol}@1:2{device}")
        return dict(zip(SYMBOLS, pool.map(failing, SYMBOLS)))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_failing_once(runs, symbol):
    done = runs[symbol]
    if done.returncode == 0 and symbol.startswith(UNUSED + AT_THE_END):
        return
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("gqa-run: error: CUDA"), done.stderr
    assert f"{symbol.removesuffix('_v2')}: " in lines[0] and "CUDA_ERROR_OUT_OF_MEMORY" in lines[0]
