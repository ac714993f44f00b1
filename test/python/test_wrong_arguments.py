"""Wrong arguments, kind by kind: each is a TypeError or a ValueError that names the argument; none is a crash.

What `gqa.attention` says about sizes that do not fit is in test_attention.py; the C API's table is test/unit/CAPI/WrongArgumentsTest.cpp.
"""

import numpy as np
import pytest
import torch

import gqa
import gqa.torch
import gqa.transformers
from gqa import _attention
from reference import attention as definition


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


Q, K, V = zeros(2, 6, 5, 16), zeros(2, 2, 7, 16), zeros(2, 2, 7, 24)
OUT, LSE = zeros(2, 6, 5, 24), zeros(2, 6, 5)
SQUARE = zeros(2, 6, 7, 16)
DOUBLE = """
func.func @twice(%x: tensor<?x3xf32>, %w: tensor<3xf32> {gqa.param = "w"}) -> tensor<?x3xf32> {
  %y = linalg.add ins(%x, %x : tensor<?x3xf32>, tensor<?x3xf32>) outs(%x : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}
"""


class Raises:
    """Has DLPack's methods, of which one does not work."""

    def __dlpack__(self, **_):
        raise RuntimeError("gone")

    def __dlpack_device__(self):
        return 1, 0


class Lies(Raises):
    def __dlpack__(self, **_):
        return "a capsule"


class Elsewhere(Raises):
    def __dlpack_device__(self):
        return 7, 0


def call(*args, **options):
    """A call of gqa.attention: arguments in place of q, k, v from the left, and options."""
    return lambda: gqa.attention(*args, *(Q, K, V)[len(args):], **options)


TENSORS = {
    "none": (call(None), TypeError, "q is of type NoneType"),
    "string": (call("q"), TypeError, "q is of type str"),
    "number": (call(Q, 1.0), TypeError, "k is of type float"),
    "dlpack raises": (call(Raises()), TypeError, "q of type Raises cannot be read"),
    "dlpack lies": (call(Lies()), TypeError, "q of type Lies cannot be read"),
    "another device": (call(Q, Elsewhere()), ValueError, "k is on device type 7:0, expected cpu"),
    "meta": (call(Q, K.to("meta")), ValueError, "k is on meta, expected cpu"),
    "complex": (call(Q.to(torch.complex64)), TypeError, "q has elements of type complex64"),
    "fp8": (call(Q, K, V.to(torch.float8_e4m3fn)), TypeError, "v has elements of type float8_e4m3fn"),
    "other float": (call(Q, K.half()), TypeError, "k has elements of type f16, expected f32"),
    "sparse": (call(Q.to_sparse()), TypeError, "q is a tensor of layout sparse_coo"),
    "of oneDNN": (call(Q, K.to_mkldnn()), TypeError, "k is a tensor of layout _mkldnn"),
    "nested": (lambda: gqa.attention(torch.nested.nested_tensor([zeros(3, 4), zeros(2, 4)]), K, V), TypeError, "q is a tensor of layout nested"),
    "other byte order": (call(Q.numpy().astype(">f4")), TypeError, "q has elements of type >f4"),
    "objects": (call(np.empty((2, 6, 5, 16), object)), TypeError, "q has elements of type object"),
    "gradient": (call(Q, K.clone().requires_grad_()), ValueError, "k requires a gradient"),
    "rank 0": (call(zeros()), ValueError, "q has 0 dimensions, expected 4"),
    "rank 5": (call(Q[None]), ValueError, "q has 5 dimensions, expected 4"),
    "no KV heads": (call(Q, K[:, :0], V[:, :0]), ValueError, "q has 6 heads and k has 0: expected a multiple"),
    "heads that do not divide": (call(Q[:, :5]), ValueError, "q has 5 heads and k has 2: expected a multiple"),
    "head dimension 0": (call(Q[..., :0], K[..., :0]), ValueError, "scale is missing"),
}
OPTIONS = {
    "mask of integers": (call(mask=zeros(5, 7, dtype=torch.int32)), TypeError, "mask has elements of type torch.int32"),
    "mask as a list": (call(mask=[[True] * 7] * 5), TypeError, "mask is of type list"),
    "mask of rank 5": (call(mask=zeros(1, 1, 1, 5, 7, dtype=torch.bool)), ValueError, "mask has shape 1x1x1x5x7"),
    "mask of other keys": (call(mask=zeros(5, 6, dtype=torch.bool)), ValueError, "mask has shape 5x6"),
    "mask of no keys": (call(mask=zeros(5, 0, dtype=torch.bool)), ValueError, "mask has shape 5x0"),
    "bias of integers": (call(bias=zeros(5, 7, dtype=torch.int32)), TypeError, "bias has elements of type int32"),
    "bias as a number": (call(bias=1.0), TypeError, "bias is of type float"),
    "bias elsewhere": (call(bias=zeros(5, 7).to("meta")), ValueError, "bias is on meta"),
    "bias with a gradient": (call(bias=zeros(5, 7).requires_grad_()), ValueError, "bias requires a gradient"),
    "causal as a word": (call(SQUARE, causal="top"), TypeError, "causal is of type str, expected a bool"),
    "causal as a tensor": (call(SQUARE, causal=torch.ones(2)), TypeError, "causal is of type Tensor, expected a bool"),
    "no offset": (call(causal=True), ValueError, "needs offset"),
    "offset as a float": (call(causal=True, offset=1.5), TypeError, "offset has elements of type float64"),
    "offset of 71 bits": (call(causal=True, offset=2 ** 70), TypeError, "offset has elements of type object"),
    "offset of three": (call(causal=True, offset=[1, 2, 3]), ValueError, "offset has shape 3"),
    "offset of ragged lists": (call(causal=True, offset=[[1], [1, 2]]), TypeError, "offset is [[1], [1, 2]]"),
    "kv_len below 0": (call(kv_len=-1), ValueError, "kv_len is -1, expected numbers within 0 and Skv = 7"),
    "kv_len beyond Skv": (call(kv_len=torch.tensor([7, 8])), ValueError, "kv_len is tensor([7, 8])"),
    "kv_len of rank 2": (call(kv_len=[[1, 2]]), ValueError, "kv_len has shape 1x2"),
    "kv_len unsigned": (call(kv_len=np.array([1, 2 ** 63], np.uint64)), TypeError, "kv_len has elements of type uint64"),
    "kv_len as bools": (call(kv_len=True), TypeError, "kv_len has elements of type bool"),
    "kv_len of nothing": (call(kv_len=[]), ValueError, "kv_len has shape 0"),
    "sinks of integers": (call(sinks=zeros(6, dtype=torch.int64)), TypeError, "sinks has elements of type int64"),
    "sinks per KV head": (call(sinks=zeros(2)), ValueError, "sinks has shape 2, expected 6"),
    "softcap as a word": (call(softcap="5"), TypeError, "softcap is '5', expected a number"),
    "softcap 0": (call(softcap=0), ValueError, "softcap is 0"),
    "softcap beyond f32": (call(softcap=1e300), ValueError, "softcap is 1e+300"),
    "softcap below f32": (call(softcap=1e-300), ValueError, "softcap is 1e-300"),
    "softcap beyond f64": (call(softcap=10 ** 400), TypeError, "softcap is 1000"),
    "scale as a list": (call(scale=[1.0, 2.0]), TypeError, "scale is [1.0, 2.0]"),
    "scale complex": (call(scale=1j), TypeError, "scale is 1j"),
    "scale beyond f32": (call(scale=1e300), ValueError, "scale is 1e+300"),
    "window as a float": (call(window=3.0, offset=0), ValueError, "window is 3.0"),
    "window as a bool": (call(window=True, offset=0), ValueError, "window is True"),
    "window below -1": (call(window=(-2, 0), offset=0), ValueError, "window is (-2, 0)"),
    "window of 71 bits": (call(window=2 ** 70, offset=0), ValueError, "window is 1180591620717411303424"),
    "dead_row as a list": (call(dead_row=["zero"]), ValueError, "dead_row is ['zero']"),
    "layout of three": (call(layout="bhs"), ValueError, "layout is 'bhs'"),
    "layout as a list": (call(layout=list("bhsd")), ValueError, "layout is ['b', 'h', 's', 'd']"),
    "return_lse as a word": (call(return_lse="yes"), TypeError, "return_lse is of type str, expected a bool"),
    "an option that is none": (call(dropout=0.1), TypeError, "dropout"),
    "options by place": (lambda: gqa.attention(Q, K, V, True), TypeError, "positional"),
    "no values": (lambda: gqa.attention(Q, K), TypeError, "'v'"),
}
FUNCTIONS = {
    "score as a word": (call(score="alibi"), TypeError, "score is of type str"),
    "score of one": (call(score=lambda s: s), TypeError, "given as score takes 1 arguments"),
    "score of nothing": (call(score=lambda s, b, h, i, j: None), TypeError, "given as score computes with a NoneType"),
    "score that decides": (call(score=lambda s, b, h, i, j: s if i > j else -s), TypeError, "given as score decides"),
    "score of a tensor": (call(score=lambda s, b, h, i, j: zeros(2)), TypeError, "given as score computes with a tensor"),
    "score with an empty table": (call(score=lambda s, b, h, i, j, t=zeros(0): s + t[h]), ValueError, "score region reads a captured"),
    "score with a table elsewhere": (call(score=lambda s, b, h, i, j, t=zeros(6).to("meta"): s + t[h]), ValueError,
                                     "a tensor of score is on meta"),
    "mask of a word": (call(mask=lambda b, h, i, j: "yes"), TypeError, "given as mask computes with a str"),
}
OUTS = {
    "a list": (call(out=[1.0]), TypeError, "out is of type list"),
    "one of two": (call(out=OUT, return_lse=True), TypeError, "expected a pair (output, lse)"),
    "other sizes": (call(out=OUT[:, :4].contiguous()), ValueError, "out has shape 2x4x5x24, expected 2x6x5x24"),
    "other elements": (call(out=OUT.half()), TypeError, "out has elements of type float16, expected float32"),
    "elsewhere": (call(out=OUT.to("meta")), ValueError, "out is on meta"),
    "strided": (call(out=zeros(2, 5, 6, 24).transpose(1, 2)), ValueError, "out is not contiguous"),
    "read-only": (lambda: _read_only(), ValueError, "out is read-only"),
    "with a gradient": (call(out=OUT.clone().requires_grad_()), ValueError, "out requires a gradient"),
    "an argument": (lambda: gqa.attention(SQUARE, K, K, out=SQUARE), ValueError, "out shares memory with q"),
    "part of an argument": (call(sinks=OUT.view(-1)[8:14], out=OUT), ValueError, "out shares memory with sinks"),
    "lse of other sizes": (call(out=(OUT, zeros(2, 6)), return_lse=True), ValueError, "out[1] has shape 2x6, expected 2x6x5"),
    "twice the same": (lambda: _same_memory_twice(), ValueError, "out[1] shares memory with out[0]"),
}


def _same_memory_twice():
    room = zeros(2 * 6 * 5 * 24)
    return gqa.attention(Q, K, V, return_lse=True, out=(room.view(2, 6, 5, 24), room[:60].view(2, 6, 5)))


def _read_only():
    room = np.zeros((2, 6, 5, 24), np.float32)
    room.flags.writeable = False
    return gqa.attention(Q, K, V, out=room)


def compiled(*args):
    return lambda: gqa.compile(DOUBLE)(*args)


MODULES = {
    "text none": (lambda: gqa.compile(None), TypeError, "text_or_path is of type NoneType"),
    "text as bytes": (lambda: gqa.compile(b"module {}\n"), TypeError, "text_or_path is of type bytes"),
    "text of nothing": (lambda: gqa.compile(""), ValueError, "<module>: the module is empty"),
    "text with a zero": (lambda: gqa.compile("module {}\n\0"), ValueError, "<module>:1:1"),
    "text too deep": (lambda: gqa.compile("(" * 100000 + "\n"), ValueError, "<module>: line 1 nests brackets"),
    "function as a number": (lambda: gqa.compile(DOUBLE, 3), TypeError, "function is of type int"),
    "function that is none": (lambda: gqa.compile(DOUBLE, "thrice"), ValueError, "thrice"),
    "target none": (lambda: gqa.compile(DOUBLE, target=None), TypeError, "target is of type NoneType"),
    "target unknown": (lambda: gqa.compile(DOUBLE, target="tpu"), ValueError, "target 'tpu' is unknown"),
    "target of nothing": (lambda: gqa.compile(DOUBLE, target="cpu:"), ValueError, "target 'cpu:' is unknown"),
    "weights as a list": (lambda: gqa.compile(DOUBLE, weights=[1]), TypeError, "weights is of type list"),
    "weights of other sizes": (lambda: gqa.compile(DOUBLE, weights={"w": zeros(4)})(zeros(1, 3)), ValueError, "argument 1 ('w')"),
    "weights as numbers": (lambda: gqa.compile(DOUBLE, weights={"w": 1.0}), TypeError, "weight 'w' is of type float"),
    "reference as a word": (lambda: gqa.compile(DOUBLE, reference="yes"), TypeError, "reference is of type str"),
    "too many arguments": (compiled(zeros(1, 3), zeros(3), zeros(3)), TypeError, "takes 2 arguments, 3 were given"),
    "argument none": (compiled(None, zeros(3)), TypeError, "argument 0 is of type NoneType"),
    "argument of another rank": (compiled(zeros(3), zeros(3)), ValueError, "argument 0 is f32[3], expected f32[?x3]"),
    "argument of other elements": (compiled(zeros(1, 3), zeros(3, dtype=torch.bool)), ValueError, "argument 1 ('w') is i1[3]"),
    "argument elsewhere": (compiled(zeros(1, 3).to("meta"), zeros(3)), ValueError, "argument 0 is on meta"),
    "argument of oneDNN": (compiled(zeros(1, 3).to_mkldnn(), zeros(3)), TypeError, "argument 0 is a tensor of layout _mkldnn"),
    "argument nested": (lambda: compiled(torch.nested.nested_tensor([zeros(1, 3)]), zeros(3))(), TypeError, "argument 0 is a tensor of layout nested"),
    "argument sparse": (compiled(zeros(1, 3).to_sparse(), zeros(3)), TypeError, "argument 0 is a tensor of layout sparse_coo"),
}


def operator(*args, **options):
    return lambda: torch.ops.gqa.attention(*args, *(Q, K, V)[len(args):], **options)


def meta(*args):
    """The fake kernel's call: what tracing sees."""
    return lambda: torch.ops.gqa.attention(*(x.to("meta") for x in (*args, *(Q, K, V)[len(args):])))


OPERATOR = {
    "rank": (operator(Q[0]), ValueError, "q has 3 dimensions"),
    "no KV heads": (operator(Q, K[:, :0], V[:, :0]), ValueError, "k has 0: expected a multiple"),
    "mask of floats": (operator(mask=zeros(5, 7)), TypeError, "mask has elements of type torch.float32"),
    "kv_len of floats": (operator(kv_len=torch.tensor([1.0, 2.0])), TypeError, "kv_len has elements of type float32"),
    "offset twice": (operator(causal=True, offset=1, offsets=torch.tensor([1, 2])), ValueError, "offset and offsets are given"),
    "window of three": (operator(window=[1, 2, 3], offset=0), ValueError, "window is (1, 2, 3)"),
    "scale nan": (operator(scale=float("nan")), ValueError, "scale is nan"),
    "traced rank": (meta(Q[0]), ValueError, "q has 3 dimensions"),
    "traced batch": (meta(Q, K[:1]), ValueError, "k has batch size 1, expected 2"),
    "traced heads": (meta(Q[:, :5]), ValueError, "q has 5 heads and k has 2: expected a multiple"),
    "traced without KV heads": (meta(Q, K[:, :0], V[:, :0]), ValueError, "k has 0: expected a multiple"),
    "traced dimension": (meta(Q, K[..., :8]), ValueError, "k has head dimension 8, expected 16"),
    "traced keys": (meta(Q, K, V[:, :, :6]), ValueError, "v has 6 keys, expected 7"),
    "traced elements": (meta(Q, K.half()), TypeError, "k has elements of type torch.float16"),
    "traced integers": (meta(Q.int(), K.int(), V.int()), TypeError, "q has elements of type torch.int32"),
    "half on meta": (operator(Q.to("meta")), ValueError, "k is on cpu, expected meta"),
}


def forward(*args, **options):
    mask = options.pop("mask", None)
    return lambda: gqa.transformers.attention_forward(torch.nn.Module(), *args, *(Q, K, V)[len(args):], mask, **options)


TRANSFORMERS = {
    "query none": (forward(None), TypeError, "query is of type NoneType"),
    "query of rank 3": (forward(Q[0]), TypeError, "query has 3 dimensions"),
    "mask of integers": (forward(mask=zeros(2, 1, 5, 7, dtype=torch.int64)), TypeError, "attention_mask has elements of type torch.int64"),
    "mask as a word": (forward(mask="causal"), TypeError, "attention_mask is of type str"),
    "dropout": (forward(dropout=0.1), ValueError, "no dropout"),
    "paged cache": (forward(cache=object()), ValueError, "no paged attention"),
    "mask function as a word": (lambda: gqa.transformers.mask(1, 4, 4, mask_function="causal"), TypeError, "mask_function is of type str"),
    "padding as a list": (lambda: gqa.transformers.mask(1, 4, 4, attention_mask=[1]), TypeError, "attention_mask is of type list"),
}
TABLES = {"tensor": TENSORS, "option": OPTIONS, "function": FUNCTIONS, "out": OUTS, "compile": MODULES, "operator": OPERATOR,
          "transformers": TRANSFORMERS}
KINDS = {f"{table}: {kind}": entry for table, kinds in TABLES.items() for kind, entry in kinds.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [None, call()], ids=["first", "after a right call"])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_wrong(kind, after):
    """Also where a right call of the same form has been made, which later calls are taken for."""
    wrong, error, words = KINDS[kind]
    _attention._seen.clear()
    if after:
        after()
    with pytest.raises(error) as raised:
        wrong()
    assert type(raised.value) is error and words in str(raised.value)


@pytest.mark.parametrize("right, wrong, error", [
    ({"causal": True, "q": SQUARE}, {"causal": 1}, TypeError), ({"return_lse": True}, {"return_lse": 1}, TypeError),
    ({"window": 4, "q": SQUARE}, {"window": 4.0}, ValueError), ({"window": 1, "q": SQUARE}, {"window": True}, ValueError),
    ({"window": (3, 0), "q": SQUARE}, {"window": (3.0, 0)}, ValueError)])
def test_what_is_equal_to_a_right_argument_is_not_one(right, wrong, error):
    _attention._seen.clear()
    gqa.attention(**{"q": Q, "k": K, "v": V, **right})
    with pytest.raises(error, match=next(iter(wrong))):
        gqa.attention(**{"q": Q, "k": K, "v": V, **right, **wrong})


@pytest.mark.parametrize("wrong, argument", [(operator(Q.numpy()), "'q'"), (operator(window=3), "'window'")])
def test_what_torch_s_schemas_refuse_is_torch_s_error(wrong, argument):
    with pytest.raises(RuntimeError, match=f"for argument {argument}"):
        wrong()


@pytest.mark.parametrize("arrays", [torch.from_numpy, np.asarray], ids=["torch", "numpy"])
@pytest.mark.parametrize("lse", [False, True])
def test_out(arrays, lse):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(x.shape, np.float32) for x in (Q, K, V))
    out = arrays(np.full(OUT.shape, np.nan, np.float32)), arrays(np.full(LSE.shape, np.nan, np.float32))
    out = out if lse else out[0]
    assert gqa.attention(*map(arrays, (q, k, v)), return_lse=lse, out=out) is out
    expected = definition(q, k, v)
    for found, want in zip(out, expected) if lse else [(out, expected[0])]:
        np.testing.assert_allclose(np.asarray(found), want, rtol=1e-5, atol=1e-5)


def test_strange_but_right():
    """What looks wrong and is defined."""
    q, k, v = (torch.randn(x.shape, generator=torch.Generator().manual_seed(0)) for x in (Q, K, V))
    whole = gqa.attention(q, k, v)
    assert torch.equal(gqa.attention(q, k, v, causal=True, offset=2 ** 63 - 1), whole)
    assert not gqa.attention(q, k, v, causal=True, offset=-2 ** 63).any()
    assert gqa.attention(q[:, :0], k, v).shape == (2, 0, 5, 24)
    assert gqa.attention(q, k, v[..., :0]).shape == (2, 6, 5, 0)
    room = np.zeros(q.numel() * 4 + 1, np.uint8)
    unaligned = room[1:].view(np.float32).reshape(q.shape)
    unaligned[...] = q.numpy()
    np.testing.assert_array_equal(gqa.attention(unaligned, k.numpy(), v.numpy()), whole.numpy())
