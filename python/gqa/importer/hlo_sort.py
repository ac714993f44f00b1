"""`stablehlo.sort`, which StableHLO's lowering to linalg leaves, and with it what JAX makes of top_k and argsort.

Each element's rank is counted, by comparisons with all others, and the elements are taken in the order of their ranks.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, tensor

from .ranks import MAX_RANKED


def expand_sorts(module):
    """Rewrites, in place, those of static shapes, of not too many elements, whose comparison is elementwise; others stay, and are
    refused later."""
    found = []

    def visit(op):
        if op.name == "stablehlo.sort":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        dim, kind = ir.IntegerAttr(op.attributes["dimension"]).value, ir.RankedTensorType(op.operands[0].type)
        body = op.regions[0].blocks[0]
        if not kind.has_static_shape or kind.get_dim_size(dim) > MAX_RANKED or any(len(inner.regions) for inner in body.operations):
            continue
        with op.location, ir.InsertionPoint(op):
            places = _places(op, dim % kind.rank, list(kind.shape))
            for old, operand in zip(op.results, op.operands):
                old.replace_all_uses_with(_taken(operand, places, dim % kind.rank))
        op.operation.erase()


def _places(op, dim, shape):
    """Which element along `dim` is the first one, which the second, and so on, as i32."""
    size, pairs = shape[dim], [*shape, shape[dim]]  # each element beside all others, which lie along the last dimension
    one = list(range(len(shape)))
    other = [len(shape) if d == dim else d for d in one]
    ones, others = ([_broadcast(operand, pairs, dims) for operand in op.operands] for dims in (one, other))
    body = op.regions[0].blocks[0]
    other_first, one_first = _compared(body, others, ones, pairs), _compared(body, ones, others, pairs)
    place = _iota(size)
    of_one, of_other = _broadcast(place, pairs, [dim]), _broadcast(place, pairs, [len(shape)])
    stands_behind = _compare("LT", of_other, of_one)
    tied = _elementwise("stablehlo.and", _elementwise("stablehlo.not", one_first), stands_behind)
    rank = _count(_elementwise("stablehlo.or", other_first, tied))
    # The element whose rank is the coordinate: along the last dimension all elements, of which one is.
    is_there = _compare("EQ", _broadcast(rank, pairs, other), of_one)
    return _count(is_there, of_other)


def _compared(body, left, right, shape):
    """What the body says of all pairs at once."""
    arguments = [value for pair in zip(left, right) for value in pair]
    values = dict(zip(body.arguments, arguments))
    for inner in body.operations:
        operands = [values.get(operand, operand) for operand in inner.operands]
        if inner.name == "stablehlo.return":
            return _whole(operands[0], shape)
        if not operands:  # a constant
            values[inner.results[0]] = _broadcast(inner.operation.clone().results[0], shape, [])
            continue
        operands = [_whole(operand, shape) for operand in operands]
        attributes = {name: inner.attributes[name] for name in inner.attributes}
        for result, value in zip(inner.results, _create(inner.name, operands, shape, inner.results, attributes)):
            values[result] = value
    raise AssertionError("a body ends in what it returns")


def _whole(value, shape):
    """A number from around the body, for all pairs."""
    return value if list(ir.RankedTensorType(value.type).shape) == shape else _broadcast(value, shape, [])


def _create(name, operands, shape, like, attributes):
    types = [ir.RankedTensorType.get(shape, ir.RankedTensorType(value.type).element_type) for value in like]
    return ir.Operation.create(name, types, operands, attributes).results


def _elementwise(name, *operands):
    return ir.Operation.create(name, [operands[0].type], operands).results[0]


def _compare(direction, left, right):
    kind = ir.RankedTensorType.get(ir.RankedTensorType(left.type).shape, ir.IntegerType.get_signless(1))
    attributes = {"comparison_direction": ir.Attribute.parse(f"#stablehlo<comparison_direction {direction}>"),
                  "compare_type": ir.Attribute.parse("#stablehlo<comparison_type SIGNED>")}
    return ir.Operation.create("stablehlo.compare", [kind], [left, right], attributes).results[0]


def _broadcast(value, shape, dims):
    kind = ir.RankedTensorType.get(shape, ir.RankedTensorType(value.type).element_type)
    attributes = {"broadcast_dimensions": ir.DenseI64ArrayAttr.get(dims)}
    return ir.Operation.create("stablehlo.broadcast_in_dim", [kind], [value], attributes).results[0]


def _iota(size):
    kind = ir.RankedTensorType.get([size], ir.IntegerType.get_signless(32))
    dimension = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)
    return ir.Operation.create("stablehlo.iota", [kind], attributes={"iota_dimension": dimension}).results[0]


def _count(truths, numbers=None):
    """How many along the last dimension are true, or the sum of the numbers of those that are."""
    shape, i32 = list(ir.RankedTensorType(truths.type).shape), ir.IntegerType.get_signless(32)
    number, one = (arith.ConstantOp(i32, value).result for value in (0, 1))
    empty = tensor.EmptyOp(shape[:-1], i32).result
    zeros = linalg.fill(number, outs=[empty])
    every = ir.AffineMap.get_identity(len(shape))
    rows = ir.AffineMap.get(len(shape), 0, list(every.results)[:-1])
    inputs = [truths] if numbers is None else [truths, numbers]
    maps = ir.ArrayAttr.get([ir.AffineMapAttr.get(entry) for entry in [every] * len(inputs) + [rows]])
    kinds = ["parallel"] * (len(shape) - 1) + ["reduction"]
    iterators = ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds])
    generic = linalg.GenericOp([zeros.type], inputs, [zeros], maps, iterators)
    types = [ir.RankedTensorType(value.type).element_type for value in inputs]
    block = generic.regions[0].blocks.append(*types, i32)
    with ir.InsertionPoint(block):
        truth, *rest = block.arguments
        chosen = arith.SelectOp(truth, rest[0] if numbers is not None else one, number).result
        linalg.YieldOp([arith.AddIOp(rest[-1], chosen).result])
    return generic.results[0]


def _taken(source, places, dim):
    """The elements at the places along `dim`."""
    kind = ir.RankedTensorType(source.type)
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
    iterators = ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * kind.rank)
    empty = tensor.EmptyOp(list(kind.shape), kind.element_type).result
    generic = linalg.GenericOp([kind], [places], [empty], ir.ArrayAttr.get([identity] * 2), iterators)
    block = generic.regions[0].blocks.append(ir.IntegerType.get_signless(32), kind.element_type)
    with ir.InsertionPoint(block):
        at = [linalg.IndexOp(d).result for d in range(kind.rank)]
        at[dim] = arith.IndexCastOp(ir.IndexType.get(), block.arguments[0]).result
        linalg.YieldOp([tensor.ExtractOp(source, at).result])
    return generic.results[0]
