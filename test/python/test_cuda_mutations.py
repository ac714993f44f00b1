"""A sample of the campaign of mutations.py: a kernel whose synchronisation is broken does not pass unseen."""

import concurrent.futures

import pytest

import mutation_equivalents
from mutations import FRESH, Case, campaign, mutants, sampled, weakened
from test_attention_cuda import needs_driver

SAMPLE = 16


@pytest.mark.parametrize("instruction, after", [
    ("bar.sync 0;", [""]),
    ("@!%p7 bar.warp.sync -1;", [""]),
    ("barrier.sync.aligned 1, 64;", [""]),
    ("cp.async.commit_group;", [""]),
    ("cp.async.wait_group 1;", ["", "cp.async.wait_group 2;"]),
    ("@%p12 cp.async.wait_group 0;", ["", "@%p12 cp.async.wait_group 1;"]),
    ("fence.acq_rel.gpu;", [""]),
    ("membar.gl;", [""]),
    ("griddepcontrol.wait;", [""]),
    ("griddepcontrol.launch_dependents;", []),
    ("setmaxnreg.dec.sync.aligned.u32 24;", [""]),
    ("bar.arrive %r106, 256;", [""]),
    ("fence.mbarrier_init.release.cluster;", [""]),
    ("fence.proxy.async.shared::cta;", [""]),
    ("mbarrier.arrive.shared.b64 %rd68, [gqa_shared+50192];", [""]),
    ("mbarrier.arrive.expect_tx.shared.b64 %rd1, [%r2], %r3;", ["", "mbarrier.arrive.expect_tx.shared.b64 %rd1, [%r2], 16;"]),
    ("mbarrier.try_wait.parity.shared.b64 P1, [%r2], %r3, 10000000;", ["setp.eq.b32 P1, 0, 0;"]),
    ("wgmma.fence.sync.aligned;", [""]),
    ("wgmma.commit_group.sync.aligned;", [""]),
    ("wgmma.wait_group.sync.aligned 0;", ["", "wgmma.wait_group.sync.aligned 1;"]),
    ("shfl.sync.bfly.b32 %r2, %r1, 16, 31, -1;", ["shfl.sync.bfly.b32 %r2, %r1, 16, 31, 65535;"]),
    ("@%p1 atom.acq_rel.gpu.global.add.u32 %r1, [%rd1], 1;", ["@%p1 atom.relaxed.gpu.global.add.u32 %r1, [%rd1], 1;"]),
    ("ld.acquire.gpu.global.u32 %r1, [%rd1];", ["ld.relaxed.gpu.global.u32 %r1, [%rd1];"]),
    ("vote.sync.any.pred %p3, %p2, -1;", ["vote.sync.any.pred %p3, %p2, 65535;"]),
    ("cp.async.cg.shared.global [%r1], [%rd1], 16;", []),
    ("ld.global.u32 %r1, [%rd1];", []),
])
def test_weakened(instruction, after):
    assert list(weakened(instruction)) == after


def test_mutants_know_their_line():
    text = ".version 8.0\n.visible .entry a(\n)\n{\n\tret;\n}\n.visible .entry b(\n)\n{\n\tmma.sync x;\n\tbar.sync \t0;\n}\n"
    (mutant,) = mutants("sm_80", "case", text)
    assert (mutant.kernel, mutant.kind, mutant.line, mutant.before) == ("b", "tiles", 11, "bar.sync 0;")


PRODUCT = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r1, %r2, %r3, %r4}, {%r5, %r6, %r7, %r8}, %rd1, p, 1, 1, 0;"
OTHER = "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r11, %r12, %r13, %r14}, %rd2, %rd1, p, 1, 1, 0, 0;"
FENCE, COMMIT = mutation_equivalents.FENCE, "wgmma.commit_group.sync.aligned;"


@pytest.mark.parametrize("between, equivalent", [
    ([], True),
    ([OTHER, COMMIT, "add.s64 %rd1, %rd1, 128;", "mov.b32 %r10, 5;"], True),
    ([PRODUCT, COMMIT], False),                  # the products' own order is not the fence's affair
    (["mov.b32 %r4, 0;"], False),
    (["add.f32 %r10, %r1, %r1;"], False),        # the register is read
    (["cvt.rn.bf16x2.f32 %r8, %r20, %r21;"], False),
    (["$L__BB0_1:"], False),                     # others may come from elsewhere
    (["@%p1 bra $L__BB0_1;"], False),
])
def test_equivalent_fences_use_no_register_in_between(between, equivalent):
    body = ["mov.b32 %r1, 0;", FENCE, *between, FENCE, PRODUCT, COMMIT]
    assert mutation_equivalents.follows_fence(body, 2 + len(between)) == equivalent
    assert not mutation_equivalents.reason("case", body, 1)  # the first one


def together(name, prefix, folder):
    """What gives away that all equivalent mutations of a kind of instruction are made at once."""
    case = Case("sm_90a", name, folder)
    lines = case.text.splitlines()
    for mutant in case.mutants:
        if mutant.equivalent and mutant.before.startswith(prefix):
            lines[mutant.line - 1] = ""
    return case.run(case.programs[0], "\n".join(lines) + "\n", "random:7")[0]


@needs_driver
@pytest.mark.parametrize("name, prefix, found", [("prompt", "wgmma.fence", "wgmma"), ("decode", "bar.warp.sync", "race")])
def test_equivalents_are_needed_together(name, prefix, found, tmp_path):
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=FRESH) as pool:
        assert pool.submit(together, name, prefix, tmp_path).result() == found


@needs_driver
@pytest.mark.parametrize("target, cases", [("sm_80", ["decode_f16_g7", "prefill", "rows_f32", "row_kernel", "products_along"]), ("sm_90a", ["prompt", "decode", "step"])])
def test_broken_kernels_are_caught(target, cases):
    judged = list(campaign(target, cases, sampled(SAMPLE)))
    assert [str(mutant) for mutant, state, _ in judged if state == "survived"] == []
    assert [str(mutant) for mutant, state, _ in judged if state == "caught" and mutant.equivalent] == []
    assert sum(state == "caught" for _, state, _ in judged) >= SAMPLE // 2  # the others are not reached, or equivalent
