"""Results that are written over arguments: a KV cache with a new token, on the CPU and on a GPU, compiled and in a library."""

import json
import os

import numpy as np
import pytest

import gqa
from cuda import missing, on_gpu, on_host
from gqa import _native

RNG = np.random.default_rng(5)
needs_gpu = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a GPU")

HEADS, KEYS, DIM = 2, 256, 32
CACHE = f"tensor<1x{HEADS}x{KEYS}x{DIM}xf16>"
TOKEN = f"tensor<1x{HEADS}x1x{DIM}xf16>"
QUERY = f"tensor<1x6x1x{DIM}xf16>"
STEP = f"""
func.func @main(%q: {QUERY}, %k: {CACHE} {{gqa.donated_to = 1}}, %v: {CACHE} {{gqa.donated_to = 2}},
                %new_k: {TOKEN}, %new_v: {TOKEN}, %at: tensor<1xi64>) -> ({QUERY}, {CACHE}, {CACHE}) {{
  %ks = gqa.append_kv %k, %new_k at %at : ({CACHE}, {TOKEN}, tensor<1xi64>) -> {CACHE}
  %vs = gqa.append_kv %v, %new_v at %at : ({CACHE}, {TOKEN}, tensor<1xi64>) -> {CACHE}
  %o = gqa.attention %q, %ks, %vs causal offset(%at) : ({QUERY}, {CACHE}, {CACHE}, tensor<1xi64>) -> {QUERY}
  return %o, %ks, %vs : {QUERY}, {CACHE}, {CACHE}
}}
"""


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float16)


def step():
    """q, k, v, the new token's k and v, and its place."""
    cache = (1, HEADS, KEYS, DIM)
    return [normal(1, 6, 1, DIM), normal(*cache), normal(*cache), normal(1, HEADS, 1, DIM), normal(1, HEADS, 1, DIM),
            np.array([41])]


def module_of(form, target, folder, text=STEP):
    if form == "compiled":
        return gqa.compile(text, target=target)
    gqa.build(text, folder / "step.so", target=target)
    return gqa.load(folder / "step.so")


def expected(arrays):
    """The same step without donation."""
    plain = gqa.compile(STEP.replace("{gqa.donated_to = 1}", "").replace("{gqa.donated_to = 2}", ""))
    return plain(*[array.copy() for array in arrays])


@pytest.mark.parametrize("form", ["compiled", "library"])
@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda:sm_80", marks=needs_gpu)])
def test_results_are_the_arguments(form, target, tmp_path):
    module = module_of(form, target, tmp_path)
    assert module.donated == {1: 1, 2: 2}
    arrays = step()
    wanted = expected(arrays)
    output, keys, values = module(*arrays)
    assert keys is arrays[1] and values is arrays[2]
    for found, want in zip((output, keys, values), wanted):
        np.testing.assert_allclose(found, want, rtol=2e-3, atol=1e-3)


@needs_gpu
@pytest.mark.parametrize("form", ["compiled", "library"])
def test_tensors_on_a_gpu(form, tmp_path):
    module = module_of(form, "cuda:sm_80", tmp_path)
    arrays = step()
    wanted = expected(arrays)
    tensors, room = [on_gpu(array) for array in arrays], on_gpu(np.zeros_like(arrays[0]))
    results = module(*tensors)
    assert results[1] is tensors[1] and results[2] is tensors[2]
    again = [on_gpu(array) for array in arrays]
    assert module(*again, out=(room, None, again[2])) == (room, again[1], again[2])
    for found, want in zip((results[0], *tensors[1:3], room, *again[1:3]), wanted * 2):
        np.testing.assert_allclose(on_host(found), want, rtol=2e-3, atol=1e-3)


@needs_gpu
def test_replays_add_tokens():
    """Each replay reads its place and its token, and leaves the cache for the next."""
    module = gqa.compile(STEP, target="cuda:sm_80")
    arrays = step()
    tensors, room = [on_gpu(array) for array in arrays], on_gpu(np.zeros_like(arrays[0]))
    graph = gqa.capture(module, *tensors, out=(room, None, None))
    fill = _native.library()["cuda_fill"]
    keys, values = arrays[1], arrays[2]
    for place in range(41, 44):
        token = [normal(1, HEADS, 1, DIM), normal(1, HEADS, 1, DIM), np.array([place])]
        for tensor, array in zip(tensors[3:], token):
            fill(_dlpack(array), tensor)
        graph.replay()
        output, keys, values = expected([arrays[0], keys, values, *token])
        np.testing.assert_allclose(on_host(room), output, rtol=2e-3, atol=1e-3)
        np.testing.assert_array_equal(on_host(tensors[1]), keys)
        np.testing.assert_array_equal(on_host(tensors[2]), values)


def _dlpack(array):
    import tvm_ffi

    return tvm_ffi.from_dlpack(array)


def place_of(target):
    return (lambda array: array) if target == "cpu" else on_gpu


@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda:sm_80", marks=needs_gpu)])
def test_memory_that_is_something_else_as_well(target):
    module = gqa.compile(STEP, target=target)
    at = place_of(target)
    q, k, v, new_k, new_v, place = (at(array) for array in step())
    room = at(np.zeros((1, 6, 1, DIM), np.float16))
    other = at(np.zeros((1, HEADS, KEYS, DIM), np.float16))
    with pytest.raises(ValueError, match="argument [12], which output [12] is written over, shares memory with argument [12]; "
                                         "expected memory of its own"):
        module(q, k, k, new_k, new_v, place)
    with pytest.raises(ValueError, match="output 1 is not the memory of argument 1, which it is written over"):
        module(q, k, v, new_k, new_v, place, out=(room, other, v))
    with pytest.raises(ValueError, match="output 2 is not the memory of argument 2"):
        module(q, k, v, new_k, new_v, place, out=(room, k, k))


@needs_gpu
def test_a_cache_on_the_host_beside_a_gpu():
    module = gqa.compile(STEP, target="cuda:sm_80")
    arrays = step()
    tensors = [on_gpu(array) for array in arrays]
    with pytest.raises(ValueError, match="argument 1 is on cpu; expected cuda:0, where other arguments are, as output 1"):
        module(tensors[0], arrays[1], *tensors[2:])


def test_arrays_that_would_be_copied():
    module = gqa.compile(STEP)
    arrays = step()
    locked = arrays[1].copy()
    locked.flags.writeable = False
    turned = arrays[2].transpose(0, 1, 3, 2).copy().transpose(0, 1, 3, 2)
    with pytest.raises(ValueError, match="argument 1, which output 1 is written over, is read-only"):
        module(arrays[0], locked, *arrays[2:])
    with pytest.raises(ValueError, match="argument 2, which output 2 is written over, is not contiguous"):
        module(*arrays[:2], turned, *arrays[3:])


@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda:sm_80", marks=needs_gpu)])
def test_what_is_computed_elsewhere_is_copied_over_it(target):
    """And an argument's old contents may be another result; two that are exchanged are."""
    said = []
    text = """func.func @main(%x: tensor<1024xf32> {gqa.donated_to = 1}, %y: tensor<1024xf32> {tf.aliasing_output = 0 : i32})
      -> (tensor<1024xf32>, tensor<1024xf32>, tensor<1024xf32>) {
      return %x, %y, %x : tensor<1024xf32>, tensor<1024xf32>, tensor<1024xf32>
    }"""
    module = gqa.compile(text, target=target, on_remark=said.append)
    at = place_of(target)
    first, second = np.arange(1024, dtype=np.float32), np.arange(1024, 2048, dtype=np.float32)
    x, y = at(first.copy()), at(second.copy())
    results = module(x, y)
    assert results[0] is y and results[1] is x
    found = [each if target == "cpu" else on_host(each) for each in results]
    np.testing.assert_array_equal(found, [first, second, first])
    assert sum("computed in memory of its own and copied over argument" in str(each) for each in said) == 2


@pytest.mark.parametrize("attribute, message", [
    ("gqa.donated_to = 1", "expected the number of one of its 1 results"),
    ('gqa.donated_to = "x"', "expected the number of one of its 1 results"),
    ("gqa.donated_to = -1", "expected the number of one of its 1 results"),
    ('gqa.donated_to = 0, gqa.param = "w"', "the argument is a parameter, which calls do not change"),
])
def test_attributes_that_do_not_fit(attribute, message):
    text = f"func.func @main(%x: tensor<4xf32> {{{attribute}}}) -> tensor<4xf32> {{ return %x : tensor<4xf32> }}\n"
    with pytest.raises(ValueError, match=message):
        gqa.compile(text)


def test_types_and_results_that_do_not_fit():
    with pytest.raises(ValueError, match="the result is of type .*, and the argument of type .*; expected one type"):
        gqa.compile("func.func @main(%x: tensor<4xf32> {gqa.donated_to = 0}, %y: tensor<3xf32>) -> tensor<3xf32> {\n"
                    "  return %y : tensor<3xf32> }")
    with pytest.raises(ValueError, match="another argument is donated to the same result"):
        gqa.compile("func.func @main(%x: tensor<4xf32> {gqa.donated_to = 0}, %y: tensor<4xf32> {gqa.donated_to = 0})"
                    " -> tensor<4xf32> {\n  return %y : tensor<4xf32> }")


def test_sizes_that_are_known_at_the_call():
    longer = """func.func @main(%x: tensor<?xf32> {gqa.donated_to = 0}, %y: tensor<?xf32>) -> tensor<?xf32> {
      %0 = tensor.concat dim(0) %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }"""
    module = gqa.compile(longer)
    x, none = np.arange(3, dtype=np.float32), np.empty(0, np.float32)
    assert module(x, none) is x
    with pytest.raises(ValueError, match="a result that is written over an argument has another size than it"):
        module(x, x.copy())


@pytest.fixture(scope="module")
def static_cache():
    """A decoder's attention as Hugging Face's StaticCache has it, two layers: the module, and its linalg text."""
    torch = pytest.importorskip("torch")

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(64, 64 + 2 * 32, bias=False)
            self.register_buffer("keys", torch.zeros(1, 2, 16, 16))
            self.register_buffer("values", torch.zeros(1, 2, 16, 16))
            self.register_buffer("length", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            q, k, v = self.project(x).split([64, 32, 32], dim=-1)
            q, k, v = (t.view(1, 1, -1, 16).transpose(1, 2) for t in (q, k, v))
            at = self.length + torch.arange(1)
            self.keys.index_copy_(2, at, k)
            self.values.index_copy_(2, at, v)
            seen = (torch.arange(16)[None, :] <= at[:, None])[None, None]
            self.length.add_(1)
            out = torch.nn.functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=seen, enable_gqa=True)
            return x + out.transpose(1, 2).reshape(1, 1, 64)

    torch.manual_seed(0)
    model = torch.nn.Sequential(Layer(), Layer()).eval()
    from gqa.importer import linalg_of_program
    with torch.no_grad():
        program = torch.export.export(model, (torch.randn(1, 1, 64),))
    return model, linalg_of_program(program)


@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda:sm_80", marks=needs_gpu)])
def test_steps_of_a_model_with_a_static_cache(static_cache, target):
    """The buffers that the model writes to are the arguments behind its input, and stay where they are."""
    import torch

    model, text = static_cache
    remarks = []
    module = gqa.compile(text, target=target, on_remark=remarks.append)
    assert module.donated == {1 + i: i for i in range(6)} and len(module.outputs) == 7
    assert not any("copied" in str(each) for each in remarks), remarks
    at = place_of(target)
    state = [at(buffer.numpy().copy()) for _, buffer in model.named_buffers()]
    token, room = at(np.zeros((1, 1, 64), np.float32)), at(np.zeros((1, 1, 64), np.float32))
    graph = gqa.capture(module, token, *state, out=(*[None] * 6, room)) if target != "cpu" else None
    for _ in range(3):
        x = torch.randn(1, 1, 64)
        with torch.no_grad():
            wanted = model(x).numpy()
        if graph:
            _native.library()["cuda_fill"](_dlpack(x.numpy()), token)
            graph.replay()
            found, new = on_host(room), [on_host(each) for each in state]
        else:
            found, new = module(x.numpy(), *state)[6], state
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        for (name, buffer), each in zip(model.named_buffers(), new):
            np.testing.assert_allclose(each, buffer.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    for _, buffer in model.named_buffers():
        buffer.zero_()


def test_inputs_that_a_model_writes_to():
    torch = pytest.importorskip("torch")
    from gqa.importer import linalg_of_program

    class Write(torch.nn.Module):
        def forward(self, cache, row, at):
            cache.index_copy_(2, at, row)
            return cache.sum(dim=-1)

    example = torch.zeros(1, 2, 8, 4), torch.ones(1, 2, 1, 4), torch.tensor([3])
    module = gqa.compile(linalg_of_program(torch.export.export(Write(), example)))
    assert module.donated == {0: 0}
    cache = np.zeros((1, 2, 8, 4), np.float32)
    changed, total = module(cache, np.ones((1, 2, 1, 4), np.float32), np.array([3]))
    assert changed is cache and (cache[:, :, 3] == 1).all() and cache.sum() == 8 and total.sum() == 8


@pytest.mark.parametrize("target", ["cpu", pytest.param("cuda:sm_80", marks=needs_gpu)])
def test_a_cache_without_heads(target):
    """Of latent attention: its new token is all that is written, as of caches with heads."""
    torch = pytest.importorskip("torch")
    from gqa.importer import linalg_of_program

    class Latent(torch.nn.Module):
        def forward(self, q, cache, row, at):
            cache.index_copy_(1, at, row)
            hidden = torch.arange(16) > at
            scores = torch.einsum("bhc,btc->bht", q, cache).masked_fill(hidden, float("-inf"))
            return torch.einsum("bht,btc->bhc", scores.softmax(-1), cache)

    torch.manual_seed(0)
    arguments = torch.randn(2, 4, 12), torch.randn(2, 16, 12), torch.randn(2, 1, 12), torch.tensor([9])
    text, remarks = linalg_of_program(torch.export.export(Latent(), arguments)), []
    module = gqa.compile(text, target=target, on_remark=remarks.append)
    assert module.donated == {1: 0}
    assert not any("copied" in str(each) for each in remarks), remarks
    at = place_of(target)
    found = module(*[at(each.numpy().copy()) for each in arguments])
    wanted = Latent()(*arguments)
    for array, want in zip(found, (arguments[1], wanted)):
        np.testing.assert_allclose(array if target == "cpu" else on_host(array), want.numpy(), rtol=1e-4, atol=1e-5)


@needs_gpu
@pytest.mark.skipif("emulator" not in os.environ.get("GQA_CUDA_DRIVER", ""), reason="counts what the stand-in driver moves")
def test_nothing_of_the_caches_size_is_written(tmp_path, monkeypatch):
    """Bytes that kernels write: the output, the two tokens, and the parts of a split; not the caches."""
    import subprocess
    import sys

    report = tmp_path / "report.json"
    script = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import numpy as np, gqa, test_donation as t
from cuda import on_gpu
module = gqa.compile(t.STEP, target="cuda:sm_80")
tensors = [on_gpu(array) for array in t.step()]
module(*tensors, out=(on_gpu(np.zeros((1, 6, 1, t.DIM), np.float16)), None, None))
"""
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, timeout=120,
                          env={**os.environ, "GQA_EMULATOR": f"report={report}"})
    assert done.returncode == 0, done.stderr
    events = map(json.loads, report.read_text().splitlines())
    written = sum(event["counters"]["global_store_bytes"] for event in events if "counters" in event)
    assert 0 < written < HEADS * KEYS * DIM * 2
