"""The module that gqa compiles for a case. Without torch: a cold start is timed with it."""

from gqa._signature import Signature


def attention_text(case):
    """A module with one gqa.attention of the case's sizes, all static."""
    sizes = {"B": case.batch, "Hq": case.q_heads, "Hkv": case.kv_heads, "Sq": case.queries, "Skv": case.keys,
             "Dk": case.dim, "Dv": case.dim}
    return Signature(kind=case.dtype, layout="bhsd", sizes=sizes, dead_row="zero", softcap=None, causal=case.causal,
                     window=None, lse=False, static=True, layouts=dict.fromkeys("qkv", "bhsd")).text()
