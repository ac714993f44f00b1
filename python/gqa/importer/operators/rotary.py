"""`RotaryEmbedding` of ONNX (opset 23) and of com.microsoft."""

from .heads import Heads, heads_of, merge


def rotate(operator, x, cos, sin, interleaved, result=None):
    """`gqa.rotary` of Heads; `cos` and `sin` are values of rank 4 that broadcast to batch, heads, sequence, pairs."""
    out = Heads(result or operator.new(), x.type, x.layout)
    operator.gqa("rotary", [x.name, cos, sin], [(out.name, out.type)], kind="interleaved" if interleaved else "half",
                 layout=x.layout)
    return out


def at_positions(operator, cache, positions, what):
    """Rows of a table at positions (batch x sequence, or sequence), with a dimension for the heads."""
    kind = operator.type(cache)
    if kind.rank != 2 or not isinstance(kind.sizes[1], int):
        operator.fail(f"{what} is expected to have rank 2 and a known last dimension (the number of pairs that are rotated)")
    return operator.op("Unsqueeze", operator.op("Gather", cache, positions), operator.constant([-3]))


def rewrite_standard(operator):
    """https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html: X, cos_cache, sin_cache, position_ids."""
    x = heads_of(operator, operator.input(0), "X", operator.attribute("num_heads"))
    positions = operator.input(3)
    if positions:
        cos, sin = (at_positions(operator, operator.input(place), positions, name)
                    for place, name in ((1, "cos_cache"), (2, "sin_cache")))
    else:
        cos, sin = (_rows(operator, place, name) for place, name in ((1, "cos_cache"), (2, "sin_cache")))
    _finish(operator, x, cos, sin, operator.attribute("interleaved", 0), operator.type(operator.input(1)).sizes[-1])


def _rows(operator, place, name):
    """A table with one row for each token already: batch, sequence, pairs."""
    kind = operator.type(operator.input(place))
    if kind.rank != 3:
        operator.fail(f"{name} has rank {kind.rank}; without position_ids it is expected to have 3 (batch, sequence, pairs)")
    return operator.op("Unsqueeze", operator.input(place), operator.constant([1]))


def _finish(operator, x, cos, sin, interleaved, pairs):
    dim = operator.attribute("rotary_embedding_dim", 0) or x.size("d")
    if not isinstance(pairs, int) or 2 * pairs != dim:
        operator.fail(f"cos_cache and sin_cache have {pairs} columns; expected half of the {dim} features that are rotated")
    whole = operator.type(operator.input(0)).rank == 4
    out = rotate(operator, x, cos, sin, interleaved, operator.output(0) if whole else None)
    if not whole:
        merge(operator, out, operator.output(0))


def rewrite_microsoft(operator):
    """com.microsoft.RotaryEmbedding: input, position_ids, cos_cache, sin_cache."""
    operator.refuse(attributes=[("scale", 1.0, "kernels do not read it either; multiply the input")])
    kind, pairs = operator.type(operator.input(0)), operator.type(operator.input(2)).sizes[-1]
    heads = operator.attribute("num_heads", 0)
    if kind.rank == 3 and not heads:  # only legal for whole heads, whose size the tables tell
        heads = kind.sizes[2] // (2 * pairs) if isinstance(pairs, int) and isinstance(kind.sizes[2], int) else 0
    x = heads_of(operator, operator.input(0), "input", heads)
    positions = _positions(operator, x)
    cos, sin = (at_positions(operator, operator.input(place), positions, name)
                for place, name in ((2, "cos_cache"), (3, "sin_cache")))
    _finish(operator, x, cos, sin, operator.attribute("interleaved", 0), pairs)


def _positions(operator, x):
    """Given for each token, or one that all sequences start from."""
    name = operator.input(1)
    if operator.type(name).rank == 2:
        return name
    length = operator.op("Squeeze", operator.size(x.name, x.axis("s")), operator.constant([0]))
    return operator.op("Add", operator.op("Range", operator.constant(0), length, operator.constant(1)), name)
