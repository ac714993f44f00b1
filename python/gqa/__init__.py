"""Attention with shared key/value heads, compiled.

`attention` computes softmax attention on tensors of any framework that speaks DLPack; `compile` turns the text of an
MLIR module into something to call. `python -m gqa.importer` writes such modules from PyTorch and ONNX models.
"""

__all__ = ["attention", "compile", "Module"]


def __getattr__(name):
    # The compiler is loaded when it is first needed: the importer runs without it.
    if name == "attention":
        from ._attention import attention
        return attention
    if name in ("compile", "Module"):
        from . import _module
        return getattr(_module, name)
    raise AttributeError(f"module 'gqa' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
