"""`tm_tensor.scatter`, which stock MLIR lacks, as a loop that writes one slice after the other.

torch-mlir makes it of index_put, scatter and ScatterND: row `i` of `indices` says where slice `updates[i]` goes. Where several
go to one place the last one stays, and one that is added to what is there comes in order as well. Of slices that overwrite,
torch and ONNX leave open which one stays, and the loop says so by `gqa.unordered`.
"""

from torch_mlir import ir
from torch_mlir.dialects import arith, linalg, scf, tensor


def scatters_to_loops(module):
    """Rewrites all of them, in place."""
    found = []

    def visit(op):
        if op.name == "tm_tensor.scatter":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        with op.location, ir.InsertionPoint(op):
            loop = _loop(op)
        op.results[0].replace_all_uses_with(loop.results[0])
        op.operation.erase()


def _loop(op):
    updates, indices, original = op.operands
    target = ir.RankedTensorType(original.type)
    updates = _with_all_dimensions(updates, target.rank)
    index = ir.IndexType.get()
    zero, one = (arith.ConstantOp(index, value).result for value in (0, 1))
    count = tensor.DimOp(indices, zero).result
    loop = scf.ForOp(zero, count, one, [original])
    body = op.regions[0].blocks[0]
    overwrites = body.operations[len(body.operations) - 1].operands[0] == body.arguments[0]
    if overwrites:
        loop.operation.attributes["gqa.unordered"] = ir.UnitAttr.get()
    with ir.InsertionPoint(loop.body):
        places = _places(op, indices, original, loop.induction_variable)
        sizes = [ir.ShapedType.get_dynamic_size() if target.is_dynamic_dim(d) else target.get_dim_size(d) for d in range(target.rank)]
        sizes = [1 if d in places else size for d, size in enumerate(sizes)]
        dynamic = [tensor.DimOp(original, arith.ConstantOp(index, d).result).result for d, size in enumerate(sizes) if size < 0]
        slice_type = ir.RankedTensorType.get(sizes, target.element_type)
        row = _slice(updates, slice_type, {0: loop.induction_variable}, [1, *sizes], dynamic)
        into = loop.inner_iter_args[0]
        if not overwrites:
            row = _combine(body, row, _slice(into, slice_type, places, sizes, dynamic))
        offsets, static = _offsets(places, target.rank)
        written = tensor.InsertSliceOp(row, into, offsets, dynamic, [], static, sizes, [1] * target.rank).result
        scf.YieldOp([written])
    return loop


def _with_all_dimensions(updates, rank):
    """Slices of `updates` lack the dimensions that indices name, or have them with size 1."""
    kind = ir.RankedTensorType(updates.type)
    missing = rank + 1 - kind.rank
    if missing == 0:
        return updates
    groups = [list(range(missing + 1)), *([missing + d] for d in range(1, kind.rank))]
    sizes = [kind.get_dim_size(d) if not kind.is_dynamic_dim(d) else ir.ShapedType.get_dynamic_size() for d in range(kind.rank)]
    sizes = [sizes[0], *[1] * missing, *sizes[1:]]
    dynamic = [tensor.DimOp(updates, arith.ConstantOp(ir.IndexType.get(), d).result).result for d in range(kind.rank)
               if kind.is_dynamic_dim(d)]
    return tensor.ExpandShapeOp(ir.RankedTensorType.get(sizes, kind.element_type), updates, groups, dynamic, sizes).result


def _places(op, indices, original, row):
    """The offset of a row's slice in each dimension that indices name; negative ones count from the end."""
    index, places = ir.IndexType.get(), {}
    element = ir.RankedTensorType(indices.type).element_type
    zero = arith.ConstantOp(index, 0).result
    for column, dim in enumerate(ir.DenseI64ArrayAttr(op.attributes["dimension_map"])):
        number = tensor.ExtractOp(indices, [row, arith.ConstantOp(index, column).result]).result
        place = number if element == index else arith.IndexCastOp(index, number).result
        size = tensor.DimOp(original, arith.ConstantOp(index, dim).result).result
        is_negative = arith.CmpIOp(arith.CmpIPredicate.slt, place, zero).result
        places[dim] = arith.SelectOp(is_negative, arith.AddIOp(place, size).result, place).result
    return places


def _offsets(places, rank):
    static = [ir.ShapedType.get_dynamic_stride_or_offset() if d in places else 0 for d in range(rank)]
    return [places[d] for d in range(rank) if d in places], static


def _slice(source, kind, places, sizes, dynamic):
    offsets, static = _offsets(places, len(sizes))
    return tensor.ExtractSliceOp(kind, source, offsets, dynamic, [], static, sizes, [1] * len(sizes)).result


def _combine(body, row, before):
    """What the region of the scatter makes of a new slice and the one that is there."""
    kind = ir.RankedTensorType(row.type)
    maps = ir.ArrayAttr.get([ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))] * 2)
    kinds = ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * kind.rank)
    generic = linalg.GenericOp([kind], [row], [before], maps, kinds)
    block = generic.regions[0].blocks.append(kind.element_type, kind.element_type)
    values = dict(zip(body.arguments, block.arguments))
    with ir.InsertionPoint(block):
        for inner in body.operations:
            if inner.operation.name == "tm_tensor.yield":
                linalg.YieldOp([values.get(value, value) for value in inner.operands])
                break
            copy = inner.operation.clone()
            for number, operand in enumerate(copy.operands):
                copy.operands[number] = values.get(operand, operand)
            values.update(zip(inner.operation.results, copy.results))
    return generic.results[0]
