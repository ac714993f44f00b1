"""What is timed on a GPU, the most telling first: a run may end early. All in bf16, heads of 128."""

from ..cases import LLAMA, Case, K


def _decode(name, heads, batch, keys):
    return Case(name, "decode", "bf16", batch, *heads, 1, keys, 128)


def _prefill(name, length, batch=1):
    return Case(name, "prefill", "bf16", batch, *LLAMA, length, length, 128)


CASES = (
    _decode("decode-8k-b8", LLAMA, 8, 8 * K),
    _prefill("prefill-4k", 4 * K),
    # Shazeer 2019: 8 heads of 128, sequences of 128, 1024 of them.
    _decode("shazeer-mha", (8, 8), 1024, 128),
    _decode("shazeer-mqa", (8, 1), 1024, 128),
    _decode("decode-1k", LLAMA, 1, K),
    _prefill("prefill-2k", 2 * K),
    _prefill("prefill-8k", 8 * K),
    _decode("decode-4k-b32", LLAMA, 32, 4 * K),
    _decode("decode-32k", LLAMA, 1, 32 * K),
    _decode("decode-8k", LLAMA, 1, 8 * K),
    _decode("decode-256", LLAMA, 1, 256),
    _prefill("prefill-256", 256),
)
