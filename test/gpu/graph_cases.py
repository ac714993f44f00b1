"""The whole graphs of the packing half: those that tests run on the stand-in driver, and the corpus's. What they become travels."""

import json
import re
import sys
import tempfile
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

TEST = Path(__file__).resolve().parents[1]


@dataclass
class Graph:
    """`inputs`: arrays of all arguments that are no parameters, or shapes as gqa-run takes them, or None: the function's own.
    `recorded`: what the framework computed, of the last results; in front of them, and without, the reference judges. `tolerance`:
    None is that of whole graphs."""

    text: str
    function: str = "main"
    inputs: list | str | None = None
    weights: Path | None = None
    recorded: list = ()
    tolerance: float | None = None


# What the tests in test/gqa-run run: file, function, and inputs where the function's own shapes do not say it.
FUNCTIONS = [
    ("append-positions", "main"), ("append-positions", "donated"), ("append-positions", "shared"),
    ("append-positions", "tokens", "3x2x9x16xf16,3x2x6x16xf16,3x6xi32"),
    ("append-positions", "tokens", "0x2x9x16xf16,0x2x6x16xf16,0x6xi32"),
    ("complex", "main"), ("constants", "main"), ("small-graphs", "main"), ("small-graphs", "empty"), ("small-graphs", "indices"),
    ("bf16-product", "main"), ("joined-products", "main"), ("joined-products", "across"),
    *(("grouped-products", name) for name in ("many", "few", "many_across", "any_order", "few_across")),
    ("loops", "main"), ("loops", "generate"), ("loops", "places"), ("loops", "sizes", "5x7xf32"), ("loops", "branch"),
    ("loops", "grows", "3x4xf32"), ("recursion", "main"),
    ("move-elements", "main"), ("neighbours", "main"), ("neighbours", "sizes"), ("neighbours", "types"), ("neighbours", "parts"),
    ("neighbours", "dynamic", "6x36xbf16,6x36xf32"), ("neighbours", "dynamic", "5x131xbf16,5x131xf32"),
    ("neighbours", "dynamic", "1x1051xbf16,1x1051xf32"), ("neighbours", "norms", "3x4096xbf16,3x1001xbf16,5x72xbf16"),
    ("neighbours", "gathers", "100x64xbf16,100x36xf32,101x48xbf16,6x36xf32"),
    ("neighbours", "gathers", "100x64xbf16,100x36xf32,101x113xbf16,6x36xf32"),
    ("reductions", "main"), ("reductions", "columns", "700x33xf32,3x300x5xbf16,517x3xf32"),
    ("reductions", "columns", "700x33xf32,3x300x5xbf16,0x40xf32"), ("reductions", "words", "2x32000xbf16")]

# Of modules within the tests' own files: test, module, function, and the tolerance that the test has.
PARTS_OF_TESTS = [
    ("powers", "powers", "main", None), ("powers", "bases", "main", 3e-7), ("powers", "unknown", "main", 3e-7),
    ("powers", "unknown", "special", None), ("powers", "unknown", "small", 2e-3),
    *(("strides", "strides", name, None) for name in ("zero", "negative", "columns", "batches", "moved"))]

EXPORTED = ("einsum_grouped", "llama_decode_concat", "llama_prefill_eager", "llama_prefill_sdpa", "negative_softmax_axis")

CORPUS_TOLERANCE = 1e-4  # and three times what the corpus says of the graph itself, where that is more


def cases(corpus=None):
    """The Graphs by their names, each as a function that makes it; with those of a folder like the corpus of tools/check."""
    found = {**_of_functions(), **_of_tests(), **_of_mutations(), **_of_forms()}
    found |= {name: partial(_exported, name) for name in EXPORTED}
    found |= _of_corpus(Path(corpus)) if corpus else {}
    return found


def _of_functions():
    found = {}
    for file, function, *inputs in FUNCTIONS:
        name, text = f"{file}-{function}", (TEST / "gqa-run" / "Inputs" / f"{file}.mlir").read_text()
        others = sum(each.startswith(name) for each in found)
        found[f"{name}-{others + 1}" if others else name] = partial(Graph, text, function, *inputs)
    return found


def _of_tests():
    found = {}
    for test, module, function, tolerance in PARTS_OF_TESTS:
        _, text = (TEST / "gqa-run" / f"{test}.test").read_text().split(f"//--- {module}.mlir\n")
        found["-".join(dict.fromkeys((test, module, function)))] = partial(Graph, text.split("//--- ")[0], function,
                                                                           tolerance=tolerance)
    return found


def _of_mutations():
    from joined_products import matrices, text_of
    from mutation_graphs import GRAPHS, STEPS

    def onto(rows, along):
        """Products that are added onto what is there."""
        widths, depth = (24, 136, 64), 1096
        x, *weights = matrices(rows, widths, depth, along)
        rng = np.random.default_rng(rows)
        pairs = ((w, rng.standard_normal((rows, n)).astype(np.float32)) for w, n in zip(weights, widths))
        return Graph(text_of(rows, widths, depth, along, "f32", adds=True), inputs=[x, *(each for pair in pairs for each in pair)])

    found = {name: partial(_mutated, graph) for name, graph in {**GRAPHS, **STEPS}.items()}
    return found | {f"products_{'along' if along else 'across'}_onto-{rows}": partial(onto, rows, along)
                    for rows in (1, 5) for along in (True, False)}


def _mutated(graph):
    return Graph(graph.text, graph.function, [_array(each) for each in graph.inputs])


def _of_forms():
    """Functions of PyTorch, most of which tests import."""
    import test_donation
    import test_forms
    import test_fourier
    import test_order
    import test_resampling
    import test_scatter
    import torch
    from form import Form

    found = {"cache-donated": lambda: Graph(test_donation.STEP, inputs=test_donation.step()),
             "mixture": lambda: _imported(lambda: (Form(_mixture), _tokens())),
             "sort": lambda: _imported(lambda: (Form(lambda x: x.sort(stable=True)), (torch.randint(999, (40000,)),)))}
    for kind, test in {"order": test_order, "scatter": test_scatter, "resampling": test_resampling}.items():
        found |= {f"{kind}-{name}": partial(_imported, partial(_of_text, test.FORMS, name)) for name in test.NAMES}
    found |= {f"fourier-{name.replace(' ', '_')}": partial(_imported, lambda function=function: (Form(function), (test_fourier.X,)))
              for name, function in test_fourier.FORMS.items()}
    return found | {f"form-{name}": partial(_imported, lambda function=function, arguments=arguments: (Form(function), arguments))
                    for name, (function, arguments, _) in test_forms.MODEL_FORMS.items()}


def _of_text(forms, name):
    names = {}
    exec(forms, names)
    return names[name]()


def _tokens(tokens=300, hidden=96, inner=64, experts=8):
    """A prompt, whom the router sends it to, and two matrices of each expert."""
    import torch

    generator = torch.Generator().manual_seed(7)
    logits = torch.randperm(tokens * experts, generator=generator).reshape(tokens, experts) / (tokens * experts)
    return (logits, *(torch.randn(shape, generator=generator).bfloat16() / shape[-2] ** 0.5 for shape in
                      ((tokens, hidden), (experts, hidden, inner), (experts, inner, hidden))))


def _mixture(logits, x, up, down):
    """A mixture of experts over a prompt: tokens in the order of their experts, products of each expert's rows, and back."""
    import torch

    weights, chosen = logits.softmax(-1).topk(2)
    order = torch.sort(chosen.flatten(), stable=True)[1]
    ends = torch.histc(chosen.flatten().float(), 8, 0, 7).cumsum(0).int()
    y = torch.nn.functional.silu(torch.ops.aten._grouped_mm(x[order // 2], up, ends))
    y = torch.ops.aten._grouped_mm(y, down, ends) * weights.flatten()[order, None]
    return torch.zeros_like(x, dtype=torch.float32).index_add(0, order // 2, y).to(x.dtype)


def _imported(make):
    """Of a function that returns a module and its arguments, and how it is exported."""
    import torch
    from gqa.importer import linalg_of_program

    torch.manual_seed(3)
    module, arguments, *how = make()
    warnings.filterwarnings("ignore")  # torch's own
    program = torch.export.export(module, arguments, *how[:1], dynamic_shapes=how[1] if how else None, strict=False)
    return Graph(linalg_of_program(program), inputs=[_array(each) for each in arguments])


def _exported(name):
    folder = TEST / "graphs"
    arrays, weights = np.load(folder / f"{name}.npz"), folder / f"{name}.safetensors"
    return Graph((folder / f"{name}.mlir").read_text(), inputs=_numbered(arrays, "arg"),
                 weights=weights if weights.exists() else None, recorded=_numbered(arrays, "out"))


def _of_corpus(folder):
    files = sorted([*folder.glob("*/linalg*.mlir"), *folder.glob("*/stablehlo.mlir")])
    if not files:
        sys.exit(f"{folder} has no */linalg*.mlir; expected a folder like the corpus of tools/check")
    return {f"corpus-{file.parent.name}-{file.stem}": partial(_recorded, file) for file in files}


def _recorded(file):
    arrays, meta = np.load(file.parent / "io.npz"), json.loads((file.parent / "meta.json").read_text())
    text = file.read_text() if file.stem != "stablehlo" else _of_stablehlo(file)
    names = meta["arguments"].get(file.name)
    return Graph(text, inputs=[arrays[name] for name in names] if names else _numbered(arrays, "in"),
                 recorded=_numbered(arrays, "ref" if "ref0" in arrays else "out"),
                 tolerance=max(CORPUS_TOLERANCE, 3 * meta["errors"].get(file.name, 0)))


def _of_stablehlo(file):
    from gqa.importer import import_model

    with tempfile.TemporaryDirectory() as folder:
        import_model(str(file), f"{folder}/graph.mlir")
        return Path(f"{folder}/graph.mlir").read_text()


def _numbered(arrays, prefix):
    """prefix0, prefix1, ... of an .npz."""
    return [arrays[f"{prefix}{i}"] for i in range(sum(re.fullmatch(rf"{prefix}\d+", name) is not None for name in arrays))]


def _array(value):
    """A tensor of torch, bf16 as bits; arrays as they are."""
    if not hasattr(value, "detach"):
        return value
    import torch

    value = value.detach().contiguous()
    return (value.view(torch.uint16) if value.dtype == torch.bfloat16 else value).numpy()
