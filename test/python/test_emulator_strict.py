"""What ptxas refuses the stand-in driver refuses, too: a kernel that only the stand-in takes would fail where a GPU is. Not compared:
numbers that an instruction does not take (the size of a copy, a barrier's), which the stand-in looks at when it executes it."""

import ctypes
import json
import os
import subprocess
import sys

import pytest

from test_gpu_check import EMULATOR, assembler

pytestmark = pytest.mark.skipif(not EMULATOR.exists(), reason=f"the stand-in driver is not built: {EMULATOR}")

TEXT = """.version {version}
.target {target}
.address_size 64
.visible .entry k()
{{
.reg .pred %p<9>; .reg .b16 %h<9>; .reg .u16 %x<9>; .reg .f16 %e<9>; .reg .b32 %r<99>; .reg .u32 %u<9>; .reg .s32 %s<9>; .reg .f32 %f<9>;
.reg .b64 %d<9>; .reg .u64 %l<9>; .reg .f64 %g<9>;
LABEL:
{code}
ret;
}}
"""
NEWEST = ("sm_90a", "9.0")  # of what both know


def mma(kind):
    """Of accumulators in registers of a kind."""
    sums = ", ".join(f"%{kind}{i}" for i in range(4))
    return f"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {{{sums}}}, {{%r1, %r2, %r3, %r4}}, {{%r5, %r6}}, {{{sums}}};"


def wgmma(kind):
    sums = ", ".join(f"%{kind}{i}" for i in range(4))
    return f"wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {{{sums}}}, %d1, %d2, %p1, 1, 1, 0, 0;"


ACCEPTED = [
    "mov.u32 %r1, %tid.x;", "mov.s32 %s1, %laneid;", "cvt.u64.u32 %d1, %tid.x;", "mov.u64 %d1, %clock64;", "add.s32 %r1, %u2, %s3;",
    "add.f32 %f1, %r2, 0f3F800000;", "add.f32 %f1, %f2, 1.0;", "add.f64 %d1, %g2, %g3;", "and.b32 %f1, %u2, %s3;", "mov.b32 %f1, %r2;",
    "mov.b32 %f1, {%e1, %e2};", "mov.b64 {%f1, _}, %g1;", "mov.b32 %r1, 0f3F800000;", "add.f16x2 %r1, %r2, %r3;",
    "cvt.rn.bf16x2.f32 %r1, %f2, %f3;", "cvt.rna.tf32.f32 %r1, %f2;", "mul.wide.u32 %l1, %s2, %u3;", "selp.f32 %r1, 1.0, %f2, %p1;",
    "slct.u32.f32 %u1, %u2, %u3, %f4;", "shfl.sync.bfly.b32 %f1, %u2, 1, 31, -1;", "vote.sync.ballot.b32 %f1, %p1, -1;",
    "setp.lo.u32 %p1, %u1, %u2;", "setp.eq.b32 %p1, %f1, %f2;", "ld.global.f32 %d1, [%l1];", "ld.global.v4.u32 {%r1, _, %r3, _}, [%d2];",
    "ld.shared.f32 %f1, [%r1];", "ld.local.u32 %r1, [16];", "st.global.f32 [%d1], 0f3F800000;",
    "ld.global.L1::no_allocate.L2::128B.u32 %r1, [%d1];", "atom.global.exch.b32 _, [%d1], %r1;",
    "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {_, %f2}, [%r5];", mma("f"), mma("r"), wgmma("f"), "min.xorsign.abs.f32 %f1, %f2, %f3;",
    "bar.red.popc.u32 %r1, 0, %p1;", "barrier.red.aligned.popc.u32 %r1, 0, %p1;",
    "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r1];", "mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 16;",
    "mbarrier.try_wait.parity.acquire.cta.shared.b64 %p1, [%r1], %r2, 1000;", "elect.sync _|%p1, -1;",
    "createpolicy.fractional.L2::evict_last.b64 %d1, 1.0;",
]
REFUSED = [
    # Special registers are no operands but of mov and cvt.
    "add.u32 %r1, %tid.x, %r2;", "mad.lo.s32 %r1, %ctaid.x, %ntid.x, %r2;", "setp.eq.u32 %p1, %tid.x, 0;", "shl.b32 %r1, %laneid, 2;",
    "mul.wide.u32 %d1, %tid.x, 4;", "st.global.u32 [%d1], %tid.x;", "bar.sync %tid.x;", "selp.b32 %r1, %tid.x, %r2, %p1;",
    "mov.f32 %r1, %tid.x;",
    # Registers and numbers of another type.
    "add.s32 %f1, %f2, %f3;", "add.f32 %u1, %u2, %u3;", "add.f64 %l1, %g2, %g3;", "mov.u32 %f1, %f2;", "mov.f32 %u1, %f2;",
    "add.f16 %x1, %x2, %x3;", "add.f16x2 %u1, %u2, %u3;", "add.bf16 %e1, %e2, %e3;", "cvt.rn.bf16x2.f32 %u1, %f2, %f3;",
    "cvt.rn.bf16x2.f32 %r1, %u2, %f3;", "cvt.rna.tf32.f32 %f1, %f2;", "cvt.rn.f32.s32 %f1, %f2;", "mul.wide.u32 %g1, %u2, %u3;",
    "shl.b32 %u1, %u2, %f3;", "popc.b32 %f1, %u2;", "selp.u32 %f1, %f2, %f3, %p1;", "slct.u32.f32 %u1, %u2, %u3, %u4;",
    "ld.global.f32 %u1, [%d1];", "ld.global.u32 %f1, [%d1];", "ld.global.f32 %l1, [%d2];", "st.global.f32 [%d1], 5;",
    "st.global.u32 [%d1], 0f3F800000;", "add.s32 %r1, %r2, 1.5;", "add.f32 %r1, %r2, 1;", "mov.b32 %r1, 1.0;",
    "setp.lt.f32 %p1, %u1, %f2;", mma("u"), wgmma("u"), "atom.global.add.f32 %u1, [%d1], %f2;", "mbarrier.init.shared.b64 [%r1], %f2;",
    # Results that nobody takes, vectors of one, addresses.
    "add.s32 _, %r2, %r3;", "mov.u32 _, 5;", "shfl.sync.bfly.b32 _|%p1, %u2, 1, 31, -1;", "vote.sync.any.pred _, %p1, -1;",
    "activemask.b32 _;", "ld.global.u32 _, [%d1];", "mov.b64 {_, _}, %d1;", "ldmatrix.sync.aligned.m8n8.x1.shared.b16 %r1, [%r5];",
    "ld.global.u32 %r1, [%r2];", "ld.u32 %r1, [%r2];", "atom.add.u32 %r1, [%r2], 1;", "ld.shared.u32 %r1, [16];",
    "ld.global.u32 %r1, [16];", "ld.shared.u32 %r1, [%f1];",
    # Suffixes that do not go together.
    "setp.lt.b32 %p1, %r1, %r2;", "setp.lo.s32 %p1, %r1, %r2;", "set.ge.f32.b32 %f1, %r2, %r3;", "slct.ftz.u32.s32 %u1, %u2, %u3, %s4;",
    "min.abs.f32 %f1, %f2, %f3;", "max.xorsign.f32 %f1, %f2, %f3;", "mov.f16 %h1, %h2;", "selp.pred %p1, %p2, %p3, %p4;",
    "cvt.rn.f16.f16 %h1, %h2;", "cvt.rzi.f32.f16 %f1, %h2;", "cvt.rn.sat.bf16.f16 %h1, %h2;", "cvt.rna.relu.tf32.f32 %r1, %f2;",
    "cvt.ftz.f64.f16 %d1, %h2;", "cvt.rni.ftz.u32.f16 %r1, %h2;", "bar.red.aligned.popc.u32 %r1, 0, %p1;", "elect.sync %r1, -1;",
    "ld.const.L1::evict_last.u32 %r1, [%d1];", "ld.shared.L2::64B.u32 %r1, [%r1];", "ld.global.ca.L1::evict_last.u32 %r1, [%d1];",
    "ld.volatile.cg.u32 %r1, [%d1];", "ld.volatile.const.u32 %r1, [%d1];", "st.shared.L1::evict_last.u32 [%r1], %r2;",
    "st.global.cg.L1::evict_first.u32 [%d1], %r2;", "mbarrier.arrive.relaxed.shared.b64 _, [%r1];",
    "mbarrier.arrive.cta.shared.b64 _, [%r1];", "mbarrier.arrive.shared::cluster.b64 %d1, [%r1];",
    "mbarrier.try_wait.acquire.shared.b64 %p1, [%r1], %d2;",
]
# What is there from a target and a version of PTX on, and with neither the one before.
SINCE = [
    ("mov.u32 %r1, %cluster_ctarank;", "sm_90", "7.8"), ("mov.u32 %r1, %clusterid.x;", "sm_90", "7.8"),
    ("elect.sync %r1|%p1, -1;", "sm_90", "8.0"), ("griddepcontrol.wait;", "sm_90", "7.8"),
    ("barrier.cluster.arrive.aligned;", "sm_90", "7.8"), ("barrier.cluster.wait.acquire;", "sm_90", "8.0"),
    ("fence.proxy.async;", "sm_90", "8.0"), ("fence.mbarrier_init.release.cluster;", "sm_90", "8.0"),
    ("prefetch.tensormap [%d1];", "sm_90", "8.0"), ("mbarrier.arrive.expect_tx.shared.b64 %d1, [%r1], 16;", "sm_90", "8.0"),
    ("mbarrier.try_wait.parity.shared.b64 %p1, [%r1], %r2;", "sm_90", "7.8"), ("setmaxnreg.inc.sync.aligned.u32 24;", "sm_90a", "8.0"),
    ("movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r2;", "sm_80", "7.8"), ("cvt.f32.bf16 %f1, %h2;", "sm_80", "7.1"),
    ("cvt.rn.satfinite.f16x2.f32 %r1, %f2, %f3;", "sm_80", "8.1"), ("cvt.rn.tf32.f32 %r1, %f2;", "sm_90", "7.8"),
    ("cvt.rn.bf16.f16 %h1, %h2;", "sm_90", "7.8"), ("cvt.rn.f16x2.e4m3x2 %r1, %h2;", "sm_90", "7.8"),
    ("add.bf16x2 %r1, %r2, %r3;", "sm_90", "7.8"), ("setp.lt.bf16 %p1, %h2, %h3;", "sm_90", "7.8"),
    ("ex2.approx.ftz.bf16x2 %r1, %r2;", "sm_90", "7.8"), ("tanh.approx.bf16 %h1, %h2;", "sm_90", "7.8"),
    ("red.global.add.noftz.bf16x2 [%d1], %r2;", "sm_90", "7.8"), ("min.xorsign.abs.f32 %f1, %f2, %f3;", "sm_86", "7.2"),
    ("ld.global.L1::no_allocate.u32 %r1, [%d1];", "sm_80", "7.4"), ("ld.global.L2::128B.u32 %r1, [%d1];", "sm_80", "7.4"),
    ("st.global.L2::cache_hint.u32 [%d1], %r1, %d2;", "sm_80", "7.4"),
    ("createpolicy.fractional.L2::evict_last.b64 %d1;", "sm_80", "7.4"), ("ld.shared::cta.u32 %r1, [%r2];", "sm_80", "7.8"),
    ("ld.shared::cluster.u32 %r1, [%r2];", "sm_90", "7.8"), ("ld.acquire.cluster.global.u32 %r1, [%d2];", "sm_90", "7.8"),
    ("fence.acq_rel.cluster;", "sm_90", "7.8"), ("bar.cta.sync 0;", "sm_80", "7.8"), ("cvta.to.param.u64 %d1, %d2;", "sm_80", "7.7"),
    ("cvta.to.param::entry.u64 %d1, %d2;", "sm_80", "8.3"), ("mbarrier.test_wait.parity.shared.b64 %p1, [%r1], %r2;", "sm_80", "7.1"),
    ("mbarrier.arrive.shared.b64 %d1, [%r1], 2;", "sm_90", "7.8"), ("mbarrier.arrive.release.cta.shared.b64 %d1, [%r1];", "sm_80", "8.0"),
    ("mbarrier.arrive.relaxed.cta.shared.b64 %d1, [%r1];", "sm_90", "8.6"),
    ("mbarrier.complete_tx.relaxed.cta.shared.b64 [%r1], 16;", "sm_90", "8.0"),
    ("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r2};", "sm_90", "7.8"),
    ("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d1], 16, [%r2];", "sm_90", "8.0"),
    ("cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r1], [%d1], 16, [%r2];", "sm_90", "8.6"),
    (wgmma("f"), "sm_90a", "8.0"),
]
TARGETS = ["sm_80", "sm_86", "sm_90", "sm_90a"]
VERSIONS = [f"7.{minor}" for minor in range(9)] + [f"8.{minor}" for minor in range(7)]


def cases():
    """(code, target, version, whether it is PTX)"""
    yield from ((code, *NEWEST, True) for code in ACCEPTED)
    yield from ((code, *NEWEST, False) for code in REFUSED)
    for code, target, version in SINCE:
        yield code, target, version, True
        if target != TARGETS[0]:
            yield code, TARGETS[TARGETS.index(target) - 1], "8.6", False
        if version != VERSIONS[0]:
            yield code, target, VERSIONS[VERSIONS.index(version) - 1], False


CASES = list(cases())


def texts():
    return [TEXT.format(code=code, target=target, version=version) for code, target, version, _ in CASES]


def differing(accepted):
    return [" ".join((*case[:3], "is accepted" if now else "is refused")) for case, now in zip(CASES, accepted) if now != case[3]]


def load(driver):
    """Which texts a driver takes, by the numbers of CUresult."""
    cuda = ctypes.CDLL(driver)
    device, context, module = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
    assert cuda.cuInit(0) == 0 and cuda.cuDeviceGet(ctypes.byref(device), 0) == 0
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0 and cuda.cuCtxSetCurrent(context) == 0
    return [cuda.cuModuleLoadData(ctypes.byref(module), text.encode()) for text in texts()]


def test_stand_in():
    done = subprocess.run([sys.executable, __file__], text=True, capture_output=True, env={**os.environ, "GQA_EMULATOR": "sm=90"})
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert set(results) == {0, 218}  # CUDA_ERROR_INVALID_PTX
    assert differing(result == 0 for result in results) == []


@pytest.mark.skipif(not assembler(), reason="no ptxas; install nvidia-cuda-nvcc")
def test_ptxas(tmp_path):
    """The same of NVIDIA's assembler: what is said above is right."""
    accepted = []
    for (_, target, *_), text in zip(CASES, texts()):
        (source := tmp_path / "k.ptx").write_text(text)
        done = subprocess.run([assembler(), f"-arch={target}", source, "-o", tmp_path / "k.cubin"], capture_output=True)
        accepted.append(done.returncode == 0)
    assert differing(accepted) == []


if __name__ == "__main__":
    print(json.dumps(load(str(EMULATOR))))
