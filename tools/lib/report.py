"""The table of quickstart: report.py MODULE.mlir REPORT.json"""

import json
import sys
import time

import torch

import decoder_block
import gqa

ROUNDS = 5
LEAST_SECONDS = 0.3  # per round


def best_seconds(call):
    """Time of one call: the best of some rounds of many calls."""
    call()
    start = time.perf_counter()
    call()
    count = max(1, int(LEAST_SECONDS / max(time.perf_counter() - start, 1e-6)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - start) / count)
    return min(rounds)


def largest_error(results, expected):
    """Relative to the largest value of each result."""
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(results, expected, strict=True))


def main(module_path, report_path):
    with open(report_path) as file:
        raised = [entry for entry in json.load(file) if entry["status"] == "raised"]
    block, args = decoder_block.build()
    compiled = gqa.compile(module_path)
    with torch.no_grad():
        expected = block(*args)
        framework = best_seconds(lambda: block(*args))
        error = largest_error(compiled(*args), expected)
        ours = best_seconds(lambda: compiled(*args))
    element = args[1].element_size()

    def bytes_per_token(heads, entry):
        return heads * (entry["head_dim"] + entry["v_head_dim"]) * element

    print(f"{'attentions found':44}{len(raised)}")
    for entry in raised:
        query, shared = entry["q_heads"], entry["kv_heads"]
        print(f"{'heads before (Hq, K/V as attention reads)':44}{query}, {query}")
        print(f"{'heads after (Hq, Hkv)':44}{query}, {shared}")
        print(f"{'KV-cache bytes per token before':44}{bytes_per_token(query, entry)}")
        print(f"{'KV-cache bytes per token after':44}{bytes_per_token(shared, entry)}")
    print(f"{'largest error against PyTorch (relative)':44}{error:.1e}")
    print(f"{f'time per call, PyTorch {torch.__version__}':44}{framework * 1e3:.2f} ms")
    print(f"{'time per call, gqa':44}{ours * 1e3:.2f} ms")
    if not raised or not error <= 1e-4:
        sys.exit("error: expected one attention or more, and an error of at most 1e-4")


if __name__ == "__main__":
    main(*sys.argv[1:])
