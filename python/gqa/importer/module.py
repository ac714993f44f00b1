"""What both front ends hand to the lowering, and the small MLIR helpers they share."""

import dataclasses

from torch_mlir import ir

from .errors import ImportFailure


@dataclasses.dataclass
class TorchModule:
    """A module in the `torch` dialect whose only function is @main."""

    module: ir.Module
    pipeline: str  # brings it to torch-mlir's backend contract
    state: dict  # mutated buffers by name, in argument order; their arguments follow the inputs
    weights: dict  # parameters by name, in argument order; the last arguments
    donated: dict = dataclasses.field(default_factory=dict)  # argument: the result that is written over it
    data_dependent: str = ""  # what is told of sizes that depend on data, if the lowering fails


_FLOATS = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}
_SIGNED = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def dense(array, dtype):
    """`array` as a dense elements attribute with the element types of the `torch` dialect (signed integers)."""
    if dtype in _FLOATS:
        element = ir.Type.parse(_FLOATS[dtype])
    elif dtype in _SIGNED:
        element = ir.IntegerType.get_signed(_SIGNED[dtype])
    elif dtype == "uint8":
        element = ir.IntegerType.get_unsigned(8)
    elif dtype == "bool":
        element = ir.IntegerType.get_signless(1)
    else:
        raise ImportFailure(f"a constant has the element type {dtype}, expected a float, integer or bool type; "
                            "convert it in the model")
    return ir.DenseElementsAttr.get(array, type=element, shape=list(array.shape))


def functions(module):
    """The functions of a module."""
    return [op for op in module.body.operations if op.operation.name == "func.func"]
