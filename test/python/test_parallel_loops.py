"""Loops that are no attention and no matrix product, in threads: the same numbers with any number of threads, and right."""

import os
import subprocess

import numpy as np
import pytest
import torch

from gqa.importer import linalg_of_program


class Norms(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.groups = torch.nn.LayerNorm(384), torch.nn.GroupNorm(4, 32)

    def forward(self, x):
        y = self.norm(x).softmax(-2) + x.roll(1, 1)
        z = self.groups(y.reshape(2, 32, -1)).reshape(x.shape)
        return torch.where(z > 0, z.cumsum(1), torch.nn.functional.gelu(z)), y.amax(1), z.transpose(1, 2).contiguous()


class Pictures(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.deep, self.wide = torch.nn.Conv2d(24, 24, 5, padding=2, groups=24), torch.nn.Conv2d(24, 8, 3, stride=2)
        self.causal = torch.nn.Conv1d(960, 960, 4, padding=3, groups=960)

    def forward(self, x):
        y = self.deep(x)
        y = self.causal(y.reshape(2, 960, 40))[..., :40].reshape(y.shape)
        return torch.nn.functional.max_pool2d(y, 2), self.wide(y).mean((2, 3)), torch.nn.functional.interpolate(y, scale_factor=2)


class Rows(torch.nn.Module):
    def forward(self, x, places):
        y = x[:, places] * 2
        return y.sort(-1).values[..., :8], y.argmax(1), torch.cat([y, x], 1).flip(1)


CASES = {"norms": (Norms(), (torch.randn(2, 96, 384),)), "pictures": (Pictures(), (torch.randn(2, 24, 40, 40),)),
         "rows": (Rows(), (torch.randn(3, 90, 512), torch.randint(0, 90, (70,))))}


@pytest.mark.parametrize("name, dynamic", [("norms", False), ("pictures", False), ("rows", False), ("rows", True)])
def test_as_torch_with_any_number_of_threads(name, dynamic, tools, tmp_path):
    torch.manual_seed(0)
    module, inputs = CASES[name]
    shapes = ({1: torch.export.Dim("n", min=2, max=4096)}, {}) if dynamic else None
    program = torch.export.export(module.eval(), inputs, dynamic_shapes=shapes)
    (tmp_path / "model.mlir").write_text(linalg_of_program(program))
    with torch.no_grad():
        wanted = module(*inputs)
    np.savez(tmp_path / "in.npz", **{f"arg{n}": x.numpy() for n, x in enumerate(inputs)})
    results = []
    for threads in (1, 2, 5):
        out = tmp_path / f"{threads}.npz"
        subprocess.run([tools / "gqa-run", tmp_path / "model.mlir", f"--inputs={tmp_path / 'in.npz'}", f"--outputs={out}"], check=True,
                       timeout=120, env={**os.environ, "GQA_NUM_THREADS": str(threads)})
        results.append(dict(np.load(out)))
    for result in results:
        for n, want in enumerate(wanted):
            np.testing.assert_array_equal(result[f"out{n}"], results[0][f"out{n}"])
            np.testing.assert_allclose(result[f"out{n}"], want.numpy(), rtol=2e-5, atol=2e-5)
