"""Operations of the `gqa` dialect, which torch-mlir does not know, carried past its lowering as calls.

Each operator of the domain `gqa` becomes a call of a declared function; what the operation is stands on the declaration.
"""

from torch_mlir import ir

from .module import functions

_PREFIX = "onnx.gqa."
_NAME, _ATTRIBUTES, _PRESENT = "gqa.op", "gqa.attributes", "gqa.present"
# Operands whose presence the operation records, in order; the last two stand for its scale and captured values.
_ATTENTION_OPERANDS = 10


def as_calls(module):
    """In the `torch` dialect: operators of the domain `gqa` become calls. Returns whether there are any."""
    found = []

    def visit(op):
        if op.name == "torch.operator" and ir.StringAttr(op.attributes["name"]).value.startswith(_PREFIX):
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    module.context.allow_unregistered_dialects = True
    for number, op in enumerate(found):
        with op.context, op.location:
            _as_call(module, op, f"gqa.{number}")
    return bool(found)


def _as_call(module, op, name):
    present = [str(value.type) != "!torch.none" for value in op.operands]
    operands = [value for value, there in zip(op.operands, present) if there]
    declared = ir.FunctionType.get([value.type for value in operands], [value.type for value in op.results])
    attributes = {"sym_name": ir.StringAttr.get(name), "function_type": ir.TypeAttr.get(declared),
                  "sym_visibility": ir.StringAttr.get("private"), _NAME: ir.StringAttr.get(_name(op)),
                  _ATTRIBUTES: ir.DictAttr.get(_attributes(op)), _PRESENT: ir.DenseI32ArrayAttr.get(present)}
    main = functions(module)[-1].attributes
    attributes |= {key: main[key] for key in main if key.startswith("torch.onnx_meta.")}  # wanted on every function
    ir.Operation.create("func.func", attributes=attributes, regions=1, ip=ir.InsertionPoint.at_block_begin(module.body))
    call = ir.Operation.create("func.call", results=[value.type for value in op.results], operands=operands,
                               attributes={"callee": ir.FlatSymbolRefAttr.get(name)}, ip=ir.InsertionPoint(op))
    for old, new in zip(op.results, call.results):
        old.replace_all_uses_with(new)
    op.operation.erase()


def _name(op):
    return ir.StringAttr(op.attributes["name"]).value.removeprefix(_PREFIX)


def _attributes(op):
    """Those of the node, in the types that the operation has them."""
    attributes = {key.removeprefix("torch.onnx."): op.attributes[key] for key in op.attributes if key.startswith("torch.onnx.")}
    for name, value in attributes.items():
        if name in ("scale", "softcap"):
            attributes[name] = ir.FloatAttr.get(ir.F64Type.get(), ir.FloatAttr(value).value)
        elif name == "causal":
            attributes[name] = ir.UnitAttr.get()
        elif name == "offset":
            attributes[name] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ir.IntegerAttr(value).value)
        elif name == "window":
            attributes[name] = ir.DenseI64ArrayAttr.get([ir.IntegerAttr(n).value for n in ir.ArrayAttr(value)])
        elif name == "kind":
            attributes[name] = ir.Attribute.parse(f"#gqa<rotary {ir.StringAttr(value).value}>")
    return attributes


def from_calls(module):
    """After the lowering: the calls become operations of the dialect, in their generic form."""
    declarations = {ir.StringAttr(f.attributes["sym_name"]).value: f for f in functions(module) if _NAME in f.attributes}
    calls = []

    def visit(op):
        if op.name == "func.call":
            calls.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for call in calls:
        declaration = declarations[ir.FlatSymbolRefAttr(call.attributes["callee"]).value]
        with call.context, call.location:
            _as_operation(call, declaration.attributes)
    for declaration in declarations.values():
        declaration.operation.erase()


def _as_operation(call, declared):
    name = ir.StringAttr(declared[_NAME]).value
    stored = ir.DictAttr(declared[_ATTRIBUTES])
    attributes = {stored[i].name: stored[i].attr for i in range(len(stored))}
    if name == "attention":
        present = list(ir.DenseI32ArrayAttr(declared[_PRESENT]))
        attributes["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get(present + [0] * (_ATTENTION_OPERANDS - len(present)))
    op = ir.Operation.create(f"gqa.{name}", results=[value.type for value in call.results], operands=list(call.operands),
                             attributes=attributes, regions=1 if name == "attention" else 0, ip=ir.InsertionPoint(call))
    for old, new in zip(call.results, op.results):
        old.replace_all_uses_with(new)
    call.operation.erase()
