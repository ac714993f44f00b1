"""The well-known schedules in Triton, as a peer: FlashAttention-2 for causal prefill, split keys (flash decoding) for one query.

Heads are contiguous, B x H x S x D with D a power of two; scores are scaled for powers of two.
"""

import math

import torch
import triton
import triton.language as tl

from ..errors import Unavailable

LOG2_E = tl.constexpr(1.4426950408889634)
TASKS_PER_PROCESSOR = 2  # of a decode step
DECODE_BLOCK = 64  # keys of a step of the decode loop


@triton.jit
def _step(q, k, v, state, scale, start, end, at_query, dim: tl.constexpr, block: tl.constexpr, causal: tl.constexpr,
          cut: tl.constexpr):
    """One block of keys joins (sum of values, sum of weights, maximum). `cut`: keys at `end` and behind are hidden."""
    acc, total, top = state
    column, key = tl.arange(0, dim), start + tl.arange(0, block)
    place = key.to(tl.int64)
    if cut:
        keys = tl.load(k + column[:, None] + place[None, :] * dim, mask=key[None, :] < end, other=0.0)
        values = tl.load(v + place[:, None] * dim + column[None, :], mask=key[:, None] < end, other=0.0)
    else:
        keys = tl.load(k + column[:, None] + place[None, :] * dim)
        values = tl.load(v + place[:, None] * dim + column[None, :])
    scores = tl.dot(q, keys) * scale
    if cut:
        scores = tl.where(key[None, :] < end, scores, float("-inf"))
    if causal:
        scores = tl.where(key[None, :] <= at_query[:, None], scores, float("-inf"))
    new_top = tl.maximum(top, tl.max(scores, 1))
    weights, rest = tl.exp2(scores - new_top[:, None]), tl.exp2(top - new_top)
    acc = acc * rest[:, None] + tl.dot(weights.to(values.dtype), values)
    return acc, total * rest + tl.sum(weights, 1), new_top


def _prefill_configurations():
    return [triton.Config({"rows": rows, "block": block}, num_warps=warps, num_stages=stages)
            for rows, block, warps, stages in ((128, 64, 8, 3), (128, 64, 4, 3), (128, 128, 8, 2), (64, 64, 4, 3))]


@triton.autotune(configs=_prefill_configurations(), key=["length"])
@triton.jit
def _prefill(q, k, v, o, scale, length, q_heads: tl.constexpr, group: tl.constexpr, dim: tl.constexpr, rows: tl.constexpr,
             block: tl.constexpr):
    tile = tl.num_programs(0) - 1 - tl.program_id(0)  # those with the most keys first
    head = tl.program_id(1).to(tl.int64)
    kv_head = head // q_heads * (q_heads // group) + head % q_heads // group
    query, column = tile * rows + tl.arange(0, rows), tl.arange(0, dim)
    place = (head * length + query)[:, None] * dim + column[None, :]
    queries = tl.load(q + place, mask=query[:, None] < length, other=0.0)
    k += kv_head * length * dim
    v += kv_head * length * dim
    state = (tl.zeros([rows, dim], tl.float32), tl.zeros([rows], tl.float32), tl.full([rows], float("-inf"), tl.float32))
    diagonal = tile * rows // block * block  # keys in front of it are visible to all queries of the tile
    scale *= LOG2_E
    for start in range(0, diagonal, block):
        state = _step(queries, k, v, state, scale, start, length, query, dim, block, False, False)
    for start in range(diagonal, tl.minimum((tile + 1) * rows, length), block):
        state = _step(queries, k, v, state, scale, start, length, query, dim, block, True, True)
    acc, total, _ = state
    tl.store(o + place, (acc / total[:, None]).to(o.dtype.element_ty), mask=query[:, None] < length)


@triton.jit
def _decode(q, k, v, o, part_sums, part_lse, scale, length, per_part, group: tl.constexpr, dim: tl.constexpr,
            rows: tl.constexpr, block: tl.constexpr, whole: tl.constexpr):
    """A part of the keys of one KV head, for all of its query heads. `whole`: the only part, whose result is final."""
    head, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    row, column = tl.arange(0, rows), tl.arange(0, dim)
    place, there = (head * group + row)[:, None] * dim + column[None, :], row < group
    queries = tl.load(q + place, mask=there[:, None], other=0.0)
    k += head * length * dim
    v += head * length * dim
    first, end = part * per_part, tl.minimum((part + 1) * per_part, length)
    state = (tl.zeros([rows, dim], tl.float32), tl.zeros([rows], tl.float32), tl.full([rows], float("-inf"), tl.float32))
    scale *= LOG2_E
    full = first + (end - first) // block * block
    for start in range(first, full, block):
        state = _step(queries, k, v, state, scale, start, end, row, dim, block, False, False)
    for start in range(full, end, block):
        state = _step(queries, k, v, state, scale, start, end, row, dim, block, False, True)
    acc, total, top = state
    acc = acc / total[:, None]
    if whole:
        tl.store(o + place, acc.to(o.dtype.element_ty), mask=there[:, None])
    else:
        slot = (head * tl.num_programs(1) + part) * rows + row
        tl.store(part_sums + slot[:, None] * dim + column[None, :], acc)
        tl.store(part_lse + slot, top + tl.log2(total))


@triton.jit
def _merge(o, part_sums, part_lse, parts, group: tl.constexpr, dim: tl.constexpr, rows: tl.constexpr, most: tl.constexpr):
    """The parts of one query head; `most` is a power of two that is no smaller than `parts`."""
    head, row = tl.program_id(0).to(tl.int64), tl.program_id(1)
    part, column = tl.arange(0, most), tl.arange(0, dim)
    slot, there = (head * parts + part) * rows + row, part < parts
    lse = tl.load(part_lse + slot, mask=there, other=float("-inf"))
    weights = tl.exp2(lse - tl.max(lse, 0))
    sums = tl.load(part_sums + slot[:, None] * dim + column[None, :], mask=there[:, None], other=0.0)
    result = tl.sum(sums * weights[:, None], 0) / tl.sum(weights, 0)
    tl.store(o + (head * group + row) * dim + column, result.to(o.dtype.element_ty))


def prepare(case, sets):
    """call(i) for a case of the benchmark. Raises Unavailable for what these kernels are not written for."""
    if case.dim & (case.dim - 1) or case.queries != (case.keys if case.causal else 1):
        raise Unavailable("these kernels are for heads of a power of two, and for causal prefill or one query")
    return (_prepare_prefill if case.causal else _prepare_decode)(case, sets)


def _prepare_prefill(case, sets):
    output, scale = torch.empty_like(sets[0][0]), 1 / math.sqrt(case.dim)

    def call(i):
        def grid(chosen):
            return triton.cdiv(case.queries, chosen["rows"]), case.batch * case.q_heads
        _prefill[grid](*sets[i], output, scale, case.queries, case.q_heads, case.group, case.dim)
        return output
    return call


def parts_of(keys, heads, processors):
    """(parts, keys of each): as many as fill the GPU, none without keys."""
    wanted = max(1, min(triton.cdiv(TASKS_PER_PROCESSOR * processors, heads), triton.cdiv(keys, 4 * DECODE_BLOCK)))
    per_part = triton.cdiv(triton.cdiv(keys, wanted), DECODE_BLOCK) * DECODE_BLOCK
    return triton.cdiv(keys, per_part), per_part


def _prepare_decode(case, sets):
    example, scale, heads = sets[0][0], 1 / math.sqrt(case.dim), case.batch * case.kv_heads
    processors = torch.cuda.get_device_properties(example.device).multi_processor_count if example.is_cuda else 4
    parts, per_part = parts_of(case.keys, heads, processors)
    rows = max(16, triton.next_power_of_2(case.group))
    output = torch.empty_like(example)
    sums = torch.empty(heads * parts * rows * case.dim, dtype=torch.float32, device=example.device)
    lse = torch.empty(heads * parts * rows, dtype=torch.float32, device=example.device)

    def call(i):
        q, k, v = sets[i]
        _decode[heads, parts](q, k, v, output, sums, lse, scale, case.keys, per_part, case.group, case.dim, rows, DECODE_BLOCK,
                              parts == 1, num_warps=4, num_stages=3)
        if parts > 1:
            _merge[heads, case.group](output, sums, lse, parts, case.group, case.dim, rows, triton.next_power_of_2(parts))
        return output
    return call
