"""Where tensors are and how time is taken: by torch on a GPU, or by the clock of a host whose torch has no CUDA, as where
a stand-in driver is tried. Of times that the latter takes nothing follows."""

import time

import torch

from ..buffers import TORCH, make_sets, narrowed

WARM_CALLS = 3  # before a graph is captured: libraries choose their kernels and allocate


def open_device():
    return TorchDevice() if torch.cuda.is_available() else HostDevice()


class TorchDevice:
    """Tensors are torch's, on its current GPU."""

    has_torch, most_sets = True, 256

    def make_sets(self, case, count):
        generator = torch.Generator("cuda").manual_seed(1)

        def normal(heads, length):
            return torch.randn(case.batch, heads, length, case.dim, generator=generator, device="cuda", dtype=TORCH[case.dtype])
        return [narrowed(case, normal(case.q_heads, case.queries), normal(case.kv_heads, case.keys),
                         normal(case.kv_heads, case.keys)) for _ in range(count)]

    def stream(self):
        return torch.cuda.current_stream().cuda_stream

    def free(self):
        torch.cuda.empty_cache()

    def repeatable(self, work):
        """(a function that queues `work` again, "graph"), or `work` itself and "stream" where it cannot be captured."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_CALLS):
                work()
        torch.cuda.synchronize()
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                work()
            graph.replay()
            torch.cuda.synchronize()
            return graph.replay, "graph"
        except RuntimeError:
            torch.cuda.synchronize()
            return work, "stream"

    def seconds(self, work, times):
        """How long the GPU takes to do `work` so many times."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        for _ in range(times):
            work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3


class HostDevice:
    """Tensors are torch's on the CPU; gqa's programs have copies on the GPU."""

    has_torch, most_sets = False, 2

    def make_sets(self, case, count):
        return make_sets(case, count)

    def stream(self):
        return None

    def free(self):
        pass

    def repeatable(self, work):
        work()
        return work, "host clock"

    def seconds(self, work, times):
        start = time.perf_counter()
        for _ in range(times):
            work()
        return time.perf_counter() - start
