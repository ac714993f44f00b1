"""`gqa.explain`, remarks and the log: what is told about models of torch and about MLIR text, and where."""

import logging
import os
import pathlib
import signal
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

import gqa
from gqa.importer import ImportFailure

REPEATED = """
func.func @main(%q: tensor<1x6x5x8xf32>, %k: tensor<1x2x5x8xf32>) -> tensor<1x6x5x8xf32> {
  %r = gqa.repeat_heads %k block groups(3) : tensor<1x2x5x8xf32> -> tensor<1x6x5x8xf32>
  %o = gqa.attention %q, %r, %r : (tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>) -> tensor<1x6x5x8xf32>
  return %o : tensor<1x6x5x8xf32>
}
"""


class Attention(torch.nn.Module):
    """Grouped attention as people write it, and a softmax over the wrong dimension."""

    def __init__(self, dim=-1):
        super().__init__()
        self.dim, self.drop = dim, torch.nn.Dropout(0.5)

    def forward(self, q, k, v):
        k, v = k.repeat_interleave(3, dim=1), v.repeat_interleave(3, dim=1)
        s = self.drop(q @ k.mT / 4)
        return torch.softmax(s, self.dim) @ v


def inputs():
    return torch.randn(1, 6, 5, 16), torch.randn(1, 2, 5, 16), torch.randn(1, 2, 5, 16)


def line_of(function, text):
    """Where `text` is in the source of a function."""
    import inspect
    lines, first = inspect.getsourcelines(function)
    return f"test_explain.py:{first + next(n for n, line in enumerate(lines) if text in line)}"


def test_a_module_of_torch():
    model = Attention().train()
    told = gqa.explain(model, inputs())
    assert model.training and model.drop.training
    (attention,) = told.raised
    assert not told.declined
    assert (attention["q_heads"], attention["kv_heads"], attention["scale"]) == (6, 2, 0.25)
    assert [(r.kind, r.compiler_pass) for r in told.remarks[:2]] == [("done", "raise"), ("done", "share-kv")]
    assert line_of(Attention, "torch.softmax") in told.remarks[0].place
    assert "gqa.attention" in told.after and "gqa.attention" not in told.before
    assert str(told).startswith("1 attentions raised, 1 of them with shared key/value heads, 0 declined\n")
    assert "K and V have 2 heads instead of 6" in str(told) and line_of(Attention, "torch.softmax") + "  [raise]" in str(told)


def test_what_is_declined_says_why():
    told = gqa.explain(Attention(dim=-2), inputs())
    (declined,) = told.declined
    assert not told.raised and "softmax does not run over the keys" in declined["reason"]
    assert [r.kind for r in told.remarks] == ["left"]
    assert declined["reason"] in str(told)


def test_a_function_and_an_exported_program():
    def attention(q, k, v):
        return functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)

    class Module(torch.nn.Module):
        def forward(self, *args):
            return attention(*args)

    program = torch.export.export(Module(), inputs())
    for told in (gqa.explain(attention, inputs()), gqa.explain(program)):
        assert [(a["q_heads"], a["kv_heads"]) for a in told.raised] == [(6, 2)]


def test_sizes_that_are_not_known():
    tokens = torch.export.Dim("tokens", min=2, max=64)
    told = gqa.explain(Attention(), inputs(), dynamic_shapes={"q": {2: tokens}, "k": {2: tokens}, "v": {2: tokens}})
    assert len(told.raised) == 1 and "?" in told.after


def test_text_and_files(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(REPEATED)
    for told, name in ((gqa.explain(REPEATED), "<module>"), (gqa.explain(path), str(path))):
        assert [str(r) for r in told.remarks if r.kind == "done"] == [f"{name}:4:8: share-kv: K and V have 2 heads instead of 6"]
        assert told.remarks[-1].compiler_pass == "fuse" and "gqa.attention %arg0, %arg1, %arg1" in told.remarks[-1].text


def test_nothing_to_tell():
    told = gqa.explain(torch.nn.Linear(3, 4), (torch.ones(1, 3),))
    assert told.attentions == told.remarks == [] and "nothing in this module looks like attention" in str(told)


def test_what_cannot_be_compiled_is_told():
    told = gqa.explain(REPEATED.replace("@main", "@first") + REPEATED.replace("@main", "@second"))
    assert [r.kind for r in told.remarks] == ["done", "done", "note", "note", "warning"]
    assert told.remarks[-1].text.startswith("this module cannot be compiled: ") and "function" in told.remarks[-1].text


def test_a_crash_of_torch_mlir_is_an_error(monkeypatch):
    """And not the end of the caller's Python."""
    monkeypatch.setattr("gqa.importer.lower.lower", lambda module: os.kill(os.getpid(), signal.SIGSEGV))
    with pytest.raises(ImportFailure, match=r"torch-mlir crashed on this model \(SIGSEGV\); leave out"):
        gqa.explain(Attention(), inputs())
    monkeypatch.setattr("gqa.importer.lower.lower", lambda module: 1 / 0)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        gqa.explain(Attention(), inputs())


@pytest.mark.parametrize("call, error, words", [
    (lambda: gqa.explain(3), TypeError, "model is of type int"),
    (lambda: gqa.explain(Attention(), 3), TypeError, "inputs is of type int"),
    (lambda: gqa.explain(REPEATED, inputs()), ValueError, "not for MLIR text"),
    (lambda: gqa.explain("func\n"), ValueError, "<module>:1:"),
    (lambda: gqa.explain(REPEATED, function="absent"), ValueError, "absent"),
    (lambda: gqa.explain(REPEATED, target="tpu"), ValueError, "target 'tpu'"),
    (lambda: gqa.explain(Attention(), inputs()[:2]), ImportFailure, "Attention: torch.export failed"),
])
def test_messages(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_remarks_of_compiling():
    told = []
    gqa.compile(REPEATED, on_remark=told.append)
    assert [(r.kind, r.name, r.place) for r in told] == [("done", "Shared", "<module>:4:8")]


def test_an_exception_of_the_listener_arrives():
    def refuse(remark):
        raise KeyError(remark.name)

    with pytest.raises(KeyError, match="Shared"):
        gqa.compile(REPEATED, on_remark=refuse)


def test_the_log(caplog):
    with caplog.at_level(logging.INFO, logger="gqa"):
        gqa.compile(REPEATED)
        with pytest.raises(ValueError):
            gqa.compile("nonsense\n")
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "gqa"]
    assert lines[0] == ("INFO", "<module>:4:8: share-kv: K and V have 2 heads instead of 6")
    assert lines[1][1].startswith("compiled 'main' of <module> for cpu in ")
    assert lines[2][0] == "ERROR" and lines[2][1].startswith("<module>:1:1: ")


def test_the_log_is_silent_until_it_is_asked_for(capfd):
    with pytest.raises(ValueError):
        gqa.compile("nonsense\n")
    assert capfd.readouterr() == ("", "")


TRACED = """
import threading
import numpy as np
import gqa
q = np.zeros((1, 4, 64, 64), np.float32)
threads = [threading.Thread(target=gqa.attention, args=(q, q, q), kwargs=dict(scale=n)) for n in (1.0, 2.0)]
for thread in threads: thread.start()
for thread in threads: thread.join()
gqa.attention(q, q, q, causal=True)
"""


def test_a_trace_of_a_program(tmp_path):
    path = tmp_path / "trace.json"
    subprocess.run([sys.executable, "-c", TRACED], env={**os.environ, "GQA_TRACE": str(path)}, check=True, timeout=120)
    check = pathlib.Path(__file__).resolve().parents[1] / "gqa-run/Inputs/check_trace.py"
    done = subprocess.run([sys.executable, check, path, "gqa-tile", "optimize LLVM IR", "make machine code", "load machine code", "call", "kernel"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(" on ")[1].split()[0]) >= 3, "the program's three, and what they have help from"


def test_a_trace_that_cannot_be_written(tmp_path):
    done = subprocess.run([sys.executable, "-c", "import gqa; gqa.compile('func.func @main() { return }\\n')"], capture_output=True,
                          text=True, env={**os.environ, "GQA_TRACE": str(tmp_path / "no" / "t.json")}, timeout=60)
    assert done.returncode == 0 and done.stderr.startswith("gqa: the trace cannot be written to '"), done.stderr
