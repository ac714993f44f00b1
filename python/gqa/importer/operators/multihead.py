"""com.microsoft.MultiHeadAttention: attention whose projections stand in front, in several packings."""

from .attention import Attention
from .builder import Type
from .heads import Heads, append, cache, heads_of, merge, past_length, present, slice_of
from .padding import add_bias, add_padding

QUERY, KEY, VALUE, BIAS, PADDING, SCORE_BIAS, PAST_KEY, PAST_VALUE, PAST_LENGTH, INDIRECTION = range(10)


def rewrite(operator):
    operator.refuse(
        inputs=[(PAST_LENGTH, "past_sequence_length", "use past_key and past_value of the past's own length"),
                (INDIRECTION, "cache_indirection", "reorder the cache by its beams before the attention")],
        outputs=[(3, "qk", "export the model without the scores as a result")])
    heads = operator.required("num_heads")
    q, k, v = _operands(operator, heads)
    offset = 0
    if operator.input(PAST_KEY):
        if not operator.input(PAST_VALUE):
            operator.fail("past_key and past_value are expected together; give both or neither")
        offset = past_length(operator, PAST_KEY)
        k = append(operator, cache(operator, PAST_KEY), k, operator.output(1))
        v = append(operator, cache(operator, PAST_VALUE), v, operator.output(2))
    else:
        present(operator, {1: k, 2: v})
    call = Attention(q, k, v, scale=operator.attribute("scale"), causal=bool(operator.attribute("unidirectional", 0)),
                     offset=offset)
    finish(operator, call, operator.input(PADDING), operator.input(SCORE_BIAS))


def finish(operator, call, padding, bias):
    """Masks and bias, the attention, and its heads merged into result 0."""
    if padding:
        add_padding(operator, call, padding, call.q.size("b"))
    if bias:
        add_bias(operator, call, bias, operator.type(bias).element)
    merge(operator, call.emit(operator), operator.output(0))


def _operands(operator, heads):
    """q, k and v in the packings of queries (rank 3, 5) and keys (rank 3, 4, 5), with the bias of their projections."""
    query, key = operator.type(operator.input(QUERY)), operator.input(KEY)
    if query.rank == 5:
        return _with_bias(operator, [_plane(operator, QUERY, query, place) for place in range(3)])
    if not key:
        operator.fail("key is left out, which is only possible with a packed query (batch, sequence, heads, 3, head size)")
    q = heads_of(operator, operator.input(QUERY), "query", heads)
    kind = operator.type(key)
    if kind.rank == 5:
        return _with_bias(operator, [q] + [_plane(operator, KEY, kind, place) for place in range(2)])
    if not operator.input(VALUE):
        operator.fail("value is left out, which is only possible with a packed key (batch, sequence, heads, 2, head size)")
    k, v = heads_of(operator, key, "key", heads), heads_of(operator, operator.input(VALUE), "value", heads)
    return _with_bias(operator, [q, k, v])


def _plane(operator, place, kind, which):
    """One of what is packed: batch, sequence, heads, which, head size."""
    name = operator.op("Gather", operator.input(place), operator.constant(which), axis=3)
    return Heads(name, Type(kind.element, kind.sizes[:3] + kind.sizes[4:]), "bshd")


def _with_bias(operator, tensors):
    """The bias of the projections, one after the other; keys and values of rank 4 have theirs already."""
    bias, start, out = operator.input(BIAS), 0, []
    for x in tensors:
        heads, size = (operator.count(x.size(letter), "the number or the size of heads") for letter in "hd")
        if bias and x.layout == "bshd":
            part = slice_of(operator, bias, 0, start, start + heads * size)
            part = operator.op("Reshape", part, operator.constant([heads, size]))
            x = Heads(operator.op("Add", x.name, part), x.type, x.layout)
        start += heads * size if bias else 0
        out.append(x)
    return out
