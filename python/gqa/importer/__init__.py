"""Models of PyTorch, ONNX and JAX as linalg on tensors, through torch-mlir.

`sources` finds the model, `fx` and `onnx_graph` bring it into the `torch` dialect, `decompositions` removes what stock MLIR could not
express. What JAX gives is StableHLO: `stablehlo` reads it, `control`, `hlo_scatter` and `hlo_sort` take its loops, scatters and
sorts apart. `lower` reaches linalg, `weights` writes the parameters beside the text.
"""

import copy
import pathlib
import sys
import warnings

from .errors import ImportFailure, first_line

__all__ = ["ImportFailure", "import_model", "linalg_of_onnx", "linalg_of_program"]


def import_model(model, output, *, inline_weights=False, inputs=(), example=None):
    """Writes `model` as linalg text to the path `output` (`-`: standard output) and returns lines that describe it.

    `model`: the path of a `.pt2` or `.onnx` file, or of a `.mlir` file with StableHLO, or `module:function` (also `file.py:function`).
    `inputs`: shapes such as `2x7xi64` for a callable that takes arguments.
    `example`: path of an .npz for the example inputs and the framework's results (not for ONNX).
    Raises ImportFailure with one line that says what to do.
    """
    _require("torch_mlir", "torch-mlir==20261001 --no-deps")
    warnings.filterwarnings("ignore")
    path = pathlib.Path(model)
    if path.suffix == ".onnx":
        _require_file(path)
        if example:
            raise ImportFailure("--save-example: an ONNX model has no example inputs; use it with .pt2 or module:function")
        _require("onnx", "onnx")
        from .onnx_graph import import_onnx, load
        torch_module = import_onnx(load(str(path)), str(path), inline_weights)
    elif path.suffix == ".mlir":
        _require_file(path)
        if example:
            raise ImportFailure("--save-example: StableHLO has no example inputs; use it with .pt2 or module:function")
        from .stablehlo import import_stablehlo
        torch_module = import_stablehlo(str(path))
    else:
        program = _program(model, path, inputs)
        decomposed = _decomposed(program)
        if example:
            from .example import save_example
            save_example(program, decomposed.graph_signature, example)
        torch_module = _from_decomposed(decomposed, inline_weights)
    return _write(torch_module, output)


def linalg_of_program(program, inline_weights=True, places=False):
    """The linalg text of a torch.export.ExportedProgram; with `inline_weights` it stands alone. Made in a child process.

    places: operations say which lines of the model's Python they come from.
    """
    from .guard import in_child
    from .lower import annotate, lower

    torch_module = _from_decomposed(_decomposed(program), inline_weights)

    def work():
        module = lower(torch_module)
        annotate(module, torch_module, "")
        return _text(module, places)

    torch_module.module.context.enable_multithreading(False)
    return in_child(work)


def linalg_of_onnx(model):
    """The linalg text of an onnx.ModelProto, which stays as it is, with its weights inside."""
    from .guard import in_child
    from .lower import lower
    from .onnx_graph import import_onnx

    torch_module = import_onnx(copy.deepcopy(model), "<model>", inline_weights=True)
    torch_module.module.context.enable_multithreading(False)
    return in_child(lambda: _text(lower(torch_module)))


def _program(model, path, inputs):
    from . import sources

    if path.suffix == ".pt2":
        _require_file(path)
        return sources.load_program(str(path))
    if ":" in model:
        return sources.export_object(model, inputs)
    raise ImportFailure(f"{model}: expected FILE.pt2, FILE.onnx or module:function")


def _decomposed(program):
    from .decompositions import decompose

    try:
        return decompose(program)
    except Exception as error:  # torch's decompositions raise whatever their operations raise
        raise ImportFailure(f"torch cannot decompose this program ({type(error).__name__}: {first_line(error)})") from error


def _from_decomposed(program, inline_weights):
    from .fx import import_program

    return import_program(program, inline_weights)


def _write(torch_module, output):
    from .lower import annotate, lower, result_types
    from .weights import describe, write_sidecar

    to_stdout = output == "-"
    if to_stdout and torch_module.weights:
        raise ImportFailure("-o -: parameters need a file beside the output; name a file or use --inline-weights")
    sidecar = pathlib.Path(output).with_suffix(".safetensors")
    if torch_module.weights and sidecar == pathlib.Path(output):
        raise ImportFailure(f"-o {output}: this is the file for the parameters; name one for the text, {sidecar.with_suffix('.mlir')} say")
    module = lower(torch_module)
    types = annotate(module, torch_module, sidecar.name)
    text = _text(module)
    if to_stdout:
        sys.stdout.write(text)
    else:
        if torch_module.weights:
            write_sidecar(torch_module.weights, sidecar)
        try:
            pathlib.Path(output).write_text(text)
        except OSError as error:
            raise ImportFailure(f"{output}: cannot be written ({error.strerror or error})") from error
    return describe(types, torch_module, result_types(module))


def _text(module, places=False):
    return module.operation.get_asm(large_elements_limit=None, enable_debug_info=places)


def _require(package, install):
    try:
        __import__(package)
    except ImportError as error:
        raise ImportFailure(f"the importer needs {package} ({error}); run tools/quickstart, or: pip install {install}") from error


def _require_file(path):
    if not path.is_file():
        raise ImportFailure(f"{path}: no such file")
