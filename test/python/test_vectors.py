"""The golden vectors of test/emulator/vectors on the stand-in driver, against what hardware has recorded, and the comparison itself."""

import dataclasses
import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from test_gpu_check import EMULATOR, SOURCE, assembler

sys.path.insert(0, str(SOURCE / "test" / "emulator"))

from vectors import VECTORS  # noqa: E402
from vectors.record import check, entry, load, outputs  # noqa: E402

RECORD = SOURCE / "test" / "emulator" / "vectors" / "recorded.json"
HOW = ("record where a GPU is with tools/gpu-check --parts=vectors, and copy vectors.json of its report to "
       "test/emulator/vectors/recorded.json")
FAMILIES = sorted({vector.family for vector in VECTORS.values()})

# Another form of an instruction in a vector's kernel, as a wrong reading of the ISA would have it: outputs have to tell.
MISREAD = [
    ("cvt.rz.f16x2.f32", ".rz", ".rn"), ("cvt.rz.bf16x2.f32", ".rz", ".rn"), ("cvt.rni.s32.f32", ".rni", ".rzi"),
    ("cvt.rn.f16x2.e4m3x2", ".e4m3x2", ".e5m2x2"), ("cvt.rn.f16x2.f32", "%x0, %x1", "%x1, %x0"), ("cvt.sat.f32.f32", ".sat", ""),
    ("add.rn.ftz.f32", ".ftz", ""), ("fma.rn.ftz.f32", ".ftz", ""), ("ex2.approx.ftz.f32", ".ftz", ""), ("rcp.approx.ftz.f32", ".ftz", ""),
    ("max.NaN.bf16x2", ".NaN", ""), ("min.f16x2", "min", "min.NaN"), ("mul.rz.f32", ".rz", ".rn"), ("setp.ltu.f32", ".ltu", ".lt"),
    ("prmt.b32", "%x0, %x1", "%x1, %x0"), ("shf.l.wrap.b32", ".wrap", ".clamp"), ("shfl.sync.bfly.b32 0x181f", "6175", "31"),
    ("mma.m16n8k16.bf16 exact", "{%x0, %x1, %x2, %x3}", "{%x0, %x2, %x1, %x3}"), ("mma.m16n8k16.f16 rounded", "%x4, %x5", "%x5, %x4"),
    ("ldmatrix.x4.trans", ".trans", ""), ("stmatrix.x2.trans", ".trans", ""), ("cp.async.cg zero-fill", "16, %x1", "16, 16"),
    ("wgmma.m64n64k16.f16 memory, transposed", "1, 1, 0, 1", "1, 1, 0, 0"), ("wgmma.m64n64k32.e4m3 registers", "%f0, %f1", "%f1, %f0"),
    ("wgmma.m64n128k16.bf16 registers, transposed", str(1 << 62 | 64 << 32 | 512 << 16 | 1024), str(1 << 62 | 64 << 32 | 1 << 16 | 1024)),
    ("wgmma.m64n64k16.bf16 memory", str(1 << 62 | 64 << 32 | 1 << 16 | 2), str(1 << 62 | 64 << 32 | 1 << 16 | 4)),
    ("cp.async.bulk.tensor load 128 inside", "{0, 3, 1, 1}", "{0, 3, 1, 0}"), ("cp.async.bulk.tensor store 64 past the end", "{48", "{32"),
    ("mbarrier phases and bytes", "48;", "64;"), ("vote.sync.any.pred", ".any", ".all"), ("vote.sync.all.pred", ".all", ".any"),
]
RUN_CHANGED = """
import dataclasses, json, sys
from vectors import VECTORS
from vectors.driver import Device
from vectors.record import entry
def changed(name, old, new):
    return dataclasses.replace(VECTORS[name], chip="sm_90a", body=VECTORS[name].body.replace(old, new))
with Device() as device:
    vectors = [changed(*misread) for misread in json.load(sys.stdin)]
    print(json.dumps([entry(vector, device.run(vector)) for vector in vectors]))
"""

pytestmark = pytest.mark.skipif(not EMULATOR.exists(), reason=f"the stand-in driver is not built: {EMULATOR}")


def run_on_stand_in(settings, *arguments, **how):
    """Python in a process of its own, whose context is the only one."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE / "test" / "emulator"), "GQA_CUDA_DRIVER": str(EMULATOR),
                   "GQA_EMULATOR": settings}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300, **how)


@functools.cache
def stand_in(chip, completion="late"):
    """The record of the stand-in driver as an sm_`chip`."""
    done = run_on_stand_in(f"sm={chip},completion={completion},blocking=on", "-m", "vectors")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def found(vector, completion="late"):
    """What the least chip that has the instruction gives."""
    return outputs(stand_in(vector.chip[3:5], completion)["vectors"][vector.name])


def replay(vectors, record):
    """Raises AssertionError for outputs that are not the recorded ones; skips, naming them, if some are not recorded."""
    missing = [vector.name for vector in vectors if vector.name not in record["vectors"]]
    for vector in vectors:
        if vector.name not in missing:
            check(vector, record["vectors"][vector.name], found(vector))
    if missing:
        pytest.skip(f"not recorded on hardware: {', '.join(missing)}; {HOW}")


@pytest.mark.parametrize("family", FAMILIES)
def test_as_recorded(family):
    if not RECORD.exists():
        pytest.skip(f"nothing is recorded on hardware; {HOW}")
    replay([vector for vector in VECTORS.values() if vector.family == family], load(RECORD))


def test_a_whole_record_is_replayed(tmp_path):
    vectors = {name: entry(vector, found(vector)) for name, vector in VECTORS.items()}
    record = {"schema": 1, "device": {"name": "NVIDIA H200", "chip": 90}, "stand_in": None, "vectors": vectors}
    (tmp_path / "recorded.json").write_text(json.dumps(record))
    replay(VECTORS.values(), load(tmp_path / "recorded.json"))


def test_missing_vector_is_a_skip():
    vectors = [VECTORS["prmt.b32"], VECTORS["shl.b32"]]
    record = {"vectors": {"shl.b32": entry(vectors[1], found(vectors[1]))}}
    with pytest.raises(pytest.skip.Exception, match="not recorded on hardware: prmt.b32; record where a GPU is"):
        replay(vectors, record)
    record["vectors"]["shl.b32"] = entry(vectors[1], found(vectors[1]) ^ np.uint32(1))
    with pytest.raises(AssertionError, match="shl.b32: 512 of 512 words differ"):
        replay(vectors, record)


@pytest.mark.parametrize("completion", ["eager", "random:3"])
def test_same_bits_in_every_order(completion):
    """No vector depends on when asynchronous work takes place, and each kernel passes the stand-in's checks."""
    for vector in VECTORS.values():
        assert (found(vector) == found(vector, completion)).all(), vector.name


def test_a_changed_byte_is_found():
    for vector in VECTORS.values():
        words = found(vector)
        check(vector, entry(vector, words), words)
        for place in (0, words.size // 2, words.size - 1):
            changed = words.copy()
            changed.view(np.uint8)[4 * place + 3] ^= 0x40  # of a float: its exponent
            with pytest.raises(AssertionError, match=f"1 of {words.size} words differ; the first is word {place}"):
                check(vector, entry(vector, changed), words)


def test_misreadings_are_found():
    done = run_on_stand_in("sm=90", "-c", RUN_CHANGED, input=json.dumps(MISREAD))
    assert done.returncode == 0, done.stderr
    for (name, old, _), other in zip(MISREAD, json.loads(done.stdout), strict=True):
        vector = VECTORS[name]
        assert old in vector.body, (name, old)
        with pytest.raises(AssertionError, match=r"\d+ of \d+ words differ"):
            check(vector, entry(vector, outputs(other)), found(vector))


def test_bounds_of_approximations():
    """An ulp passes where the ISA allows two, and 2^-20 does not; where it allows none, the last bit does not."""
    approximate, exact = VECTORS["ex2.approx.ftz.f32"], VECTORS["fma.rn.f32"]

    def moved(vector, by):
        words = found(vector).copy()
        normal = np.flatnonzero(((words >> 23 & 255) > 100) & ((words >> 23 & 255) < 150))[0]
        words[normal] += np.uint32(by)
        return entry(vector, words)

    check(approximate, moved(approximate, 1), found(approximate))
    for vector, by in ((approximate, 16), (exact, 1)):
        with pytest.raises(AssertionError, match="1 of 512 words differ"):
            check(vector, moved(vector, by), found(vector))


def test_nan_is_any_nan_but_no_number():
    vector = VECTORS["max.NaN.f16x2"]
    words = found(vector).copy()
    lower = np.flatnonzero((words & 0x7FFF) > 0x7C00)[0]
    words[lower] ^= np.uint32(0x8001)
    check(vector, entry(vector, words), found(vector))
    words[lower] &= np.uint32(0xFFFF0000)
    with pytest.raises(AssertionError, match="1 of 512 words differ"):
        check(vector, entry(vector, words), found(vector))


def test_other_kernel():
    vector, words = VECTORS["mul.rn.f32"], found(VECTORS["mul.rn.f32"])
    other = dataclasses.replace(vector, body=vector.body.replace("mul.rn", "add.rn"))
    with pytest.raises(AssertionError, match="is another kernel or has other inputs than the recorded one"):
        check(other, entry(vector, words), words)


@pytest.mark.parametrize("path", [str(EMULATOR), None])
def test_a_stand_in_is_not_golden(tmp_path, path):
    (tmp_path / "recorded.json").write_text(json.dumps({**stand_in("80"), "stand_in": path}))
    with pytest.raises(ValueError, match="was recorded on a stand-in driver, .*; only hardware says what is right"):
        load(tmp_path / "recorded.json")


@pytest.mark.skipif(not assembler(), reason="no ptxas; install nvidia-cuda-nvcc")
def test_kernels_assemble(tmp_path):
    """The stand-in's parser takes some text that NVIDIA's does not."""
    for number, vector in enumerate(VECTORS.values()):
        (source := tmp_path / f"{number}.ptx").write_text(vector.ptx())
        done = subprocess.run([assembler(), f"-arch={vector.chip}", source, "-o", tmp_path / "cubin"], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, (vector.name, done.stderr)
