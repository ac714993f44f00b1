"""Instructions on numbers: each thread's own. Bounds are those of the PTX ISA."""

from .vector import Vector

ULP = 2.0 ** -23


def _pack(instruction, operand="%x0"):
    """A 16-bit result in both halves of the word."""
    return f"{{\n.reg .b16 h;\n{instruction} h, {operand};\nmov.b32 %d0, {{h, h}};\n}}"


def _vector(instruction, *inputs, chip="sm_80", body=None, **how):
    """Named after the instruction, whose operands are the words."""
    operands = ", ".join(f"%x{n}" for n in range(len(inputs)))
    how.setdefault("compare", "f32")
    return Vector(instruction, chip, body or f"{instruction} %d0, {operands};", inputs, **how)


def _unpack(instruction):
    return f"{{\n.reg .b16 low, high;\nmov.b32 {{low, high}}, %x0;\n{instruction} %d0, low;\n{instruction} %d1, high;\n}}"


def _arithmetic():
    for instruction in ("add.rn.f32", "sub.rn.f32", "mul.rn.f32", "mul.rz.f32", "min.f32", "max.f32", "max.NaN.f32"):
        yield _vector(instruction, "f32", "f32")
    yield _vector("fma.rn.f32", "f32", "f32", "f32")
    for instruction in ("add.rn.ftz.f32", "mul.rn.ftz.f32", "max.ftz.f32"):
        yield _vector(instruction, "f32 small", "f32 small")
    yield _vector("fma.rn.ftz.f32", "f32 small", "f32 small", "f32 small")
    for kind, chip in (("f16x2", "sm_80"), ("bf16x2", "sm_90")):
        for name in ("add", "sub", "mul"):
            yield _vector(f"{name}.rn.{kind}", kind, kind, chip=chip, compare=kind)
    for kind in ("f16x2", "bf16x2"):
        yield _vector(f"fma.rn.{kind}", kind, kind, kind, compare=kind)
        for name in ("min", "max", "min.NaN", "max.NaN"):
            yield _vector(f"{name}.{kind}", kind, kind, compare=kind)


def _conversions():
    for kind in ("f16", "bf16"):
        yield _vector(f"cvt.rn.{kind}.f32", "f32", body=_pack(f"cvt.rn.{kind}.f32"), compare=f"{kind}x2")
        for rounding in ("rn", "rz"):
            yield _vector(f"cvt.{rounding}.{kind}x2.f32", "f32", "f32", compare=f"{kind}x2")
    yield _vector("cvt.f32.f16", "f16x2", body=_unpack("cvt.f32.f16"), results=2)
    yield _vector("cvt.f32.bf16", "bf16x2", chip="sm_90", body=_unpack("cvt.f32.bf16"), results=2)
    for name in ("e4m3x2", "e5m2x2"):
        yield _vector(f"cvt.rn.f16x2.{name}", "e4m3x2", chip="sm_89", compare="f16x2",
                      body=f"{{\n.reg .b16 h;\ncvt.u16.u32 h, %x0;\ncvt.rn.f16x2.{name} %d0, h;\n}}")
    for instruction in ("cvt.rmi.f32.f32", "cvt.rni.f32.f32", "cvt.rzi.f32.f32", "cvt.sat.f32.f32"):
        yield _vector(instruction, "f32")
    for instruction in ("cvt.rzi.s32.f32", "cvt.rni.s32.f32", "cvt.rzi.u32.f32"):
        yield _vector(instruction, "f32", compare="bits")
    yield _vector("cvt.rn.f32.u32", "u32")
    yield _vector("cvt.rn.f32.s32", "u32")
    yield _vector("cvt.rn.f32.u64", "u32", "u32", body="mov.b64 %t, {%x0, %x1};\ncvt.rn.f32.u64 %d0, %t;")


def _approximations():
    for ftz in ("", ".ftz"):
        yield _vector(f"ex2.approx{ftz}.f32", "f32 exponent", relative=2.0 ** -22, own=ULP)
        yield _vector(f"lg2.approx{ftz}.f32", "f32", relative=2.0 ** -22, absolute=2.0 ** -22, own=ULP)
        yield _vector(f"rcp.approx{ftz}.f32", "f32", relative=ULP, own=ULP)
        yield _vector(f"sqrt.approx{ftz}.f32", "f32", relative=ULP, own=ULP)
        yield _vector(f"rsqrt.approx{ftz}.f32", "f32", relative=2.0 ** -22.9, own=ULP)
    yield _vector("div.full.f32", "f32", "f32", relative=2 * ULP, own=ULP)
    yield _vector("tanh.approx.f32", "f32", relative=2.0 ** -11, own=2.0 ** -12)
    yield _vector("tanh.approx.f16x2", "f16x2", compare="f16x2", absolute=2.0 ** -10.987, own=2.0 ** -10)
    yield _vector("ex2.approx.f16x2", "f16x2", compare="f16x2", relative=2.0 ** -9.9, own=2.0 ** -11)
    yield _vector("tanh.approx.bf16x2", "bf16x2", chip="sm_90", compare="bf16x2", absolute=2.0 ** -8, own=2.0 ** -9)
    yield _vector("ex2.approx.ftz.bf16x2", "bf16x2", chip="sm_90", compare="bf16x2", relative=2.0 ** -7, own=2.0 ** -9)


def _bits():
    for name, *inputs in (("prmt.b32", "u32", "u32", "u32"), ("shf.l.wrap.b32", "u32", "u32", "places"),
                          ("shf.r.clamp.b32", "u32", "u32", "places"), ("bfe.u32", "u32", "places", "places"),
                          ("bfe.s32", "u32", "places", "places"), ("shl.b32", "u32", "places"), ("shr.s32", "u32", "places")):
        yield _vector(name, *inputs, compare="bits")
    for name in ("mul.hi.u32", "mul.hi.s32"):
        yield _vector(name, "u32", "u32", compare="bits")
    for name in ("abs.f32", "neg.f32"):
        yield _vector(name, "f32")
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "nan", "ltu"):
        yield _vector(f"setp.{name}.f32", "f32", "f32", compare="bits",
                      body=f"setp.{name}.f32 %q, %x0, %x1;\nselp.b32 %d0, 1, 0, %q;")


ELEMENTWISE = [*_arithmetic(), *_conversions(), *_approximations(), *_bits()]
