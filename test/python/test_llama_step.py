"""A token through a whole Llama with a static cache, as users get it: torch.export, the importer, gqa.compile; the same step on the
CPU and on a GPU, where launches are counted."""

import json
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")

from cuda import missing  # noqa: E402
from gqa.bench.llama import Sizes, Step, text_of  # noqa: E402

SIZES = dict(hidden=64, heads=4, kv_heads=2, dim=16, inner=96, words=64, keys=64)
AT = 41
TOLERANCE = 4e-2  # of whole graphs in bf16: max |out - want| <= tolerance * max |want|
needs_gpu = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Files with the steps of one to three layers."""
    folder = tmp_path_factory.mktemp("llama")
    for layers in (1, 2, 3):
        (folder / f"{layers}.mlir").write_text(text_of(Sizes(layers=layers, **SIZES)))
    return folder


def model_of(layers):
    torch.manual_seed(layers)
    model = Step(Sizes(layers=layers, **SIZES)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, weight.shape[-1] ** -0.5)
        for cache in model.buffers():
            cache[:, :, :AT].normal_()
    return model


def check(found, wanted):
    assert (found.float() - wanted.float()).abs().max() <= TOLERANCE * wanted.float().abs().max()


def test_on_the_cpu(texts):
    import gqa

    module, model = gqa.compile(texts / "2.mlir"), model_of(2)
    caches = [cache.clone() for cache in model.buffers()]
    token, place = torch.tensor([[7]]), torch.tensor([AT])
    results = module(token, place, *caches, *(weight.detach() for weight in model.parameters()))
    with torch.no_grad():
        check(results[-1], model(token, place))
    assert all(result is cache for result, cache in zip(results, caches))
    for cache, wanted in zip(caches, model.buffers()):
        check(cache, wanted)


def test_layers_are_compiled_once(texts, tools):
    """A further layer of the same sizes adds calls, no function and no loop."""
    def code_of(layers):
        return subprocess.run([tools / "gqa-compile", texts / f"{layers}.mlir", "--emit=llvm", "-o", "-"], text=True, check=True,
                              capture_output=True).stdout
    two, three = code_of(2), code_of(3)
    for what in ("define ", "phi ", "br i1 "):
        assert two.count(what) == three.count(what) > 0
    assert two.count("call ") < three.count("call ")


def test_parameters_without_memory_are_not_one():
    """Values of an export that was never given any are told apart by their names."""
    text = text_of(Sizes(layers=1, **SIZES))
    assert text.count("gqa.param") == 12 and text.count("gqa.donated_to") == 2


@needs_gpu
@pytest.mark.skipif("emulator" not in os.environ.get("GQA_CUDA_DRIVER", ""), reason="counts launches of the stand-in driver")
def test_on_a_gpu(texts, tmp_path):
    """Six kernels a layer (q, k and v; what is rotated and appended; attention; two norms; a gate and its partner with the
    activation), and two products of cuBLASLt; of the kernels two layers have no more than one; no copy of a cache, none of a
    weight."""
    counted = {layers: launches(texts, layers, tmp_path) for layers in (1, 2)}
    assert counted[2]["launches"] - counted[1]["launches"] == 6
    assert counted[2]["products"] - counted[1]["products"] == 2
    assert counted[2]["kernels"] - counted[1]["kernels"] <= 1
    cache = SIZES["kv_heads"] * SIZES["keys"] * SIZES["dim"] * 2
    assert counted[2]["written"] - counted[1]["written"] < cache


def launches(texts, layers, folder):
    report = folder / f"{layers}.json"
    script = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import gqa, torch, tvm_ffi, test_llama_step as t
from gqa import _native
from cuda import on_gpu
up, down = _native.library()["cuda_from_host"], _native.library()["cuda_to_host"]
model = t.model_of({layers})
token, place = torch.tensor([[7]]), torch.tensor([t.AT])
tensors = [token, place, *(x.clone() for x in model.buffers()), *(x.detach() for x in model.parameters())]
room = torch.zeros(1, t.SIZES["words"], dtype=torch.bfloat16)
with torch.no_grad():
    wanted = model(token, place)
module = gqa.compile({str(texts / f"{layers}.mlir")!r}, target="cuda:sm_80")
inputs, output = [up(tvm_ffi.from_dlpack(x), 0) for x in tensors], up(tvm_ffi.from_dlpack(room), 0)
gqa.capture(module, *inputs, out=(*[None] * {2 * layers}, output)).replay()
for mine, wanted in zip([output, *inputs[2:]], [wanted, *model.buffers()]):
    found = torch.empty(tuple(mine.shape), dtype=torch.bfloat16)
    down(mine, tvm_ffi.from_dlpack(found))
    t.check(found, wanted)
"""
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, timeout=200,
                          env={**os.environ, "GQA_EMULATOR": f"report={report}"})
    assert done.returncode == 0, done.stderr
    reported = [json.loads(line) for line in report.read_text().splitlines()]
    events = [event for event in reported if "counters" in event]
    return {"launches": len(events), "products": sum("types" in event for event in reported),
            "kernels": len({event["kernel"] for event in events}),
            "written": sum(event["counters"]["global_store_bytes"] for event in events)}
