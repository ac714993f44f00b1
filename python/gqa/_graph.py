"""`gqa.capture`: calls on a GPU, recorded once in a CUDA graph, and then launched together with the cost of one."""

import contextlib
import sys
import threading

import tvm_ffi

from . import _native


# The threads in which gqa.capture records, and which device.
recording = {}


def refuse_host(what):
    """Raises RuntimeError in a thread that records: what is done on the CPU would be done at once, and by no replay."""
    device = recording.get(threading.get_ident())
    if device is not None:
        raise RuntimeError(f"{what} on the CPU, in a call that gqa.capture records for CUDA device {device}: a graph has only what "
                           "is done there; expected tensors on it, or the call outside of gqa.capture")


class Graph:
    """What `gqa.capture` has recorded. `result` is what the function returned: tensors that each replay writes anew.

    A replay reads and writes the memory of the capture, whose tensors live as long as the graph; to give it other inputs, copy
    them into those. Replays of one graph follow each other, from whatever thread or stream they are asked for.
    """

    def __init__(self, device, handle, result, kept):
        self.device, self.result = device, result
        self._handle, self._kept, self._destroy = handle, kept, _native.library()["cuda_graph_destroy"]
        self._launching = threading.Lock()  # the driver takes one thread at a time

    def replay(self):
        """Queues all that was recorded in torch's current stream, else in the default stream, and returns `result`.

        Raises RuntimeError with the driver's error.
        """
        with self._launching, _current_stream(self.device):
            _native.library()["cuda_graph_launch"](self.device, self._handle)
        return self.result

    def __repr__(self):
        return f"<gqa.Graph on cuda:{self.device}>"

    def __del__(self):
        if getattr(self, "_handle", None):
            self._destroy(self.device, self._handle)


def capture(function, *args, device=0, **keywords):
    """Calls function(*args, **keywords) while a stream of CUDA device `device` records what it queues: a `gqa.Graph`.

    The function calls `gqa.attention` and modules of `gqa.compile` or `gqa.load` on tensors that are on the device, results
      included, for which each call has `out`. Nothing of it is done before the first replay. What its Python code does is done
    once, now. Together with torch's operations, which allocate, use `torch.cuda.graph`: it records calls of this package too.

        graph = gqa.capture(gqa.attention, q, k, v, kv_len=length, out=output)     # length: int64[B] on the GPU
        ...                                                                        # q, k, v and length get new contents
        graph.replay()                                                             # output is written

    Raises what the function raises, and RuntimeError if it does what cannot be recorded: wait, say, copy to the host, or call
    this package for tensors on the CPU.
    """
    library = _native.library()
    stream = library["cuda_stream_create"](device)
    try:
        with _stream(device, stream):
            library["cuda_graph_begin"](device, stream)
            try:
                with _recording(device):
                    result = function(*args, **keywords)
            except BaseException:
                with contextlib.suppress(RuntimeError):  # what is told is the function's own error
                    library["cuda_graph_destroy"](device, library["cuda_graph_end"](device, stream))
                raise
            handle = library["cuda_graph_end"](device, stream)
    finally:
        library["cuda_stream_destroy"](device, stream)
    return Graph(device, handle, result, (function, args, keywords))


@contextlib.contextmanager
def _recording(device):
    recording[threading.get_ident()] = device
    try:
        yield
    finally:
        del recording[threading.get_ident()]


@contextlib.contextmanager
def _stream(device, stream):
    """Makes a stream the current one, for torch, too, where it uses the GPU."""
    torch = _torch()
    with contextlib.ExitStack() as stack:
        if torch:
            stack.enter_context(torch.cuda.stream(torch.cuda.ExternalStream(stream, device=f"cuda:{device}")))
        stack.enter_context(tvm_ffi.use_raw_stream(tvm_ffi.device(f"cuda:{device}"), stream))
        yield


def _current_stream(device):
    """torch's current stream as everybody's: a call without tensors does not bring it along."""
    torch = _torch()
    if torch is None:
        return contextlib.nullcontext()
    return tvm_ffi.use_raw_stream(tvm_ffi.device(f"cuda:{device}"), torch.cuda.current_stream(device).cuda_stream)


def _torch():
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None
