"""Checkpoints on disk, for the command line: folders as save_pretrained writes them."""

import os
import pathlib
import shutil

from . import arguments, sharing

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".gguf", ".index.json")
SHARD = "1GB"  # of what is written at once: serialising copies it


def require_writable(folder, files):
    """Raises ValueError before the work rather than after it."""
    path = pathlib.Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{folder}: expected a new or empty folder")
    for file in filter(None, files):
        parent = pathlib.Path(file).resolve().parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise ValueError(f"{file}: cannot be written, {parent} is no folder that may be written to")


def load(folder):
    """The model in its own type of numbers."""
    if not (pathlib.Path(folder) / "config.json").is_file():
        raise ValueError(f"{folder}: expected a folder with config.json and weights, as save_pretrained writes it")
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    return sharing.load(folder, dtype="auto").eval()


def calibration(folder, file, tokens):
    """Batches of the lines of `file`, by the tokenizer in `folder`."""
    from transformers import AutoTokenizer

    if tokens < 1:
        raise ValueError(f"--tokens={tokens}: expected 1 or more")
    try:
        lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: expected text in UTF-8 ({error})") from error
    return arguments.tokenized(lines, AutoTokenizer.from_pretrained(folder), length=tokens)


def save(model, source, folder):
    """Writes the model, and beside it what else was in `source` (tokenizer, pooling), whole or not at all."""
    target = pathlib.Path(folder)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(source, partial, ignore=lambda folder, names: _weights(names) if folder == str(source) else [])
        model.save_pretrained(partial, max_shard_size=SHARD)
        if target.is_dir():
            target.rmdir()  # it is empty
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _weights(names):
    """What save_pretrained writes anew, and weights in other forms, which would be those of the old model."""
    return [name for name in names if name == "config.json" or name.endswith(WEIGHTS)]
