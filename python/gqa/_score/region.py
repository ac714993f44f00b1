"""The operations of a score region as text, and the tensors that it reads."""

import numpy as np

from .._arrays import as_array, contiguous, element, is_torch
from .standins import Scalar, Table

ELEMENTS = ("f16", "bf16", "f32", "f64", "i1", "i8", "i16", "i32", "i64")


class Region:
    """The operations of a score region, and the tensors that it reads."""

    def __init__(self, accumulator, device):
        self.accumulator, self.device = accumulator, device
        self.lines, self.captures, self.argument = [], [], "score"
        self._known = {}

    def text(self, names):
        """The region's text; the captured tensors are values `names` of the function."""
        captured = [f"%c{n} = {name}" for n, name in enumerate(names)]
        body = "\n".join(f"    {line}" for line in self.lines)
        return f" score({', '.join(['%s', '%b', '%h', '%i', '%j', *captured])}) {{\n{body}\n  }}"

    def finish(self, results):
        self.lines.append(f"gqa.yield {', '.join(r.value for r in results)} : {', '.join(r.kind for r in results)}")

    def error(self, what):
        return TypeError(f"the function given as {self.argument} {what}")

    def emit(self, operation, kind):
        """A value of an operation; the same one when asked again."""
        if operation not in self._known:
            value = f"%{len(self._known)}"
            self.lines.append(f"{value} = {operation}")
            self._known[operation] = Scalar(self, value, kind)
        return self._known[operation]

    def constant(self, value, kind):
        if kind == "i1":
            return self.emit(f"arith.constant {'true' if value else 'false'}", kind)
        if kind == "index":
            return self.emit(f"arith.constant {int(value)} : index", kind)
        wide = kind == "f64"
        bits = np.array(value, np.float64 if wide else np.float32).view(np.uint64 if wide else np.uint32)
        return self.emit(f"arith.constant 0x{int(bits):0{16 if wide else 8}X} : {kind}", kind)

    def operand(self, value):
        """Anything that a function computes with, as a stand-in."""
        if isinstance(value, Scalar):
            return value
        if isinstance(value, Table):
            raise self.error(f"uses a tensor of {value.rank} dimensions with {len(value.indices)} indices, expected a number; "
                             "index every dimension")
        if isinstance(value, (bool, np.bool_)):
            return self.constant(value, "i1")
        if isinstance(value, (int, np.integer)):
            return self.constant(value, "index")
        if isinstance(value, (float, np.floating)):
            return self.constant(value, self.accumulator)
        if hasattr(value, "__dlpack__") and value.ndim == 0:
            return Table(self, value)[()]
        raise self.error(f"computes with a {_described(value)}, expected numbers; index tensors by b, h, i, j")

    def cast(self, value, kind):
        """`value` as i1, index or a float: what is not 0 is true, floats are cut to integers."""
        if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            return self.constant(value, kind)
        scalar = self.operand(value)
        if scalar.kind == kind:
            return scalar
        if kind == "i1":
            zero = self.constant(0, scalar.kind)
            return self.emit(f"arith.cmpi ne, {scalar.value}, {zero.value} : index" if scalar.kind == "index" else
                             f"arith.cmpf une, {scalar.value}, {zero.value} : {scalar.kind}", kind)
        if scalar.kind == "i1":
            return self.emit(f"arith.select {scalar.value}, {self.constant(1, kind).value}, {self.constant(0, kind).value}"
                             f" : {kind}", kind)
        if kind == "index":
            integer = self.emit(f"arith.fptosi {scalar.value} : {scalar.kind} to i64", "i64")
            return self.emit(f"arith.index_cast {integer.value} : i64 to index", kind)
        integer = self.emit(f"arith.index_cast {scalar.value} : index to i64", "i64")
        return self.emit(f"arith.sitofp {integer.value} : i64 to {kind}", kind)

    def captured(self, tensor):
        """The name and type of a tensor that the region reads."""
        for n, (kept, _, type_) in enumerate(self.captures):
            if kept is tensor:
                return f"%c{n}", type_
        array = contiguous(as_array(tensor, f"a tensor of {self.argument}", self.device))
        kind = element(array, f"a tensor of {self.argument}", ELEMENTS)
        type_ = f"tensor<{'?x' * array.ndim}{kind}>"
        self.captures.append((tensor, array, type_))
        return f"%c{len(self.captures) - 1}", type_

    def load(self, tensor, indices):
        name, type_ = self.captured(tensor)
        kind = type_.removeprefix("tensor<").rstrip(">").rpartition("x")[2]
        places = ", ".join(self.cast(index, "index").value for index in indices)
        loaded = self.emit(f"tensor.extract {name}[{places}] : {type_}", kind)
        if kind == "i1" or kind == self.accumulator:
            return loaded
        if kind.startswith("i"):
            return self.emit(f"arith.index_cast {loaded.value} : {kind} to index", "index")
        change = "truncf" if kind == "f64" else "extf"
        return self.emit(f"arith.{change} {loaded.value} : {kind} to {self.accumulator}", self.accumulator)


def _described(value):
    return f"tensor of {value.ndim} dimensions" if is_torch(value) else type(value).__name__
