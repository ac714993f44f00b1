"""What sm_90a alone has: products of four warps, copies of tiles by tensor maps, barriers that count bytes."""

from dataclasses import replace

from .vector import Box, Vector
from .warp import lost

A, B = 0, 16384  # bytes where the operands of products are in shared memory
IMAGE = 32768

FILL = """mov.b32 %v0, %i;
mov.u32 %v3, %ntid.x;
FILL: mad.wide.u32 %t, %v0, 4, %in;
ld.global.b32 %v1, [%t];
mad.lo.u32 %v2, %v0, 4, %s;
st.shared.b32 [%v2], %v1;
add.u32 %v0, %v0, %v3;
setp.lt.u32 %q, %v0, {words};
@%q bra FILL;
fence.proxy.async;
bar.sync 0;
"""
DUMP = """mov.b32 %v0, %i;
mov.u32 %v3, %ntid.x;
DUMP: mad.lo.u32 %v2, %v0, 4, %s;
ld.shared.b32 %v1, [%v2];
mad.wide.u32 %t, %v0, 4, %out;
st.global.b32 [%t], %v1;
add.u32 %v0, %v0, %v3;
setp.lt.u32 %q, %v0, {words};
@%q bra DUMP;
"""


def _product(name, types, kind, columns, *, swizzle=128, transposed=False, fragments=False, steps=2, **how):
    """Two steps of a product, the second added to the first. Shared memory is swizzled panels of `swizzle` bytes a row; any
    image of it is a pair of matrices. A is rows of K; B, transposed, rows of N, and then panels lie one behind another."""
    count, narrow = columns // 2, types[0] == "e"
    bits = (1 if swizzle == 128 else 2) << 62 | (8 * swizzle // 16) << 32
    next_panel = 64 * swizzle // 16 << 16 if transposed else 1 << 16
    advance = 16 * swizzle // 16 if transposed else 2  # of a step of K, in units of 16 bytes
    sums = "{" + ", ".join(f"%a{n}" for n in range(count)) + "}"
    lines = [FILL.format(words=IMAGE // 4), "{", f".reg .b32 %a<{count}>, %f<{4 * steps}>;", ".reg .b64 %l, %r;",
             "shr.u32 %v0, %s, 4;", "and.b32 %v0, %v0, 16383;", "cvt.u64.u32 %t, %v0;", "setp.ne.b32 %q, 0, 0;",
             "setp.ne.b32 %f, 1, 0;"]
    if fragments:
        lines += ["mad.lo.u32 %v1, %i, 4, %s;", *(f"ld.shared.b32 %f{n}, [%v1+{512 * n}];" for n in range(4 * steps))]
    lines.append("wgmma.fence.sync.aligned;")
    for step in range(steps):
        left = "{" + ", ".join(f"%f{4 * step + n}" for n in range(4)) + "}" if fragments else "%l"
        tail = "" if narrow else (", " if fragments else ", 0, ") + str(int(transposed))
        lines += [f"add.u64 %l, %t, {bits | 1 << 16 | A // 16 + 2 * step};",
                  f"add.u64 %r, %t, {bits | next_panel | B // 16 + advance * step};",
                  f"wgmma.mma_async.sync.aligned.m64n{columns}k{32 if narrow else 16}.f32.{types}.{types} {sums}, {left}, %r, "
                  f"{'%f' if step else '%q'}, 1, 1{tail};"]
    lines += ["wgmma.commit_group.sync.aligned;", "wgmma.wait_group.sync.aligned 0;", "mad.wide.u32 %t, %i, 4, %out;"]
    lines += [f"st.global.b32 [%t+{512 * n}], %a{n};" for n in range(count)] + ["}"]
    return Vector(f"wgmma.{name}", "sm_90a", "\n".join(lines), (kind,), 128 * count, "f32", blocks=1, shared=IMAGE,
                  raw=IMAGE // 4, **how)


def _products():
    for kind in ("f16", "bf16"):
        whole = f"{kind} whole"
        yield _product(f"m64n64k16.{kind} memory", kind, whole, 64)
        yield _product(f"m64n64k16.{kind} memory, transposed", kind, whole, 64, transposed=True)
        yield _product(f"m64n64k16.{kind} registers, transposed", kind, whole, 64, transposed=True, fragments=True)
    yield _product("m64n128k16.bf16 registers, transposed", "bf16", "bf16 whole", 128, transposed=True, fragments=True)
    yield _product("m64n80k16.f16 memory", "f16", "f16 whole", 80)
    yield _product("m64n32k16.bf16 memory, 64 bytes", "bf16", "bf16 whole", 32, swizzle=64)
    yield _product("m64n96k16.bf16 registers, transposed, 64 bytes", "bf16", "bf16 whole", 96, swizzle=64, transposed=True,
                   fragments=True)
    yield _product("m64n128k32.e4m3 memory", "e4m3", "e4m3 whole", 128)
    yield _product("m64n64k32.e4m3 registers", "e4m3", "e4m3 whole", 64, fragments=True)
    yield _product("m64n64k16.bf16 rounded", "bf16", "bf16 unit", 64, absolute=lost(32))


BARRIER = """setp.eq.u32 %f, %i, 0;
add.u32 %v7, %s, {place};
@%f mbarrier.init.shared.b64 [%v7], 1;
fence.mbarrier_init.release.cluster;
bar.sync 0;
"""
WAIT = "WAIT: mbarrier.try_wait.parity.shared.b64 %q, [%v7], 0;\n@!%q bra WAIT;\n"
SIZES = (64, 20, 3, 2)  # of 16-bit elements
TENSOR = 64 * 20 * 3 * 2 // 2  # words of it
ARRIVED = 4096  # where the mbarrier is, behind the tile


def _load(name, box, place):
    """A box of the inputs, as it lies in shared memory."""
    words = box.box[0] * box.box[1] // 2
    load = (f"@%f mbarrier.arrive.expect_tx.shared.b64 %t, [%v7], {4 * words};\n@%f cp.async.bulk.tensor.4d.shared::cluster"
            f".global.tile.mbarrier::complete_tx::bytes [%s], [%map, {place}], [%v7];\n")
    body = BARRIER.format(place=ARRIVED) + load + WAIT + DUMP.format(words=words)
    return Vector(f"cp.async.bulk.tensor load {name}", "sm_90a", body, ("u32",), words, blocks=1, shared=ARRIVED + 64, raw=TENSOR,
                  box=box)


def _store(name, box, place):
    """Shared memory as a box of the outputs."""
    words = box.box[0] * box.box[1] // 2
    store = (f"setp.eq.u32 %f, %i, 0;\n@%f cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%map, {place}], [%s];\n"
             "@%f cp.async.bulk.commit_group;\n@%f cp.async.bulk.wait_group 0;")
    body, box = FILL.format(words=words) + store, replace(box, stores=True)
    return Vector(f"cp.async.bulk.tensor store {name}", "sm_90a", body, ("u32",), TENSOR, blocks=1, shared=4 * words, raw=words,
                  box=box)


def _copies():
    for swizzle in (128, 64):
        columns = swizzle // 2
        places = {"inside": (0, 3, 1, 1), "past the end": (64 - columns // 2, 12, 2, 0), "before the start": (-8, -5, 0, 1),
                  "outside": (0, 20, 0, 0)}
        for what, place in places.items():
            for copy in (_load, _store) if min(place) >= 0 else (_load,):  # no hardware stores in front of a tensor
                yield copy(f"{swizzle} {what}", Box(SIZES, (columns, 16, 1, 1), swizzle), "{" + ", ".join(map(str, place)) + "}")


def _phases():
    """What one thread sees of an mbarrier: the two parities after each step."""
    steps = ["mbarrier.arrive.shared.b64 %t, [%v7];", "mbarrier.arrive.shared.b64 %t, [%v7];",
             "mbarrier.arrive.expect_tx.shared.b64 %t, [%v7], 48;", "mbarrier.arrive.shared.b64 %t, [%v7];",
             "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%v7], 16;",
             "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%v7], 32;"]
    lines = ["mov.b32 %v7, %s;", "mbarrier.init.shared.b64 [%v7], 2;"]
    for number, step in enumerate(["", *steps]):
        lines.append(step)
        for parity in (0, 1):
            lines += [f"mbarrier.test_wait.parity.shared.b64 %q, [%v7], {parity};", "selp.b32 %v0, 1, 0, %q;",
                      f"st.global.b32 [%out+{8 * number + 4 * parity}], %v0;"]
    return Vector("mbarrier phases and bytes", "sm_90a", "\n".join(lines), ("u32",), 2 * len(steps) + 2, threads=1, blocks=1,
                  shared=64, raw=1)


def _elected():
    body = "elect.sync %v0|%q, -1;\nselp.b32 %d0, 1, 0, %q;\nshfl.sync.idx.b32 %d1, %v0, 0, 31, -1;"
    return Vector("elect.sync", "sm_90", body, ("u32",), 2)


HOPPER = [*_products(), *_copies(), _phases(), _elected()]
