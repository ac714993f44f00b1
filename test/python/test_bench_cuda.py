"""The benchmark of GPUs where there is none: who is timed and what is said, with torch on the CPU in everybody's place."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from gqa.bench import check
from gqa.bench.__main__ import main
from gqa.bench.arguments import CUDA_PEERS
from gqa.bench.cuda import peers
from gqa.bench.cuda.cases import CASES
from gqa.bench.cuda.report import ROWS, SM_90, required, required_lines, rows_of
from gqa.bench.cuda.run import Benchmark, DeviceLost
from gqa.bench.errors import Unavailable, Unusable

CASE = "decode-256"


class Ours:
    """Stands where gqa's programs do."""

    def __init__(self, factor=1.0, missing=""):
        self.factor, self.missing = factor, lambda: missing

    def describe(self):
        return {"l2_bytes": 1 << 20}

    def prepare(self, case, sets, device):
        return lambda i: F.scaled_dot_product_attention(*sets[i], enable_gqa=True) * self.factor


def measure(monkeypatch, ours=None, without=(), **candidates):
    monkeypatch.setattr(peers, "PEERS", candidates)
    monkeypatch.setattr(peers, "why_none", lambda: "")
    result = Benchmark(ours or Ours(), rounds=2).run(CASE, without=without)
    return result, {c["name"]: c for c in result["case"]["candidates"]}


def sdpa(case, sets):
    return Ours().prepare(case, sets, None)


def test_everybody_is_timed_in_turn(monkeypatch):
    result, found = measure(monkeypatch, peer=sdpa)
    assert result["status"] == "ok" and all(len(c["seconds"]) == 2 and min(c["seconds"]) > 0 for c in found.values())
    assert found["peer"]["ratio"] > 0 and any("timed by host clock" in line for line in result["lines"])


def test_wrong_results_have_no_times(monkeypatch):
    result, found = measure(monkeypatch, ours=Ours(factor=1.05), peer=lambda case, sets: lambda i: sets[i][0])
    assert result["status"] == "wrong" and "largest error" in result["reason"]
    assert [found[name]["status"] for name in ("gqa", "peer")] == ["wrong", "wrong"] and not found["peer"]["seconds"]


def test_peers_that_cannot(monkeypatch):
    def refuse(case, sets):
        raise Unavailable("not for one query")

    def fail(case, sets):
        raise RuntimeError("no kernel\nfor this")
    result, found = measure(monkeypatch, without=["gone"], refuse=refuse, fail=fail, gone=sdpa)
    assert result["status"] == "ok" and found["refuse"]["reason"] == "not for one query"
    assert found["fail"]["reason"] == "RuntimeError: no kernel" and found["gone"]["reason"].startswith("it ended the process")


def test_lost_device(monkeypatch):
    def lose(case, sets):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(DeviceLost, match="lose: CUDA error: an illegal"):
        measure(monkeypatch, lose=lose)


def test_list(capsys):
    assert main(["--list", "--device=cuda"]) == 0
    printed = capsys.readouterr().out
    assert all(case.name in printed for case in CASES) and all(name in printed for name in CUDA_PEERS)


def test_peers_are_those_of_the_command_line():
    assert tuple(peers.PEERS) == CUDA_PEERS and set(peers.FLEX_CASES) <= {case.name for case in CASES}


def test_folder_that_is_no_package(tmp_path, capsys):
    assert main(["--device=cuda", f"--programs={tmp_path}"]) == 2
    assert "is no package of tools/gpu-check" in capsys.readouterr().err


def test_no_gpu():
    with pytest.raises(Unusable, match="no driver at all"):
        Benchmark(Ours(missing="no driver at all"))


def test_sdpa_without_groups(monkeypatch):
    """A backend that takes no fewer heads than queries gets copies of them, and its times say so."""
    attend = F.scaled_dot_product_attention

    def ungrouped(q, k, v, enable_gqa=False, **options):
        if enable_gqa:
            raise RuntimeError("no groups here")
        return attend(q, k, v, **options)
    monkeypatch.setattr(peers.F, "scaled_dot_product_attention", ungrouped)
    result, found = measure(monkeypatch, ours=_Plain(attend), math=peers._sdpa("MATH"))
    assert found["math"]["status"] == "ok" and any("repeats K and V" in note for note in result["case"]["notes"])


class _Plain(Ours):
    def __init__(self, attend):
        super().__init__()
        self.attend = attend

    def prepare(self, case, sets, device):
        return lambda i: self.attend(*sets[i], enable_gqa=True)


def entry(name, ours, copy=4e12, **others):
    """The document of a case with these medians, in seconds."""
    case = next(case for case in CASES if case.name == name)
    candidates = [{"name": name, "median_s": seconds} for name, seconds in {"gqa": ours, **others}.items()]
    return {"case": dataclasses.asdict(case) | {"kv_bytes": case.kv_bytes, "flops": case.flops}, "candidates": candidates,
            "ceilings": [{"name": "copy", "rates": [copy, copy / 2, copy * 2]}, {"name": "cublas-bf16-gemm", "rates": [8e14]}]}


def test_required_figures():
    large, small, narrow = (next(case for case in CASES if case.name == name).kv_bytes
                            for name in ("decode-8k-b8", "decode-1k", "decode-8k-b8-fp8"))
    assert narrow == large // 2
    cases = [entry("decode-8k-b8", large / 3e12, triton=large / 2e12, flex=None),
             entry("decode-8k-b8-fp8", narrow / 2.4e12), entry("decode-1k", small / 4e12 + 4e-6), entry("prefill-2k", 2e-4, **{"sdpa-flash": 1.8e-4}),
             entry("prefill-256", 1e-5, **{"sdpa-flash": 1e-5}), entry("prefill-4k", 3e-4), entry("prefill-4k-fp8", 4e-4),
             entry("shazeer-mha", 6e-4), entry("shazeer-mqa", 1e-4)]
    assert required(cases) == [("share", "decode-8k-b8", "75 %"), ("peer", "decode-8k-b8", "1.50x (triton)"),
                               ("share", "decode-8k-b8-fp8", "60 %"), ("beyond", "decode-1k", "4.0 us"),
                               ("flash", "prefill-2k", "0.90x"), ("narrow", "decode-8k-b8", "1.60x"),
                               ("widening", "prefill-4k", "0.75x"), ("sharing", "shazeer", "6.00x")]
    assert len(required_lines(cases)) == 2 + len(ROWS) and not any("not measured" in line for line in required_lines(cases))


def test_required_figures_of_sm_90a():
    large, full = (next(case for case in CASES if case.name == name) for name in ("decode-8k-b8", "prefill-full-8k"))
    cases = [entry("prefill-g8-32k", 2e-2, triton=3e-2, **{"sdpa-cudnn": 2.1e-2, "sdpa-flash": None}),
             entry("prefill-full-8k", full.flops / 6e14, triton=1.0), entry("chunk-128-32k", 1e-4), entry("decode-g8-1k", 8e-6),
             entry("decode-8k-b8", large.kv_bytes / 3e12), entry("decode-8k-b8-mha", 4 * large.kv_bytes / 3.6e12),
             entry("prefill-8k", 1e-3), entry("prefill-8k-fp8-queries", 8e-4)]
    assert [figure for figure in required(cases, SM_90) if figure[0] not in ROWS] == [
        ("best", "prefill-g8-32k", "1.05x (sdpa-cudnn)"), ("product", "prefill-full-8k", "75 %"), ("latency", "decode-g8-1k", "8.0 us"),
        ("copy", "decode-8k-b8", "75 %"), ("group", "decode-8k-b8", "83 %"), ("codes", "prefill-8k", "1.25x")]
    assert {figure[0] for figure in required(cases, 80)} <= set(ROWS)  # no other chip has these to show


def test_every_figure_has_a_case():
    """A run of all cases leaves no row open."""
    measured = [entry(case.name, 1e-3, **{"sdpa-flash": 1e-3}) for case in CASES]
    assert {row for row, _, _ in required(measured, SM_90)} == set(rows_of(SM_90))


@pytest.mark.parametrize("chip", [80, SM_90])
def test_nothing_measured_is_said(chip):
    assert sum("not measured" in line for line in required_lines([], chip)) == len(rows_of(chip))


@pytest.mark.parametrize("causal", [False, True])
def test_references_of_long_prompts(monkeypatch, causal):
    """What is computed for some queries at a time is what is computed for all of them."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(shape, generator=generator) for shape in ((3, 50, 16), (50, 16), (50, 16)))
    whole = [check.in_blocks(attend, q, k, v, causal) for attend in (check.attention, check.unfused)]
    monkeypatch.setattr(check, "MOST_SCORES", 7 * 3 * 50)
    for attend, expected in zip((check.attention, check.unfused), whole):
        assert torch.allclose(check.in_blocks(attend, q, k, v, causal), expected, rtol=0, atol=1e-6)
    exact = F.scaled_dot_product_attention(q.double(), k.double(), v.double(), is_causal=causal)
    assert torch.allclose(whole[0], exact)


TRITON = """
from gqa.bench.buffers import make_sets
from gqa.bench.cases import Case
from gqa.bench.check import Judge
from gqa.bench.cuda import triton_kernels as kernels
import json
prefill = kernels._prefill.fn  # autotuning needs a GPU
class Fixed:
    def __getitem__(self, grid):
        return lambda *arguments: prefill[grid({"rows": 64, "block": 32})](*arguments, 64, 32)
kernels._prefill = Fixed()
found = []
for case in (Case("split", "decode", "f16", 1, 6, 2, 1, 3000, 64), Case("whole", "decode", "f16", 3, 4, 4, 1, 128, 64),
             Case("prefill", "prefill", "f16", 1, 6, 2, 100, 100, 64)):
    sets = make_sets(case, 1)
    found.append(Judge(case, sets).check(0, kernels.prepare(case, sets)(0)).wrong)
print(json.dumps(found))
"""


def test_triton_kernels():
    """In Triton's interpreter, for those who have it."""
    pytest.importorskip("triton")
    done = subprocess.run([sys.executable, "-c", TRITON], capture_output=True, text=True,
                          env={**os.environ, "TRITON_INTERPRET": "1"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["", "", ""]
