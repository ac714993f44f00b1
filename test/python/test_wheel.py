"""The wheel: everything that compiles is inside, and it shares nothing with other copies of LLVM in a process."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MOST_BYTES = 100 << 20  # PyPI's limit for a file
MOST_UNPACKED = 128 << 20  # with code for all of LLVM's processors it would be 190


@pytest.fixture(scope="module")
def wheel(tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "-w", folder, SOURCE / "python"],
                          capture_output=True, text=True, timeout=500, env={**os.environ, "GQA_BUILD": str(tools.parent)})
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The site-packages of a new environment with the wheel and what it requires, which this environment lends."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True, timeout=120)
    site = pathlib.Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for name in ("numpy", "numpy.libs", "tvm_ffi", "safetensors", "typing_extensions.py"):
        source = pathlib.Path(sysconfig.get_path("purelib")) / name
        if source.exists():
            (site / name).symlink_to(source)
    return site


def run(python, script, folder, **environment):
    """In an empty folder, with nothing that could lead to this build."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GQA_", "PYTHON", "LD_"))}
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, timeout=300, cwd=folder,
                          env={**clean, "GQA_CACHE": "off", **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"gqa/__init__.py", "gqa/__init__.pyi", "gqa/py.typed", "gqa/_gqa.so", "gqa/libtbb.so.12", "gqa/importer/__main__.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or "/test" in name]
    assert wheel.stat().st_size < MOST_BYTES
    assert zipfile.ZipFile(wheel).getinfo("gqa/_gqa.so").file_size < MOST_UNPACKED


def test_in_a_clean_environment(installed, tmp_path):
    python = installed.parents[2] / "bin" / "python"
    out = run(python, """import numpy as np, gqa
q, k, v = np.ones((1, 4, 6, 16), np.float32), np.ones((1, 2, 6, 16), np.float32), np.ones((1, 2, 6, 16), np.float32)
assert (gqa.attention(q, k, v, causal=True) == 1).all()
text = "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { %y = arith.addf %x, %x : tensor<4xf32> return %y : tensor<4xf32> }"
gqa.build(text + chr(10), "model.so")
print(gqa.load("model.so")(np.ones(4, np.float32)))
print(gqa.__file__)
print(open("/proc/self/maps").read())""", tmp_path)
    assert out.startswith("[2. 2. 2. 2.]")
    assert str(installed / "gqa" / "_gqa.so") in out and str(installed / "gqa" / "libtbb.so.12") in out
    assert "libLLVM" not in out and "libMLIR" not in out
    # What was built runs without the compiler, with the threads of the package.
    out = run(python, """import numpy as np, gqa
print(gqa.load("model.so")(np.ones(4, np.float32)))
print(open("/proc/self/maps").read())""", tmp_path)
    assert out.startswith("[2. 2. 2. 2.]") and "_gqa.so" not in out


GRAPH = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
"""
COMMANDS = ["gqa-opt --version", "gqa-opt - --canonicalize", "gqa-opt --to=tiled", "gqa-opt --to=nowhere",
            "gqa-opt --no-such-pass", "gqa-opt missing.mlir", "gqa-opt wrong.mlir", "gqa-opt graph.mlir -o folder/none.mlir",
            "gqa-opt graph.mlir --gqa-simplify=report=report.json -o out.mlir", "gqa-compile --version", "gqa-compile --help",
            "gqa-compile - --emit=mlir:fused", "gqa-compile graph.mlir --target=cpu:x86-64-v3 -o out.s",
            "gqa-compile graph.mlir --target=cpu:cortex-a76 -o out.s", "gqa-compile graph.mlir", "gqa-compile wrong.mlir -o out.so",
            "gqa-compile", "gqa-run --version", "gqa-run --help", "gqa-run - --seed=3", "gqa-run graph.mlir --outputs=out.npz",
            "gqa-run graph.mlir --target=cuda:sm_80", "gqa-run missing.mlir", "gqa-run",
            "gqa-cache --version", "gqa-cache list", "gqa-cache", "gqa-lsp-server --version"]


def clean_environment(folder):
    return {**{name: value for name, value in os.environ.items() if not name.startswith(("GQA_", "PYTHON", "LD_"))},
            "GQA_CACHE_DIR": str(folder / "cache")}


@pytest.fixture
def scripts(installed):
    return installed.parents[2] / "bin"


@pytest.mark.parametrize("command", COMMANDS)
def test_scripts_do_what_the_tools_do(scripts, tools, tmp_path, command):
    """What they print, where, how they end, and what files they leave."""
    outcomes = []
    for programs in (scripts, tools):
        folder = tmp_path / programs.parent.name
        folder.mkdir()
        (folder / "graph.mlir").write_text(GRAPH)
        (folder / "wrong.mlir").write_text(GRAPH.replace("addf", "addi"))
        name, *arguments = command.split()
        done = subprocess.run([programs / name, *arguments], cwd=folder, input=GRAPH, timeout=120,
                              env=clean_environment(folder), capture_output=True, text=True)
        texts = [text.replace(str(programs), "BIN").replace(str(folder), "HERE") for text in (done.stdout, done.stderr)]
        outcomes.append((done.returncode, *texts, {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}))
    assert outcomes[0] == outcomes[1]


def test_scripts_know_the_same_options(scripts, tools):
    """But for Polly's, which Debian's libLLVM brings along."""
    names = []
    for programs in (scripts, tools):
        text = subprocess.run([programs / "gqa-opt", "--help"], timeout=120, capture_output=True, text=True).stdout
        names.append({name for name in re.findall(r"^ *(--[^ =]+)", text, re.MULTILINE) if not name.startswith("--polly")})
    assert names[0] == names[1] and {"--gqa-simplify", "--to", "--canonicalize"} <= names[0]


@pytest.mark.parametrize("wanted", [signal.SIGINT, signal.SIGTERM])
def test_scripts_end_by_signals(scripts, tools, tmp_path, wanted):
    codes = []
    for programs, library in ((scripts, "_gqa.so"), (tools, "libMLIR.so")):
        with subprocess.Popen([programs / "gqa-opt"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(tmp_path)) as process:
            maps = pathlib.Path(f"/proc/{process.pid}/maps")
            while library not in maps.read_text() and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3)  # until it reads what nobody writes
            process.send_signal(wanted)
            codes.append((process.wait(timeout=60), process.stderr.read()))
    assert codes[0] == codes[1]
    assert codes[0][0] == -wanted


def test_scripts_end_where_nobody_reads(scripts, tools, tmp_path):
    codes = []
    for programs in (scripts, tools):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([programs / "gqa-opt"], input=GRAPH.encode() * 1000, stdout=writing, stderr=subprocess.PIPE, timeout=120)
        os.close(writing)
        codes.append((done.returncode, done.stderr))
    assert codes[0] == codes[1] and codes[0][0] != 0


def test_scripts_load_no_framework(scripts, tmp_path):
    """torch would take a second of every call."""
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is loaded')")
    done = subprocess.run([scripts / "python", "-X", "importtime", scripts / "gqa-opt", "--version"], timeout=120, capture_output=True, text=True,
                          env={**clean_environment(tmp_path), "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0 and done.stdout.startswith("gqa-opt ")
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "gqa._tools" in loaded and not {"numpy", "torch", "tvm_ffi", "asyncio"} & loaded


@pytest.mark.parametrize("missing, message", [("gqa/_gqa.so", "_gqa.so not found in "), ("tvm_ffi", "apache-tvm-ffi is not installed")])
def test_scripts_without_what_they_need(scripts, installed, tmp_path, missing, message):
    """One line that says what is missing."""
    (installed / missing).rename(installed / "away")
    try:
        done = subprocess.run([scripts / "gqa-opt", "--version"], capture_output=True, text=True, timeout=120, env=clean_environment(tmp_path))
    finally:
        (installed / "away").rename(installed / missing)
    assert done.returncode == 2 and done.stderr.startswith(f"gqa-opt: error: {message}") and done.stderr.count("\n") == 1


OTHERS = {
    "torch-mlir": """from torch_mlir import ir
with ir.Context(): ir.Module.parse("module {}")""",
    "libLLVM": """import ctypes  # for everybody to see
ctypes.CDLL("/usr/lib/llvm-22/lib/libLLVM.so", mode=ctypes.RTLD_GLOBAL)""",
    "libgqa": """import ctypes
ctypes.CDLL(LIBGQA, mode=ctypes.RTLD_GLOBAL)""",
}


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("other", OTHERS)
def test_beside_other_copies_of_llvm(installed, tools, tmp_path, other, order):
    others = "import torch\n" + OTHERS[other].replace("LIBGQA", repr(str(tools.parent / "lib" / "libgqa.so")))
    ours = """
import gqa, torch
q, k, v = torch.ones(1, 4, 6, 16), torch.ones(1, 2, 6, 16), torch.ones(1, 2, 6, 16)
assert (gqa.attention(q, k, v, causal=True) == 1).all()
"""
    script = f"import sys; sys.path.insert(0, {str(installed)!r})\n" + (ours + others if order == "after" else others + ours) + """
assert (gqa.attention(q, k[:, :1], v[:, :1]) == 1).all()
print(open("/proc/self/maps").read())"""
    assert str(installed / "gqa" / "_gqa.so") in run(sys.executable, script, tmp_path)


@pytest.mark.skipif(not os.environ.get("GQA_FRESH_WHEEL"), reason="builds everything once more: tools/check --wheel")
def test_of_a_fresh_clone(tmp_path):
    """`pip install ./python` where nothing is built, into an environment that has nothing."""
    subprocess.run(["git", "clone", "-q", SOURCE, tmp_path / "clone"], check=True, timeout=120)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GQA_", "PYTHON"))}
    if shutil.which("ccache"):
        environment |= {f"CMAKE_{kind}_COMPILER_LAUNCHER": "ccache" for kind in ("C", "CXX")}
        environment |= {"CCACHE_BASEDIR": str(tmp_path), "CCACHE_NOHASHDIR": "1",
                        "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime"}
    # Again: what pip had lent the first build for its tools is gone.
    for options in ([], ["--force-reinstall", "--no-deps"]):
        done = subprocess.run([python, "-m", "pip", "install", *options, "./python"], cwd=tmp_path / "clone", capture_output=True,
                              text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    assert run(python, """import numpy as np, gqa
q, k = np.ones((1, 4, 6, 16), np.float32), np.ones((1, 2, 6, 16), np.float32)
print((gqa.attention(q, k, k, causal=True) == 1).all(), gqa.__file__)""", tmp_path).startswith(f"True {tmp_path}/venv/")


def test_torch_finds_the_backend(installed):
    """torch.compile(model, backend="gqa") needs no import: the wheel has an entry point."""
    [info] = installed.glob("gqa-*.dist-info")
    assert "[torch_dynamo_backends]\ngqa = gqa.dynamo:compile\n" in (info / "entry_points.txt").read_text()


def test_editable(tmp_path):
    """`pip install -e` leaves the package in the sources."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "-e", SOURCE / "python"], check=True, timeout=120)
    assert run(python, "import gqa; print(gqa.__file__)", tmp_path).strip() == str(SOURCE / "python/gqa/__init__.py")
