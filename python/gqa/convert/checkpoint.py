"""Checkpoints on disk, for the command line: folders as save_pretrained writes them.

Weights in safetensors are mapped, not read: the system brings what a layer needs and may forget it again, and what a
layer has been converted to goes to a file that is mapped in its place. So the process itself never holds the whole model.
"""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

from . import arguments, sharing, sites

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".gguf", ".index.json")
SHARD = 1 << 28  # bytes that are written at once, at least; serialising may copy them


def require_writable(source, folder, files):
    """Raises ValueError before the work rather than after it."""
    path = pathlib.Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{folder}: expected a new or empty folder")
    if pathlib.Path(source).resolve() in path.resolve().parents:
        raise ValueError(f"{folder}: expected a folder that is not in {source}, of which everything but the weights is copied")
    for file in filter(None, files):
        parent = pathlib.Path(file).resolve().parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise ValueError(f"{file}: cannot be written, {parent} is no folder that may be written to")


def load(folder):
    """The model in its own type of numbers."""
    if not (pathlib.Path(folder) / "config.json").is_file():
        raise ValueError(f"{folder}: expected a folder with config.json and weights, as save_pretrained writes it")
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    files = sorted(pathlib.Path(folder).glob("*.safetensors"))
    if not files:
        return sharing.load(folder, dtype="auto").eval()
    config = AutoConfig.from_pretrained(folder)
    _require_all(folder, files)
    weights = {name: weight for file in files for name, weight in _mapped(file).items()}
    model = sharing.class_of(config, folder).from_pretrained(None, config=config, state_dict=weights, dtype="auto")
    _generation(model, folder)
    return model.eval()


def _require_all(folder, files):
    """Raises ValueError where parts of the weights are not there: transformers would make numbers up for them."""
    index = pathlib.Path(folder) / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        wanted = set(json.loads(index.read_text())["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{index}: expected JSON with a weight_map, as save_pretrained writes it ({error})") from error
    missing = sorted(wanted - {file.name for file in files})
    if missing:
        raise ValueError(f"{folder}: {missing[0]} is missing, one of {len(wanted)} files of weights that {index.name} names")


def _mapped(file):
    """{name: tensor} of a file in safetensors; pages of it are read when they are used."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as weights:
            return {name: weights.get_tensor(name) for name in weights.keys()}
    except SafetensorError as error:
        raise ValueError(f"{file}: not in safetensors, or cut off ({error})") from error


def _generation(model, folder):
    """What from_pretrained does for a folder and not for weights."""
    from transformers import GenerationConfig

    if model.can_generate() and (pathlib.Path(folder) / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)


class Spill:
    """Keeps the weights of converted attentions in files beside the output, until `with` ends, and not in memory."""

    def __init__(self, folder):
        target = pathlib.Path(folder).absolute()
        self.folder = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=_existing(target.parent))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def keep(self, site):
        from safetensors.torch import save_file

        parameters = {f"{number}.{name}": parameter for number, layer in enumerate(site.projections.layers())
                      for name, parameter in layer.module.named_parameters()}
        file = pathlib.Path(self.folder.name) / f"{site.index}.safetensors"
        with _writing(file):
            save_file({name: parameter.detach().contiguous() for name, parameter in parameters.items()}, file)
        for name, weight in _mapped(file).items():
            parameters[name].data = weight


@contextlib.contextmanager
def _writing(path):
    """A disk that is full is an OSError, whoever finds it out."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path}: cannot be written ({error})") from error


def _existing(folder):
    """The folder, or the nearest above it that is there."""
    return folder if folder.is_dir() else _existing(folder.parent)


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
    target = pathlib.Path(folder).absolute()
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(source, partial, ignore=lambda folder, names: _weights(names) if folder == str(source) else [])
        with _writing(folder):
            model.save_pretrained(partial, max_shard_size=max(SHARD, _largest_block(model)))
        if target.is_dir():
            target.rmdir()  # it is empty
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _weights(names):
    """What save_pretrained writes anew, and weights in other forms, which would be those of the old model."""
    return [name for name in names if name == "config.json" or name.endswith(WEIGHTS)]


def _largest_block(model):
    blocks = sites.find(model)[0].blocks
    return max(sum(each.numel() * each.element_size() for each in block.parameters()) for block in blocks)
