"""Where models come from: a `.pt2` archive, an `.onnx` file, or a Python object named `module:function`."""

import importlib
import importlib.util
import inspect
import os
import pathlib
import re
import sys
import types

import torch

from .errors import ImportFailure, first_line

_DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64, "i1": torch.bool,
           "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64}
_EXAMPLE_SIZE = 6  # of a dimension given as `?`: export only needs some size


def load_program(path):
    """The ExportedProgram in a `.pt2` archive."""
    try:
        return torch.export.load(path)
    except Exception as error:  # zip, pickle, json and schema errors all end here
        raise ImportFailure(f"{path}: not a torch.export archive ({first_line(error)}); "
                            "write one with torch.export.save") from error


def export_object(name, inputs):
    """Exports what `module:function` names; `inputs` are shapes such as `1x8x16xf32`, for callables only."""
    target = _find(name)
    if not isinstance(target, torch.nn.Module) and not inputs and _callable_without_arguments(target):
        module, args, kwargs, dynamic = _from_factory(name, _call(name, target))
    else:
        if not callable(target):
            raise ImportFailure(f"{name}: of type {type(target).__name__}, expected a torch.nn.Module or a function")
        if not inputs:
            raise ImportFailure(f"{name}: takes arguments; give the shape of each with --input, such as "
                                "--input=1x8x16xf32, or name a function that returns (module, example arguments)")
        module = target if isinstance(target, torch.nn.Module) else _Wrapped(target)
        args, dynamic = _examples(inputs)
        kwargs = {}
    return _export(name, module, args, kwargs, dynamic)


def export_module(model, args, kwargs, dynamic):
    """Exports a module or a function of torch with example arguments, as it is when it is not trained."""
    module = model if isinstance(model, torch.nn.Module) else _Wrapped(model)
    name = type(model).__name__ if module is model else getattr(model, "__name__", "the model")
    training = {part: part.training for part in module.modules()}
    try:
        return _export(name, module, args, kwargs, dynamic)
    finally:
        for part, was in training.items():
            part.training = was


class _Wrapped(torch.nn.Module):
    """torch.export takes modules only."""

    def __init__(self, function):
        super().__init__()
        self.function = _named_forward(function)

    def forward(self, *args):
        return self.function(*args)


def _named_forward(function):
    """A copy named `forward`: torch.export records source lines in functions of this name only."""
    if not isinstance(function, types.FunctionType):
        return function
    copy = types.FunctionType(function.__code__.replace(co_name="forward"), function.__globals__, "forward",
                              function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _find(name):
    module_name, _, path = name.partition(":")
    try:
        if module_name.endswith(".py"):
            spec = importlib.util.spec_from_file_location(pathlib.Path(module_name).stem, module_name)
            found = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = found
            spec.loader.exec_module(found)
        else:
            sys.path.insert(0, os.getcwd())
            found = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises
        raise ImportFailure(f"{module_name}: cannot be imported ({type(error).__name__}: {first_line(error)})") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise ImportFailure(f"{module_name}: has no '{part}'; it has "
                                + (", ".join(n for n in vars(found) if not n.startswith("_")) or "nothing")[:200])
        found = getattr(found, part)
    return found


def _callable_without_arguments(target):
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _call(name, function):
    try:
        return function()
    except Exception as error:  # the user's code
        raise ImportFailure(f"{name}: raised {type(error).__name__}: {first_line(error)}") from error


def _from_factory(name, made):
    expected = f"{name}: expected (module, example arguments[, keyword arguments[, dynamic shapes]])"
    if not isinstance(made, tuple) or not 2 <= len(made) <= 4:
        raise ImportFailure(f"{expected}, found {type(made).__name__}")
    module, args, kwargs, dynamic = (*made, *(None,) * (4 - len(made)))
    if not callable(module):
        raise ImportFailure(f"{expected}, the first is of type {type(module).__name__}")
    if not isinstance(args, (tuple, list)):
        raise ImportFailure(f"{expected}, the example arguments are of type {type(args).__name__}")
    return (module if isinstance(module, torch.nn.Module) else _Wrapped(module)), tuple(args), kwargs or {}, dynamic


def _examples(inputs):
    args, dynamic = [], []
    for text in inputs:
        sizes, kind = _parse_shape(text)
        shape = [_EXAMPLE_SIZE if n is None else n for n in sizes]
        dtype = _DTYPES[kind]
        args.append(torch.randn(shape).to(dtype) if dtype.is_floating_point else torch.ones(shape, dtype=dtype))
        dynamic.append({d: torch.export.Dim.AUTO for d, n in enumerate(sizes) if n is None})
    # A wrapped function gathers its arguments in *args, which torch.export sees as one tuple.
    return tuple(args), (dynamic if any(dynamic) else None)


def _parse_shape(text):
    match = re.fullmatch(r"((?:(?:\d+|\?)x)*)(\w+)", text)
    if not match or match[2] not in _DTYPES:
        raise ImportFailure(f"--input={text}: expected sizes and an element type, such as 1x8x16xf32 or 2x?xi64; "
                            f"element types are {', '.join(_DTYPES)}")
    return [None if n == "?" else int(n) for n in match[1].split("x")[:-1]], match[2]


def _export(name, module, args, kwargs, dynamic):
    module = module.eval()
    if dynamic is not None and isinstance(module, _Wrapped) and isinstance(dynamic, (tuple, list)):
        dynamic = {"args": tuple(dynamic)}
    try:
        with torch.no_grad():
            return torch.export.export(module, args, kwargs, dynamic_shapes=dynamic, strict=False)
    except Exception as error:  # the user's code runs inside
        raise ImportFailure(f"{name}: torch.export failed ({type(error).__name__}: {first_line(error)})\n"
                            f"{str(error)[:2000]}") from error
