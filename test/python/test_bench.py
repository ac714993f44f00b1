"""`python -m gqa.bench`: its command line, its verdicts, its arithmetic. How fast anything is, is not tested."""

import dataclasses
import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import tvm_ffi

from gqa import _native
from gqa.bench import buffers, ceilings, coldstart, ours, plot, report, rounds, run, sharing, summary
from gqa.bench.__main__ import _without_outputs, main
from gqa.bench.arguments import PEERS as PEER_NAMES
from gqa.bench.cases import CASES, FAMILIES, STEP, Case, together
from gqa.bench.check import Judge, attention, unfused
from gqa.bench.cuda.cases import CASES as CUDA_CASES
from gqa.bench.errors import Unavailable, Unusable
from gqa.bench.peers import PEERS
from gqa.bench.results import CandidateResult, CaseResult, CeilingResult, finish
from gqa.bench.timing import Timed, interleave
import reference

DECODE = Case("small", "decode", "f32", 2, 12, 4, 1, 256, 64)
PREFILL = Case("small-prefill", "prefill", "f32", 1, 6, 2, 40, 40, 32)


@pytest.fixture(autouse=True)
def small_cache(monkeypatch):
    """A few sets of small inputs are several times as large."""
    monkeypatch.setattr(buffers, "last_level_cache_bytes", lambda: 512 << 10)


class TestCommandLine:
    def test_list(self, capsys):
        assert main(["--list"]) == 0
        printed = capsys.readouterr().out
        assert all(case.name in printed for case in CASES) and all(name in printed for name in PEER_NAMES)

    @pytest.mark.parametrize("arguments, message", [
        (["--device=tpu"], "--device=tpu: expected cpu or cuda"),
        (["--device=cuda", "--threads=1"], "--threads has no meaning with --device cuda"),
        (["--device=cuda", "--target=cpu"], "--target has no meaning with --device cuda"),
        (["--target=cuda:sm_80"], "--target=cuda:sm_80: expected cpu or cpu:ARCH"),
        (["--programs=x"], "--programs has no meaning with --device cpu"),
        (["--device=cuda", "--case=hf-eager-8k"], "--case=hf-eager-8k: no case has such a name"),
        (["--case=nothing-*"], "--case=nothing-*: no case has such a name"),
        (["--quick", "--case=shazeer-mha"], "no case of --quick has such a name"),
        (["--json=/nowhere/at/all.json"], "/nowhere/at/all.json: cannot be written"),
        (["--plot=/nowhere.d/x.png"], "cannot be written"),
        (["--threads=0"], "--threads=0: expected numbers from 1"),
        (["--threads=two"], "--threads=two: expected numbers from 1"),
        (["--peers=sdpa,tpu"], "--peers: there is no 'tpu'"),
        (["--rounds=0"], "--rounds=0: expected 1 or more"),
        (["--rounds=many"], "invalid int value: 'many'"),
        (["--fast"], "unrecognized arguments: --fast")])
    def test_unusable(self, arguments, message, capsys):
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse's own
            code = stop.code
        said = capsys.readouterr().err
        assert code == 2 and message in said and said.startswith("error: ") and said.count("\n") == 1

    def test_checking_a_path_leaves_no_file(self, tmp_path):
        path = tmp_path / "out.json"
        assert main([f"--json={path}", "--list"]) == 0
        assert not path.exists()

    def test_small_run(self, tmp_path):
        path = tmp_path / "out.json"
        command = [sys.executable, "-m", "gqa.bench", "--case=call-cost", "--peers=sdpa-gqa", "--rounds=3", "--threads=1",
                   f"--json={path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "call-cost" in done.stdout and "versions" in done.stdout and "call cost, 16 keys" in done.stdout
        document = json.loads(path.read_text())
        assert document["command"][1:3] == ["-m", "gqa.bench"] and document["machine"]["cpu"]
        [measured] = document["runs"]
        assert measured["threads"] == 1
        [case] = measured["cases"]
        assert [c["name"] for c in case["candidates"]] == ["gqa", "sdpa-gqa"]
        assert all(c["status"] == "ok" and len(c["seconds"]) == 3 and min(c["seconds"]) > 0 for c in case["candidates"])

    def test_target(self, tmp_path):
        path = tmp_path / "out.json"
        assert main(["--case=call-cost", "--peers=sdpa-gqa", "--rounds=1", "--target=cpu:x86-64", f"--json={path}"]) == 0
        [case] = json.loads(path.read_text())["runs"][0]["cases"]
        assert case["case"]["target"] == "cpu:x86-64"

    def test_each_number_of_threads_is_a_run(self):
        asked = ["--quick", "--json=a", "--plot", "b", "--threads", "1,2", "--case=x", "--json", "c"]
        assert _without_outputs(asked) == ["--quick", "--case=x"]

    def test_peers_are_those_of_the_command_line(self):
        assert tuple(PEERS) == PEER_NAMES

    def test_cases(self):
        names = [case.name for case in CASES]
        assert len(set(names)) == len(names)
        assert all(case.q_heads % case.kv_heads == 0 for case in CASES)
        assert all(set(case.quick or ()) <= set(PEER_NAMES) for case in CASES)


class TestVerdicts:
    @pytest.mark.parametrize("case", [DECODE, dataclasses.replace(DECODE, dtype="bf16"),
                                      dataclasses.replace(PREFILL, dtype="f16")], ids=lambda c: f"{c.kind}-{c.dtype}")
    def test_every_candidate_is_right(self, case):
        [done] = run.run_cases([case], 1, wanted=[name for name in PEER_NAMES if name != "flex"])  # takes long to compile
        status = {c.name: (c.status, c.reason) for c in done.candidates}
        if case.dtype == "bf16":
            assert status.pop("ort")[0] == "failed"  # it has none for bf16, and says so
        assert status and all(each == ("ok", "") for each in status.values()), status

    @pytest.mark.parametrize("kind", ["step", "step-cache"])
    @pytest.mark.parametrize("dtype", ["f32", "bf16"])
    def test_steps_are_right(self, kind, dtype):
        [done] = run.run_cases([dataclasses.replace(DECODE, kind=kind, dtype=dtype)], 1)
        assert [(c.name, c.status, c.reason) for c in done.candidates] == [(name, "ok", "") for name in ("gqa", *STEP)]

    def test_wrong_result_is_reported_and_not_timed(self):
        def broken(case, sets):
            call = PEERS["sdpa-gqa"](case, sets)
            return lambda i: call(i) * 1.01

        [done] = run.run_cases([DECODE], 2, candidates=[("gqa", ours.attention, None), ("broken", broken, None)])
        good, bad = done.candidates
        assert good.status == "ok" and len(good.seconds) == 2
        assert bad.status == "wrong" and "largest error" in bad.reason and bad.seconds == [] and bad.min_s is None
        assert any(line.startswith("  broken: WRONG: largest error") for line in report.case_lines(done))

    def test_result_that_becomes_wrong_is_found(self):
        """The last result is checked as well as the first."""
        def tiring(case, sets):
            call, calls = PEERS["sdpa-gqa"](case, sets), []
            return lambda i: (calls.append(i), call(i) if len(calls) <= len(sets) + 1 else call(i) + 1)[1]

        [[bad]] = [done.candidates for done in run.run_cases([DECODE], 1, candidates=[("tiring", tiring, None)])]
        assert bad.status == "wrong" and bad.seconds == []

    @pytest.mark.parametrize("break_it, message", [
        (lambda o: o.transpose(1, 2), "result is (2, 1, 12, 64), expected (2, 12, 1, 64)"),
        (lambda o: torch.where(torch.arange(12).view(1, 12, 1, 1) == 3, math.nan, o), "largest error nan"),
        (lambda o: o.roll(1, dims=1), "largest error"), (lambda o: torch.zeros_like(o), "largest error")])
    def test_kinds_of_wrong(self, break_it, message):
        sets = buffers.make_sets(DECODE, 1)
        good = PEERS["sdpa-gqa"](DECODE, sets)(0)
        judge = Judge(DECODE, sets)
        assert judge.check(0, good).wrong == ""
        assert message in judge.check(0, break_it(good)).wrong

    def test_imprecise_is_wrong_for_gqa_only(self):
        def sloppy(case, sets):
            call = PEERS["sdpa-gqa"](case, sets)
            return lambda i: call(i) + 2e-6

        [done] = run.run_cases([DECODE], 1, candidates=[("gqa", sloppy, None), ("sloppy", sloppy, None)])
        assert [c.status for c in done.candidates] == ["wrong", "ok"]
        assert "precise" in done.candidates[1].imprecise and any("! imprecise" in line for line in report.case_lines(done))

    def test_reasons_are_kept(self):
        def missing(case, sets):
            raise Unavailable("libfast is not installed")

        def refuses(case, sets):
            raise RuntimeError("no such shape\nand more")

        [done] = run.run_cases([DECODE], 1, candidates=[("missing", missing, None), ("refuses", refuses, None),
                                                   ("slow", ours.attention, "left out by --quick")])
        assert [(c.status, c.reason) for c in done.candidates] == [
            ("unavailable", "libfast is not installed"), ("failed", "RuntimeError: no such shape"),
            ("unavailable", "left out by --quick")]

    @pytest.mark.parametrize("dtype", ["f32", "bf16", "f16"])
    def test_float64_and_unfused(self, dtype):
        """The same numbers as the definition in NumPy that kernels are tested by."""
        [(q, k, v)] = buffers.make_sets(dataclasses.replace(PREFILL, dtype=dtype), 1)
        arrays = [x.double().numpy() if dtype == "f16" else x.float().numpy() for x in (q, k, v)]
        arrays = [a.astype(np.float16) for a in arrays] if dtype == "f16" else arrays
        exact, _ = reference.attention(*arrays, causal=True)
        base, _ = reference.unfused(*arrays, dtype, causal=True)
        for head in range(2):
            group = q[0, 3 * head:3 * head + 3], k[0, head], v[0, head], True
            np.testing.assert_allclose(attention(*group).numpy(), exact[0, 3 * head:3 * head + 3], atol=1e-12)
            ulp = {"f32": 2.0 ** -22, "f16": 2.0 ** -9, "bf16": 2.0 ** -6}[dtype]
            np.testing.assert_allclose(unfused(*group).numpy(), base[0, 3 * head:3 * head + 3], atol=4 * ulp)


class TestArithmetic:
    def test_ratio_is_of_the_same_round(self):
        assert rounds.ratio([2.0, 30.0, 4.0], [1.0, 10.0, 2.0]) == 2.0
        assert rounds.ratio([6.0], [2.0, 100.0]) == 3.0  # a slow candidate has fewer rounds
        assert rounds.ratio([], [1.0]) is None

    def test_share(self):
        assert rounds.share([1.0, 2.0, 4.0], [4.0, 2.0, 5.0]) == (0.5, 0.8)
        assert rounds.share([], [1.0]) is None

    @pytest.mark.parametrize("flops_a_second, name, seconds", [(1e12, "read", 1e-3), (1e6, "fma", None)])
    def test_decode_is_limited_by_reading_or_by_arithmetic(self, flops_a_second, name, seconds):
        limited_by, limit = ceilings.limits(DECODE, {"read": [DECODE.kv_bytes / 1e-3], "fma": [flops_a_second]})
        assert limited_by == name and limit == [seconds or DECODE.flops / flops_a_second]

    @pytest.mark.parametrize("pairs, name", [(2e6, "pairs"), (5e5, "fma")])
    def test_pairs_limit_where_they_are_faster(self, pairs, name):
        rates = {"read": [DECODE.kv_bytes / 1e-3], "fma": [1e6], "pairs": [pairs]}
        assert ceilings.limits(DECODE, rates) == (name, [DECODE.flops / rates[name][0]])

    def test_prefill_is_limited_by_the_best_product(self):
        rates = {"fma": [9.0, 9.0], "torch-f32-gemm": [4.0, 5.0], "blas-f32-gemm": [1.0, 6.0]}
        assert ceilings.limits(PREFILL, rates) == ("blas-f32-gemm", [PREFILL.flops, PREFILL.flops / 6])

    def test_work(self):
        assert DECODE.kv_bytes == 2 * 2 * 4 * 256 * 64 * 4
        assert DECODE.flops == 2 * 2 * 2 * 12 * 256 * 64
        assert PREFILL.flops == 2 * 2 * 6 * 32 * (40 * 41 // 2)

    def test_sets_are_several_times_the_cache(self):
        case = next(case for case in CASES if case.name == "decode-f32-1k")  # 8 MiB
        assert buffers.set_count(case, cache_bytes=32 << 20) == 16
        assert buffers.set_count(case, cache_bytes=1 << 30) == 256  # 2 GiB is the bound
        assert buffers.set_count(case, cache_bytes=1 << 20) == 2
        assert buffers.set_count(dataclasses.replace(case, kind="prefill")) == 1

    def test_batch_that_does_not_fit_is_lowered(self):
        case = next(case for case in CASES if case.name == "shazeer-mqa")
        assert buffers.fitted(case, available=64 << 30).batch == 1024
        assert buffers.fitted(case, available=1 << 30).batch < 512

    def test_rounds_visit_every_set_in_order(self):
        visited = {"a": [], "b": []}
        timed = [Timed(name, visited[name].append, 3) for name in visited]
        for candidate in timed:
            candidate.estimate = 0.005
        interleave(timed, 2, 1.0)
        assert visited["a"] == visited["b"] == [i % 3 for i in range(len(visited["a"]))] and len(visited["a"]) >= 6
        assert all(len(candidate.seconds) == 2 for candidate in timed)

    def test_slow_candidate_gets_fewer_rounds(self):
        slow, fast = Timed("slow", lambda i: None, 1), Timed("fast", lambda i: None, 1)
        slow.estimate, fast.estimate = 2.0, 0.1
        interleave([slow, fast], 5, 4.0)
        assert (len(slow.seconds), len(fast.seconds)) == (2, 5)

    def test_summary(self):
        def result(name, seconds, **others):
            case = next(case for case in CASES if case.name == name)
            made = CaseResult(case, 1, [], [CeilingResult("read", "GB/s", "", [case.kv_bytes / 0.5] * 2)], [
                CandidateResult("gqa", seconds=[seconds] * 2), *(CandidateResult(n, seconds=[s] * 2) for n, s in others.items())])
            return finish(made, [0.5, 0.5])

        found = summary.headlines({r.case.name: r for r in (
            result("decode-f32-8k", 1.0, **{"sdpa-gqa": 4.0, "grouped": 3.0}), result("groups-32", 3.0), result("groups-8", 1.0))})
        texts = {h.label: (h.best, h.median, h.note) for h in found}
        assert texts["decode f32 8k: share of the read bandwidth"] == ("50 %", "50 %", "")
        assert texts["decode f32 8k: torch SDPA enable_gqa / gqa"] == ("4.00x", "4.00x", "")
        assert texts["decode f32 8k: best peer / gqa"] == ("3.00x", "3.00x", "grouped")
        assert texts["sharing pays, f32 8k 32/8: share of G=4"] == ("75 %", "75 %", "3.00x faster")

    def test_summary_says_that_gqa_is_wrong(self):
        case = next(case for case in CASES if case.name == "decode-f32-8k")
        [*found] = summary.headlines({case.name: CaseResult(case, 1, [], [], [CandidateResult("gqa", status="wrong")])})
        assert found and all(h.best is None and h.note == "gqa: wrong" for h in found)


def test_picture(tmp_path):
    case = {"case": {"name": "decode-f32-8k"}, "limited_by": "read",
            "candidates": [{"name": "gqa", "share": 0.8}, {"name": "ort", "share": None}, {"name": "sdpa", "share": 0.3}]}
    document = {"machine": {"cpu": "some"}, "runs": [{"threads": 1, "cases": [case]}, {"threads": 2, "cases": [case, case]}]}
    plot.draw(document, tmp_path / "shares.png")
    assert (tmp_path / "shares.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(Unusable, match="no case of this run"):
        plot.draw(document | {"runs": [{"threads": 1, "cases": []}]}, tmp_path / "none.png")


class TestCeilings:
    @pytest.mark.parametrize("sizes", [(1 << 20, 4096), (1000,), (16, 15, 65), (1 << 16, 1 << 18)])
    def test_every_word_is_read_once(self, sizes):
        tensors = [torch.randint(-2 ** 31, 2 ** 31 - 1, (size,), dtype=torch.int32) for size in sizes]
        sums = [t[: t.numel() // 16 * 16].view(torch.int64).sum() for t in tensors]  # whole lines of 64 bytes
        read = _native.library()["ceiling_read"]([tvm_ffi.from_dlpack(t) for t in tensors])
        assert read == int(sum(sums))

    def test_rates_are_sane(self):
        case = dataclasses.replace(DECODE, keys=8192)  # 8 MiB
        sets = buffers.make_sets(case, 1)
        for ceiling in ceilings.of_case(dataclasses.replace(case, dtype="bf16"), sets):
            seconds = min(Timed("", ceiling.call, 1).once() for _ in range(3))
            assert 1e8 < ceiling.work / seconds < 1e14, ceiling.name

    def test_work_of_one_round_is_what_the_target_has(self):
        vectors = {"cpu:x86-64": 16, "cpu:x86-64-v3": 32, "cpu:x86-64-v4": 64}  # bytes
        work = {target: ceilings.multiply_adds(target).work for target in vectors}
        known = torch.backends.cpu.get_cpu_capability()  # the widest vectors: code for wider ones has no ceiling here
        if known in ("AVX2", "AVX512"):
            assert work["cpu:x86-64-v3"] == 2 * work["cpu:x86-64"]
        if known == "AVX512":
            assert work["cpu:x86-64-v4"] == 4 * work["cpu:x86-64-v3"]  # twice as wide, and twice as many registers
        assert ceilings.multiply_pairs("cpu:x86-64-v3") is None
        with pytest.raises(ValueError, match="not a processor that LLVM knows"):
            ceilings.multiply_adds("cpu:abacus")

    def test_products(self):
        a, b, c = (torch.randn(*shape) for shape in ((5, 7), (7, 3), (5, 3)))
        _native.library()["ceiling_matmul"](*(tvm_ffi.from_dlpack(x) for x in (a, b, c)))
        assert torch.allclose(c, a @ b, atol=1e-5)
        with pytest.raises(ValueError, match="do not make a product"):
            _native.library()["ceiling_matmul"](*(tvm_ffi.from_dlpack(x) for x in (a, a, c)))


class TestColdStart:
    CASE = Case("cold", "jit", "f32", 1, 6, 2, 1, 64, 16)

    def test_times_of_a_process(self, capsys):
        coldstart.main("decode", json.dumps(dataclasses.asdict(self.CASE)))
        times = json.loads(capsys.readouterr().out)
        assert set(times) == {"import_s", "load_s", "compile_s", "first_call_s"} and all(t > 0 for t in times.values())
        rows = coldstart.summary({"decode": {name: [t, 3 * t] for name, t in [*times.items(), ("process_s", 1.0)]}})
        assert ("decode: whole process", 1000.0, 2000.0) in rows

    def test_process_that_fails(self, monkeypatch):
        monkeypatch.setattr(sys, "executable", shutil.which("false"))
        with pytest.raises(RuntimeError, match="the process failed"):
            coldstart.measure(self.CASE, 1)


class TestSharing:
    """The same queries over fewer KV heads."""

    @staticmethod
    def entry(name, seconds, **changes):
        case = dataclasses.replace(next(case for case in CASES if case.name == name), **changes)
        return finish(CaseResult(case, 1, [], [], [CandidateResult("gqa", seconds=[seconds, 2 * seconds])]), []).as_dict()

    def test_families_and_their_bytes(self):
        cases = [self.entry("shazeer-mqa", 0.1), self.entry("shazeer-mha", 0.7), self.entry("decode-f32-8k", 1.0),
                 self.entry("figure6-64", 1.0)]
        [(name, points)] = sharing.families(cases).items()
        assert name == "shazeer" and [p.kv_heads for p in points] == [8, 1]
        assert points[0].bytes_moved / points[1].bytes_moved == pytest.approx(7.588, abs=1e-3)  # what the paper's sizes allow
        assert points[0].per_token == pytest.approx(1.05 / 1024)
        text = "\n".join(sharing.lines(cases))
        assert "7.59x" in text and "7.00x" in text and "12x" in text and "figure6" not in text.split("\n")[0]

    def test_parts_make_the_whole(self):
        """What few heads read, all sets together, is what all heads read, each element once."""
        many = dataclasses.replace(DECODE, kv_heads=4)
        sets = buffers.make_sets(many, 2)
        few = buffers.parts(sets, dataclasses.replace(many, kv_heads=1))
        assert len(few) == 8 and all(x.shape == (many.batch, 1, many.keys, many.dim) for _, k, v in few for x in (k, v))
        assert all(k.is_contiguous() and v.is_contiguous() for _, k, v in few)
        for kind in (1, 2):
            assert sorted(x[kind].data_ptr() for x in few) == [
                x[kind].data_ptr() + i * few[0][kind].nbytes for x in sorted(sets, key=lambda s: s[kind].data_ptr()) for i in range(4)]

    def test_a_family_is_measured_in_the_same_rounds(self):
        lists = together([case for case in CASES if case.quick is not None])
        assert [case.name for case in next(each for each in lists if len(each) > 1)] == ["groups-32", "groups-16", "groups-8"]
        assert sum(len(each) for each in lists) == sum(case.quick is not None for case in CASES)

    def test_what_to_expect_of_each_family(self):
        assert set(sharing.EXPECTED) == set(FAMILIES)

    def test_each_member_has_a_result_of_its_own(self):
        cases = [dataclasses.replace(DECODE, name=f"groups-{heads}", q_heads=4, kv_heads=heads) for heads in (4, 1)]
        many, few = run.run_cases(cases, 1, wanted=[])
        assert (many.sets * 4, few.case.name) == (few.sets, "groups-1")
        assert [c.status for result in (many, few) for c in result.candidates] == ["ok", "ok"]
        assert many.ceiling("read") and few.ceiling("read") and few.candidate("gqa").read_share

    @pytest.mark.parametrize("cases", [CASES, CUDA_CASES], ids=["cpu", "cuda"])
    def test_each_divisor_is_a_case(self, cases):
        for family, heads in (("shazeer", 8), ("figure6", 64)):
            counts = sorted(case.kv_heads for case in cases if case.name.startswith(f"{family}-"))
            assert counts == [n for n in range(1, heads + 1) if heads % n == 0]

    def test_other_batches_are_not_compared(self):
        cases = [self.entry("shazeer-mqa", 0.1), self.entry("shazeer-gqa-2", 0.2), self.entry("shazeer-mha", 0.4, batch=512)]
        assert [p.kv_heads for p in sharing.families(cases)["shazeer"]] == [2, 1]

    def test_drawn_below_the_shares(self, tmp_path):
        cases = [{**self.entry(name, 0.1), "limited_by": "read"} for name in ("shazeer-mha", "shazeer-mqa")]
        for case in cases:
            case["candidates"][0]["share"] = 0.5
        document = {"machine": {"cpu": "some"}, "runs": [{"threads": 1, "cases": cases}, {"threads": 2, "cases": cases[:1]}]}
        plot.draw(document, tmp_path / "sharing.png")
        assert (tmp_path / "sharing.png").read_bytes().startswith(b"\x89PNG")
