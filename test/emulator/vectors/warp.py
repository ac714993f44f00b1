"""Instructions of a warp: products of fragments, matrices in shared memory, exchanges between lanes, copies that zero."""

from .vector import Vector


def lost(products):
    """What a sum of numbers up to 1 may lose: at each step an ulp of what is there, as tensor cores cut; the stand-in half of it."""
    return 1.5 * products * products * 2.0 ** -23


def _registers(name, first, count):
    return "{" + ", ".join(f"%{name}{first + n}" for n in range(count)) + "}"


def _product(name, types, a, b, c, k=16, **how):
    """mma.sync of one fragment in each warp."""
    words = k // 4
    operands = ", ".join([_registers("d", 0, 4), _registers("x", 0, words), _registers("x", words, words // 2),
                          _registers("x", words + words // 2, 4)])
    return Vector(name, "sm_80", f"mma.sync.aligned.m16n8k{k}.row.col.f32.{types}.{types}.f32 {operands};",
                  (*[a] * words, *[b] * (words // 2), *[c] * 4), 4, "f32", threads=32, blocks=4, **how)


def _products():
    for kind in ("f16", "bf16"):
        for k in (16, 8):
            yield _product(f"mma.m16n8k{k}.{kind} exact", kind, f"{kind} whole", f"{kind} whole", "f32 whole", k)
        yield _product(f"mma.m16n8k16.{kind} rounded", kind, f"{kind} unit", f"{kind} unit", "f32 unit", absolute=lost(17))
    yield _product("mma.m16n8k16.f16 infinity and NaN", "f16", "f16 special", "f16 special", "f32 whole")
    yield _product("mma.m16n8k16.f16 subnormal", "f16", "f16 subnormal", "f16 whole", "f32 zero")
    yield _product("mma.m16n8k16.bf16 subnormal", "bf16", "bf16 subnormal", "bf16 large", "f32 zero")


ROWS = "st.shared.v4.b32 [%v1], {%x0, %x1, %x2, %x3};\nbar.warp.sync -1;\n"  # a lane's 16 bytes at its place in shared memory
PLACE = "mad.lo.u32 %v1, %i, 16, %s;\nmad.lo.u32 %v2, %x4, 16, %s;\n"  # %v1 of the lane, %v2 of another one


def _matrices():
    inputs = (*["u32"] * 4, "order")
    for count in (1, 2, 4):
        for trans in ("", ".trans"):
            zero = "".join(f"mov.b32 %d{n}, 0;\n" for n in range(count, 4))
            load = f"ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 {_registers('d', 0, count)}, [%v2];"
            yield Vector(f"ldmatrix.x{count}{trans}", "sm_80", PLACE + ROWS + zero + load, inputs, 4, threads=32, blocks=1, shared=512)
            store = f"stmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 [%v2], {_registers('x', 0, count)};\nbar.warp.sync -1;\n"
            dump = f"ld.shared.v4.b32 {_registers('d', 0, 4)}, [%v1];"
            yield Vector(f"stmatrix.x{count}{trans}", "sm_90", PLACE + ROWS + store + dump, inputs, 4, threads=32, blocks=1, shared=512)
    yield Vector("movmatrix.trans", "sm_80", "movmatrix.sync.aligned.m8n8.trans.b16 %d0, %x0;", ("u32",), threads=32, blocks=4)


def _exchanges():
    for mode, clamp in (("bfly", 31), ("idx", 31), ("up", 0), ("down", 31), ("bfly", 0x181F), ("idx", 0x181F)):
        yield Vector(f"shfl.sync.{mode}.b32 {clamp:#x}", "sm_80",
                     f"shfl.sync.{mode}.b32 %d0|%q, %x0, %x1, {clamp}, -1;\nselp.b32 %d1, 1, 0, %q;", ("u32", "lane"), 2)
    # One lane of 64 is odd: a warp has none of them, or some.
    odd, even = ("and.b32 %v0, %x0, 63;\nsetp.{}.u32 %f, %v0, 0;\n".format(test) for test in ("eq", "ne"))
    for mode, lanes in (("any", odd), ("all", even)):
        yield Vector(f"vote.sync.{mode}.pred", "sm_80", lanes + f"vote.sync.{mode}.pred %q, %f, -1;\nselp.b32 %d0, 1, 0, %q;", ("u32",))
    yield Vector("vote.sync.ballot.b32", "sm_80", odd + "vote.sync.ballot.b32 %d0, %f, -1;", ("u32",))
    for name in ("add.u32", "min.s32", "max.u32", "xor.b32"):
        yield Vector(f"redux.sync.{name}", "sm_80", f"redux.sync.{name} %d0, %x0, -1;", ("u32",))
    yield Vector("match.any.sync.b32", "sm_80", "match.any.sync.b32 %d0, %x0, -1;", ("lane",))


def _copies():
    # 16 bytes of a lane, of which as many are copied as its word says and the rest is zero.
    fill = "mad.lo.u32 %v1, %i, 16, %s;\nst.shared.v4.b32 [%v1], {%x0, %x0, %x0, %x0};\nmad.wide.u32 %t, %i, 16, %in;\n"
    wait = "cp.async.commit_group;\ncp.async.wait_group 0;\n"
    read = f"ld.shared.v4.b32 {_registers('d', 0, 4)}, [%v1];"
    yield Vector("cp.async.cg zero-fill", "sm_80", fill + "cp.async.cg.shared.global [%v1], [%t], 16, %x1;\n" + wait + read,
                 ("u32", "bytes16", "u32", "u32"), 4, blocks=1, shared=2048)
    yield Vector("cp.async.ca zero-fill", "sm_80", fill + "min.u32 %v2, %x1, 8;\ncp.async.ca.shared.global [%v1], [%t], 8, %v2;\n"
                 + wait + read, ("u32", "bytes16", "u32", "u32"), 4, blocks=1, shared=2048)


WARP = [*_products(), *_matrices(), *_exchanges(), *_copies()]
