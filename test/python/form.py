"""Functions as modules, as torch.export wants them; imported and run on a processor and on the stand-in driver."""

import os
import subprocess

import torch


class Form(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *arguments):
        return self.function(*arguments)


def import_and_run(name, forms, importer, tools, folder):
    """`name` is a function of the Python text `forms`, which returns a module and its arguments."""
    (folder / "models.py").write_text(forms)
    done = importer(f"models:{name}", "-o", "out.mlir", "--save-example=x.npz")
    assert done.returncode == 0, done.stderr
    for target in ([], ["--target=cuda:sm_80"]):
        command = [tools / "gqa-run", "out.mlir", "--inputs=x.npz", "--expect=x.npz", *target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, cwd=folder)
        assert done.returncode == 0, done.stderr + done.stdout
