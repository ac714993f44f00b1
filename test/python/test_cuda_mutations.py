"""A sample of the campaign of mutations.py: a kernel whose synchronisation is broken does not pass unseen."""

import pytest

from mutations import campaign, mutants, sampled, weakened
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
    ("shfl.sync.bfly.b32 %r2, %r1, 16, 31, -1;", ["shfl.sync.bfly.b32 %r2, %r1, 16, 31, 65535;"]),
    ("@%p1 atom.acq_rel.gpu.global.add.u32 %r1, [%rd1], 1;", ["@%p1 atom.relaxed.gpu.global.add.u32 %r1, [%rd1], 1;"]),
    ("ld.acquire.gpu.global.u32 %r1, [%rd1];", ["ld.relaxed.gpu.global.u32 %r1, [%rd1];"]),
    ("cp.async.cg.shared.global [%r1], [%rd1], 16;", []),
    ("ld.global.u32 %r1, [%rd1];", []),
])
def test_weakened(instruction, after):
    assert list(weakened(instruction)) == after


def test_mutants_know_their_line():
    text = ".version 8.0\n.visible .entry a(\n)\n{\n\tret;\n}\n.visible .entry b(\n)\n{\n\tmma.sync x;\n\tbar.sync \t0;\n}\n"
    (mutant,) = mutants("case", text)
    assert (mutant.kernel, mutant.kind, mutant.line, mutant.before) == ("b", "tiles", 11, "bar.sync 0;")


@needs_driver
def test_broken_kernels_are_caught():
    judged = list(campaign(["decode_f16_g7", "prefill", "rows_f32"], sampled(SAMPLE)))
    assert [str(mutant) for mutant, state, _ in judged if state == "survived"] == []
    assert sum(state == "caught" for _, state, _ in judged) >= SAMPLE // 2  # the others are not reached
