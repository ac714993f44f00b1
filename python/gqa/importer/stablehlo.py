"""StableHLO text, as `jax.jit(f).lower(*args).as_text()` gives it, as a module that torch-mlir lowers to linalg."""

import pathlib

from torch_mlir import ir
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.passmanager import PassManager

from .errors import ImportFailure
from .module import TorchModule, functions

# Functions that JAX outlines (`_where`, `tril`) go into their callers; StableHLO's integers have signs, stock MLIR's none.
PIPELINE = ("inline,symbol-dce,func.func(stablehlo-aggressive-simplification),stablehlo-legalize-to-linalg,"
            "stablehlo-convert-to-signless,canonicalize")


def import_stablehlo(path):
    """Raises ImportFailure for text that is no StableHLO module with a function @main."""
    context = ir.Context()
    torch_dialect.register_dialect(context)
    with context:
        # Nothing but a pass that makes StableHLO loads its dialect.
        PassManager.parse("builtin.module(func.func(convert-torch-to-stablehlo))").run(ir.Module.create(ir.Location.unknown()).operation)
        try:
            module = ir.Module.parse(pathlib.Path(path).read_text())
        except (ir.MLIRError, UnicodeDecodeError) as error:
            raise ImportFailure(f"{path}: not a module of StableHLO ({_first_line(error)})") from error
        names = [ir.StringAttr(function.attributes["sym_name"]).value for function in functions(module)]
        if "main" not in names:
            raise ImportFailure(f"{path}: has no function @main; it has {', '.join(names) or 'no function'}")
        for name in list(module.operation.attributes):  # JAX's notes on partitions
            if "." in name:
                del module.operation.attributes[name]
    return TorchModule(module, PIPELINE, {}, {})


def _first_line(error):
    lines = [line for line in str(error).splitlines() if line.startswith("error")] or str(error).splitlines()
    return lines[0].removeprefix("error: ") if lines else type(error).__name__
