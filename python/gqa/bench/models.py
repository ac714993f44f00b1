"""Hugging Face models with attention by gqa, beside their own: `python -m gqa.bench.models`.

Models have random weights and few layers; the same model runs with either implementation, by turns. "sdpa" is what transformers
takes by default; for families that have none of it, "eager".
"""

import argparse
import itertools
import json
import statistics
import sys
import time

from . import machine

FAMILIES = {
    "llama": {}, "mistral": dict(sliding_window=512), "qwen2": {}, "qwen3": {}, "gemma": {},
    "gemma2": dict(sliding_window=512, query_pre_attn_scalar=64),
    "gemma3_text": dict(sliding_window=512, query_pre_attn_scalar=64, layer_types=["sliding_attention", "full_attention"]),
    "gpt_oss": dict(sliding_window=128, num_local_experts=2, num_experts_per_tok=1,
                    layer_types=["sliding_attention", "full_attention"]),
    "phi3": {}, "cohere2": dict(sliding_window=512, layer_types=["sliding_attention", "full_attention"]), "olmo2": {}, "granite": {},
}
SIZES = dict(vocab_size=128, hidden_size=1024, intermediate_size=1024, num_hidden_layers=2, num_attention_heads=16,
             num_key_value_heads=4, head_dim=64, max_position_embeddings=16384, pad_token_id=0, bos_token_id=1, eos_token_id=None)


def main(argv=None):
    options = _parse(argv)
    import torch
    from transformers.utils import logging

    import gqa.transformers  # noqa: F401: makes the implementation known
    logging.set_verbosity_error()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    described = machine.describe()
    print(f"{described['cpu']}, {torch.get_num_threads()} threads; {options.context} tokens, then {options.tokens} more; "
          f"medians of {options.rounds} rounds, milliseconds")
    print(f"{'family':12} {'beside':6} {'prefill':>9} {'gqa':>9} {'ratio':>6}   {'per token':>9} {'gqa':>9} {'ratio':>6}")
    rows = {}
    for family in options.family or FAMILIES:
        beside, prefill, decode = _measure(family, options)
        rows[family] = {"beside": beside, "prefill_ms": prefill, "token_ms": decode}
        cells = " ".join(f"{theirs:9.2f} {ours:9.2f} {theirs / ours:6.2f}  " for theirs, ours in (prefill, decode))
        print(f"{family:12} {beside:6} {cells}".rstrip(), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": described, "versions": machine.versions(), "context": options.context, "models": rows}, file, indent=1)


def _parse(argv):
    parser = argparse.ArgumentParser(prog="python -m gqa.bench.models", description="Hugging Face models, gqa beside sdpa")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="one family; may be repeated; by default all")
    for name, default, what in (("context", 1024, "tokens of the prompt"), ("tokens", 32, "tokens generated after it"),
                                ("rounds", 7, "rounds"), ("threads", 0, "threads of torch; by default torch's own choice")):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{what} ({default})" if default else what)
    parser.add_argument("--json", help="a file for the numbers")
    options = parser.parse_args(argv)
    for name in ("context", "tokens", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"argument --{name}: expected 1 or more")
    return options


def _measure(family, options):
    """(what it is compared with, (its, gqa's) milliseconds of prefill, the same of a token)."""
    import torch

    model, beside = _model(family)
    generator = torch.Generator().manual_seed(0)
    prompt, more = (torch.randint(2, 128, (1, count), generator=generator) for count in (options.context, options.tokens))
    seconds = {name: ([], []) for name in (beside, "gqa")}
    outputs = {}
    with torch.no_grad():
        for round_number in range(options.rounds + 1):
            for name in list(seconds)[::-1 if round_number % 2 else 1]:  # who comes second finds warmer caches
                model.set_attn_implementation(name)
                times = [time.perf_counter()]
                cache = model(prompt, use_cache=True, logits_to_keep=1).past_key_values
                times.append(time.perf_counter())
                for step in range(options.tokens):
                    outputs[name] = model(more[:, step:step + 1], past_key_values=cache, use_cache=True).logits
                    times.append(time.perf_counter())
                if round_number:  # the first compiles
                    first, *steps = (1e3 * (end - begin) for begin, end in itertools.pairwise(times))
                    seconds[name][0].append(first)
                    seconds[name][1].extend(steps)
    _check(family, beside, outputs)
    (a, b), (c, d) = (tuple(map(statistics.median, seconds[name])) for name in (beside, "gqa"))
    return beside, (a, c), (b, d)


def _model(family):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **{**SIZES, **FAMILIES[family]})
    torch.manual_seed(0)
    try:
        return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval(), "sdpa"
    except ValueError:  # the family has none
        return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval(), "eager"


def _check(family, beside, outputs):
    """Speed counts for right results only; tokens as such are compared by the tests."""
    import torch

    theirs, ours = outputs[beside], outputs["gqa"]
    if not torch.allclose(theirs, ours, rtol=1e-2, atol=1e-2 * float(theirs.abs().max())):
        sys.exit(f"error: {family}: logits of gqa differ from those of {beside} by {float((theirs - ours).abs().max()):.3g}")


if __name__ == "__main__":
    main()
