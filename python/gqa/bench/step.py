"""A step of a decoder: rotate the query and the new key, append the new key and value to the cache, attend.

The last key and value of a set are the new ones. Angles are quarter turns, so that rotating is exact and a step gives what
attention gives on the rotated set: everybody is judged as in the other cases.
"""

import torch

import gqa

from .peers import PEERS
from .text import step_text


def quarter_turns(case):
    """cos and sin, 1 x D/2."""
    turns = torch.arange(case.dim // 2).view(1, -1) % 4
    return torch.tensor([1.0, 0.0, -1.0, 0.0])[turns], torch.tensor([0.0, 1.0, 0.0, -1.0])[turns]


def rotate(x, cos, sin):
    """Hugging Face's rotation, of halves."""
    cos, sin = (torch.cat((half, half), dim=-1).to(x.dtype) for half in (cos, sin))
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def inputs(case, sets):
    """For each set q, k and v of the new token, not rotated yet, and the cache: k and v."""
    cos, sin = quarter_turns(case)

    def before(x):
        return rotate(x, cos, -sin).contiguous()
    return [(before(q), before(k[:, :, -1:]), v[:, :, -1:].contiguous(), k[:, :, :-1].contiguous(), v[:, :, :-1].contiguous())
            for q, k, v in sets]


class Appended:
    """Sets as torch makes them in a call: rotated, and concatenated with the cache."""

    def __init__(self, case, sets):
        self.inputs, self.angles = inputs(case, sets), quarter_turns(case)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        q, k, v, past_k, past_v = self.inputs[i]
        return (rotate(q, *self.angles), torch.cat((past_k, rotate(k, *self.angles)), dim=2), torch.cat((past_v, v), dim=2))


def fused(case, sets):
    """gqa.compile of the whole step; with `step-cache` it returns the longer cache as well."""
    compiled = gqa.compile(step_text(case), target=case.target)
    steps, angles = inputs(case, sets), quarter_turns(case)

    def call(i):
        results = compiled(*steps[i], *angles)
        return results[0] if case.kind == "step-cache" else results
    return call


def peer(name):
    """One of PEERS behind torch's rotation and concatenation."""
    return lambda case, sets: PEERS[name](case, Appended(case, sets))
