"""Attention with shared key/value heads, compiled.

`attention` computes softmax attention on tensors of any framework that speaks DLPack; `compile` turns the text of an
MLIR module into something to call; `explain` tells what the compiler finds in a model. `python -m gqa.importer` writes such modules from PyTorch and ONNX models. `convert`
makes the attention of a model share key/value heads.
"""

__all__ = ["attention", "compile", "convert", "explain", "Explanation", "Module", "Remark"]


def __getattr__(name):
    # The compiler is loaded when it is first needed: the importer runs without it.
    if name == "attention":
        from ._attention import attention
        return attention
    if name in ("compile", "Module"):
        from . import _module
        return getattr(_module, name)
    if name in ("explain", "Explanation"):
        from . import _explain
        return getattr(_explain, name)
    if name == "Remark":
        from ._remarks import Remark
        return Remark
    if name == "convert":
        import importlib
        return importlib.import_module(".convert", __name__)
    raise AttributeError(f"module 'gqa' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
