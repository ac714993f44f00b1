"""A token through a whole Llama with a static cache, as one CUDA graph: against torch's own, and beside what memory allows.

The weights are random, and made where they are needed: on the GPU by torch, if it has one, else (on the stand-in driver, for the
small sizes) on the host.
"""

import math
import statistics
import time

import numpy as np
import torch

import suite
from gqa._program import Array, CudaError, Program
from gqa.bench.llama import Sizes, Step
from programs import FOLDER

MOST_HOST_BYTES = 64 << 20  # of weights, where there is no GPU
TOKENS = 4  # that are judged together: of one, luck decides whose roundings a narrow model of many layers carries farther
COPIES = 3.2  # of the bf16 weights and caches: the model, its reference in f32, and room for what torch computes
BF16_TOLERANCE = 4e-2  # of a whole graph, as gqa-run --expect has it: |out - want| <= tolerance * max |want|
WARM_CALLS = 3
LEAST_COMPILED_BYTES = 1 << 30  # of weights: torch.compile takes longer than all else, and of smaller models nobody asks the time


def run(runtime, name, doing, rounds=7):
    """{"launches", and with a GPU "seconds" of each, "share" of the copy's rate}; {"status": "not run"} without room, torch or
    cuBLASLt. Raises AssertionError where logits or caches are farther from the same model in f32 than the tolerance of whole graphs, and
    than twice what torch's bf16 is, of any token and in any layer."""
    if reason := runtime.missing_blas():
        return {"status": "not run", "reason": reason}
    changes, at = suite.STEPS[name]
    sizes = Sizes(**changes)
    need = sizes.weight_bytes + sizes.words * sizes.hidden * sizes.dtype.itemsize + sizes.cache_bytes(sizes.keys)
    has_gpu = torch.cuda.is_available()
    room = torch.cuda.mem_get_info()[0] if has_gpu else MOST_HOST_BYTES
    if need * COPIES > room:
        return {"status": "not run", "reason": f"it needs {need * COPIES / 2 ** 30:.1f} GiB of memory on the GPU, of which "
                                               f"{room / 2 ** 30:.1f} are free" if has_gpu else
                f"torch {torch.__version__} finds no GPU, and the host does not take {need * COPIES / 2 ** 30:.1f} GiB"}
    doing("weights")
    model = make_model(sizes, "cuda" if has_gpu else "cpu", at)
    token = torch.tensor([[sizes.words // 2]], device=model.head.weight.device)
    place = torch.tensor([at], device=token.device)
    program, *others = (Program(runtime, FOLDER / "programs" / f"steps-{name}{end}.so")
                        for end in ("", *(f"-{form}" for form in suite.forms("steps", name))))
    others = {f"gqa, products by the {form}": other for form, other in zip(suite.forms("steps", name), others)}
    with torch.no_grad():
        return _judged(runtime, program, others, model, token, place, doing, rounds)


def make_model(sizes, device, seen):
    """A step with random weights, and random keys and values in front of place `seen`."""
    with torch.device(device):
        model = Step(sizes).eval()
        generator = torch.Generator(device).manual_seed(3)
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.normal_(0, weight.shape[-1] ** -0.5, generator=generator)
            for cache in model.buffers():
                cache[:, :, :seen].normal_(generator=generator)
    return model


def _judged(runtime, program, others, model, token, place, doing, rounds):
    on_gpu = token.is_cuda
    caches = [cache.clone() for cache in model.buffers()]
    tensors = [token, place, *caches, *model.parameters()]
    inputs = tensors if on_gpu else [_placed(program, i, tensor) for i, tensor in enumerate(tensors)]
    logits = torch.zeros(1, model.sizes.words, dtype=model.sizes.dtype, device=token.device)
    output = logits if on_gpu else Array(runtime, logits.shape, "bf16")
    exact = [x.to(torch.float32) if x.is_floating_point() else x for x in (*model.parameters(), *model.buffers())]
    errors, graphs, notes = Errors(), {}, []
    for number in range(TOKENS):
        token.fill_((model.sizes.words // 2 + 7 * number) % model.sizes.words)
        if not on_gpu:
            inputs[0].write(token.numpy())
        doing("torch")
        wanted = _reference(model, exact, token, place)
        errors.add_torchs(model, [model(token, place), *model.buffers()], wanted)
        for form, each in {"gqa": program, **others}.items():  # writes the same token to the same places
            doing(form)
            if form not in graphs:
                graphs[form], note = _captured(runtime, lambda stream, each=each: each(inputs, [output], stream))
                notes += [note] if note else []
            output.fill_(math.nan) if on_gpu else output.poison()
            graphs[form].launch()
            runtime.synchronize()
            errors.add(form, model, [found if on_gpu else _read(found) for found in (output, *inputs[2:2 + len(caches)])], wanted)
    del exact, wanted
    errors.judge()
    found = {"loaded": [program.loaded()], **({"note": notes[0]} if notes else {})}
    return _timed(model, token, place, graphs, doing, rounds, found) if on_gpu else found


def _captured(runtime, queue):
    """(the graph of what queue(stream) queues, "" or why that took a run in front), as what is run first may load and allocate.
    A token is written twice to its place then."""
    try:
        return runtime.capture(queue), ""
    except CudaError as error:
        queue(None)
        runtime.synchronize()
        return runtime.capture(queue), f"was captured after a run only: {error}"


def _reference(model, exact, token, place):
    """Logits and caches of the same model in f32."""
    names = [*(name for name, _ in model.named_parameters()), *(name for name, _ in model.named_buffers())]
    state = dict(zip(names, exact))
    logits = torch.func.functional_call(model, state, (token, place))
    return [logits, *(state[name] for name, _ in model.named_buffers())]


class Errors:
    """How far logits, keys and values are from the same model in f32. Errors grow from layer to layer, and one layer of a narrow
    model writes so few numbers that luck decides whose error is the larger one: torch's of all layers and tokens are the bound."""

    def __init__(self):
        self.torchs, self.found = {}, []

    @staticmethod
    def _of(model, tensors, wanted):
        names = ["logits", *(name for name, _ in model.named_buffers())]
        for name, tensor, want in zip(names, tensors, wanted):
            yield name, (tensor.float() - want).abs().max().item(), want.abs().max().item()

    def add_torchs(self, model, tensors, wanted):
        for name, error, _ in self._of(model, tensors, wanted):
            kind = name.split(".")[-1]
            self.torchs[kind] = max(self.torchs.get(kind, 0), error)

    def add(self, form, model, tensors, wanted):
        self.found += [(form, *each) for each in self._of(model, tensors, wanted)]

    def judge(self):
        for form, name, error, size in self.found:
            bound = max(BF16_TOLERANCE * size, 2 * self.torchs[name.split(".")[-1]])
            assert error <= bound, f"{form}: {name} are {error:.3g} from those in f32, expected at most {bound:.3g}"


def _timed(model, token, place, graphs, doing, rounds, found):
    """Everybody in turn, the copy beside them. torch.compile, which may take all of the time that is left, comes last."""
    moved = model.sizes.weight_bytes + model.sizes.cache_bytes(place.item() + 1)
    source = torch.empty(min(1 << 30, torch.cuda.mem_get_info()[0] // 4), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    candidates = {**{name: graph.launch for name, graph in graphs.items()}, "copy": lambda: target.copy_(source),
                  "torch": lambda: model(token, place)}
    notes = [found["note"]] if "note" in found else []

    def result():
        seconds = {name: [] for name in candidates}
        for _ in range(rounds):
            for name, call in candidates.items():
                seconds[name].append(_seconds(call))
        medians = {name: statistics.median(each) for name, each in seconds.items()}
        rate = 2 * source.numel() / medians.pop("copy")
        return {**found, "seconds_of": medians, "bytes": moved, "copy_bytes_per_s": rate,
                "share": moved / rate / medians["gqa"], **({"note": "; ".join(notes)} if notes else {})}

    def add(name, work):
        try:
            candidates[name] = _torch_graph(work)
        except Exception as error:  # whatever torch, or the compiler that it needs, has to say
            notes.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])

    doing("torch, a graph", so_far=result())
    add("torch, a graph", lambda: model(token, place))
    if model.sizes.weight_bytes >= LEAST_COMPILED_BYTES:
        doing("torch.compile, a graph", so_far=result())
        compiled = torch.compile(model)
        add("torch.compile, a graph", lambda: compiled(token, place))
    return result()


def _torch_graph(work):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(WARM_CALLS):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def _seconds(call):
    call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _placed(program, index, tensor):
    """A tensor of the host where the program's input has to be."""
    bits = tensor.detach().contiguous()
    return program.place(index, (bits.view(torch.uint16) if bits.dtype == torch.bfloat16 else bits).numpy())


def _read(array):
    return torch.from_numpy(np.array(array.numpy())).view(torch.bfloat16)
