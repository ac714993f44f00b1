"""From the `torch` dialect to linalg on tensors in the dialects of stock MLIR, and the messages when that fails."""

import re

from torch_mlir import ir
from torch_mlir.passmanager import PassManager

from .dialect import from_calls
from .errors import ImportFailure
from .loops import scatters_to_loops
from .module import functions
from .pads import cut_pads

STOCK = {"affine", "arith", "bufferization", "builtin", "cf", "complex", "func", "gqa", "linalg", "math", "scf", "shape", "tensor"}
# torch-mlir's last pass wants nothing but its own choice of operations; `_require_stock_dialects` is ours.
LAST_CHECK = ",torch-verify-linalg-on-tensors-backend-contract"
CLEAN_UP = "canonicalize,cse,symbol-dce"


def lower(torch_module):
    """Lowers in place and returns the module."""
    module = torch_module.module
    with module.context:
        module.context.emit_error_diagnostics = False
        _run(module, f"builtin.module({torch_module.pipeline})", torch_module.data_dependent)
        cut_pads(module)
        _run(module, "builtin.module(torch-backend-to-linalg-on-tensors-backend-pipeline)", torch_module.data_dependent)
        _strip(module)
        scatters_to_loops(module)
        _run(module, f"builtin.module({CLEAN_UP})")
        from_calls(module)
        _require_stock_dialects(module)
    return module


def annotate(module, torch_module, sidecar):
    """Names the arguments that are parameters or state, results that are written over arguments, and the file that holds the
    parameters."""
    main = functions(module)[0]
    names = list(torch_module.weights)
    state = list(torch_module.state)
    with module.context:
        types = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value).inputs
        plain = len(types) - len(names) - len(state)
        empty = ir.DictAttr.get({})
        attributes = [empty] * plain
        attributes += [ir.DictAttr.get({"gqa.state": ir.StringAttr.get(name)}) for name in state]
        attributes += [ir.DictAttr.get({"gqa.param": ir.StringAttr.get(name)}) for name in names]
        for argument, result in torch_module.donated.items():
            known = {name.name: name.attr for name in attributes[argument]}
            number = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), result)
            attributes[argument] = ir.DictAttr.get(known | {"gqa.donated_to": number})
        main.attributes["arg_attrs"] = ir.ArrayAttr.get(attributes)
        if names and sidecar:
            module.operation.attributes["gqa.weights"] = ir.StringAttr.get(sidecar)
    return [str(t) for t in types]


def _run(module, pipeline, data_dependent=""):
    try:
        passes = str(PassManager.parse(pipeline))
        PassManager.parse(passes.replace(LAST_CHECK, "")).run(module.operation)
    except ir.MLIRError as error:
        raise ImportFailure(_explain(error, data_dependent)) from None


def _strip(module):
    """Drops what only torch-mlir reads: its attributes and the seed of its random numbers."""
    for op in list(module.body.operations):
        if op.operation.name == "ml_program.global":
            op.operation.erase()
            continue
        _drop_attributes(op.operation)
    _drop_attributes(module.operation)


def _drop_attributes(op):
    for name in list(op.attributes):
        if name.startswith("torch."):
            del op.attributes[name]


def _require_stock_dialects(module):
    foreign = []

    def visit(op):
        if op.name.split(".")[0] not in STOCK:
            foreign.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit, ir.WalkOrder.PRE_ORDER)
    if foreign:
        raise ImportFailure(f"{_place(foreign[0].location)}operation '{foreign[0].name}' is left after torch-mlir's lowering, "
                            "and stock MLIR has no such operation; write this part of the model with other operations")


def _explain(error, data_dependent):
    """One line that names the operation of the model and its source line, then torch-mlir's own words.

    data_dependent: what to say instead of an operation that no model has, such as one for a constant size.
    """
    diagnostics = list(error.error_diagnostics)
    chosen = next((d for d in diagnostics if _operation(d)), diagnostics[0] if diagnostics else None)
    if chosen is None:
        return f"torch-mlir cannot lower this graph: {str(error).splitlines()[0]}"
    name = _operation(chosen)
    what = f"cannot convert operation '{name}' to linalg" if name else "torch-mlir cannot lower this graph"
    detail = "\n".join(f"  torch-mlir: {_shorten(d.message)}" for d in diagnostics[:4])
    if data_dependent and (name is None or not name.startswith(("torch.aten.", "onnx."))):
        return f"{data_dependent}\n{detail}"
    return f"{_place(chosen.location)}{what}; write it with other operations, or decompose it before the export\n{detail}"


def _shorten(message):
    first = message.strip().splitlines()[0] if message.strip() else "no message"
    return first if len(first) <= 300 else first[:300] + "..."


# The op that a diagnostic is about: an onnx or custom operator carries its own name as an attribute or in quotes.
_NAMES = [re.compile(r'name = "([\w.:]+)"'), re.compile(r"torch\.operator.{0,3} \"([\w.:]+)\""),
          re.compile(r"op name=.([\w.:]+)"), re.compile(r"'((?:torch|onnx|tm_tensor)\.[\w.]+)'")]


def _operation(diagnostic):
    texts = [diagnostic.message] + [note.message for note in diagnostic.notes]
    for pattern in _NAMES:
        for text in texts:
            for name in pattern.findall(text):
                if name not in ("torch.operator",):
                    return name
    return None


def _place(location):
    """`file.py:12: ` of the model's own code, the innermost frame outside the framework; for ONNX the node's name."""
    text = str(location)
    frames = re.findall(r'"([^"\n]+)":(\d+)', text)
    if frames:
        here = __file__.rpartition("/")[0]
        own = [f for f in frames if "/torch/" not in f[0] and not f[0].startswith(here)] or frames
        return f"{own[0][0]}:{own[0][1]}: "
    names = re.findall(r'loc\("([^"]+)"', text)
    return f"node '{names[0]}': " if names else ""


def result_types(module):
    """The types that @main returns, as text."""
    main = functions(module)[0]
    return [str(t) for t in ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value).results]
