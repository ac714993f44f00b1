"""The attentions that CUDA kernels are tried on, on the stand-in driver of test/emulator and on GPUs: cases of attention_cases."""

BASE = dict(dtype="bf16", batch=1, kv_heads=2, group=4, queries=1, keys=239, dim=64, value_dim=64, dynamic=False, seed=3,
            lse=True, strided=False)
# Sizes around a tile's 16, 64 and 128 rows and a block's 64 keys; every feature in one of the forms at least.
CASES = {
    "decode": dict(dim=128, value_dim=128),
    "decode_f16_g7": dict(group=7, keys=799, dtype="f16", dim=128, value_dim=128),
    "decode_kv_len": dict(batch=3, keys=799, kv_len=("i64", [300, 17, 0])),
    "decode_causal": dict(dynamic="lengths", keys=1025, causal=True, offset=("i64", [1000])),
    "decode_window": dict(keys=799, window=(300, -1), offset=("i32", [700])),
    "decode_sinks": dict(keys=799, sinks="f32", group=16),
    "decode_full": dict(batch=43, keys=450),
    "decode_garbage": dict(batch=2, keys=450, kv_len=("i32", [100, 450]), values="garbage"),
    "draft": dict(queries=3, group=5, keys=300, causal=True, offset=("constant", 297)),
    "few": dict(queries=9, group=5, keys=130),
    "prefill": dict(queries=65, keys=239, dtype="f16"),
    "prefill_causal": dict(queries=113, keys=300, causal=True, offset=("constant", 187), group=7, dim=128, value_dim=128),
    "prefill_split": dict(queries=33, keys=700, causal=True, offset=("i64", [667]), dynamic="lengths", kv_heads=1),
    "prefill_window": dict(queries=150, keys=150, causal=True, window=(40, -1), group=3, dim=80, value_dim=96),
    "prefill_both_sides": dict(queries=100, keys=330, window=(30, 60), offset=("i64", [100]), group=1, dtype="f16"),
    "prefill_mask": dict(queries=40, keys=130, mask=(40, 130), bias=("f32", (8, 1, 1)), softcap=5.0, dead_row="nan"),
    "prefill_fill": dict(queries=40, keys=130, bias=("f32", (40, 1), -3.4e38)),  # a fill is no mask: those rows are means
    "decode_fill": dict(batch=9, keys=450, bias=("f32", (9, 1, 1, 1), -1e30)),
    "prefill_score": dict(queries=40, keys=130, score="alibi", dtype="f16", batch=2),
    "prefill_holes": dict(queries=40, keys=130, score="holes", scale=("runtime", -0.2), layouts=("bshd",) * 4),
    "prefill_poison": dict(queries=70, keys=130, values="poison", mask=(70, 130), causal=True, offset=("i64", [60])),
    "prefill_uniform": dict(queries=70, keys=130, causal=True, offset=("i64", [-20]), dead_row="uniform"),
    "prefill_sinks": dict(queries=70, keys=70, sinks="f16", causal=True, group=2),
    # Several blocks of 128 keys, which are not split: sm_90a has kernels of its own for them.
    "prompt": dict(queries=150, keys=500, causal=True, offset=("constant", 350), dim=128, value_dim=128),
    "prompt_window": dict(queries=150, keys=500, causal=True, window=(100, -1), offset=("i64", [350]), group=3, softcap=20.0),
    "prompt_wide": dict(queries=70, keys=200, dim=256, value_dim=256, group=2),
    "prompt_mixed": dict(queries=70, keys=250, dim=192, value_dim=128, group=1, dtype="f16", layouts=("bshd",) * 4),
    "prompt_garbage": dict(batch=2, queries=70, keys=300, kv_len=("i32", [100, 300]), values="garbage", dim=128),
    "prompt_long": dict(batch=3, queries=170, keys=700, kv_heads=3, causal=True, offset=("i32", [530]), dynamic="lengths",
                        value_dim=128),
    # Rows of 64 bytes in the copy engine's panels, where heads are no multiple of 64.
    "prompt_96": dict(queries=150, keys=300, causal=True, offset=("constant", 150), dim=96, value_dim=96, group=3),
    "prompt_160": dict(queries=70, keys=200, dim=160, value_dim=32, group=2, dtype="f16", window=(60, 50), offset=("i64", [100])),
    "decode_96": dict(batch=2, keys=450, dim=96, value_dim=96, kv_len=("i32", [100, 450]), values="garbage"),
    "narrow": dict(queries=65, keys=70, dim=24, value_dim=40),
    "narrowest": dict(queries=130, keys=70, dim=16, value_dim=16, dtype="f16"),
    "wide": dict(queries=20, keys=100, dim=256, value_dim=256, group=2, causal=True, offset=("i64", [80])),
    "wide_decode": dict(dim=192, value_dim=256, keys=300),
    "decode_long": dict(kv_heads=1, group=2, keys=6000),  # in more parts than a cluster has tasks
    "decode_parts": dict(kv_heads=1, group=3, keys=2600, dim=32, value_dim=24),  # more than a warp has lanes
    "heads_decode": dict(dynamic="heads", keys=450),
    "heads_prefill": dict(dynamic="heads", queries=40, keys=70, group=3, causal=True, offset=("i64", [30])),
    "empty": dict(queries=3, keys=0, dead_row="zero"),
    "rows_f32": dict(dtype="f32", queries=40, keys=70, causal=True, offset=("i64", [30]), kv_len=("i64", [60])),
    "rows_odd": dict(queries=20, keys=40, dim=33, value_dim=47, softcap=5.0, sinks="f32", dtype="f32"),
    "rows_layout": dict(queries=40, keys=50, layouts=("bshd", "bhds", "sbhd", "bshd"), dead_row="uniform",
                        kv_len=("i64", [0])),
    "rows_unaligned": dict(queries=40, keys=50, strided=True, dtype="f16"),
}
