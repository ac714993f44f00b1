"""The node that becomes `gqa.attention`, from what an operator computes on."""

import dataclasses

from onnx import TensorProto

from .builder import Type
from .heads import Heads, known


def scores_type(element):
    """The element type of scores, of the softmax and of lse."""
    return TensorProto.DOUBLE if element == TensorProto.DOUBLE else TensorProto.FLOAT


@dataclasses.dataclass
class Attention:
    """Operands and attributes as semantics of the dialect have them; names of values, None where there is none.

    `offset`: where the queries stand among the keys, an int or the name of an integer per batch.
    """

    q: Heads
    k: Heads
    v: Heads
    mask: str = None
    bias: str = None
    kv_len: str = None
    offset: object = 0
    sinks: str = None
    scale: float = None
    causal: bool = False
    window: tuple = None
    softcap: float = None

    def emit(self, operator, layout="bshd", result=None, lse=None):
        """Adds the node; returns Heads. `lse`: the name that the log-sum-exp gets if it is wanted."""
        sizes = {"b": known(self.q.size("b"), self.k.size("b")), "h": self.q.size("h"), "s": self.q.size("s"),
                 "d": self.v.size("d")}
        element = self.q.type.element
        out = Heads(result or operator.new(), Type(element, tuple(sizes[letter] for letter in layout)), layout)
        results = [(out.name, out.type)]
        if lse:
            results.append((lse, Type(scores_type(element), (sizes["b"], sizes["h"], sizes["s"]))))
        positions = self.causal or self.window
        fixed = isinstance(self.offset, int)
        operator.gqa("attention", [self.q.name, self.k.name, self.v.name, self.mask, self.bias, self.kv_len,
                                   self.offset if positions and not fixed else None, self.sinks], results,
                     scale=self.scale, causal=1 if self.causal else None, offset=self.offset if positions and fixed else None,
                     window=list(self.window) if self.window else None, softcap=self.softcap or None,
                     q_layout=self.q.layout, k_layout=self.k.layout, v_layout=self.v.layout, o_layout=layout)
        return out
