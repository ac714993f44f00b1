"""A program of attention_cases compiled, called in this process, and judged by attention_check."""

import functools

import numpy as np
import torch

import gqa
from attention_cases import build
from attention_check import check_attention, check_case, check_output  # noqa: F401

BITS = {"bf16": torch.bfloat16, "f8E4M3FN": torch.float8_e4m3fn, "f8E5M2": torch.float8_e5m2}
compiled = functools.lru_cache(maxsize=128)(gqa.compile)


def arguments(program):
    """The inputs as torch tensors, which know bf16 and fp8."""
    tensors = [torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape)) for value in program.inputs]
    return [x.view(BITS[kind]) if (kind := text.removesuffix(">").split("x")[-1]) in BITS else x
            for x, text in zip(tensors, program.types)]


def numbers(tensor):
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def call(program, target="cpu"):
    """(output in logical order, lse or None)."""
    results = compiled(program.text, target=target)(*arguments(program))
    output, lse = results if program.case["lse"] else (results, None)
    layout = program.case.get("layouts", ("bhsd",) * 4)[3]
    return numbers(output).transpose([layout.index(letter) for letter in "bhsd"]), None if lse is None else lse.numpy()


def verify(case, target="cpu"):
    print(case)
    program = build(case)
    check_case(program, *call(program, target))
