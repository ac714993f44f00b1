"""StableHLO text, as `jax.jit(f).lower(*args).as_text()` gives it, as a module that torch-mlir lowers to linalg.

What StableHLO's own lowering to linalg leaves is taken apart before it: control flow (`control`), scatters (`hlo_scatter`) and
sorts (`hlo_sort`).
"""

import pathlib

from torch_mlir import ir
from torch_mlir._mlir_libs import _stablehlo
from torch_mlir.dialects import torch as torch_dialect
from torch_mlir.passmanager import PassManager

from .control import structure_control_flow
from .errors import ImportFailure
from .hlo_scatter import expand_scatters
from .hlo_sort import expand_sorts
from .module import TorchModule, functions

# Functions that JAX outlines (`_where`, `tril`) go into their callers, and its own operations (`chlo`) become StableHLO's.
FIRST = "inline,symbol-dce,func.func(chlo-legalize-to-stablehlo,stablehlo-aggressive-simplification)"
# StableHLO's integers have signs, stock MLIR's none.
PIPELINE = "stablehlo-legalize-to-linalg,stablehlo-convert-to-signless,canonicalize"


def import_stablehlo(path):
    """Raises ImportFailure for text that is no StableHLO module with a function @main."""
    _stablehlo.register_stablehlo_passes()
    context = ir.Context()
    torch_dialect.register_dialect(context)
    context.emit_error_diagnostics = False
    with context:
        # Nothing but a pass that makes StableHLO loads its dialects.
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
        try:
            PassManager.parse(f"builtin.module({FIRST})").run(module.operation)
        except ir.MLIRError as error:
            raise ImportFailure(f"{path}: StableHLO's own passes cannot read it ({_first_line(error)})") from error
        _drop_algorithms(module)
        structure_control_flow(module)
        expand_scatters(module)
        expand_sorts(module)
    return TorchModule(module, PIPELINE, {}, {})


def _drop_algorithms(module):
    """How a product accumulates, which its types say here: the lowering to linalg reads no product that says it again."""
    def visit(op):
        if op.name == "stablehlo.dot_general" and "algorithm" in op.attributes:
            del op.attributes["algorithm"]
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


def _first_line(error):
    lines = [line for line in str(error).splitlines() if line.startswith("error")] or str(error).splitlines()
    return lines[0].removeprefix("error: ") if lines else type(error).__name__
