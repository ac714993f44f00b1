# The package's types. Names and defaults are checked against the functions by test/python/test_types.py.
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, overload

from ._explain import Explanation as Explanation
from ._remarks import Remark as Remark

__all__ = ["attention", "build", "capture", "compile", "convert", "explain", "Explanation", "Graph", "load", "Module", "Remark"]

__version__: str

class Tensor(Protocol):
    """A tensor of torch, NumPy, JAX, CuPy, or anything else with DLPack."""

    def __dlpack__(self) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

_T = TypeVar("_T", bound=Tensor)
_Integers = int | Sequence[int] | Tensor
_Score = Callable[..., Any]  # of (s, b, h, i, j), FlexAttention's score_mod
_Mask = Callable[..., Any]  # of (b, h, i, j), FlexAttention's mask_mod
_DeadRow = Literal["zero", "nan", "uniform"]

@overload
def attention(
    q: _T, k: Tensor, v: Tensor, *, causal: bool = False, offset: _Integers | None = None, window: int | tuple[int, int] | None = None,
    softcap: float | None = None, scale: float | None = None, mask: Tensor | _Mask | None = None, bias: Tensor | None = None,
    kv_len: _Integers | None = None, sinks: Tensor | None = None, score: _Score | None = None, dead_row: _DeadRow = "zero",
    return_lse: Literal[False] = False, layout: str = "bhsd", out: _T | None = None,
) -> _T: ...
@overload
def attention(
    q: _T, k: Tensor, v: Tensor, *, causal: bool = False, offset: _Integers | None = None, window: int | tuple[int, int] | None = None,
    softcap: float | None = None, scale: float | None = None, mask: Tensor | _Mask | None = None, bias: Tensor | None = None,
    kv_len: _Integers | None = None, sinks: Tensor | None = None, score: _Score | None = None, dead_row: _DeadRow = "zero",
    return_lse: Literal[True], layout: str = "bhsd", out: tuple[_T, _T] | None = None,
) -> tuple[_T, _T]: ...

class Module:
    name: str
    inputs: list[tuple[str, tuple[int, ...], str]]  # dtype, shape with -1 for any size, the parameter's name or ""
    outputs: list[tuple[str, tuple[int, ...], str]]
    donated: dict[int, int]  # argument: the output that is written over it
    def __call__(self, *args: Any, out: Any = None) -> Any: ...

class Graph:
    device: int
    result: Any
    def replay(self) -> Any: ...

def capture(function: Callable[..., Any], *args: Any, device: int = 0, **keywords: Any) -> Graph: ...

def compile(
    text_or_path: str | Path, function: str | None = None, *, weights: Mapping[str, Tensor] | None = None, target: str = "cpu",
    reference: bool = False, on_remark: Callable[[Remark], object] | None = None,
) -> Module: ...
def build(text_or_path: str | Path, output: str | Path, function: str | None = None, *, target: str = "cpu") -> None: ...
def load(path: str | Path, *, weights: Mapping[str, Tensor] | None = None) -> Module: ...
def explain(
    model: Any, inputs: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None, *, dynamic_shapes: Any = None,
    function: str | None = None, target: str = "cpu",
) -> Explanation: ...

class _ConvertFunction(Protocol):
    def __call__(
        self, model: Any, kv_heads: int | Sequence[int] | None = None, *, method: Literal["subspace", "mean", "first"] = "subspace",
        calibration: Iterable[Any] | None = None, heal: bool = True, refine: int = 0, groups: Literal["search", "adjacent"] = "search",
        max_error: float | None = None, spread: bool = False, tokenizer: Any = None, sweep: bool = False,
        progress: Callable[[int, int], object] | None = None, seed: int = 0,
    ) -> Any: ...

class _Convert(_ConvertFunction, Protocol):  # the package gqa.convert, which is also the function
    convert: _ConvertFunction
    Report: Any
    Unconvertible: type[ValueError]
    def load(self, path: str | Path, **keywords: Any) -> Any: ...

convert: _Convert
