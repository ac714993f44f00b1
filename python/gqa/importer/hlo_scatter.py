"""`stablehlo.scatter`, which StableHLO's lowering to linalg leaves.

A few rows that overwrite others become one select for each, which a recogniser sees as what a decoding step writes to its cache;
everything else a loop over the slices, one after the other. A slice that is not all inside goes nowhere, as XLA has it.
"""

import dataclasses
import itertools

from torch_mlir import ir
from torch_mlir._mlir_libs import _stablehlo
from torch_mlir.dialects import arith, linalg, scf, tensor

from .decompositions import MAX_ROWS_AS_SELECTS


def expand_scatters(module):
    """Rewrites, in place, all with one operand, static shapes and an elementwise body; others stay, and are refused later."""
    found = []

    def visit(op):
        if op.name == "stablehlo.scatter":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in found:
        scatter = _read(op)
        if scatter is None:
            continue
        with op.location, ir.InsertionPoint(op):
            result = _selects(scatter) if scatter.are_few_rows() else _loops(scatter)
        op.results[0].replace_all_uses_with(result)
        op.operation.erase()


@dataclasses.dataclass
class Scatter:
    operand: ir.Value
    indices: ir.Value
    updates: ir.Value
    shape: list  # of the operand
    window: list  # sizes of a slice along the dimensions of the operand
    dropped: list  # dimensions of the operand that a slice lacks
    starts: dict  # dimension of the operand: which component of an index vector is its offset
    batches: dict  # dimension of the operand: the dimension of the indices that it goes along with
    vector: int  # the dimension of the indices that index vectors lie along
    rows: list  # sizes of the other dimensions of the indices, in order
    places: list  # dimensions of the updates that these are
    body: ir.Block

    def overwrites(self):
        end = self.body.operations[len(self.body.operations) - 1]
        return end.operands[0] == self.body.arguments[1]

    def row_of(self, dim):
        """The number of the row dimension that a dimension of the indices is."""
        return dim - (dim > self.vector)

    def are_few_rows(self):
        free = 1
        for number, size in enumerate(self.rows):
            free *= 1 if number in map(self.row_of, self.batches.values()) else size
        whole = all(size in (1, self.shape[dim]) for dim, size in enumerate(self.window))
        return self.overwrites() and whole and free <= MAX_ROWS_AS_SELECTS

    def index(self, position, component):
        """A component of the index vector at a position of the rows, as an index."""
        at = list(position)
        if self.vector < ir.RankedTensorType(self.indices.type).rank:
            at.insert(self.vector, _constant(component))
        number = tensor.ExtractOp(self.indices, at).result
        return number if number.type == ir.IndexType.get() else arith.IndexCastOp(ir.IndexType.get(), number).result


def _read(op):
    if len(op.operands) != 3:
        return None
    operand, indices, updates = op.operands
    types = [ir.RankedTensorType(value.type) for value in op.operands]
    combines = all(inner.name == "stablehlo.return" or inner.name in _ELEMENTWISE for inner in op.regions[0].blocks[0].operations)
    if not all(kind.has_static_shape for kind in types) or not combines:
        return None
    shape, index_shape, update_shape = ([kind.get_dim_size(d) for d in range(kind.rank)] for kind in types)
    numbers = _stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    dropped = sorted([*numbers.inserted_window_dims, *numbers.input_batching_dims])
    sizes = iter(update_shape[dim] for dim in sorted(numbers.update_window_dims))
    return Scatter(
        operand, indices, updates, shape, dropped=dropped,
        window=[1 if dim in dropped else next(sizes) for dim in range(len(shape))],
        starts={dim: component for component, dim in enumerate(numbers.scattered_dims_to_operand_dims)},
        batches=dict(zip(numbers.input_batching_dims, numbers.scatter_indices_batching_dims)),
        vector=numbers.index_vector_dim, rows=[size for dim, size in enumerate(index_shape) if dim != numbers.index_vector_dim],
        places=[dim for dim in range(len(update_shape)) if dim not in numbers.update_window_dims], body=op.regions[0].blocks[0])


def _selects(scatter):
    """One operation on all elements: the last of the rows that is written to an element, or what is there."""
    kind = ir.RankedTensorType(scatter.operand.type)
    identity = ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank))
    iterators = ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * kind.rank)
    empty = tensor.EmptyOp(scatter.shape, kind.element_type).result
    generic = linalg.GenericOp([kind], [scatter.operand], [empty], ir.ArrayAttr.get([identity] * 2), iterators)
    block = generic.regions[0].blocks.append(kind.element_type, kind.element_type)
    batched = {scatter.row_of(dim): operand_dim for operand_dim, dim in scatter.batches.items()}
    with ir.InsertionPoint(block):
        coordinates = [linalg.IndexOp(dim).result for dim in range(kind.rank)]
        element = block.arguments[0]
        for row in itertools.product(*(range(1 if number in batched else size) for number, size in enumerate(scatter.rows))):
            position = [coordinates[batched[number]] if number in batched else _constant(place) for number, place in enumerate(row)]
            conditions = [_compare("eq", coordinates[dim] if scatter.window[dim] == 1 else _constant(0),
                                   scatter.index(position, component)) for dim, component in scatter.starts.items()]
            at = [_constant(0) if scatter.window[dim] == 1 else coordinates[dim]
                  for dim in range(kind.rank) if dim not in scatter.dropped]
            update = tensor.ExtractOp(scatter.updates, _spread(position, at, scatter.places)).result
            element = arith.SelectOp(_all(conditions), update, element).result if conditions else update
        linalg.YieldOp([element])
    return generic.results[0]


def _loops(scatter, position=(), into=None):
    """A loop for each dimension of the rows, and in them a slice that is written if it is all inside."""
    into = scatter.operand if into is None else into
    if len(position) == len(scatter.rows):
        return _write(scatter, position, into)
    loop = scf.ForOp(_constant(0), _constant(scatter.rows[len(position)]), _constant(1), [into])
    loop.operation.attributes["gqa.unordered"] = ir.UnitAttr.get()
    if not scatter.overwrites():
        del loop.operation.attributes["gqa.unordered"]
    with ir.InsertionPoint(loop.body):
        scf.YieldOp([_loops(scatter, (*position, loop.induction_variable), loop.inner_iter_args[0])])
    return loop.results[0]


def _write(scatter, position, into):
    offsets = {dim: scatter.index(position, component) for dim, component in scatter.starts.items()}
    last = {dim: scatter.shape[dim] - scatter.window[dim] for dim in offsets}
    inside = [_compare(test, offset, _constant(bound)) for dim, offset in offsets.items()
              for test, bound in (("sge", 0), ("sle", last[dim]))]
    offsets |= {dim: position[scatter.row_of(row)] for dim, row in scatter.batches.items()}
    kind = ir.RankedTensorType(scatter.updates.type)
    sizes = [1 if dim in scatter.places else kind.get_dim_size(dim) for dim in range(kind.rank)]
    slice_type = ir.RankedTensorType.get([size for dim, size in enumerate(scatter.window) if dim not in scatter.dropped],
                                         kind.element_type)
    branch = scf.IfOp(_all(inside), [into.type], has_else=True) if inside else None

    def written():
        update = _extract(scatter.updates, slice_type, dict(zip(scatter.places, position)), sizes)
        if not scatter.overwrites():
            update = _combine(scatter.body, _extract(into, slice_type, offsets, scatter.window), update)
        dynamic, static = _offsets(offsets, len(scatter.shape))
        return tensor.InsertSliceOp(update, into, dynamic, [], [], static, scatter.window, [1] * len(scatter.shape)).result

    if branch is None:
        return written()
    with ir.InsertionPoint(branch.then_block):
        scf.YieldOp([written()])
    with ir.InsertionPoint(branch.else_block):
        scf.YieldOp([into])
    return branch.results[0]


def _combine(body, before, update):
    """What the body makes of the slice that is there and the new one."""
    values = {body.arguments[0]: before, body.arguments[1]: update}
    for inner in body.operations:
        operands = [values[operand] for operand in inner.operands]
        if inner.name == "stablehlo.return":
            return operands[0]
        values[inner.results[0]] = ir.Operation.create(inner.name, [before.type], operands).results[0]


def _extract(source, kind, places, sizes):
    dynamic, static = _offsets(places, len(sizes))
    return tensor.ExtractSliceOp(kind, source, dynamic, [], [], static, sizes, [1] * len(sizes)).result


def _offsets(places, rank):
    unknown = ir.ShapedType.get_dynamic_stride_or_offset()
    return [places[dim] for dim in range(rank) if dim in places], [unknown if dim in places else 0 for dim in range(rank)]


def _spread(position, window, places):
    """Coordinates in the updates: those of the row where its dimensions are, those in the slice elsewhere."""
    row, inside = iter(position), iter(window)
    return [next(row) if dim in places else next(inside) for dim in range(len(position) + len(window))]


def _constant(value):
    return arith.ConstantOp(ir.IndexType.get(), value).result


def _compare(predicate, a, b):
    return arith.CmpIOp(arith.CmpIPredicate[predicate], a, b).result


def _all(conditions):
    first, *rest = conditions
    for condition in rest:
        first = arith.AndIOp(first, condition).result
    return first


_ELEMENTWISE = {f"stablehlo.{name}" for name in ("add", "and", "maximum", "minimum", "multiply", "or", "subtract", "xor")}
