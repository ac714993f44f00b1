"""Nodes that stand for one operator of the model: standard ones, and one for each operation of the `gqa` dialect."""

import dataclasses

import numpy as np
from onnx import helper, numpy_helper

from ..errors import ImportFailure

DOMAIN = "gqa"  # of nodes that `..dialect` turns into operations


@dataclasses.dataclass(frozen=True)
class Type:
    """Element type (of TensorProto) and sizes: an int, a name, or None where nothing is known."""

    element: int
    sizes: tuple

    @property
    def rank(self):
        return len(self.sizes)


def type_of(value_info):
    """The Type of a ValueInfoProto, or None if its rank is not known."""
    tensor = value_info.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return Type(tensor.elem_type, tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None
                                        for d in tensor.shape.dim))


class Operator:
    """One node of the model: its attributes, inputs with their types, and the nodes that replace it."""

    def __init__(self, node, types, read, opset):
        self.node, self._types, self._read, self.opset = node, types, read, opset
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self.nodes, self.initializers, self.values = [], [], []
        self._made = 0
        self._prefix = next((name for name in node.output if name), node.name)

    # What the model says.

    def title(self):
        domain = f"{self.node.domain}." if self.node.domain else ""
        return f"node '{self.node.name or self._prefix}' ({domain}{self.node.op_type})"

    def fail(self, message):
        raise ImportFailure(f"{self.title()}: {message}")

    def input(self, place):
        """The name of an input, or None if it is left out."""
        return self.node.input[place] if place < len(self.node.input) and self.node.input[place] else None

    def output(self, place):
        """The name of a result, or None if nothing reads it."""
        name = self.node.output[place] if place < len(self.node.output) else None
        return name if name in self._read else None

    def type(self, name, what="input"):
        """The Type of one of the model's values; they all have one where shapes can be inferred."""
        if name not in self._types:
            self.fail(f"the rank of {what} '{name}' is not known; give the model's inputs shapes "
                      "(names for sizes that vary), or run onnx.shape_inference on it")
        return self._types[name]

    def attribute(self, name, default=None):
        return self.attributes.get(name, default)

    def required(self, name):
        """An attribute that has no default."""
        if name not in self.attributes:
            self.fail(f"attribute {name} is missing; the operator needs it")
        return self.attributes[name]

    def count(self, size, what):
        """`size` if it is a number."""
        if not isinstance(size, int):
            self.fail(f"{what} is not known; give the model's inputs static sizes there")
        return size

    def refuse(self, inputs=(), outputs=(), attributes=()):
        """Fails for what is present: pairs (place or name, what it is and what to do), attributes unless they are 0."""
        for place, name, why in inputs:
            if self.input(place):
                self.fail(f"input '{name}' is not supported; {why}")
        for place, name, why in outputs:
            if self.output(place):
                self.fail(f"output '{name}' is not supported; {why}")
        for name, neutral, why in attributes:
            if self.attributes.get(name, neutral) != neutral:
                self.fail(f"attribute {name}={_text(self.attributes[name])} is not supported; {why}")

    # What replaces it.

    def new(self):
        self._made += 1
        return f"{self._prefix}/{self._made}"

    def op(self, kind, *inputs, result=None, **attributes):
        """Adds a node of a standard operator and returns its result's name, which is `result` if that is given."""
        result = result or self.new()
        self.nodes.append(helper.make_node(kind, [name or "" for name in inputs], [result], name=self.node.name or result,
                                           **attributes))
        return result

    def constant(self, values, dtype=np.int64):
        name = self.new()
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def gqa(self, operation, inputs, results, **attributes):
        """Adds a node of `gqa.OPERATION`; `results` are (name, Type), attributes that are None are left out."""
        attributes = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(f"{DOMAIN}.{operation}", [name or "" for name in inputs],
                                           [name for name, _ in results], name=self.node.name or results[0][0],
                                           domain=DOMAIN, **attributes))
        self.values += [helper.make_tensor_value_info(name, kind.element, kind.sizes) for name, kind in results]

    def size(self, x, axis):
        """The size of one dimension, as an i64 tensor of one element."""
        return self.op("Shape", x, start=axis, end=axis + 1)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
