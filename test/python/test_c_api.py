"""libgqa beside other copies of LLVM: in a process that has torch and torch-mlir, called from threads and from ctypes."""

import ctypes
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def library(tools):
    return tools.parent / "lib" / "libgqa.so"


def test_only_the_functions_of_the_header_are_visible(tools):
    listed = subprocess.run(["nm", "-D", "--defined-only", library(tools)], capture_output=True, text=True, check=True).stdout
    shown = {line.split()[-1] for line in listed.splitlines()}
    declared = set(re.findall(r"^GQA_API [^(]*?\b(gqa_\w+)\(", (SOURCE / "include/gqa/gqa.h").read_text(), flags=re.M))
    assert shown == declared and len(declared) == 19


def test_beside_torch_and_torch_mlir(tools):
    import torch
    from torch_mlir import ir
    with ir.Context():  # its own LLVM is at work
        ir.Module.parse("module {}")
    gqa = ctypes.CDLL(str(library(tools)))
    gqa.gqa_last_error.restype = ctypes.c_char_p
    gqa.gqa_compile_attention.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]

    class Attention(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                    *((name, ctypes.c_int64) for name in ("batch", "q_heads", "kv_heads", "queries", "keys", "dim", "value_dim")),
                    ("causal", ctypes.c_int), ("has_window", ctypes.c_int), ("left", ctypes.c_int64), ("right", ctypes.c_int64),
                    ("scale", ctypes.c_double), ("softcap", ctypes.c_double),
                    *((name, ctypes.c_int) for name in ("mask", "bias", "kv_len", "offset", "sinks", "lse"))]

    class Tensor(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
                    ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                    ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64)]

    def tensor(x):
        return Tensor(x.data_ptr(), (1, 0), x.ndim, 2, 32, 1, (ctypes.c_int64 * x.ndim)(*x.shape), None, 0)

    q, k, v = torch.randn(2, 4, 6, 16), torch.randn(2, 2, 6, 16), torch.randn(2, 2, 6, 16)
    function, output = ctypes.c_void_p(), torch.empty_like(q)
    described = Attention(ctypes.sizeof(Attention), 2, 32, 1, -1, 4, 2, 6, 6, 16, 16, causal=1)
    assert gqa.gqa_compile_attention(ctypes.addressof(described), None, ctypes.addressof(function)) == 0, gqa.gqa_last_error()
    inputs = [tensor(x) for x in (q, k, v)]
    result = tensor(output)
    status = gqa.gqa_call(function, (ctypes.POINTER(Tensor) * 3)(*map(ctypes.pointer, inputs)), ctypes.c_size_t(3),
                          (ctypes.POINTER(Tensor) * 1)(ctypes.pointer(result)), ctypes.c_size_t(1), None)
    assert status == 0, gqa.gqa_last_error()
    gqa.gqa_release(function)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
    import gqa as package  # the extension module has a compiler of its own
    torch.testing.assert_close(package.attention(q, k, v, causal=True), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("installed, compilers", [(False, ("clang-22", "clang++-22")), (True, ("gcc", "g++"))])
def test_examples_build_outside_of_the_tree(tools, tmp_path, installed, compilers):
    """`find_package(gqa CONFIG)` without LLVM: programs in C and in C++ build and run, whichever compiler a user has."""
    prefix = tmp_path / "prefix" if installed else tools.parent
    install = ["cmake", "--install", tools.parent, "--prefix", prefix]
    configure = ["cmake", "-G", "Ninja", "-S", SOURCE / "test/examples/library", "-B", tmp_path / "build", f"-Dgqa_ROOT={prefix}",
                 "-DCMAKE_DISABLE_FIND_PACKAGE_MLIR=ON", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror",
                 *(f"-DCMAKE_{language}_COMPILER={name}" for language, name in zip(("C", "CXX"), compilers))]
    for command in [install] * installed + [configure, ["ninja", "-C", tmp_path / "build"]]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    for program in ("in_c", "in_cxx", "ship"):
        done = subprocess.run([tmp_path / "build" / program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.stdout.split() == ["10", "15", "10", "15"], done.stderr
