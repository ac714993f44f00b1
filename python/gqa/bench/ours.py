"""gqa's own candidates: one attention, and a Hugging Face graph through the importer."""

import torch

import gqa

from .errors import Unavailable
from .text import attention_text


def attention(case, sets):
    """gqa.compile of one gqa.attention."""
    compiled = gqa.compile(attention_text(case), target=case.target)

    def call(i):
        return compiled(*sets[i])
    return call


def exported(case, sets):
    """Hugging Face's eager attention, through torch.export, gqa.importer and gqa.compile."""
    try:
        import torch_mlir  # noqa: F401
    except ImportError as error:
        raise Unavailable(f"the importer needs torch-mlir ({error})") from error
    from gqa.importer import linalg_of_program

    from .peers import huggingface_attention

    with torch.no_grad():
        program = torch.export.export(huggingface_attention(case), sets[0], strict=False)
    compiled = gqa.compile(linalg_of_program(program), target=case.target)

    def call(i):
        return compiled(*sets[i]).transpose(1, 2)
    return call
