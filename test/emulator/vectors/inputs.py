"""Seeded inputs as 32-bit words: special values, all exponents, and numbers halfway between two of a shorter format.

No function of the C library is called, so that inputs, and digests, are the same everywhere."""

import numpy as np

F32 = np.array([0, 0x80000000, 0x3F800000, 0xBF800000, 0x3F000000, 0x40490FDB, 0xC2FC0000, 0x43000000,  # 1, 1/2, pi, -126, 128
                1, 0x80000001, 0x00200001, 0x807FFFFF, 0x00800000, 0x80800000,  # subnormal, and the least that are not
                0x7F7FFFFF, 0xFF7FFFFF, 0x7E800000, 0x7F000000, 0x7F800000, 0xFF800000,  # the largest, infinity
                0x7FC00000, 0xFFC12345, 0x7FA00001,  # NaN
                0x477FE000, 0x477FEFFF, 0x477FF000, 0xC7800000,  # the largest of f16, and what rounds to it or to infinity
                0x33800000, 0x33000000, 0x33000001, 0x387FE000, 0x387FC000,  # about the least of f16, and of its normal ones
                0x3F801000, 0x3F803000, 0x3F808000, 0x3F818000, 0x7F7F8000, 0x7F7F7FFF,  # halfway in f16 and bf16
                0x4EFFFFFF, 0x4F000000, 0xCF000000, 0xCF000001, 0x4B000001, 0x3EFFFFFF, 0xBFC00000, 0x40200000], np.uint32)
F16 = np.array([0, 0x8000, 0x3C00, 0xBC00, 1, 0x8001, 0x3FF, 0x83FF, 0x400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE12, 0x7C01,
                0x3555, 0x3C01, 0x1400], np.uint32)
BF16 = np.array([0, 0x8000, 0x3F80, 0xBF80, 1, 0x8001, 0x7F, 0x807F, 0x80, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80, 0x7FC0, 0xFFC1, 0x7F81,
                 0x3EAB, 0x3F81, 0x4300], np.uint32)


def _mixed(random, count, special, *others):
    """Each special value once, as far as they fit, and then they and `others` by turns, all in some order."""
    words = np.choose(np.arange(count) % (len(others) + 1), [random.choice(special, count), *others])
    words[:len(special)] = special[:count]
    return random.permutation(words)


def _float(values):
    return np.asarray(values, np.float32).view(np.uint32)


def _f32(random, count):
    bits = random.randint(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32)
    near = _float(np.ldexp(random.uniform(-2, 2, count), random.randint(-8, 8, count)))
    tie = np.where(random.randint(2, size=count), near & ~np.uint32(0xFFFF) | np.uint32(0x8000),
                   near & ~np.uint32(0x1FFF) | np.uint32(0x1000))
    return _mixed(random, count, F32, bits, near, tie)


def _small(random, count):
    """Subnormal numbers and those just above them, beside numbers about 1."""
    tiny = random.randint(0, 0x03000000, count).astype(np.uint32) | random.randint(0, 2, count).astype(np.uint32) << np.uint32(31)
    return _mixed(random, count, F32, tiny, tiny[::-1], _float(random.uniform(-2, 2, count)))


def _exponent(random, count):
    """Powers of two that are subnormal, normal and infinite, and those about 1."""
    return _mixed(random, count, F32, _float(random.uniform(-155, -120, count)), _float(random.uniform(-130, 130, count)),
                  _float(random.uniform(-2, 2, count)))


def _pairs(half):
    """Two 16-bit numbers in a word."""
    return lambda random, count: half(random, count) | half(random, count) << np.uint32(16)


def _short(special, near):
    """Any 16-bit number; `near` has those whose sums and products stay finite."""
    def half(random, count):
        return _mixed(random, count, special, random.randint(0, 1 << 16, count).astype(np.uint32), near(random, count))
    return half


def f16(values):
    return np.asarray(values, np.float16).view(np.uint16).astype(np.uint32)


def bf16(values):
    """Of values that bf16 has, or cut to it."""
    return _float(values) >> np.uint32(16)


def _whole(random, count, most=4):
    return random.randint(-most, most + 1, count)


def _e4m3(random, count):
    """Whole numbers from -2 to 2."""
    return np.array([0xC0, 0xB8, 0, 0x38, 0x40], np.uint32)[random.randint(0, 5, count)]


def _rare(random, count):
    return np.where(random.randint(0, 64, count) == 0, random.choice(F16[9:16], count), f16(_whole(random, count)))


def _each_byte(random, count):
    """Every 8-bit number in the lowest byte, and in another order in the one above."""
    low = np.arange(count, dtype=np.uint32) & np.uint32(255)
    return low | random.permutation(low) << np.uint32(8)


KINDS = {
    "f32": _f32,
    "f32 small": _small,
    "f32 exponent": _exponent,
    "f16x2": _pairs(_short(F16, lambda random, count: f16(random.uniform(-4, 4, count)))),
    "bf16x2": _pairs(_short(BF16, lambda random, count: bf16(random.uniform(-4, 4, count)))),
    "u32": lambda random, count: random.randint(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32),
    "e4m3x2": _each_byte,
    "places": lambda random, count: random.randint(0, 41, count),  # of bits, of which there are 32
    "lane": lambda random, count: random.randint(0, 32, count),
    "bytes16": lambda random, count: random.randint(0, 17, count),
    "order": lambda random, count: np.concatenate([random.permutation(32) for _ in range(count // 32)]),  # of a warp's lanes
    # Operands of products. Whole numbers have exact sums, in every order.
    "f32 zero": lambda random, count: np.zeros(count),
    "f32 whole": lambda random, count: _float(_whole(random, count, 100)),
    "f32 unit": lambda random, count: _float(random.uniform(-1, 1, count)),
    "f16 whole": _pairs(lambda random, count: f16(_whole(random, count))),
    "bf16 whole": _pairs(lambda random, count: bf16(_whole(random, count))),
    "e4m3 whole": lambda random, count: sum(_e4m3(random, count) << np.uint32(8 * n) for n in range(4)),
    "f16 unit": _pairs(lambda random, count: f16(random.uniform(-1, 1, count))),
    "bf16 unit": _pairs(lambda random, count: bf16(random.uniform(-1, 1, count))),
    "f16 special": _pairs(_rare),
    "f16 subnormal": _pairs(lambda random, count: random.randint(0, 8, count).astype(np.uint32)),
    "bf16 subnormal": _pairs(lambda random, count: random.randint(0, 8, count).astype(np.uint32)),
    "bf16 large": _pairs(lambda random, count: bf16(np.ldexp(np.float32(1), 60) * _whole(random, count))),
}
