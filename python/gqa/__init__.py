"""Attention with shared key/value heads, compiled.

`attention` computes softmax attention on tensors of any framework that speaks DLPack; `compile` turns the text of an
MLIR module into something to call; `build` writes it to a library that needs no compiler, and `load` loads that; `explain`
tells what the compiler finds in a model; `capture` records calls on a GPU into a CUDA graph; `convert` makes the attention of
a model share key/value heads.

`python -m gqa.importer` writes modules from models of PyTorch, ONNX and JAX. `gqa.torch` is an operator with gradients,
`torch.compile(model, backend="gqa")` uses it, and `gqa.transformers` brings it to Hugging Face's models. `python -m gqa.bench`
says how fast it is here, `python -m gqa.convert` converts checkpoints.
"""

__version__ = "0.1.0"

__all__ = ["attention", "build", "capture", "compile", "convert", "explain", "Explanation", "Graph", "load", "Module", "Remark"]


def __getattr__(name):
    # The compiler is loaded when it is first needed: the importer runs without it.
    import importlib
    if name == "attention":
        value = importlib.import_module("._attention", __name__).attention
    elif name in ("build", "compile", "load", "Module"):
        value = getattr(importlib.import_module("._module", __name__), name)
    elif name in ("capture", "Graph"):
        value = getattr(importlib.import_module("._graph", __name__), name)
    elif name in ("explain", "Explanation"):
        value = getattr(importlib.import_module("._explain", __name__), name)
    elif name == "Remark":
        value = importlib.import_module("._remarks", __name__).Remark
    elif name == "convert":
        value = importlib.import_module(".convert", __name__)
    else:
        raise AttributeError(f"module 'gqa' has no attribute {name!r}")
    globals()[name] = value  # the next time costs nothing
    return value


def __dir__():
    return sorted([*globals(), *__all__])
