"""tools/gpu-check on the stand-in driver: a package of a few programs, run where there is no build and no LLVM.

What it says of kernels is said by the emulator; here the machinery is tried: children, budgets, crashes, reports, speeds' table.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attention_cases import build
from cuda_cases import BASE, CASES

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GQA_BUILD", SOURCE / "build"))
EMULATOR = BUILD / "lib" / "emulator" / "libcuda.so.1"
GRAPHS = ["append-positions-donated", "small-graphs-main", "small-graphs-indices", "complex-main", "llama_decode_concat"]
PROGRAMS = ",".join(["numerics-decode,prefill_holes,rows_f32,draft,decode-256,small", "recursion-main", *GRAPHS])

pytestmark = pytest.mark.skipif(not EMULATOR.exists(), reason=f"the stand-in driver is not built: {EMULATOR}")


def assembler():
    folders = [path for entry in sys.path for path in Path(entry).glob("nvidia/*/bin/ptxas")]
    return shutil.which("ptxas") or next(map(str, folders), None)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package outside of the sources, of a few programs."""
    if not assembler():
        pytest.skip("no ptxas; install nvidia-cuda-nvcc")
    folder = tmp_path_factory.mktemp("elsewhere") / "gpu-check"
    done = subprocess.run([SOURCE / "tools" / "gpu-check", "--pack", folder, "--only", PROGRAMS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(package, report, *arguments, driver=EMULATOR, force="1", **variables):
    """The running half in an environment that knows nothing of the build."""
    environment = {"PATH": "/usr/bin:/bin", "GQA_CUDA_DRIVER": str(driver), "GQA_CUDA_FORCE_PTX": force, **variables}
    # The interpreter's packages, but none of the project's: a copy of the package is all that there is.
    return subprocess.run([sys.executable, "-I", package, f"--report={report}", *arguments], env=environment, cwd="/",
                          capture_output=True, text=True, timeout=300)


def document(report):
    return json.loads((report / "report.json").read_text())


def test_package(package):
    manifest = json.loads((package / "manifest.json").read_text())
    assert {(entry["part"], entry["name"]) for entry in manifest["programs"]} == {
        ("numerics", "decode"), ("numerics", "prefill_holes"), ("numerics", "rows_f32"), ("numerics", "draft"), ("races", "draft"),
        ("steps", "small"), ("bench", "decode-256"), *(("graphs", name) for name in GRAPHS)}
    assert manifest["left_out"] == {"graphs-recursion-main": "the host writes a result"}
    assert manifest["glibc"] <= "2.35" and re.match(r"\d+\.\d+", manifest["ptxas"])
    assert sum(path.stat().st_size for path in package.rglob("*")) < 8 << 20


def test_libraries_need_the_c_library_alone(package):
    for library in [*(package / "programs").glob("*.so"), package / "lib" / "libgqa_cuda.so"]:
        text = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", text)) - {"libgqa_cuda.so"}
        assert needed <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, (library.name, needed)


def digest_of_ptx(name, folder):
    """Of the kernels that the stand-in driver runs in test_attention_cuda."""
    source, target = folder / "module.mlir", folder / "module.ptx"
    source.write_text(build({**BASE, **CASES[name]}).text)
    subprocess.run([BUILD / "bin" / "gqa-compile", source, "--target=cuda:sm_80", "--emit=ptx", "-o", target], check=True)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def test_right_without_llvm(package, tmp_path):
    log = tmp_path / "loaded"
    done = run(package, tmp_path, "--parts=numerics,races", "--launches=3", LD_DEBUG="files", LD_DEBUG_OUTPUT=str(log))
    assert done.returncode == 0, done.stdout + done.stderr
    found = document(tmp_path)
    assert {name: result["status"] for name, result in found["parts"]["numerics"].items()} == dict.fromkeys(
        ["decode", "prefill_holes", "rows_f32", "draft"], "ok")
    assert all(result["loaded"] == ["ptx sm_80"] for result in found["parts"]["numerics"].values())
    assert found["parts"]["numerics"]["decode"]["ptx"] == digest_of_ptx("decode", tmp_path)
    assert {name: result["launches"] for name, result in found["parts"]["races"].items()} == {"draft": 3}
    loaded = "".join(path.read_text() for path in tmp_path.glob("loaded.*"))
    assert "libgqa_cuda.so" in loaded and not re.search(r"libLLVM|libMLIR|_gqa\.so|libtbb", loaded)


def test_stand_in_is_said_to_be_one(package, tmp_path):
    done = run(package, tmp_path, "--parts=numerics", "--only=draft")
    assert "Not a GPU" in done.stdout and "Not a GPU" in (tmp_path / "report.md").read_text()
    assert document(tmp_path)["stand_in"] == str(EMULATOR)


def test_a_step_of_a_model(package, tmp_path):
    done = run(package, tmp_path, "--parts=steps", GQA_CUBLASLT=str(EMULATOR.with_name("libcublasLt.so.12")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert document(tmp_path)["parts"]["steps"] == {
        "small": {"status": "ok", "loaded": ["ptx sm_80"], "seconds": document(tmp_path)["parts"]["steps"]["small"]["seconds"]}}


def test_products(package, tmp_path):
    done = run(package, tmp_path, "--parts=products", GQA_CUBLASLT=str(EMULATOR.with_name("libcublasLt.so.12")))
    assert done.returncode == 0, done.stdout + done.stderr
    results = document(tmp_path)["parts"]["products"]
    assert len(results) > 10 and {result["status"] for result in results.values()} == {"ok"}


def test_products_without_a_library(package, tmp_path):
    done = run(package, tmp_path, "--parts=products", "--only=odd", GQA_CUBLASLT="/nowhere/libcublasLt.so.12")
    results = document(tmp_path)["parts"]["products"]
    assert done.returncode == 1 and {result["status"] for result in results.values()} == {"not run"}
    assert all("GQA_CUBLASLT=/nowhere/libcublasLt.so.12 cannot be loaded" in result["reason"] for result in results.values())


def test_graphs(package, tmp_path):
    done = run(package, tmp_path, "--parts=graphs", GQA_CUBLASLT=str(EMULATOR.with_name("libcublasLt.so.12")))
    assert done.returncode == 0, done.stdout + done.stderr
    results, report = document(tmp_path)["parts"]["graphs"], (tmp_path / "report.md").read_text()
    assert {name: result["status"] for name, result in results.items()} == dict.fromkeys(GRAPHS, "ok")
    assert results["small-graphs-main"]["loaded"] == ["nothing"], "all of it is the library's"
    assert results["append-positions-donated"]["loaded"] == ["ptx sm_80"]
    assert [name for name, result in results.items() if "note" in result] == ["complex-main"]
    assert "- graphs complex-main: not captured: while its stream is captured" in report
    assert "- graphs-recursion-main: the host writes a result" in report


def test_graphs_without_a_library(package, tmp_path):
    done = run(package, tmp_path, "--parts=graphs", "--only=small-graphs", GQA_CUBLASLT="/nowhere/libcublasLt.so.12")
    results = document(tmp_path)["parts"]["graphs"]
    assert done.returncode == 1 and results["small-graphs-indices"]["status"] == "ok"
    assert "GQA_CUBLASLT=/nowhere/libcublasLt.so.12 cannot be loaded" in results["small-graphs-main"]["reason"]


def test_wrong_graphs(package, tmp_path):
    """Expectations that differ, a result over an argument among them, and a program that writes to an argument of its own."""
    broken = tmp_path / "broken"
    shutil.copytree(package, broken)

    def change(graph, name, place):
        path = broken / "programs" / f"graphs-{graph}.npz"
        arrays = dict(np.load(path))
        arrays[name].reshape(-1)[place] += 1
        np.savez(path, **arrays)

    change("small-graphs-indices", "out1", 2)
    change("append-positions-donated", "out1", 77)
    change("llama_decode_concat", "out0", 3)
    with open(broken / "graphs.py", "a") as file:
        file.write("""
def spoilt(self, read=Graph._read):
    if len(self.inputs) == 3:  # complex-main
        self.inputs[1].write(self.values[0])
    return read(self)
Graph._read = spoilt
""")
    done = run(broken, tmp_path, "--parts=graphs", GQA_CUBLASLT=str(EMULATOR.with_name("libcublasLt.so.12")))
    assert done.returncode == 1 and "4 wrong, 0 not run" in done.stdout, done.stdout + done.stderr
    reasons = {name: result.get("reason") for name, result in document(tmp_path)["parts"]["graphs"].items()}
    assert reasons["small-graphs-main"] is None
    assert re.fullmatch(r"ptx sm_80: result 1: element 2 is (\d+), expected (?!\1)\d+", reasons["small-graphs-indices"])
    assert reasons["append-positions-donated"].startswith("ptx sm_80: result 1: element 77 is ")
    assert reasons["llama_decode_concat"].startswith("ptx sm_80: result 0: element 3 is ")
    assert reasons["complex-main"] == "a kernel has written to argument 1"


def test_vectors(package, tmp_path):
    """All are recorded, beside a report that does not have their outputs; of a stand-in it is no golden record."""
    done = run(package, tmp_path, "--parts=vectors", GQA_EMULATOR="sm=90,processors=132")
    assert done.returncode == 0, done.stdout + done.stderr
    record, results = json.loads((tmp_path / "vectors.json").read_text()), document(tmp_path)["parts"]["vectors"]
    assert record["vectors"].keys() == results.keys() and len(results) > 100
    assert record["stand_in"] == str(EMULATOR) and record["device"]["chip"] == 90 and record["date"]
    assert not any("recorded" in result for result in results.values())
    assert (tmp_path / "vectors.json").stat().st_size < 1 << 19


def test_vectors_of_another_chip(package, tmp_path):
    done = run(package, tmp_path, "--parts=vectors", "--only=stmatrix.x4$|ldmatrix.x4$")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(json.loads((tmp_path / "vectors.json").read_text())["vectors"]) == ["ldmatrix.x4"]


def test_refused_cubin(package, tmp_path):
    # The stand-in runs PTX only: machine code is refused as by a driver that is too old for it, and the report shows it.
    done = run(package, tmp_path, "--parts=numerics", "--only=draft", force="0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert document(tmp_path)["parts"]["numerics"]["draft"]["loaded"] == ["ptx sm_80", "ptx sm_80"]
    assert "the driver compiles the PTX beside it" in (tmp_path / "numerics.log").read_text()


def test_benchmark(package, tmp_path):
    done = run(package, tmp_path, "--parts=bench", "--rounds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    result = document(tmp_path)["parts"]["bench"]["decode-256"]
    candidates = {c["name"]: c for c in result["case"]["candidates"]}
    assert candidates["gqa"]["status"] == "ok" and len(candidates["gqa"]["seconds"]) == 1
    assert {c["status"] for name, c in candidates.items() if name != "gqa"} == {"unavailable"}
    assert "finds no GPU" in candidates["sdpa-flash"]["reason"]
    assert "| decode, smaller KV: beyond bytes / bandwidth | 5 us | 3 us | not measured |" in (tmp_path / "report.md").read_text()


def test_wrong_numbers(package, tmp_path):
    """Inputs other than those that results are judged by; a program of another module; a stale manifest."""
    broken = tmp_path / "broken"
    shutil.copytree(package, broken)
    with open(broken / "programs.py", "a") as file:
        file.write("""
def shifted(self, beside=lambda: None, launch=Attention.launch):
    results = launch(self, beside)
    return [results[0] * 2 if self.case.case["dtype"] == "f32" else results[0], *results[1:]]
Attention.launch = shifted
""")
    shutil.copy(broken / "programs" / "numerics-decode.so", broken / "programs" / "numerics-draft.so")
    manifest = json.loads((broken / "manifest.json").read_text())
    next(e for e in manifest["programs"] if e["name"] == "decode")["text"] = "another"
    (broken / "manifest.json").write_text(json.dumps(manifest))
    done = run(broken, tmp_path, "--parts=numerics")
    assert done.returncode == 1 and "3 wrong, 0 not run" in done.stdout, done.stdout + done.stderr
    results = document(tmp_path)["parts"]["numerics"]
    assert results["prefill_holes"]["status"] == "ok"
    assert results["rows_f32"]["status"] == "wrong" and "ptx sm_80: " in results["rows_f32"]["reason"]
    assert results["draft"]["status"] == "failed" and "an input is (1, 10, 3, 64), expected" in results["draft"]["reason"]
    assert "pack again" in results["decode"]["reason"]


def test_lost_device_ends_one_item(package, tmp_path):
    # Every context's first module is refused: each child fails in its first item and another one goes on.
    done = run(package, tmp_path, "--parts=numerics", GQA_EMULATOR="fail=cuModuleLoadDataEx@2:700")
    assert done.returncode == 1
    states = [result["status"] for result in document(tmp_path)["parts"]["numerics"].values()]
    assert states.count("failed") == 2 and states.count("ok") == 2, states


def test_crash_and_hang(package, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(package, broken)
    (broken / "numerics.py").write_text("""import os, time
def run(runtime, name, doing):
    doing("a launch")
    if name == "draft":
        os.abort()
    if name == "decode":
        time.sleep(60)
    if name == "rows_f32":
        doing("something slow", so_far={"loaded": ["all but that"]})
        os.abort()
    return {"loaded": []}
""")
    done = run(broken, tmp_path, "--parts=numerics", "--item-seconds=10")
    assert done.returncode == 1
    results = document(tmp_path)["parts"]["numerics"]
    assert {name: result["status"] for name, result in results.items()} == {
        "draft": "crashed", "decode": "hung", "prefill_holes": "ok", "rows_f32": "ok"}
    assert "killed by signal 6 in a launch" in results["draft"]["reason"] and "killed after 10 s" in results["decode"]["reason"]
    assert results["rows_f32"] == {"status": "ok", "loaded": ["all but that"], "note": "killed by signal 6 in something slow"}
    assert "- numerics rows_f32: killed by signal 6 in something slow" in (tmp_path / "report.md").read_text()


def test_peer_that_crashes(package, tmp_path):
    """It is named, and everybody else is timed without it."""
    broken = tmp_path / "broken"
    shutil.copytree(package, broken)
    with open(broken / "gqa" / "bench" / "cuda" / "peers.py", "a") as file:
        file.write("""
def crash(case, sets):
    import os
    os.abort()
PEERS, why_not = {"flex": crash, "triton": _sdpa("MATH")}, lambda name, case, asked: ""
""")
    done = run(broken, tmp_path, "--parts=bench", "--rounds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    candidates = {c["name"]: c for c in document(tmp_path)["parts"]["bench"]["decode-256"]["case"]["candidates"]}
    assert {name: c["status"] for name, c in candidates.items()} == {"gqa": "ok", "flex": "failed", "triton": "ok"}
    assert candidates["flex"]["reason"] == "it ended the process that ran it"


def test_time_is_over(package, tmp_path):
    done = run(package, tmp_path, "--parts=numerics", "--seconds=0.01")
    assert done.returncode == 1 and "0 wrong, 4 not run" in done.stdout
    assert all("were over" in result["reason"] for result in document(tmp_path)["parts"]["numerics"].values())


@pytest.mark.parametrize("arguments, words", [
    (["--parts=speed"], "there is no part 'speed'"),
    (["--only=nothing"], "no item of the parts has a name that --only=nothing finds")])
def test_unusable_arguments(package, tmp_path, arguments, words):
    done = run(package, tmp_path, *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_no_driver(package, tmp_path):
    done = run(package, tmp_path, driver="/nowhere/libcuda.so.1")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "cannot be loaded" in done.stderr


def test_no_package(tmp_path):
    done = subprocess.run([SOURCE / "tools" / "gpu-check", "--package", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and "is no package; make one with tools/gpu-check --pack" in done.stderr


def test_bench_command(package):
    """The same benchmark with programs that are compiled in the process."""
    command = [sys.executable, "-m", "gqa.bench", "--device=cuda", "--case=decode-256", "--rounds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200,
                          env={**os.environ, "GQA_CUDA_DRIVER": str(EMULATOR)})
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("decode-256", "peers     none: torch", "| what | floor | goal | found |"):
        assert text in done.stdout
