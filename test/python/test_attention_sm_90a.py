"""The kernels that sm_90a alone has against float64, on the stand-in driver: as test_attention_cuda.py."""

import pytest

from cuda_cases import BASE, CASES
from test_attention_cuda import POLICIES, launches, needs_driver

# What sm_90a has kernels of its own for: every way that keys come and go there, and every kind of mask and score.
GROUPS = ("prompt", "prompt_window", "prompt_wide", "prompt_mixed", "prompt_garbage", "prompt_96", "prompt_160",
          "prompt_wider", "prompt_narrower", "prompt_seven", "prompt_lanes", "prompt_parts", "prompt_parts_sinks",
          "prompt_parts_garbage", "prompt_parts_uniform", "prompt_parts_few", "prompt_parts_fp8", "prefill_split", "short",
          "short_window", "short_wide", "short_seven", "short_draft", "prefill_mask", "prefill_holes", "prefill_uniform",
          "prefill_sinks", "decode", "decode_kv_len", "decode_causal", "decode_window", "decode_garbage", "decode_96",
          "decode_f16_g7", "decode_sinks", "decode_long", "draft", "wide_decode", "fp8_tokens", "fp8_garbage", "fp8_parts",
          "fp8_wide", "int8_decode", "int8_channels", "uint8_f16", "prompt_fp8", "prompt_fp8_tokens", "prompt_fp8_garbage",
          "prompt_fp8_wide", "prompt_int8", "prompt_uint8", "prompt_fp8_queries", "prompt_fp8_queries_e5m2",
          "prompt_fp8_queries_poison", "short_fp8", "short_fp8_tokens", "short_fp8_garbage", "short_fp8_wide",
          "short_fp8_queries", "short_int8", "short_uint8_draft", "short_lengths", "short_lengths_wide", "short_batches",
          "latent_prompt", "latent_parts_40", "latent_128", "wider_prompt", "wider_heads")


@needs_driver
@pytest.mark.parametrize("policy", POLICIES)
def test_numerics_of_sm_90a(policy, tmp_path, kernel_cache):
    events = launches(GROUPS, policy, tmp_path / "report.json", kernel_cache, ",sm=90,processors=132", "cuda:sm_90a")
    # One launch of a kernel of its own for each, and more where parts are merged or rows are marked.
    assert sum("_sm_90a" in event["kernel"] and event["counters"]["tensor_flop"] > 0 for event in events) == len(GROUPS)
    # Up to eight parts are merged by the tasks of a cluster, and a lot of them by a kernel.
    assert {1, 3, 4, 5, 7} <= {event["cluster"][0] for event in events} <= set(range(1, 9))


@needs_driver
def test_results_leave_in_whole_sectors(tmp_path, kernel_cache):
    """Lanes store half of a sector at a time, the copy engine a tile with a request for each panel of 64 columns."""
    events = launches(["prompt", "prompt_lanes"], "eager", tmp_path / "report.json", kernel_cache, ",sm=90,processors=132", "cuda:sm_90a")
    tiles, lanes = (event["counters"] for event in events if event["kernel"].endswith("_sm_90a"))
    case = {**BASE, **CASES["prompt"]}
    rows = case["kv_heads"] * case["group"] * case["queries"]
    assert tiles["global_store_bytes"] == lanes["global_store_bytes"]
    assert lanes["global_sectors"] - tiles["global_sectors"] == rows * 2 * case["value_dim"] // 32
    assert lanes["global_requests"] - tiles["global_requests"] > rows * case["value_dim"] // 2 // 32 - 2 * 2 * 10


@needs_driver
@pytest.mark.parametrize("policy", POLICIES)
def test_parts_of_prompts(policy, tmp_path, kernel_cache):
    """Of three tiles, on six multiprocessors: two parts of six blocks each for groups of warps, or of twelve for warps."""
    def grids(name, processors):
        device = f",sm=90,processors={processors}"
        events = launches([name], policy, tmp_path / f"{name}-{processors}.json", kernel_cache, device, "cuda:sm_90a")
        return [("groups" if event["kernel"].endswith("_sm_90a") else "warps", event["grid"][0]) for event in events]
    merge, rows = ("warps", 3 * 128 // 8), ("warps", 3)
    assert grids("prompt_parts", 6) == [("groups", 6), merge, rows]
    assert grids("prompt_parts", 1) == [("groups", 3), rows]
    assert grids("prompt_parts_warps", 6)[0] == ("warps", 6)


@needs_driver
def test_clusters_fit_the_groups_of_a_chip(tmp_path, kernel_cache):
    """Six tiles in seven parts: 42 multiprocessors have room for 42 tasks, but in groups of 16, 18 and 8 for five clusters of seven."""
    def parts(processors):
        device = f",sm=90,processors={processors}"
        events = launches(["decode_kv_len"], "eager", tmp_path / f"{processors}.json", kernel_cache, device, "cuda:sm_90a")
        return [(event["cluster"][0], event["grid"][0] // 6) for event in events if event["kernel"].endswith("_sm_90a")]
    assert parts(132) == [(7, 7)]
    assert parts(42) == [(4, 4)]
