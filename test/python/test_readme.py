"""What README.md shows is what the tools do."""

import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
README = (SOURCE / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


def test_graph_after_sharing(tools):
    done = subprocess.run([tools / "gqa-opt", SOURCE / "test/graphs/llama_decode_concat.mlir", "--gqa-simplify"],
                          capture_output=True, text=True, timeout=60)
    # Names of values are the printer's and say nothing.
    plain = lambda line: re.sub(r"%\w+", "%", line).strip()
    printed = {plain(line) for line in done.stdout.splitlines()}
    shown = [plain(line) for block in blocks("mlir") for line in block.splitlines()]
    assert shown and [line for line in shown if line not in printed] == []
    assert not re.search(r"tensor<2x6x5x8xf32>|tensor<2x2x3x5x8xf32>", done.stdout)


def test_commands_work(tools, tmp_path):
    commands = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines() if line.startswith("build/bin")]
    assert len(commands) == 11
    for command in commands:
        words = [re.sub(r"\bshared\.mlir|\b(?:report|trace)\.json|\bpictures\b|\bdecode\.(?:s|ptx)\b|\bmodel\.so\b", lambda m: str(tmp_path / m[0]), word)
                 for word in command.split("#")[0].replace('"', "").split()]
        words[0] = str(tools / pathlib.Path(words[0]).name)
        done = subprocess.run(words, cwd=SOURCE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, command + done.stderr


def test_python_example(tools, monkeypatch, tmp_path):
    example = blocks("python")[0]
    (tmp_path / "model.mlir").write_text((SOURCE / "test/graphs/einsum_grouped.mlir").read_text())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    want = names["torch"].nn.functional.scaled_dot_product_attention(*(names[n] for n in "qkv"), is_causal=True, enable_gqa=True)
    assert names["o"].sub(want).abs().max() < 1e-5


def test_pytorch_example(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig
    small = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4)
    model = AutoModelForCausalLM.from_config(small).eval()
    model.save_pretrained(tmp_path)
    names = dict(torch=torch, model=model, path=tmp_path, AutoModelForCausalLM=AutoModelForCausalLM,
                 **{name: torch.randn(1, 4, 8, 16) for name in "qkv"})
    exec(blocks("python")[1], names)
    token = torch.tensor([[3, 5, 7]])
    with torch.no_grad():
        torch.testing.assert_close(names["model"](token).logits, model(token).logits, rtol=1e-4, atol=1e-4)


def test_links_exist():
    missing = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not (SOURCE / link).exists()]
    assert missing == []


@pytest.mark.parametrize("installed", [False, True])
def test_cmake_package(tools, tmp_path, installed):
    """`find_package(gqa CONFIG)`: the example builds against the build tree or an installed copy, and runs."""
    prefix = tmp_path / "prefix" if installed else tools.parent
    install = ["cmake", "--install", tools.parent, "--prefix", prefix]
    configure = ["cmake", "-G", "Ninja", "-S", SOURCE / "test/examples/embed", "-B", tmp_path / "embed",
                 f"-Dgqa_ROOT={prefix}", "-DMLIR_DIR=/usr/lib/llvm-22/lib/cmake/mlir",
                 "-DCMAKE_CXX_COMPILER=clang++-22", "-DCMAKE_C_COMPILER=clang-22"]
    for command in [install] * installed + [configure, ["ninja", "-C", tmp_path / "embed"]]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([tmp_path / "embed" / "embed"], capture_output=True, text=True, timeout=60)
    assert [float(line) for line in done.stdout.split()] == [10, 15, 10, 15], done.stderr
    for tool in ("gqa-opt", "gqa-compile", "gqa-run", "gqa-cache", "gqa-lsp-server"):  # they find LLVM's libraries
        done = subprocess.run([prefix / "bin" / tool, "--version"], capture_output=True, text=True, timeout=60)
        assert done.stdout.startswith(f"{tool} 0."), done.stderr
