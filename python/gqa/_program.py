"""Programs on disk: what `gqa-compile --emit=obj --target=cuda...` wrote, linked against the runtime's CUDA half.

    runtime = Runtime("lib/libgqa_cuda.so")
    program = Program(runtime, "programs/decode.so")
    program([q, k, v], [output])        # Arrays, or torch tensors on the GPU

Nothing but the standard library and NumPy is needed, no compiler above all. Memory is the runtime's or torch's.
"""

import ctypes
import json
import math

import numpy as np

BYTES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "f8E4M3FN": 1, "f8E5M2": 1, "f16": 2, "bf16": 2, "f32": 4,
         "f64": 8}
NUMPY = {"i1": np.bool_, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "f16": np.float16,
         "f32": np.float32, "f64": np.float64, "bf16": np.uint16, "f8E4M3FN": np.uint8, "f8E5M2": np.uint8}  # NumPy's lack: bits
FACTS = ("chip", "processors", "shared_per_block", "shared_per_processor", "l2_bytes", "memory_bytes", "threads_per_processor",
         "registers_per_processor")
GUARD = 512  # bytes around an array's memory that nobody may write; the array is aligned to them, as torch's are
PATTERN = 0xA5  # what is in them


class CudaError(RuntimeError):
    """The runtime or the driver refuses: the process may have lost the device."""


class Span(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("bytes", ctypes.c_int64)]


class Site(ctypes.Structure):
    _fields_ = [("device", ctypes.c_int64), ("stream", ctypes.c_void_p), ("spans", ctypes.POINTER(Span)),
                ("num_spans", ctypes.c_int64), ("results_on_device", ctypes.c_int64), ("results", ctypes.POINTER(Span)),
                ("num_results", ctypes.c_int64)]


class Image(ctypes.Structure):
    _fields_ = [("chip", ctypes.c_char_p), ("data", ctypes.c_void_p), ("size", ctypes.c_int64), ("format", ctypes.c_int64)]


class Module(ctypes.Structure):
    _fields_ = [("images", ctypes.POINTER(Image)), ("num_images", ctypes.c_int64), ("state", ctypes.c_void_p)]


class Runtime:
    """gqa/Runtime/Cuda.h on device 0, through ctypes. Streams and events are addresses."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)  # programs find its functions
        address, integer = ctypes.c_void_p, ctypes.c_int64
        for name, result, *arguments in (
                ("error", ctypes.c_char_p), ("driver_version", integer), ("device_name", ctypes.c_char_p, integer),
                ("device_facts", ctypes.c_int, integer, address), ("reserve", address, integer, address, integer),
                ("release", ctypes.c_int, integer, address, address), ("synchronize", ctypes.c_int, integer, address),
                ("copy_in", ctypes.c_int, integer, address, address, address, integer),
                ("copy_out", ctypes.c_int, integer, address, address, address, integer),
                ("copy", ctypes.c_int, integer, address, address, address, integer),
                ("stream_create", address, integer), ("stream_destroy", ctypes.c_int, integer, address),
                ("loaded", ctypes.POINTER(Image), address, integer), ("unload", None, address),
                ("blas_error", ctypes.c_char_p),
                ("graph_begin", ctypes.c_int, integer, address), ("graph_end", address, integer, address),
                ("graph_launch", ctypes.c_int, integer, address, address), ("graph_destroy", ctypes.c_int, integer, address),
                ("call", ctypes.c_int, ctypes.POINTER(Site), address, address)):
            function = getattr(self.library, f"gqa_rt_cuda_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, f"_{name}", function)
        self.library.gqa_rt_last_error.restype = ctypes.c_char_p

    def missing(self):
        """Why there is no GPU, or ""."""
        return (self._error() or b"").decode()

    def missing_blas(self):
        """Why there are no matrix products, or ""."""
        return (self._blas_error() or b"").decode()

    def describe(self):
        """The device's name and facts, and the version of CUDA that the driver supports."""
        facts = (ctypes.c_int64 * len(FACTS))()
        self._check(self._device_facts(0, facts))
        version = self._driver_version()
        return {"name": self._device_name(0).decode(), **dict(zip(FACTS, facts)),
                "cuda": f"{version // 1000}.{version % 1000 // 10}"}

    def stream(self):
        return self._made(self._stream_create(0))

    def synchronize(self, stream=None):
        self._check(self._synchronize(0, stream))

    def copy(self, to, source, count, stream=None):
        """`count` bytes from one address of the device to another."""
        self._check(self._copy(0, stream, to, source, count))

    def call(self, entry, arguments, spans, results, stream):
        spans, results = ((Span * len(pairs))(*pairs) for pairs in (spans, results))
        site = Site(0, stream, spans, len(spans), 1, results, len(results))
        self._check(self._call(ctypes.byref(site), entry, arguments))

    def capture(self, queue):
        """A Graph of what queue(stream) queues; nothing of it is done. Raises CudaError if that cannot be recorded."""
        stream = self.stream()
        try:
            self._check(self._graph_begin(0, stream))
            try:
                queue(stream)
            except BaseException:
                self._graph_destroy(0, self._graph_end(0, stream))
                raise
            return Graph(self, self._made(self._graph_end(0, stream)))
        finally:
            self._stream_destroy(0, stream)

    def loaded(self, module):
        """"cubin sm_90" or "ptx sm_80", what the device runs of a module; "nothing" before its first launch."""
        image = self._loaded(module, 0)
        return f"{('ptx', 'cubin')[image.contents.format]} {image.contents.chip.decode()}" if image else "nothing"

    def unload(self, module):
        self._unload(module)

    def last_error(self):
        return self.library.gqa_rt_last_error().decode()

    def _check(self, failed):
        if failed:
            raise CudaError(self.last_error())

    def _made(self, address):
        if not address:
            raise CudaError(self.last_error())
        return address


class Graph:
    """Recorded work on memory that whoever has recorded it keeps."""

    def __init__(self, runtime, handle):
        self.runtime, self._handle = runtime, handle

    def launch(self, stream=None):
        self.runtime._check(self.runtime._graph_launch(0, self._handle, stream))

    def __del__(self):
        self.runtime._graph_destroy(0, self._handle)


class Array:
    """Dense memory on the GPU with guards around it, of a type by its name in MLIR."""

    def __init__(self, runtime, shape, dtype):
        self.runtime, self.shape, self.dtype = runtime, tuple(shape), dtype
        self.bytes = math.prod(self.shape) * BYTES[dtype]
        self._inside = slice(GUARD, GUARD + self.bytes)
        self._fresh = np.full(2 * GUARD + self.bytes, PATTERN, np.uint8)
        self._fresh[self._inside] = 0xFF
        self._memory = runtime._made(runtime._reserve(0, None, self._fresh.size))
        self.poison()

    @classmethod
    def of(cls, runtime, array, dtype):
        """A copy of a NumPy array; bf16 as uint16."""
        made = cls(runtime, array.shape, dtype)
        made.write(array)
        return made

    def write(self, array):
        source = np.ascontiguousarray(array, NUMPY[self.dtype])
        self.runtime._check(self.runtime._copy_in(0, None, self.data_ptr(), source.ctypes.data, self.bytes))

    def data_ptr(self):
        return self._memory + self._inside.start

    def poison(self):
        """Fills it with NaN, which a kernel has to overwrite, and the guards with their pattern."""
        self.runtime._check(self.runtime._copy_in(0, None, self._memory, self._fresh.ctypes.data, self._fresh.size))

    def numpy(self):
        """A copy. Raises AssertionError if somebody has written outside of the array."""
        image = np.empty_like(self._fresh)
        self.runtime._check(self.runtime._copy_out(0, None, image.ctypes.data, self._memory, image.size))
        for guard in (slice(None, self._inside.start), slice(self._inside.stop, None)):
            assert (image[guard] == PATTERN).all(), "a kernel has written outside of its result"
        return image[self._inside].view(NUMPY[self.dtype]).reshape(self.shape)

    def __del__(self):
        if getattr(self, "_memory", None):
            self.runtime._release(0, None, self._memory)


def signature_of(library):
    """What a compiled function takes and returns, of a library that is loaded."""
    return json.loads(ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "gqa_signature"))))


class Program:
    """A compiled function. `inputs` and `outputs` have dtype, shape (-1: any size) and device of each; outputs that are written
    over an input are that input, and not among `outputs`; `donors` has the input of each such output, by their numbers."""

    def __init__(self, runtime, path):
        self.runtime, self._library = runtime, ctypes.CDLL(str(path))
        self._entry = ctypes.cast(self._library.gqa_entry, ctypes.c_void_p)
        self._kernels = Module.in_dll(self._library, "gqa_cuda_module")
        self._module = ctypes.addressof(self._kernels)
        signature = signature_of(self._library)
        self.inputs = signature["inputs"]
        self.donors = {kind["donated_to"]: place for place, kind in enumerate(self.inputs) if kind["donated_to"] >= 0}
        self._results = [number for number in range(len(signature["outputs"])) if number not in self.donors]
        self.outputs = [signature["outputs"][number] for number in self._results]
        if not all(output["device"] for output in signature["outputs"]):
            raise ValueError(f"{path}: the host writes a result of this program; expected kernels to write all of them")

    def __call__(self, inputs, outputs, stream=None):
        """Queues the kernels. What only kernels read is on the GPU (anything with data_ptr), the rest NumPy arrays."""
        if [len(inputs), len(outputs)] != [len(self.inputs), len(self.outputs)]:
            raise TypeError(f"expected {len(self.inputs)} inputs and {len(self.outputs)} outputs, found {len(inputs)} and "
                            f"{len(outputs)}")
        descriptors = [_descriptor(array, kind) for array, kind in zip(inputs, self.inputs)]
        results = (ctypes.c_int64 * sum(3 + 2 * len(kind["shape"]) for kind in self.outputs))()
        addresses = [ctypes.addressof(words) for words in ([results] if self.outputs else []) + descriptors]
        arguments = (ctypes.c_void_p * len(addresses))(*addresses)
        spans = [_span(array, kind) for array, kind in zip(inputs, self.inputs) if kind["device"]]
        rooms = {number: _span(array, kind) for number, array, kind in zip(self._results, outputs, self.outputs)}
        rooms |= {number: _span(inputs[place], self.inputs[place]) for number, place in self.donors.items()}
        self.runtime.call(self._entry, ctypes.cast(arguments, ctypes.c_void_p), spans,
                          [rooms[number] for number in sorted(rooms)], stream)

    def place(self, index, array):
        """A NumPy array where input `index` has to be."""
        kind = self.inputs[index]
        # ascontiguousarray would give a scalar a dimension.
        return Array.of(self.runtime, array, kind["dtype"]) if kind["device"] else np.asarray(array, order="C")

    def ptx(self):
        """The text of the kernels, from which every image is made; "" without any."""
        images = self._kernels.images[:self._kernels.num_images]
        return next((ctypes.string_at(image.data, image.size) for image in images if image.format == 0), b"").decode()

    def loaded(self):
        """What the device runs: the chip and whether the driver compiled it."""
        return self.runtime.loaded(self._module)

    def close(self):
        """Unloads the kernels; the next call loads them again."""
        self.runtime.unload(self._module)


def _address(array):
    return array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data


def _descriptor(array, kind):
    """A memref descriptor of a dense array: allocated, aligned, offset, sizes, strides."""
    shape = tuple(array.shape)
    if len(shape) != len(kind["shape"]) or any(want not in (-1, found) for found, want in zip(shape, kind["shape"])):
        raise ValueError(f"an input is {shape}, expected {kind['shape']}")
    strides, step = [], 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    words = [_address(array), _address(array), 0, *shape, *strides]
    return (ctypes.c_int64 * len(words))(*words)


def _span(array, kind):
    return _address(array), math.prod(array.shape) * BYTES[kind["dtype"]]
