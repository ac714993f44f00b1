"""What the GPU allows, measured in the same rounds as the candidates."""

import torch

from ..ceilings import Ceiling

COPY_BYTES = 1 << 30  # of one buffer: many times any L2
SIDE = 8192  # of the matrix product


def of_device(device):
    """A copy, which counts the bytes read and written, and a matrix product of cuBLAS; nothing without torch's CUDA.

    Calls in a stream: as a node of a graph, the same copy had two thirds of the rate on an H200 with driver 580.
    """
    if not device.has_torch:
        return []
    room = torch.cuda.mem_get_info()[0] // 8
    source, target = (torch.empty(min(COPY_BYTES, room), dtype=torch.uint8, device="cuda").random_() for _ in range(2))
    a, b, c = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    return [Ceiling("copy", "GB/s", 2 * source.numel(), lambda i: target.copy_(source), f"{source.numel() >> 20} MiB"),
            Ceiling("cublas-bf16-gemm", "GFLOP/s", 2.0 * SIDE ** 3, lambda i: torch.mm(a, b, out=c), f"{SIDE}^3")]


def limits(case, rates):
    """(what limits, seconds a call at best in each round): bytes of K and V by the copy, or products by the product."""
    name, work = ("cublas-bf16-gemm", case.flops) if case.many_queries else ("copy", case.kv_bytes)
    return (name, [work / rate for rate in rates[name]]) if name in rates else ("", [])
