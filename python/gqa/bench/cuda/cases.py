"""What is timed on a GPU, the most telling first: a run may end early. All in bf16, some with a cache of fp8, or queries too;
heads of 128 but for figure6 and where a name says another."""

from ..cases import LLAMA, Case, K


def _decode(name, heads, batch, keys, quick=None, dim=128, attributes=(), cache=None):
    return Case(name, "decode", "bf16", batch, *heads, 1, keys, dim, quick, attributes, cache)


def _prefill(name, length, quick=None, *, heads=LLAMA, kind="prefill", attributes=(), cache=None, narrow_queries=False,
             dim=128):
    return Case(name, kind, "bf16", 1, *heads, length, length, dim, quick, attributes, cache, narrow_queries)


def _chunk(name, queries, keys, attributes=(), cache=None):
    """The last queries of a long prompt: of few of them, all see as good as all keys."""
    return Case(name, "full", "bf16", 1, *LLAMA, queries, keys, 128, None, attributes, cache)


LLAMA_70B = (64, 8)
FP8 = "f8E4M3FN"
LANES = ("gqa.no_tma_store",)
WARPS = ("gqa.no_group_splits",)
WHOLE_TILES = ("gqa.no_half_tiles",)
WIDE_WARPS = ("gqa.no_wide_groups",)
QUICK = ("sdpa-cudnn", "sdpa-flash", "triton")  # the peers of --quick: the others copy K and V, or compile for long
CASES = (
    _decode("decode-8k-b8", LLAMA, 8, 8 * K, QUICK),
    _decode("decode-8k-b8-fp8", LLAMA, 8, 8 * K, (), cache=FP8),  # beside the case in front of it: half of the bytes
    _prefill("prefill-4k", 4 * K, QUICK),
    _prefill("prefill-4k-no-tma-store", 4 * K, (), attributes=LANES),  # what storing tiles by the copy engine gains
    _prefill("prefill-4k-fp8", 4 * K, (), cache=FP8),  # what widening a cache costs a prompt
    _prefill("prefill-4k-fp8-queries", 4 * K, cache=FP8, narrow_queries=True),  # and what products of 8 bits gain
    # Shazeer 2019: 8 heads of 128, sequences of 128, 1024 of them.
    _decode("shazeer-mha", (8, 8), 1024, 128, QUICK),
    _decode("shazeer-mqa", (8, 1), 1024, 128, QUICK),
    _decode("decode-1k", LLAMA, 1, K, QUICK),
    _prefill("prefill-2k", 2 * K),
    _prefill("prefill-2k-no-tma-store", 2 * K, attributes=LANES),
    _prefill("prefill-8k", 8 * K),
    _prefill("prefill-8k-fp8", 8 * K, cache=FP8),
    _prefill("prefill-8k-fp8-queries", 8 * K, cache=FP8, narrow_queries=True),
    _decode("decode-4k-b32", LLAMA, 32, 4 * K),
    _decode("decode-32k", LLAMA, 1, 32 * K),
    _decode("decode-8k", LLAMA, 1, 8 * K),
    _decode("decode-256", LLAMA, 1, 256),
    # What clusters of sm_90a gain, whose tasks merge the parts of a short step's keys.
    _decode("decode-1k-no-clusters", LLAMA, 1, K, attributes=("gqa.no_clusters",)),
    _decode("decode-4k", LLAMA, 1, 4 * K),
    _decode("decode-4k-no-clusters", LLAMA, 1, 4 * K, attributes=("gqa.no_clusters",)),
    _decode("decode-32k-fp8", LLAMA, 1, 32 * K, cache=FP8),
    _decode("decode-4k-b32-fp8", LLAMA, 32, 4 * K, cache=FP8),
    _decode("decode-1k-fp8", LLAMA, 1, K, cache=FP8),
    _prefill("prefill-256", 256),
    _prefill("prefill-256-no-half-tiles", 256, attributes=WHOLE_TILES),
    # What it gains that groups of warps split keys as well (sm_90a): too few tiles for all processors.
    _chunk("chunk-128-32k", 128, 32 * K),
    _chunk("chunk-128-32k-no-group-splits", 128, 32 * K, WARPS),
    _chunk("draft-8-32k", 8, 32 * K),  # 32 rows: half of a tile of one group
    _chunk("draft-8-32k-no-half-tiles", 8, 32 * K, WHOLE_TILES),
    _chunk("draft-8-32k-fp8", 8, 32 * K, cache=FP8),
    _chunk("draft-8-32k-fp8-no-half-tiles", 8, 32 * K, WHOLE_TILES, FP8),
    _chunk("chunk-256-4k", 256, 4 * K),
    _chunk("chunk-256-4k-no-group-splits", 256, 4 * K, WARPS),
    # What sm_90a is judged by: longer prompts of more heads, prompts without a mask, steps of every batch, and what sharing gains.
    _prefill("prefill-g8-8k", 8 * K, heads=LLAMA_70B),
    _prefill("prefill-full-8k", 8 * K, kind="full"),
    _decode("decode-g8-1k", (32, 4), 1, K),
    _decode("decode-8k-b8-mha", (32, 32), 8, 8 * K),
    _prefill("prefill-g8-2k", 2 * K, heads=LLAMA_70B),
    _decode("decode-4k-b16", LLAMA, 16, 4 * K),
    _prefill("prefill-full-4k", 4 * K, kind="full"),
    _decode("decode-8k-b4", LLAMA, 4, 8 * K),
    _decode("decode-16k-b2", LLAMA, 2, 16 * K),
    _prefill("prefill-g8-32k", 32 * K, heads=LLAMA_70B),
    # Heads of 512, in whose kernels warps, or groups of them where rows are more than 16, share rows: one KV head for 16 query
    # heads and for 128, as latent attention has them, and a prompt.
    _decode("decode-d512-32k-b4", (16, 1), 4, 32 * K, dim=512),
    _decode("decode-d512-g128-8k-b4", (128, 1), 4, 8 * K, dim=512),
    _decode("decode-d512-g128-8k-b4-no-wide-groups", (128, 1), 4, 8 * K, dim=512, attributes=WIDE_WARPS),
    _prefill("prefill-d512-2k", 2 * K, heads=(8, 4), dim=512),
    _prefill("prefill-d512-2k-no-wide-groups", 2 * K, heads=(8, 4), dim=512, attributes=WIDE_WARPS),
    # The rest of what both papers draw: every number of groups.
    _decode("shazeer-gqa-4", (8, 4), 1024, 128),
    _decode("shazeer-gqa-2", (8, 2), 1024, 128),
    # Ainslie et al. 2023, figure 6: 64 heads of 64 over 2048 keys.
    *(_decode(f"figure6-{heads}", (64, heads), 4, 2 * K, dim=64) for heads in (64, 32, 16, 8, 4, 2, 1)),
)
