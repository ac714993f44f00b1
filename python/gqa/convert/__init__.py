"""Multi-head models made grouped: `gqa.convert(model, kv_heads=N)`, and `python -m gqa.convert IN OUT --kv-heads N`.

`help(gqa.convert.convert)` has the arguments.

`sites` finds the attentions and `projections` their weights, `regrouped` has what code that knows no groups needs;
`subspace` has the mathematics, `rotary` and `parts` what a rotary embedding allows of it, `pool` the methods and `groups` who
shares; `check` tries beforehand whether all of that folds away; `stream` takes calibration data through the
model, `layer` converts one attention with it and `heal` fits its output; `curves` spreads memory over layers; `report` says
what it cost, `sharing` loads what has no stock class.
"""

import sys
import types

from .errors import Unconvertible

__all__ = ["Report", "Unconvertible", "convert", "load"]


def __getattr__(name):
    # torch is loaded when it is first needed.
    if name == "convert":
        from .conversion import convert
        return convert
    if name == "load":
        from .sharing import load
        return load
    if name == "Report":
        from .report import Report
        return Report
    raise AttributeError(f"module 'gqa.convert' has no attribute {name!r}")


class _Callable(types.ModuleType):
    """This package is also the function `gqa.convert`."""

    def __call__(self, model, kv_heads=None, **keywords):
        from .conversion import convert

        return convert(model, kv_heads, **keywords)


sys.modules[__name__].__class__ = _Callable
