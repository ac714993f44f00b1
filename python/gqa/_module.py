"""`gqa.compile`, `gqa.build` and `gqa.load`: the text of an MLIR module as a Python callable, in memory or as a library."""

import json
import os
import pathlib
import struct
import sys
import threading
from collections.abc import Callable, Mapping

import numpy as np
import tvm_ffi

from . import _native
from ._arrays import ELEMENTS, as_array, contiguous, device_of, is_contiguous, is_native, is_ready, is_torch, like, to_native
from ._graph import recording, refuse_host
from ._remarks import Listener


class Module:
    """A compiled function. Call it with its inputs, in order; parameters that have values are left out.

    `inputs` and `outputs` are lists of `(dtype, shape, parameter name or "")`, where -1 is a dynamic size.
    Arguments are on the CPU. One for a target of CUDA takes on a CUDA device, too, what only kernels read; results that only
    kernels write are there then, and are queued in torch's current stream. Parameters that only kernels read are copied to a
    device by the first call with an argument there, and stay.
    `donated`: `{argument: output}` for outputs that are written over an argument, as a KV cache is whose argument has
    `gqa.donated_to` in the module, or that an imported model changes. The output is that argument, with other contents.
    Safe to call from several threads.
    """

    def __init__(self, call, name, inputs, outputs, weights, target="cpu"):
        self._call, self.name, self._on_host = call, name, target.startswith("cpu")
        self._for_kernels = [bool(place) for *_, place, _ in inputs]
        self.donated = {place: int(output) for place, (*_, output) in enumerate(inputs) if output >= 0}
        self.inputs, self.outputs = ([(str(dtype), tuple(shape), str(param)) for dtype, shape, param, *_ in each]
                                     for each in (inputs, outputs))
        self._values = [self._weight(weights[param], param, place) if param in weights else None
                        for (_, _, param), place in zip(self.inputs, self._for_kernels)]
        self._open = [i for i, value in enumerate(self._values) if value is None]
        self._uploaded, self._uploading = {}, threading.Lock()

    def __call__(self, *args, out=None):
        """Returns the result, or a tuple of several, in the framework of the first argument.

        out: memory for the result, or a tuple for several: dense tensors of the outputs' types and shapes, on the GPU if the
          call runs there and only kernels write it; they are what is returned. A call in a CUDA graph needs it (`gqa.capture`,
          or `torch.cuda.graph`), for the graph writes the same memory at each launch. An output that is written over an
          argument is that argument, or None. Others share no memory with arguments on a GPU.
        Raises TypeError or ValueError naming the argument whose number, type or shape is wrong. A call that fails may have written
        to donated arguments.
        """
        if len(args) != len(self._open):
            raise TypeError(f"{self.name} takes {len(self._open)} arguments, {len(args)} were given")
        if recording and (self._on_host or all(device_of(value) == "cpu" for value in args)):
            refuse_host(f"{self.name} runs" if self._on_host else "all arguments are")
        values = list(self._values if self._on_host else self._values_for(args))
        for place, value in zip(self._open, args):
            values[place] = value if self._on_host and is_ready(value) else self._prepare(value, place)
        given = {output: args[self._open.index(place)] for place, output in self.donated.items()}
        if out is not None:
            out = self._filled(out, given)
            self._call(*values, *self._room(out))
            return out
        results = self._run(*values)
        if args:
            results = tuple(given[i] if i in given else like(result, args[0]) for i, result in enumerate(results))
        return results[0] if len(self.outputs) == 1 else tuple(results)

    @staticmethod
    def _filled(out, given):
        """`out` with the donated arguments where it has None."""
        if not given or not isinstance(out, (tuple, list)):
            return out
        return type(out)(given.get(i) if tensor is None else tensor for i, tensor in enumerate(out))

    def _room(self, out):
        """The given memory as the compiled function takes it."""
        given = (out,) if len(self.outputs) == 1 else out
        if not isinstance(given, (tuple, list)) or len(given) != len(self.outputs):
            raise TypeError(f"out is of type {type(out).__name__}, expected a tuple of {len(self.outputs)} tensors")
        for number, tensor in enumerate(given):
            if isinstance(tensor, np.ndarray) and not tensor.flags.writeable:
                raise ValueError(f"out[{number}] is read-only, as memory for results must not be")
        return [tensor if is_torch(tensor) or is_native(tensor) else tvm_ffi.from_dlpack(tensor) for tensor in given]

    def _run(self, *values):
        """The results, one or several, for arguments that are as the compiled function takes them."""
        results = self._call(*values)
        return (results,) if len(self.outputs) == 1 else results

    def _weight(self, value, param, for_kernels):
        device = device_of(value) if for_kernels else "cpu"
        return to_native(contiguous(as_array(value, f"weight '{param}'", device)))

    def _values_for(self, args):
        """The parameters' values for a call: on the GPU of the first argument that is on one, if only kernels read them."""
        device = next((found for found in map(device_of, args) if found.startswith("cuda:")), None)
        if device is None:
            return self._values
        with self._uploading:
            if device not in self._uploaded:
                self._uploaded[device] = [
                    self._upload(value, int(device.removeprefix("cuda:"))) if value is not None and place else value
                    for value, place in zip(self._values, self._for_kernels)]
            return self._uploaded[device]

    @staticmethod
    def _upload(value, device):
        if device_of(value) != "cpu":
            return value  # the call says if it is on another one
        return _native.library()["cuda_upload"](tvm_ffi.from_dlpack(value) if is_torch(value) else value, device)

    def _prepare(self, value, place):
        device = "cpu" if self._on_host else device_of(value)
        array = as_array(value, f"argument {place}", device)
        if place in self.donated:
            self._require_in_place(array, place)
        return to_native(contiguous(array))

    def _require_in_place(self, array, place):
        """That an argument that is written to would not be copied first."""
        what = ("not contiguous" if not is_contiguous(array) else
                "negated lazily" if is_torch(array) and array.is_neg() else
                "read-only" if isinstance(array, np.ndarray) and not array.flags.writeable else
                "not aligned" if isinstance(array, np.ndarray) and not array.flags.aligned else "")
        if what:
            raise ValueError(f"argument {place}, which output {self.donated[place]} is written over, is {what}; expected a dense "
                             "tensor that can be written to")

    def __reduce__(self):
        raise TypeError("a gqa.Module holds machine code, which is neither pickled nor copied; compile the text in each process, or "
                        "gqa.build a library and gqa.load it")

    def __repr__(self):
        return f"<gqa.Module {self.name}: {len(self._open)} inputs, {len(self.outputs)} outputs>"


def compile(text_or_path, function=None, *, weights=None, target="cpu", reference=False, on_remark=None):
    """Compiles an MLIR module (text, or the path of a file) for this process.

    `function`: the function to call; by default `main`, else the only public one.
    `weights`: values of parameters by name (a mapping), on the CPU or where the calls will be; for a file whose module names a
    `.safetensors` sidecar they are read from there.
    `target`: "cpu", "cpu:ARCH" for a processor whose features this one has, "cuda" or "cuda:sm_NN" for a GPU; "cuda:sm_80,sm_90" has
    ptxas assemble it for these chips beforehand. `reference`: evaluate in float64, slowly, instead of the generated kernels.
    `on_remark`: a function of a `gqa.Remark`, called for everything that is found out: what was recognised and shared, and what
    was left as it is and why. The log, `logging.getLogger("gqa")`, has it as well.
    Raises ValueError with the compiler's message, TypeError naming an argument, OSError for a file that cannot be read.
    """
    _check_types(function, weights, target, reference, on_remark)
    text, path = text_of(text_or_path)
    listener = None if on_remark is None else Listener(on_remark)
    library = _native.library()
    _native.lend_threads()
    call, name, inputs, outputs, sidecar = library["compile"](text, str(path or "<module>"), function or "", target, reference, listener)
    if listener:
        listener.raise_error()
    if weights is None:
        weights = _load(path.parent / str(sidecar)) if path and sidecar else {}
    return Module(call, str(name), inputs, outputs, weights, target)


def build(text_or_path, output, function=None, *, target="cpu"):
    """Writes an MLIR module (text, or the path of a file) to a library that runs without the compiler: gqa/artifact.h says how
    programs call it, `load` and `tvm_ffi.load_module` do it in Python.

    `function`: as for `compile`. `target`: the same, or several with commas between, of which a call takes the best that the
    machine has: "cpu:x86-64-v2,cpu:x86-64-v4,cuda:sm_80,sm_90" (what stands behind cuda belongs to that).
    Raises ValueError with the compiler's message, FileNotFoundError for a path that does not exist.
    """
    text, path = text_of(text_or_path)
    output = _path_of(output, "output")
    _native.library()["write_library"](text, str(path or "<module>"), function or "", target, str(output))


def load(path, *, weights=None):
    """A library of `build` or `gqa-compile MODULE.mlir -o PATH`, which needs no compiler.

    `weights`: values of parameters by name; by default those of the module's `.safetensors` file, beside the library.
    Raises FileNotFoundError, ValueError for a file that is no such library, RuntimeError if its code does not run on this
    machine.
    """
    path = _path_of(path, "path").absolute()
    _check_library(path)
    _native.prepare_libraries()
    try:
        library = tvm_ffi.load_module(_spelled(path))
        signature = json.loads(str(library["gqa_signature"]()))
    except (AttributeError, KeyError) as error:
        raise ValueError(f"{path} is a library, but not one that gqa-compile has written") from error
    except RuntimeError as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error
    library["gqa_target"]()
    _native.lend_threads(library.get_function("gqa_set_parallel") if library.implements_function("gqa_set_parallel") else None)
    names = {short: name for name, short in ELEMENTS.items()}
    inputs, outputs = ([(names.get(kind["dtype"], kind["dtype"].replace("u", "uint")), kind["shape"], kind["parameter"],
                         kind["device"], kind["donated_to"]) for kind in signature[which]] for which in ("inputs", "outputs"))
    if weights is None:
        weights = _load(path.parent / signature["weights"]) if signature["weights"] else {}
    target = "cuda" if any(kind["device"] for kind in signature["inputs"]) else "cpu"
    return Module(library[signature["name"]], signature["name"], inputs, outputs, weights, target)


# Of each path: the files that it has led to.
_files = {}


def _spelled(path):
    """The path as the loader has not read it for another file: it knows libraries by what they were asked for as, and would give
    the one that a `build` has since replaced."""
    status = path.stat()
    known, file = _files.setdefault(path, []), (status.st_dev, status.st_ino)
    if file not in known:
        known.append(file)
    return os.path.join(path.parent, *["."] * known.index(file), path.name)


def _path_of(value, name):
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected the path of a library")
    if "\0" in str(value):  # C would take what stands in front of it
        raise ValueError(f"{name} is {str(value)!r}, expected a path, which has no null character")
    return pathlib.Path(value)


def _check_library(path):
    """That a file is a library, and whole: the loader maps one that has been cut off, and crashes later."""
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:4] != b"\x7fELF":
            raise ValueError(f"{path} is not a library")
        (table,), (size, count) = struct.unpack_from("<Q", head, 0x28), struct.unpack_from("<HH", head, 0x3A)
        if file.seek(0, 2) < table + size * count:  # the headers of its sections, which are at the end
            raise ValueError(f"{path} has been cut off")
    if path.suffix != ".so":  # apache-tvm-ffi goes by the name
        raise ValueError(f"{path} cannot be loaded by this name; give it one that ends in .so")


def _check_types(function, weights, target, reference, on_remark):
    for name, value, kind, is_optional in (("function", function, str, True), ("target", target, str, False),
                                           ("reference", reference, bool, False), ("weights", weights, Mapping, True),
                                           ("on_remark", on_remark, Callable, True)):
        if not isinstance(value, kind) and not (is_optional and value is None):
            raise TypeError(f"{name} is of type {type(value).__name__}, expected {kind.__name__}{' or None' * is_optional}")


def text_of(text_or_path):
    """The text, and the path if it is a file's. No text of a module is one line without a brace, as most paths are."""
    if not isinstance(text_or_path, (str, pathlib.Path)):
        raise TypeError(f"text_or_path is of type {type(text_or_path).__name__}, expected the text of a module, or a path")
    if isinstance(text_or_path, str) and (not text_or_path or "\n" in text_or_path
                                          or "{" in text_or_path and not text_or_path.endswith(".mlir")):
        return text_or_path, None
    path = pathlib.Path(text_or_path)
    try:
        return path.read_text(), path
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not the text of an MLIR module; a library is for gqa.load, and a model of PyTorch or ONNX for "
                         f"python -m gqa.importer {path} -o MODEL.mlir") from error


def _load(path):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the module's parameters are kept in this file, which does not exist")
    if "torch" in sys.modules:
        from safetensors.torch import load_file
    else:
        from safetensors.numpy import load_file
    return load_file(str(path))
