"""`python -m gqa.convert`: what it writes, what it says, and how much memory it takes."""

import json
import os
import subprocess
import sys

import pytest
import torch

import gqa
from convert_models import LAYERS, VOCABULARY, batches, build, outputs
from gqa.convert import sites
from gqa.convert.__main__ import main

DATA = batches()
TEXT = "\n".join(" ".join(f"w{(7 * i + 3 * j) % (VOCABULARY - 10)}" for j in range(5 + i % 9)) for i in range(40))


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with a small model and a tokenizer of words w0, w1, ..."""
    def make(name):
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        words = {"[PAD]": 0, "[UNK]": 1} | {f"w{i}": i + 2 for i in range(VOCABULARY - 2)}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        build(name).save_pretrained(tmp_path / "in")
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(tmp_path / "in")
        (tmp_path / "in" / "1_Pooling").mkdir()
        (tmp_path / "in" / "1_Pooling" / "config.json").write_text("{}")
        (tmp_path / "text.txt").write_text(TEXT)
        return tmp_path
    return make


@pytest.mark.parametrize("name", ["llama", "bert", "phi3", "neox"])
def test_converts_a_folder(name, checkpoint, capsys):
    place = checkpoint(name)
    code = main([str(place / "in"), str(place / "out"), "--kv-heads=2", f"--calibration={place / 'text.txt'}",
                 f"--report={place / 'r.json'}", f"--plot={place / 'r.png'}"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert "6 -> 2" in printed.out and "converting" in printed.err
    assert json.loads((place / "r.json").read_text())["total"]["output_error"] > 0
    assert (place / "r.png").stat().st_size > 10000
    assert (place / "out" / "tokenizer.json").is_file() and (place / "out" / "1_Pooling" / "config.json").is_file()
    new = gqa.convert.load(place / "out").eval()
    assert [site.kv_heads for site in sites.find(new)] == [2] * LAYERS
    assert sorted(path.name for path in place.iterdir()) == ["in", "out", "r.json", "r.png", "text.txt"]


def test_is_what_the_function_does(checkpoint):
    place = checkpoint("llama")
    assert main([str(place / "in"), str(place / "out"), "--kv-heads=3", "--quiet"]) == 0
    model = gqa.convert.load(place / "in").eval()
    assert torch.equal(outputs(gqa.convert.load(place / "out").eval(), DATA), outputs(gqa.convert(model, 3), DATA))


def test_heads_of_each_layer(checkpoint):
    place = checkpoint("bert")
    assert main([str(place / "in"), str(place / "out"), "--kv-heads=3,1", "--quiet"]) == 0
    assert [site.kv_heads for site in sites.find(gqa.convert.load(place / "out"))] == [3, 1]


@pytest.mark.parametrize("arguments, message", [
    (["nowhere", "out", "--kv-heads=2"], "nowhere: expected a folder with config.json"),
    (["in", "in", "--kv-heads=2"], "in: expected a new or empty folder"),
    (["in", "in/out", "--kv-heads=2"], "in/out: expected a folder that is not in in"),
    (["in", "out"], "kv_heads: expected either it or max_error"),
    (["in", "out", "--kv-heads=two"], "--kv-heads=two: expected a number"),
    (["in", "out", "--kv-heads=4"], "kv_heads: 4 does not divide the 6 KV heads"),
    (["in", "out", "--kv-heads=2", "--method=best"], "method: expected one of"),
    (["in", "out", "--kv-heads=2", "--plot=x.png"], "--plot: errors are drawn"),
    (["in", "out", "--kv-heads=2", "--report=no/where.json"], "no/where.json: cannot be written"),
    (["in", "out", "--kv-heads=2", "--calibration=absent.txt"], "absent.txt"),
    (["in", "out", "--kv-heads=2", "--calibration=text.txt", "--tokens=0"], "--tokens=0: expected 1 or more"),
    (["in", "out", "--kv-heads=2", "--calibration=empty.txt"], "calibration: all texts are empty"),
    (["in", "out", "--kv-heads=2", "--calibration=binary.txt"], "binary.txt: expected text in UTF-8"),
    (["in", "out", "--kv-heads=2", "--max-error=small"], "invalid float value"),
    (["broken", "out", "--kv-heads=2"], ""),
    (["in", "out", "--fast"], "unrecognized arguments: --fast")])
def test_unusable(arguments, message, checkpoint, capsys, monkeypatch):
    place = checkpoint("bert")
    monkeypatch.chdir(place)
    (place / "empty.txt").write_text("\n\n")
    (place / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    (place / "broken").mkdir()
    (place / "broken" / "config.json").write_text("{not json")
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert code == 2 and message in said and said.startswith("error: ") and said.count("\n") == 1
    assert not (place / "out").exists()


def shards(place):
    """A folder whose weights are in many files."""
    build("llama").save_pretrained(place / "shards", max_shard_size="20KB")
    files = sorted((place / "shards").glob("*.safetensors"))
    assert len(files) > 3
    return files


def test_sharded_weights(checkpoint):
    place = checkpoint("llama")
    shards(place)
    for name in ("in", "shards"):
        assert main([str(place / name), str(place / f"{name}-2"), "--kv-heads=2", "--quiet"]) == 0
    assert torch.equal(*(outputs(gqa.convert.load(place / f"{name}-2").eval(), DATA) for name in ("in", "shards")))


@pytest.mark.parametrize("damage, message", [
    (lambda file: file.unlink(), "is missing, one of"),
    (lambda file: file.write_bytes(file.read_bytes()[:100]), "not in safetensors, or cut off"),
    (lambda file: file.write_bytes(b""), "not in safetensors, or cut off"),
    (lambda file: (file.parent / "model.safetensors.index.json").write_text("[]"), "expected JSON with a weight_map")])
def test_weights_that_are_not_whole(damage, message, checkpoint, capsys):
    """Nothing is converted: what is missing would be random numbers."""
    place = checkpoint("llama")
    damage(shards(place)[1])
    assert main([str(place / "shards"), str(place / "out"), "--kv-heads=2", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("error: ") and said.count("\n") == 1
    assert not (place / "out").exists()


def test_a_disk_that_is_full(checkpoint, capsys, monkeypatch):
    import safetensors.torch

    def full(*_, **__):
        raise safetensors.SafetensorError("No space left on device (os error 28)")
    place = checkpoint("llama")
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    assert main([str(place / "in"), str(place / "out"), "--kv-heads=2", "--quiet"]) == 2
    assert "cannot be written (No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["in", "text.txt"]


def test_memory(tmp_path):
    """Never the whole model: what a conversion needs beside its mapped files does not grow with the number of layers."""
    script = tmp_path / "peak.py"
    script.write_text("""
import pathlib, sys, threading, time
import transformers
from gqa.convert import checkpoint
from gqa.convert.__main__ import main
folder, step = sys.argv[1:]
def config(layers):
    return transformers.LlamaConfig(vocab_size=64, num_attention_heads=12, hidden_size=240, intermediate_size=1200,
                                    num_hidden_layers=layers)
if step == "make":
    for layers in (3, 15):
        transformers.LlamaForCausalLM(config(layers)).save_pretrained(f"{folder}/{layers}", max_shard_size="20MB")
    sys.exit()
def private():
    return int(pathlib.Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) << 10
def peak(layers):
    seen, done = [private()], threading.Event()
    def watch():
        while not done.wait(0.002):
            seen.append(private())
    watcher = threading.Thread(target=watch)
    watcher.start()
    assert main([f"{folder}/{layers}", f"{folder}/{layers}.out", "--kv-heads=4", "--quiet", "--groups=adjacent"]) == 0
    done.set()
    watcher.join()
    return max(seen)
checkpoint.SHARD = 1  # these are small models, which would go into one file
first = peak(3)
print(peak(15) - first)
""")
    # The allocator keeps pages of small tensors, more or less as it happens; here it gives them back.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    for step in ("make", "convert"):
        done = subprocess.run([sys.executable, script, tmp_path, step], check=True, timeout=300, capture_output=True, text=True,
                              env=environment)
    layer = (4 * 240 * 240 + 3 * 240 * 1200) * 4
    assert int(done.stdout.split()[-1]) < 2 * layer
    assert len(list((tmp_path / "15.out").glob("*.safetensors"))) > 5  # written in parts


def test_weights_not_in_safetensors(checkpoint):
    """Older checkpoints are read whole, with the same result."""
    place = checkpoint("gpt2")
    weights = gqa.convert.load(place / "in").state_dict()
    assert main([str(place / "in"), str(place / "out"), "--kv-heads=2", "--quiet"]) == 0
    torch.save({name: weight.clone() for name, weight in weights.items()}, place / "in" / "pytorch_model.bin")
    (place / "in" / "model.safetensors").unlink()
    assert main([str(place / "in"), str(place / "old"), "--kv-heads=2", "--quiet"]) == 0
    assert torch.equal(outputs(gqa.convert.load(place / "out").eval(), DATA), outputs(gqa.convert.load(place / "old").eval(), DATA))


def test_settings_for_generation_stay(checkpoint):
    place = checkpoint("llama")
    (place / "in" / "generation_config.json").write_text('{"max_new_tokens": 7, "top_k": 3, "do_sample": true}')
    assert main([str(place / "in"), str(place / "out"), "--kv-heads=2", "--quiet"]) == 0
    assert json.loads((place / "out" / "generation_config.json").read_text())["max_new_tokens"] == 7
