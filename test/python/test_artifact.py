"""Libraries of gqa-compile: called from every framework and from C, without the compiler, on machines of several kinds."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
import tvm_ffi

import gqa

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TYPES = "tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>"
TEXT = """func.func @main(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x64xf32>) -> (RESULTS) {
  RETURNED = gqa.attention %q, %k, %v : (""" + TYPES + """) -> (RESULTS)
  return RETURNED : RESULTS
}
"""
ONE = TEXT.replace("RESULTS", "tensor<?x8x?x64xf32>").replace("RETURNED", "%o")
TWO = TEXT.replace("RESULTS", "tensor<?x8x?x64xf32>, tensor<?x8x?xf32>").replace("RETURNED", "%o, %lse", 1).replace(
    "return RETURNED", "return %o, %lse")
LIMIT_BYTES, LIMIT_MICROSECONDS = 500 << 10, 5000


def build(tools, folder, text, target="cpu", name="model"):
    (folder / f"{name}.mlir").write_text(text)
    subprocess.run([tools / "gqa-compile", folder / f"{name}.mlir", "-o", folder / f"{name}.so", f"--target={target}"],
                   check=True, timeout=120)
    return folder / f"{name}.so"


@pytest.fixture(scope="module")
def model(tools, tmp_path_factory):
    return build(tools, tmp_path_factory.mktemp("artifact"), ONE)


@pytest.fixture(scope="module")
def inputs():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in ((2, 8, 5, 64), (2, 2, 9, 64), (2, 2, 9, 64))]


@pytest.fixture(scope="module")
def expected(inputs):
    return torch.nn.functional.scaled_dot_product_attention(*(x.double() for x in inputs), enable_gqa=True).float()


def assert_right(output, expected):
    torch.testing.assert_close(torch.from_dlpack(output), expected, rtol=1e-5, atol=1e-5)


def foreign(array):
    """A tensor of no framework in particular."""
    return type("Foreign", (), {"__dlpack__": lambda self, **options: array.__dlpack__(**options),
                                "__dlpack_device__": lambda self: array.__dlpack_device__()})()


@pytest.mark.parametrize("convert", [lambda x: x, torch.Tensor.numpy, tvm_ffi.from_dlpack, lambda x: foreign(x.numpy())],
                         ids=["torch", "numpy", "tvm_ffi", "dlpack"])
def test_tvm_ffi_takes_every_frameworks_tensors(model, inputs, expected, convert):
    forward = tvm_ffi.load_module(str(model)).forward
    tensors = [convert(x) for x in inputs]
    assert_right(forward(*tensors), expected)
    memory = torch.empty_like(expected)
    forward(*tensors, convert(memory))
    assert_right(memory, expected)


def test_tvm_ffi_returns_several_results(tools, tmp_path, inputs, expected):
    module = tvm_ffi.load_module(str(build(tools, tmp_path, TWO)))
    output, lse = module["main"](*inputs)
    assert_right(output, expected)
    scores = torch.einsum("bhqd,bhkd->bhqk", inputs[0], inputs[1].repeat_interleave(4, 1)) / 8
    assert_right(lse, torch.logsumexp(scores, -1))
    for _ in range(1000):  # objects are released as often as they are made
        module["main"](*inputs)


def test_tvm_ffi_errors_name_the_argument(model, inputs):
    forward = tvm_ffi.load_module(str(model)).forward
    q, k, v = inputs
    with pytest.raises(ValueError, match=r"argument 2 is f32\[2x2x9x32\], expected f32\[\?x2x\?x64\]"):
        forward(q, k, v[..., :32].contiguous())
    with pytest.raises(ValueError, match="argument 0 is f64"):
        forward(q.double(), k, v)
    with pytest.raises(ValueError, match="argument 1 is not dense"):
        forward(q, k.transpose(0, 1).contiguous().transpose(0, 1), v)
    with pytest.raises(TypeError, match="main takes 3 tensors, or with memory for its results 4; 2 were given"):
        forward(q, k)
    with pytest.raises(TypeError, match="argument 1 is not a tensor"):
        forward(q, 2, v)
    with pytest.raises(RuntimeError, match="k|sizes|keys"):  # found by the code itself
        forward(q, k, v[:, :, :4].contiguous())


# For the frames of C++ the symbols of everything in the process are read when the first error occurs: seconds.
def test_errors_have_python_s_frames(model, inputs):
    with pytest.raises(TypeError) as of_an_artifact:
        tvm_ffi.load_module(str(model)).forward(*inputs[:2])
    with pytest.raises(ValueError) as of_the_compiler:
        gqa.compile("func.func @main() { nothing }")
    for error in of_an_artifact, of_the_compiler:
        assert {pathlib.Path(entry.path).suffix for entry in error.traceback} <= {".py", ".pxi"}


def test_gqa_load(model, inputs, expected):
    function = gqa.load(model)
    assert function.inputs == gqa.compile(ONE).inputs and function.outputs == gqa.compile(ONE).outputs
    assert_right(function(*inputs), expected)
    assert isinstance(function(*(x.numpy() for x in inputs)), np.ndarray)
    with pytest.raises(ValueError, match="argument 0"):
        function(inputs[0][..., :3], *inputs[1:])


def test_gqa_build(tmp_path, inputs, expected):
    gqa.build(ONE, tmp_path / "built.so", target="cpu:x86-64,cpu")
    assert_right(gqa.load(tmp_path / "built.so")(*inputs), expected)
    with pytest.raises(ValueError, match="is not a processor"):
        gqa.build(ONE, tmp_path / "other.so", target="cpu:z80")
    assert os.listdir(tmp_path) == ["built.so"]


def test_gqa_load_of_a_path_that_was_written_again(tmp_path):
    def text(operation):
        return (f"func.func @main(%a: tensor<?xf32>) -> tensor<?xf32> {{\n  %r = arith.{operation} %a, %a : tensor<?xf32>\n"
                "  return %r : tensor<?xf32>\n}\n")

    path, three, functions = tmp_path / "model.so", np.float32([3]), []
    for operation in ("addf", "mulf", "subf"):
        gqa.build(text(operation), path)
        functions.append(gqa.load(path))
    assert [float(function(three)[0]) for function in functions] == [6, 9, 0]
    assert float(gqa.load(path)(three)[0]) == 0


def test_gqa_load_reads_parameters(tools, tmp_path):
    from safetensors.torch import save_file
    text = """module attributes {gqa.weights = "w.safetensors"} {
      func.func @forward(%x: tensor<4xf32>, %w: tensor<4xf32> {gqa.param = "w"}) -> tensor<4xf32> {
        %y = arith.mulf %x, %w : tensor<4xf32>
        return %y : tensor<4xf32>
      } }"""
    path = build(tools, tmp_path, text)
    with pytest.raises(FileNotFoundError, match="w.safetensors"):
        gqa.load(path)
    save_file({"w": torch.tensor([1.0, 2, 3, 4])}, tmp_path / "w.safetensors")
    assert gqa.load(path)(torch.ones(4)).tolist() == [1, 2, 3, 4]
    assert gqa.load(path, weights={"w": torch.full((4,), 3.0)})(torch.ones(4)).tolist() == [3] * 4


def test_gqa_load_refuses_other_files(model, tmp_path, tools):
    with pytest.raises(FileNotFoundError):
        gqa.load(tmp_path / "none.so")
    (tmp_path / "text.so").write_text("text" * 100)
    (tmp_path / "cut.so").write_bytes(model.read_bytes()[:5000])
    for name, message in (("text.so", "is not a library"), ("cut.so", "has been cut off")):
        with pytest.raises(ValueError, match=message):
            gqa.load(tmp_path / name)
    (tmp_path / "model.so.1").symlink_to(model)
    with pytest.raises(ValueError, match="model.so.1 cannot be loaded by this name; give it one that ends in .so"):
        gqa.load(tmp_path / "model.so.1")
    with pytest.raises(ValueError, match="not one that gqa-compile has written"):
        gqa.load(tools.parent / "lib" / "libgqa_cuda.so")
    with pytest.raises(RuntimeError, match="no version of main runs on this machine: cpu:bdver4 needs"):
        gqa.load(build(tools, tmp_path, ONE, "cpu:bdver4", "other"))


@pytest.mark.parametrize("path, error, message", [(None, TypeError, "is of type NoneType, expected the path of a library"),
                                                  ("a\0b.so", ValueError, "has no null character")])
def test_what_is_no_path(path, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=f"path.*{message}"):
        gqa.load(path)
    with pytest.raises(error, match=f"output.*{message}"):
        gqa.build(ONE, path)
    assert not list(tmp_path.iterdir())  # a file named None, or a


def test_the_best_version_is_taken(tools, tmp_path):
    path = build(tools, tmp_path, ONE, "cpu:x86-64,cpu:diamondrapids,cpu:x86-64-v2")
    assert tvm_ffi.load_module(str(path))["gqa_target"]() == "cpu:x86-64-v2"


def test_without_the_compiler(model, inputs, expected, tmp_path):
    """A Python that has tvm_ffi and NumPy alone: neither LLVM nor MLIR are mapped into it."""
    np.savez(tmp_path / "x.npz", *(x.numpy() for x in inputs))
    script = f"""import numpy as np, tvm_ffi
arrays = np.load({str(tmp_path / 'x.npz')!r})
np.save({str(tmp_path / 'y.npy')!r}, np.from_dlpack(tvm_ffi.load_module({str(model)!r}).forward(*arrays.values())))
print(open('/proc/self/maps').read())"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert_right(torch.from_numpy(np.load(tmp_path / "y.npy")), expected)
    assert str(model) in done.stdout and not any(name in done.stdout for name in ("LLVM", "MLIR", "_gqa.so"))


def test_from_c(model, tmp_path):
    """What the runtime adds is small, and starts at once."""
    program = tmp_path / "program"
    include = [f"-I{folder}" for folder in (SOURCE / "include", pathlib.Path(tvm_ffi.__file__).parent / "include")]
    subprocess.run(["clang-22", "-Wall", "-Werror", *include, SOURCE / "test/examples/artifact/main.c", "-o", program, "-ldl"],
                   check=True, timeout=60)
    runs = [subprocess.run([program, model], capture_output=True, text=True, timeout=60, check=True).stdout.split()
            for _ in range(10)]
    assert all(run[:2] == ["cpu", "2.5"] for run in runs)
    assert min(float(run[2]) for run in runs) < LIMIT_MICROSECONDS  # of ten: the machine may be busy
    assert model.stat().st_size < LIMIT_BYTES  # with the kernels
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert "libstdc++" not in libraries


def test_with_kernels_for_a_gpu_as_well(tools, tmp_path):
    """Host memory goes to the version for a CPU, with or without a GPU; without one for this CPU, to the GPU."""
    half = ONE.replace("f32", "f16")
    both = build(tools, tmp_path, half, "cpu:x86-64,cuda:sm_80,cpu:x86-64", "both")
    device = build(tools, tmp_path, half, "cuda:sm_80,cpu:x86-64", "device")
    arrays = [np.random.default_rng(0).standard_normal(shape).astype(np.float16)
              for shape in ((1, 8, 3, 64), (1, 2, 5, 64), (1, 2, 5, 64))]
    script = """import sys, numpy as np, tvm_ffi
module = tvm_ffi.load_module(sys.argv[1])
print(module["gqa_target"]())
np.save(sys.argv[2], np.from_dlpack(module.forward(*np.load(sys.argv[3]).values())))"""
    np.savez(tmp_path / "x.npz", *arrays)

    def run(path, driver):
        return subprocess.run([sys.executable, "-c", script, path, tmp_path / "y.npy", tmp_path / "x.npz"], text=True,
                              capture_output=True, timeout=120, env={**os.environ, "GQA_CUDA_DRIVER": str(driver)})

    emulator = tools.parent / "lib" / "emulator" / "libcuda.so.1"
    expected = torch.nn.functional.scaled_dot_product_attention(*(torch.from_numpy(x).float() for x in arrays), enable_gqa=True)
    for path, driver, target in ((both, emulator, "cpu:x86-64"), (both, "none", "cpu:x86-64"),
                                 (device, emulator, "cuda:sm_80,cpu:x86-64")):
        done = run(path, driver)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == target
        torch.testing.assert_close(torch.from_numpy(np.load(tmp_path / "y.npy")).float(), expected, rtol=2e-3, atol=2e-3)
    done = run(device, "none")
    assert "no version of main runs on this machine: cuda:sm_80,cpu:x86-64: " in done.stderr and done.returncode


def test_many_processes_write_one_file(tools, tmp_path):
    """Whoever comes last, the file is whole."""
    (tmp_path / "model.mlir").write_text(ONE)
    command = [tools / "gqa-compile", tmp_path / "model.mlir", "-o", tmp_path / "model.so"]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 3
    assert sorted(os.listdir(tmp_path)) == ["model.mlir", "model.so"]
    assert json.loads(str(tvm_ffi.load_module(str(tmp_path / "model.so"))["gqa_signature"]()))["name"] == "main"
