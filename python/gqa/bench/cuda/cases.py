"""What is timed on a GPU, the most telling first: a run may end early. All in bf16, heads of 128."""

from ..cases import LLAMA, Case, K


def _decode(name, heads, batch, keys, quick=None):
    return Case(name, "decode", "bf16", batch, *heads, 1, keys, 128, quick)


def _prefill(name, length, quick=None):
    return Case(name, "prefill", "bf16", 1, *LLAMA, length, length, 128, quick)


QUICK = ("sdpa-cudnn", "sdpa-flash", "triton")  # the peers of --quick: the others copy K and V, or compile for long
CASES = (
    _decode("decode-8k-b8", LLAMA, 8, 8 * K, QUICK),
    _prefill("prefill-4k", 4 * K, QUICK),
    # Shazeer 2019: 8 heads of 128, sequences of 128, 1024 of them.
    _decode("shazeer-mha", (8, 8), 1024, 128, QUICK),
    _decode("shazeer-mqa", (8, 1), 1024, 128, QUICK),
    _decode("decode-1k", LLAMA, 1, K, QUICK),
    _prefill("prefill-2k", 2 * K),
    _prefill("prefill-8k", 8 * K),
    _decode("decode-4k-b32", LLAMA, 32, 4 * K),
    _decode("decode-32k", LLAMA, 1, 32 * K),
    _decode("decode-8k", LLAMA, 1, 8 * K),
    _decode("decode-256", LLAMA, 1, 256),
    _prefill("prefill-256", 256),
)
