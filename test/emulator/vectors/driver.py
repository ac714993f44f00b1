"""Runs vectors through CUDA's driver API: NVIDIA's libcuda.so.1, or the library that GQA_CUDA_DRIVER names."""

import ctypes
import os

import numpy as np

PATTERN = 0xA5A5A5A5  # in words of outputs that a kernel leaves alone
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
UINT16, SWIZZLES, L2_128B = 1, {64: 2, 128: 3}, 2  # of CUtensorMap*


class Device:
    """Device 0 with its primary context, which is given back at the end. Raises RuntimeError for every error of the driver."""

    def __init__(self):
        self.path = os.environ.get("GQA_CUDA_DRIVER")
        try:
            self.library = ctypes.CDLL(self.path or "libcuda.so.1")
        except OSError as error:
            raise RuntimeError(f"the driver {self.path or 'libcuda.so.1'} cannot be loaded: {error}") from None

    def __enter__(self):
        self.retain()
        return self

    def retain(self):
        """As `with` does, where nobody gives the context back: a process that ends."""
        self._call("cuInit", 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context := ctypes.c_void_p()), 0)
        self._call("cuCtxSetCurrent", context)

    def __exit__(self, *_):
        self._call("cuCtxSetCurrent", None)
        self._call("cuDevicePrimaryCtxRelease_v2", 0)

    def name(self):
        self._call("cuDeviceGetName", name := ctypes.create_string_buffer(256), len(name), 0)
        return name.value.decode()

    def chip(self):
        """As 90 for sm_90."""
        return 10 * self._attribute(MAJOR) + self._attribute(MINOR)

    def run(self, vector):
        """The words that the kernel writes."""
        inputs, outputs = vector.words(), np.full(vector.output_words, PATTERN, np.uint32)
        module, function, places = ctypes.c_void_p(), ctypes.c_void_p(), []
        self._call("cuModuleLoadData", ctypes.byref(module), vector.ptx().encode())
        try:
            self._call("cuModuleGetFunction", ctypes.byref(function), module, b"k")
            self._call("cuFuncSetAttribute", function, DYNAMIC_SHARED, vector.shared)
            for words in (outputs, inputs):
                places.append(place := ctypes.c_uint64())
                self._call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(words.nbytes))
                self._call("cuMemcpyHtoD_v2", place, words.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(words.nbytes))
            parameters = [*places, *([self._tensor_map(vector.box, *places)] if vector.box else [])]
            addresses = (ctypes.c_void_p * len(parameters))(*map(ctypes.addressof, parameters))
            self._call("cuLaunchKernel", function, vector.blocks, 1, 1, vector.threads, 1, 1, vector.shared, None, addresses, None)
            self._call("cuCtxSynchronize")
            self._call("cuMemcpyDtoH_v2", outputs.ctypes.data_as(ctypes.c_void_p), places[0], ctypes.c_size_t(outputs.nbytes))
        finally:
            for place in places:
                self.library.cuMemFree_v2(place)
            self.library.cuModuleUnload(module)
        return outputs

    def _tensor_map(self, box, outputs, inputs):
        memory = (ctypes.c_uint8 * 192)()
        start = -ctypes.addressof(memory) % 64
        tensor = (ctypes.c_uint8 * 128).from_buffer(memory, start)
        strides = [2 * int(np.prod(box.sizes[:n])) for n in (1, 2, 3)]
        self._call("cuTensorMapEncodeTiled", tensor, UINT16, 4, ctypes.c_void_p((outputs if box.stores else inputs).value),
                   (ctypes.c_uint64 * 4)(*box.sizes), (ctypes.c_uint64 * 3)(*strides), (ctypes.c_uint32 * 4)(*box.box),
                   (ctypes.c_uint32 * 4)(1, 1, 1, 1), 0, SWIZZLES[box.swizzle], L2_128B, 0)
        return tensor

    def _attribute(self, number):
        self._call("cuDeviceGetAttribute", ctypes.byref(value := ctypes.c_int()), number, 0)
        return value.value

    def _call(self, name, *arguments):
        if error := getattr(self.library, name)(*arguments):
            raise RuntimeError(f"CUDA error {error} of {name}")
