"""com.microsoft.Attention: one product with the merged weights of q, k and v, then attention."""

from .attention import Attention
from .builder import Type
from .heads import Heads, append, in_layout, past_length, slice_of, split
from .multihead import finish

INPUT, WEIGHTS, BIAS, MASK, PAST, SCORE_BIAS, PAST_LENGTH = range(7)


def rewrite(operator):
    operator.refuse(
        inputs=[(PAST_LENGTH, "past_sequence_length", "use a past of its own length")],
        attributes=[("past_present_share_buffer", 0, "use a past of its own length"),
                    ("do_rotary", 0, "rotate by com.microsoft.RotaryEmbedding and use com.microsoft.MultiHeadAttention")])
    q, k, v = _projected(operator, operator.required("num_heads"))
    offset = 0
    if operator.input(PAST):
        offset = past_length(operator, PAST, 3)
        k, v = (_appended(operator, which, x) for which, x in enumerate((k, v)))
    if operator.output(1):
        _stack(operator, k, v)
    call = Attention(q, k, v, scale=operator.attribute("scale"), causal=bool(operator.attribute("unidirectional", 0)),
                     offset=offset)
    finish(operator, call, operator.input(MASK), operator.input(SCORE_BIAS))


def _projected(operator, heads):
    """q, k and v from the one product."""
    x, weights = operator.type(operator.input(INPUT)), operator.type(operator.input(WEIGHTS))
    product = operator.op("MatMul", operator.input(INPUT), operator.input(WEIGHTS))
    if operator.input(BIAS):
        product = operator.op("Add", product, operator.input(BIAS))
    features = operator.count(weights.sizes[1], "the size of the merged weights")
    hidden = operator.attribute("qkv_hidden_sizes") or [features // 3] * 3
    out, start = [], 0
    for size, what in zip(hidden, ("q", "k", "v")):
        part = slice_of(operator, product, 2, start, start + size)
        out.append(split(operator, part, Type(x.element, (*x.sizes[:2], size)), what, heads))
        start += size
    return out


def _appended(operator, which, fresh):
    """Keys or values behind their half of the past."""
    kind = operator.type(operator.input(PAST))
    half = operator.op("Gather", operator.input(PAST), operator.constant(which), axis=0)
    return append(operator, Heads(half, Type(kind.element, kind.sizes[1:]), "bhsd"), fresh)


def _stack(operator, k, v):
    first = operator.constant([0])
    parts = [operator.op("Unsqueeze", in_layout(operator, x, "bhsd").name, first) for x in (k, v)]
    operator.op("Concat", *parts, axis=0, result=operator.output(1))
