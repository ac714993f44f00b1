"""`gqa.explain`: what the compiler finds in a model, and what it leaves as it is and why."""

import dataclasses
import json
import pathlib
import re
import sys
import tempfile

from . import _native
from ._module import text_of
from ._remarks import Remark, remark


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What was raised, shared, fused and declined. `print` it, or look into it.

    `attentions`: of each candidate, in program order, the report's entry as a dict, whose "status" is "raised" or "declined".
    `remarks`: each `gqa.Remark`, in the order in which it was found out. `before`: the graph as it came in, MLIR text. `after`:
    the graph with attention as operations, after fusing. `text`: what `print` shows, without its first line.
    """

    attentions: list
    remarks: list[Remark]
    before: str = dataclasses.field(repr=False)
    after: str = dataclasses.field(repr=False)
    text: str = dataclasses.field(repr=False)

    @property
    def raised(self):
        """The attentions that are kernels now."""
        return [entry for entry in self.attentions if entry["status"] == "raised"]

    @property
    def declined(self):
        """What looks like attention and is left alone; each says why in "reason"."""
        return [entry for entry in self.attentions if entry["status"] == "declined"]

    def __str__(self):
        heads = sum(entry["q_heads"] != entry["kv_heads"] for entry in self.raised)
        return (f"{len(self.raised)} attentions raised, {heads} of them with shared key/value heads, {len(self.declined)} declined\n"
                + self.text)


def explain(model, inputs=(), kwargs=None, *, dynamic_shapes=None, function=None, target="cpu"):
    """What gqa makes of `model`: an `Explanation`. Nothing is compiled to the end, nothing runs.

    model: a torch.nn.Module or function, exported with the example arguments `inputs` and `kwargs` and `dynamic_shapes` as
      torch.export has them; a torch.export.ExportedProgram; or an MLIR module as text, or the path of an .mlir file.
    function: which function of an MLIR module, by default `main`, else the only public one. target: as in `gqa.compile`.

    Places are lines of the model's Python where it has any, else of the MLIR text.
    Raises TypeError and ValueError that name the argument, OSError for a file that cannot be read, gqa.importer.ImportFailure
    for what cannot be exported or imported.
    """
    if isinstance(model, (str, pathlib.Path)):
        if inputs or kwargs or dynamic_shapes:
            raise ValueError("inputs, kwargs and dynamic_shapes are for models of torch, not for MLIR text")
        text, path = text_of(model)
        return _explain(text, str(path or "<module>"), function, target)
    return _explain(_exported(model, inputs, kwargs, dynamic_shapes), "<model>", None, target)


def _exported(model, inputs, kwargs, dynamic_shapes):
    torch = sys.modules.get("torch")  # a model of torch's has imported it
    if torch is None or not (callable(model) or isinstance(model, torch.export.ExportedProgram)):
        raise TypeError(f"model is of type {type(model).__name__}, expected a torch module, a function, an ExportedProgram, or MLIR text")
    if not isinstance(inputs, (tuple, list)):
        raise TypeError(f"inputs is of type {type(inputs).__name__}, expected a tuple of the model's arguments")
    from .importer import linalg_of_program
    from .importer.sources import export_module
    if not isinstance(model, torch.export.ExportedProgram):
        model = export_module(model, tuple(inputs), dict(kwargs or {}), dynamic_shapes)
    return linalg_of_program(model, inline_weights=False, places=True)


def _explain(text, filename, function, target):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        told, remarks, after = _native.library()["explain"](text, filename, function or "", target, str(report))
        attentions = json.loads(report.read_text())
    return Explanation(attentions, [remark(*fields) for fields in remarks], text, str(after), _without_columns(str(told)))


def _without_columns(text):
    """torch knows lines only, and gives column 0."""
    return re.sub(r"(:\d+):0\b", r"\1", text)
