"""What is timed. A case names its shapes, and whom `--quick` times on it."""

import dataclasses

SIZES = {"f32": 4, "f16": 2, "bf16": 2, "f8E4M3FN": 1}  # bytes of one element

# What --quick leaves out takes seconds a call (copies of a long cache, products of half precision on a processor
# without instructions for them), or many seconds to compile (flex).
ALL = ("sdpa", "sdpa-gqa", "grouped", "hf-eager", "ort")
WITHOUT_COPIES = ("sdpa-gqa", "grouped", "ort")
STEP = ("sdpa-gqa", "grouped")  # behind torch.cat
FUSED = ("sdpa-gqa", "ort")

# Cases of one number of query heads over more and fewer KV heads, by the first part of their names.
FAMILIES = ("groups", "shazeer", "figure6")


@dataclasses.dataclass(frozen=True)
class Case:
    """One attention: q is batch x q_heads x queries x dim, k and v are batch x kv_heads x keys x dim."""

    name: str
    # decode; step (rotate, append, attend), step-cache (and return the cache); prefill (causal), full (prefill without a
    # mask); call (what a call costs); model (an exported graph); jit (compile times)
    kind: str
    dtype: str
    batch: int
    q_heads: int
    kv_heads: int
    queries: int
    keys: int
    dim: int
    quick: tuple | None = None  # the peers of --quick; None: not in --quick
    attributes: tuple = ()  # of gqa.attention: another schedule than its own
    cache: str | None = None  # the type of k and v, if it is another one; then there is a scale for each head of both
    narrow_queries: bool = False  # q has the cache's type as well, and one scale
    target: str = "cpu"  # of gqa's code; peers choose their own

    @property
    def family(self):
        """The family that the case is of, or None."""
        name = self.name.partition("-")[0]
        return name if name in FAMILIES else None

    @property
    def group(self):
        return self.q_heads // self.kv_heads

    @property
    def causal(self):
        return self.kind == "prefill"

    @property
    def many_queries(self):
        """Products bound it, not the bytes of K and V."""
        return self.kind in ("prefill", "full")

    @property
    def kv_bytes(self):
        """Bytes of K and V: what decoding must read."""
        return 2 * self.batch * self.kv_heads * self.keys * self.dim * SIZES[self.cache or self.dtype]

    @property
    def flops(self):
        """Floating-point operations of both products, for the visible pairs of query and key only."""
        pairs = self.queries * (self.queries + 1) // 2 if self.causal else self.queries * self.keys
        return 4 * self.batch * self.q_heads * self.dim * pairs

    @property
    def shape(self):
        return (f"B={self.batch} Hq={self.q_heads} Hkv={self.kv_heads} Sq={self.queries} Skv={self.keys} D={self.dim}"
                + (f" cache={self.cache}" if self.cache else "") + (f" q={self.cache}" if self.narrow_queries else "")
                + (f" target={self.target}" if self.target != "cpu" else ""))


def _decode(name, dtype, heads, keys, *, batch=1, dim=128, quick=None):
    return Case(name, "decode", dtype, batch, *heads, 1, keys, dim, quick)


def _prefill(name, dtype, heads, length, *, dim=128, quick=None):
    return Case(name, "prefill", dtype, 1, *heads, length, length, dim, quick)


K = 1024
LLAMA = (32, 8)  # query heads, key/value heads

CASES = (
    _decode("decode-f32-1k", "f32", LLAMA, K),
    _decode("decode-f32-8k", "f32", LLAMA, 8 * K, quick=ALL),
    _decode("decode-f32-32k", "f32", LLAMA, 32 * K, quick=WITHOUT_COPIES),
    _decode("decode-f32-8k-b8", "f32", LLAMA, 8 * K, batch=8),
    _decode("decode-bf16-8k", "bf16", LLAMA, 8 * K, quick=ALL),
    _decode("decode-bf16-32k", "bf16", LLAMA, 32 * K),
    _decode("decode-f16-8k", "f16", LLAMA, 8 * K),
    _decode("decode-f16-32k", "f16", LLAMA, 32 * K),
    _decode("decode-bf16-g8-8k", "bf16", (64, 8), 8 * K, quick=WITHOUT_COPIES),
    _decode("decode-f32-mqa-32k", "f32", (32, 1), 32 * K, quick=WITHOUT_COPIES),
    _decode("decode-bf16-mqa-32k", "bf16", (32, 1), 32 * K, quick=WITHOUT_COPIES),
    _decode("decode-f32-d64-8k", "f32", LLAMA, 8 * K, dim=64),
    _decode("decode-bf16-d64-8k", "bf16", LLAMA, 8 * K, dim=64),
    # What sharing gains with the heads of Llama.
    *(_decode(f"groups-{heads}", "f32", (32, heads), 8 * K, quick=("ort",)) for heads in (32, 16, 8)),
    # Shazeer 2019: 8 heads of 128, sequences of 128, 1024 of them.
    _decode("shazeer-mha", "f32", (8, 8), 128, batch=1024),
    _decode("shazeer-gqa-4", "f32", (8, 4), 128, batch=1024),
    _decode("shazeer-gqa-2", "f32", (8, 2), 128, batch=1024),
    _decode("shazeer-mqa", "f32", (8, 1), 128, batch=1024),
    # Ainslie et al. 2023, figure 6: 64 heads of 64 over 2048 keys, with fewer and fewer KV heads.
    *(_decode(f"figure6-{heads}", "f32", (64, heads), 2 * K, batch=4, dim=64) for heads in (64, 32, 16, 8, 4, 2, 1)),
    _prefill("prefill-f32-g4-512", "f32", LLAMA, 512),
    _prefill("prefill-f32-d128-2k", "f32", (8, 8), 2 * K, quick=FUSED),
    _prefill("prefill-f32-d64-2k", "f32", (8, 8), 2 * K, dim=64, quick=FUSED),
    _prefill("prefill-bf16-d128-2k", "bf16", (8, 8), 2 * K, quick=FUSED),
    _prefill("prefill-bf16-d64-2k", "bf16", (8, 8), 2 * K, dim=64),
    _prefill("prefill-bf16-g4-2k", "bf16", LLAMA, 2 * K),
    Case("step-f32-8k", "step", "f32", 1, *LLAMA, 1, 8 * K, 128, STEP),
    Case("step-bf16-8k", "step", "bf16", 1, *LLAMA, 1, 8 * K, 128),
    Case("step-cache-f32-8k", "step-cache", "f32", 1, *LLAMA, 1, 8 * K, 128, STEP),
    Case("call-cost", "call", "f32", 1, *LLAMA, 1, 16, 128, ALL),
    Case("hf-eager-8k", "model", "f32", 1, *LLAMA, 1, 8 * K, 128, ("hf-eager",)),
    Case("cold-jit", "jit", "f32", 1, *LLAMA, 1, 8 * K, 128, ()),
)


def together(cases):
    """Lists of cases that are measured in the same rounds: those of a family, each other one alone; in order."""
    lists = {}
    for case in cases:
        lists.setdefault(case.family or case.name, []).append(case)
    return list(lists.values())
