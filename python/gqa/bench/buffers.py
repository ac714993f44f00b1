"""Inputs of a case: several sets of q, k, v, so that a cache that was just read is not read again."""

import dataclasses
import os
import pathlib

import torch

from .errors import Unusable

TORCH = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f8E4M3FN": torch.float8_e4m3fn}
LARGEST = {"f8E4M3FN": 448}
MOST_BYTES = 2 << 30  # of all sets together
FOOTPRINT = 4  # times the last-level cache


def last_level_cache_bytes():
    """Of the first processor, as the kernel reports it; 32 MiB if it does not."""
    found = []
    for index in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, size = ((index / name).read_text().strip() for name in ("level", "size"))
            found.append((int(level), int(size.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}[size[-1]]))
        except (OSError, ValueError, KeyError):
            continue
    return max(found)[1] if found else 32 << 20


def available_bytes():
    """Memory that can be had without swapping."""
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def set_count(case, cache_bytes=None):
    """How many sets make a footprint of FOOTPRINT times the last-level cache, within MOST_BYTES.

    Two at least if they fit: what a candidate reads last it must not read first. Where a call's own cost is in
    question, and in prefill, where the caches are read many times anyway, one.
    """
    if case.kind not in ("decode", "step", "step-cache", "model"):
        return 1
    wanted = -(-FOOTPRINT * (cache_bytes or last_level_cache_bytes()) // case.kv_bytes)
    return max(1, min(max(2, wanted), MOST_BYTES // case.kv_bytes))


def parts(sets, case):
    """`sets` with all KV heads of a family as more sets of a case with fewer: each reads another part of the same memory.

    What memory gives can depend on where it lies (25 to 35 GB/s on one machine with two processors' memories): times
    of two numbers of KV heads are comparable if both read all of it.
    """
    count = sets[0][1].shape[1] // case.kv_heads
    shape = (count, case.batch, case.kv_heads, case.keys, case.dim)
    return [(q, *both) for q, k, v in sets for both in zip(k.reshape(shape), v.reshape(shape))]


def fitted(case, available=None):
    """The case with its batch halved until the sets, and a copy of K and V for each query head, fit into memory."""
    available = available or available_bytes()
    while (needed := set_count(case) * case.kv_bytes + 2 * case.group * case.kv_bytes) > 0.8 * available:
        if case.batch == 1:
            raise Unusable(f"{case.name} needs {needed >> 20} MiB of memory, {available >> 20} MiB are available")
        case = dataclasses.replace(case, batch=case.batch // 2)
    return case


def make_sets(case, count):
    """`count` tuples (q, k, v) of N(0, 1) values rounded to the case's dtype, `narrowed` if it has a cache of another."""
    generator = torch.Generator().manual_seed(1)

    def normal(heads, length):
        shape = (case.batch, heads, length, case.dim)
        return torch.randn(shape, generator=generator).to(TORCH[case.dtype])

    return [narrowed(case, normal(case.q_heads, case.queries), normal(case.kv_heads, case.keys), normal(case.kv_heads, case.keys))
            for _ in range(count)]


def narrowed(case, q, k, v):
    """(q, k, v), or with a narrow cache (q, k, v, scale of k, scale of v), and with narrow queries the scale of q in front of
    these: powers of two for each head, for all of q, so that what they make of a code is a number of the case's dtype."""
    if not case.cache:
        return q, k, v
    scales = [_scale(case, x, dims) for x, dims in ((q, (0, 1, 2, 3)), (k, (2, 3)), (v, (2, 3)))]
    codes = [(x.float() / scale).to(TORCH[case.cache]) for x, scale in zip((q, k, v), scales)]
    return (*codes, *scales) if case.narrow_queries else (q, *codes[1:], *scales[1:])


def _scale(case, x, dims):
    return torch.exp2(torch.ceil(torch.log2(x.float().abs().amax(dims, keepdim=True) / LARGEST[case.cache])))


def widened(case, q, k, v, *scales):
    """(q, k, v) of a set in the case's dtype, whatever their types."""
    pairs = zip((q, k, v)[3 - len(scales):], scales)
    return (q, k, v)[:3 - len(scales)] + tuple((x.float() * scale).to(TORCH[case.dtype]) for x, scale in pairs)
