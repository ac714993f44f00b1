"""com.microsoft.GroupQueryAttention: grouped attention with rotation and a cache inside.

`seqlens_k` holds, for each sequence, the number of its tokens after this step, less one. With S new tokens (`query_seqlens`
of them valid where it is given), the past of a sequence is what is left: tokens are rotated for, and written to, the places
behind it, and queries stand there. The graph's own types tell which cache it has: where past and present are equally long
it keeps its size and new tokens are written into it; otherwise the new tokens follow the past.
"""

import numpy as np
from onnx import TensorProto

from .attention import Attention
from .builder import Type
from .heads import Heads, append, cache, heads_of, merge, present, slice_of
from .padding import pad_to_keys
from .rotary import at_positions, rotate

(QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, LENGTHS, TOTAL, COS, SIN, POSITIONS, SCORE_BIAS, SINK, K_SCALE, V_SCALE,
 Q_NORM, K_NORM, VALID) = range(17)
OUTPUT, PRESENT_KEY, PRESENT_VALUE, QK = range(4)
_QUANTISED = "the cache is expected to have the type of the queries; export the model without a quantised cache"
_NORM = "normalise queries and keys in front of the operator, and leave do_rotary to com.microsoft.RotaryEmbedding"


def rewrite(operator):
    operator.refuse(
        inputs=[(K_SCALE, "k_scale", _QUANTISED), (V_SCALE, "v_scale", _QUANTISED),
                (Q_NORM, "q_norm_weight", _NORM), (K_NORM, "k_norm_weight", _NORM)],
        outputs=[(QK, "output_qk", "export the model without the scores as a result")],
        attributes=[("sliding_window_cache", 0, "use a cache of full length, with local_window_size"),
                    ("k_quant_type", b"NONE", _QUANTISED), ("v_quant_type", b"NONE", _QUANTISED)])
    q, k, v = _operands(operator)
    step = _Step(operator, q)
    if operator.attribute("do_rotary", 0):
        if not operator.input(COS) or not operator.input(SIN):
            operator.fail("attribute do_rotary=1 needs the inputs cos_cache and sin_cache")
        cos, sin = (at_positions(operator, operator.input(place), step.rotated_at(), name)
                    for place, name in ((COS, "cos_cache"), (SIN, "sin_cache")))
        interleaved = operator.attribute("rotary_interleaved", 0)
        q, k = (rotate(operator, x, cos, sin, interleaved) for x in (q, k))
    k, v = step.cached(k, PAST_KEY, PRESENT_KEY), step.cached(v, PAST_VALUE, PRESENT_VALUE)
    causal, window = bool(operator.attribute("causal", 1)), operator.attribute("local_window_size", -1)
    call = Attention(q, k, v, scale=operator.attribute("scale", 0.0) or None, softcap=operator.attribute("softcap", 0.0),
                     causal=causal, window=(window - 1, -1) if window > 0 else None, offset=step.past, kv_len=step.kv_len,
                     sinks=_sinks(operator, q))
    if operator.input(SCORE_BIAS):
        bias = operator.input(SCORE_BIAS)
        call.bias = pad_to_keys(operator, bias, operator.type(bias), k, 0.0)  # keys behind its end are beyond kv_len
    merge(operator, call.emit(operator), operator.output(OUTPUT))


def _operands(operator):
    heads, shared = operator.required("num_heads"), operator.required("kv_num_heads")
    if operator.input(KEY):
        return [heads_of(operator, operator.input(place), name, count)
                for place, name, count in ((QUERY, "query", heads), (KEY, "key", shared), (VALUE, "value", shared))]
    packed = heads_of(operator, operator.input(QUERY), "the packed query", heads + 2 * shared)
    out, start = [], 0
    for count in (heads, shared, shared):
        name = slice_of(operator, packed.name, 2, start, start + count)
        sizes = (*packed.type.sizes[:2], count, packed.type.sizes[3])
        out.append(Heads(name, Type(packed.type.element, sizes), "bshd"))
        start += count
    return out


def _sinks(operator, q):
    """`smooth_softmax` adds 1 to the sum, which is a sink of 0."""
    if operator.input(SINK):
        return operator.input(SINK)
    if not operator.attribute("smooth_softmax", 0):
        return None
    return operator.op("Cast", operator.constant(np.zeros(q.size("h")), np.float32), to=q.type.element)


class _Step:
    """Where the new tokens of each sequence stand.

    `past`: tokens in front of them, an int or the name of an integer per batch; `kv_len`: the name of all tokens per batch,
    or None where every key counts.
    """

    def __init__(self, operator, q):
        self._operator, self._q = operator, q
        self._length = operator.op("Squeeze", operator.size(q.name, q.axis("s")), operator.constant([0]))
        before = cache(operator, PAST_KEY).size("s") if operator.input(PAST_KEY) else 0
        self._has_past = before != 0
        self._keeps_size = self._has_past and before is not None and before == self._present_length()
        if q.size("b") == 1 and isinstance(before, int) and not self._keeps_size and not operator.input(VALID):
            self.past, self.kv_len = before, None  # one sequence: its tokens are the past and the new ones
            return
        lengths = operator.op("Reshape", operator.input(LENGTHS), operator.constant([-1]))
        lengths = operator.op("Cast", lengths, to=TensorProto.INT64)
        self.kv_len = operator.op("Add", lengths, operator.constant(1))
        self.past = self._past()

    def _present_length(self):
        name = self._operator.output(PRESENT_KEY)
        kind = self._operator.type(name, "output") if name else None
        return kind.sizes[2] if kind else None

    def _past(self):
        op, constant = self._operator.op, self._operator.constant
        if not self._has_past:
            return 0
        if self._operator.input(VALID):
            return op("Sub", self.kv_len, op("Cast", self._operator.input(VALID), to=TensorProto.INT64))
        return op("Max", op("Sub", self.kv_len, self._length), constant(0))

    def _places(self):
        """batch x S: where each new token stands."""
        op, constant = self._operator.op, self._operator.constant
        past = constant(self.past) if isinstance(self.past, int) else op("Unsqueeze", self.past, constant([1]))
        return op("Add", past, self._new())

    def rotated_at(self):
        """The places in the cache, or positions that are given: of a first prompt only their first element counts."""
        op, constant, given = self._operator.op, self._operator.constant, self._operator.input(POSITIONS)
        if not given:
            return self._within_table(self._places()) if self._operator.input(VALID) else self._places()
        if self._operator.input(VALID):
            return given
        start = op("Gather", op("Reshape", given, constant([-1])), constant(0), axis=0)
        prompt = op("Add", start, self._new())
        if not self._has_past:
            return prompt
        total = op("Cast", self._operator.input(TOTAL), to=TensorProto.INT64)
        return op("Where", op("Equal", total, self._length), prompt, given)

    def _within_table(self, places):
        """Padding may stand behind the end of the table."""
        op, constant = self._operator.op, self._operator.constant
        rows = op("Squeeze", self._operator.size(self._operator.input(COS), 0), constant([0]))
        return op("Min", places, op("Sub", rows, constant(1)))

    def _new(self):
        """1 x S: 0, 1, ..."""
        op, constant = self._operator.op, self._operator.constant
        return op("Unsqueeze", op("Range", constant(0), self._length, constant(1)), constant([0]))

    def cached(self, x, place, result):
        """Keys or values as the attention reads them, which are the operator's result as well."""
        operator = self._operator
        if not self._has_past:
            present(operator, {result: x})
            return x
        past, name = cache(operator, place), operator.output(result)
        if self._keeps_size:
            return append(operator, past, x, name, self._written())
        if self.kv_len is None:
            return append(operator, past, x, name)
        # Shorter sequences have room left between their past and the new tokens' places.
        return append(operator, append(operator, past, x), x, name, self._written())

    def _written(self):
        """Places of new tokens in the cache; what is only padding is written nowhere."""
        op, constant, places = self._operator.op, self._operator.constant, self._places()
        if not self._operator.input(VALID):
            return places
        valid = op("Unsqueeze", op("Cast", self._operator.input(VALID), to=TensorProto.INT64), constant([1]))
        return op("Where", op("Less", self._new(), valid), places, constant(-1))
