"""Attention modules of one layer for q, k and v whose own code takes them apart head by head, and how they are told of groups.

Falcon's code knows groups, as newer Falcons have them, and is switched to that. GPT-NeoX's does not: its forward is
replaced by one that takes q, k and v side by side and attends by the same functions. Others are left as they are, and
check.py finds out whether they run with fewer KV heads.
"""

import functools


def form(module):
    """The class that takes the place of the module's, or None."""
    return _neox() if type(module).__name__ == "GPTNeoXAttention" else None


def adapt(module):
    """Prepares the module's code for any number of KV heads. Whether its layer has q, k and v side by side from now on."""
    if hasattr(module, "new_decoder_architecture"):
        module.new_decoder_architecture = True  # Falcon's name for groups; with as many KV heads as query heads, the same
    if (replacement := form(module)) is None:
        return False
    module.__class__ = replacement
    return True


@functools.cache
def _neox():
    from .neox import GroupedGPTNeoXAttention  # loads transformers' model

    return GroupedGPTNeoXAttention
