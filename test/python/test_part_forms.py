"""One softmax over several sets of keys: what is an attention of each, merged, and what is none, with PyTorch's numbers on a
processor and on the stand-in driver."""

import os
import subprocess

import pytest
import torch

import cuda  # noqa: F401 - names the driver
from test_forms import check
from part_forms import DECLINED, PART_FORMS


def run_on_a_gpu(tools, folder):
    command = [tools / "gqa-run", "simple.mlir", "--inputs=arrays.npz", "--expect=arrays.npz", "--target=cuda:sm_80"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=os.environ)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("name", PART_FORMS)
def test_raised(name, tools, tmp_path):
    function, arguments, wanted = PART_FORMS[name]
    check(function, arguments, [wanted], tools, tmp_path)
    run_on_a_gpu(tools, tmp_path)


@pytest.mark.parametrize("name", DECLINED)
def test_declined(name, tools, tmp_path):
    function, arguments, reason = DECLINED[name]
    entries = check(function, arguments, [], tools, tmp_path)
    assert reason in entries[0]["reason"]
    run_on_a_gpu(tools, tmp_path)


class Encoder(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens, mask):
        return self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state


def test_pegasus_x(tools, tmp_path):
    """Global tokens and blocks, shifted by half a block in every other layer."""
    from transformers import PegasusXConfig, PegasusXModel

    torch.manual_seed(0)
    config = PegasusXConfig(vocab_size=64, d_model=32, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4,
                            decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_global_tokens=3, block_size=4,
                            max_position_embeddings=64)
    tokens, mask = torch.randint(3, 64, (2, 16)), torch.ones(2, 16, dtype=torch.long)
    mask[1, 10:] = 0
    local = {"status": "raised", "q_heads": 4, "head_dim": 8, "parts": 2}
    entries = check(Encoder(PegasusXModel(config).eval().encoder), (tokens, mask), [{"parts": None}, local, local], tools, tmp_path)
    assert len(entries) == 3
    run_on_a_gpu(tools, tmp_path)
