"""StableHLO's loops and branches as scf's, which its lowering to linalg passes over.

A loop that counts up to a number is an `scf.for`: JAX's fori_loop, scan and map. Every other one is an `scf.while`.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, scf, tensor


def structure_control_flow(module):
    """Rewrites all of it, in place; what is inside of a region first."""
    found = []

    def visit(op):
        if op.name in _REWRITES:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)  # post-order
    for op in found:
        with op.location, ir.InsertionPoint(op):
            results = _REWRITES[op.name](op)
        for old, new in zip(op.results, results):
            old.replace_all_uses_with(new)
        op.operation.erase()


def _while(op):
    count = _counter(op)
    return _counted(op, *count) if count else _conditional(op)


def _counter(op):
    """(number of the carried value that counts, its limit), where the condition is `counter < limit` and each turn adds 1."""
    condition, body = (region.blocks[0] for region in op.regions)
    test = _defining(_yielded(condition)[0], condition)
    if test is None or test.name != "stablehlo.compare" or not _is_signed_less(test):
        return None
    number = _argument(test.operands[0], condition)
    step = None if number is None else _defining(_yielded(body)[number], body)
    if step is None or step.name != "stablehlo.add":
        return None
    sides = [_argument(side, body) == number for side in step.operands]
    if sum(sides) != 1 or not _is_one(step.operands[sides.index(False)]):
        return None
    limit = _invariant(test.operands[1], op, condition, body)
    return None if limit is None else (number, limit)


def _invariant(value, op, condition, body):
    """A value of the condition as one in front of the loop: a constant, or what the loop carries and does not change."""
    constant = _defining(value, condition)
    if constant is not None:
        return constant.clone().results[0] if constant.name == "stablehlo.constant" else None
    number = _argument(value, condition)
    if number is None:
        return value  # from outside
    return op.operands[number] if _argument(_yielded(body)[number], body) == number else None


def _counted(op, number, limit):
    index, kind = ir.IndexType.get(), ir.RankedTensorType(limit.type)
    first, behind = (arith.IndexCastOp(index, tensor.ExtractOp(x, []).result).result for x in (op.operands[number], limit))
    loop = scf.ForOp(first, behind, arith.ConstantOp(index, 1).result, list(op.operands))
    with ir.InsertionPoint(loop.body):
        counter = arith.IndexCastOp(kind.element_type, loop.induction_variable).result
        counter = tensor.FromElementsOp(kind, [counter]).result
    values = list(loop.inner_iter_args)
    values[number] = counter
    with ir.InsertionPoint(loop.body):
        scf.YieldOp(_move(op.regions[1].blocks[0], loop.body, values))
    return loop.results


def _conditional(op):
    types = [value.type for value in op.operands]
    loop = scf.WhileOp(types, list(op.operands))
    before, after = (region.blocks.append(*types) for region in loop.regions)
    with ir.InsertionPoint(before):
        goes, = _move(op.regions[0].blocks[0], before, list(before.arguments))
        scf.ConditionOp(tensor.ExtractOp(goes, []).result, list(before.arguments))
    with ir.InsertionPoint(after):
        scf.YieldOp(_move(op.regions[1].blocks[0], after, list(after.arguments)))
    return loop.results


def _if(op):
    return _branch(op, tensor.ExtractOp(op.operands[0], []).result, op.regions[0], lambda: _inline(op.regions[1]))


def _case(op, first=0):
    """The branch of the index; the last one's where there is no such branch."""
    if first == len(op.regions) - 1:
        return _inline(op.regions[first])
    number = tensor.ExtractOp(op.operands[0], []).result
    chosen = arith.CmpIOp(arith.CmpIPredicate.eq, number, arith.ConstantOp(number.type, first).result).result
    return _branch(op, chosen, op.regions[first], lambda: _case(op, first + 1))


def _branch(op, condition, region, otherwise):
    branch = scf.IfOp(condition, [result.type for result in op.results], has_else=True)
    with ir.InsertionPoint(branch.then_block):
        scf.YieldOp(_inline(region))
    with ir.InsertionPoint(branch.else_block):
        scf.YieldOp(list(otherwise()))
    return branch.results


def _inline(region):
    return _move(region.blocks[0], ir.InsertionPoint.current.block, [])


def _move(source, target, values):
    """Takes the operations of one block, without the last, to the end of another; returns what the last one yields."""
    for argument, value in zip(source.arguments, values):
        argument.replace_all_uses_with(value)
    *operations, end = source.operations
    for operation in operations:
        operation.operation.detach_from_parent()
        target.append(operation.operation)
    return list(end.operands)


def _yielded(block):
    return list(block.operations[len(block.operations) - 1].operands)


def _defining(value, block):
    """The operation of the block that computes the value, if one does."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) or owner.operation.block != block else owner.operation


def _argument(value, block):
    """Which argument of the block the value is."""
    return ir.BlockArgument(value).arg_number if isinstance(value.owner, ir.Block) and value.owner == block else None


def _is_signed_less(compare):
    """What `compare LT, ..., SIGNED` is; integers without that word, and unsigned ones, count otherwise."""
    words = (str(compare.attributes[name]) for name in ("comparison_direction", "compare_type") if name in compare.attributes)
    return list(words) == ["#stablehlo<comparison_direction LT>", "#stablehlo<comparison_type SIGNED>"]


def _is_one(value):
    if isinstance(value.owner, ir.Block) or value.owner.operation.name != "stablehlo.constant":
        return False
    number = ir.DenseElementsAttr(value.owner.operation.attributes["value"])
    return number.is_splat and str(number.get_splat_value()).split(" ")[0] == "1"


_REWRITES = {"stablehlo.while": _while, "stablehlo.if": _if, "stablehlo.case": _case}
