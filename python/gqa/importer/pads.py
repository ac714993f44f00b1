"""Pads below 0, which cut elements off: torch-mlir keeps these where others make up for them, as when tokens are shifted by one."""

import re

from torch_mlir import ir


def cut_pads(module):
    """In the `torch` dialect: what a pad cuts off is cut off by slices in front of it."""
    found = []

    def visit(op):
        if op.name == "torch.aten.constant_pad_nd" and any(n < 0 for n in _numbers(op.operands[1])):
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        with op.location, ir.InsertionPoint(op):
            _cut(op)


def _numbers(value):
    """Of a list of integers: what is not known is 0."""
    if _name(value) != "torch.prim.ListConstruct":
        return []
    return [ir.IntegerAttr(element.owner.attributes["value"]).value if _name(element) == "torch.constant.int" else 0
            for element in value.owner.operands]


def _name(value):
    """Of the operation that makes it."""
    return "" if isinstance(value.owner, ir.Block) else value.owner.name


def _cut(op):
    value, pads = op.operands[0], _numbers(op.operands[1])
    rank = len(_sizes(value))
    kept = list(op.operands[1].owner.operands)
    zero, one, end = _constant(0), _constant(1), ir.Operation.create("torch.constant.none", results=[_type("none")]).result
    for place in range(0, len(pads), 2):
        first, last = (max(-n, 0) for n in pads[place:place + 2])
        if first or last:
            dim = rank - 1 - place // 2
            value = _slice(value, dim, first, last, _constant(first), _constant(-last) if last else end, one)
            kept[place:place + 2] = [zero if n < 0 else old for n, old in zip(pads[place:place + 2], kept[place:place + 2])]
    op.operands[0] = value
    op.operands[1] = ir.Operation.create("torch.prim.ListConstruct", results=[op.operands[1].type], operands=kept).result


def _slice(value, dim, first, last, start, end, step):
    sizes = _sizes(value)
    if sizes[dim] != "?":
        sizes[dim] = str(int(sizes[dim]) - first - last)
    cut = ir.Type.parse(re.sub(r"\[.*\]", f"[{','.join(sizes)}]", str(value.type)))
    operands = [value, _constant(dim), start, end, step]
    return ir.Operation.create("torch.aten.slice.Tensor", results=[cut], operands=operands).result


def _sizes(value):
    return re.search(r"\[(.*)\]", str(value.type))[1].split(",")


def _constant(number):
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), number)
    return ir.Operation.create("torch.constant.int", results=[_type("int")], attributes={"value": attribute}).result


def _type(name):
    return ir.Type.parse(f"!torch.{name}")
