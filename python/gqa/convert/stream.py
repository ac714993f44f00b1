"""Calibration data on its way through the model, block by block: twice, as the original and as the converted blocks make it.

A block runs alone: what it was called with, apart from the hidden states, was recorded in one pass through the model.
So each layer sees the inputs that the layers before it, already converted, really give it, and nothing runs twice.
"""

import contextlib
import dataclasses

import torch

from .errors import Unconvertible


@dataclasses.dataclass
class Call:
    """How a block is called and answers, apart from the hidden states."""

    arguments: tuple
    keywords: dict
    by_keyword: bool  # whether the hidden states are
    in_tuple: bool = False  # whether the result is

    def __call__(self, block, hidden):
        if self.by_keyword:
            return self.hidden(block(hidden_states=hidden, **self.keywords))
        return self.hidden(block(hidden, *self.arguments, **self.keywords))

    @staticmethod
    def hidden(output):
        return output if isinstance(output, torch.Tensor) else output[0]


@dataclasses.dataclass
class Batch:
    """Hidden states before the next block in both models, and how the blocks are called."""

    inputs: dict
    rows: torch.Tensor  # B x S, true where there is a token
    original: torch.Tensor
    converted: torch.Tensor
    calls: list  # a Call for each block
    first: int  # the number of its first sequence among those of all batches

    @property
    def diverged(self):
        return self.converted is not self.original


class Done(Exception):
    """Ends a block's forward early: what is behind the attention is not needed."""


def record(model, blocks, batches):
    """A Batch for each of `batches`, mappings that `model` is called with."""
    recorded, sequences = [], 0
    for inputs in batches:
        recorded.append(_record(model, blocks, inputs, sequences))
        sequences += len(recorded[-1].rows)
    return recorded


def _record(model, blocks, inputs, number):
    seen, first = [], []

    def before(block, args, kwargs):
        hidden = args[0] if args else kwargs["hidden_states"]
        if seen and seen[-1][1] is not hidden and not torch.equal(seen[-1][1], hidden):
            raise Unconvertible(f"something between blocks {len(seen) - 1} and {len(seen)} changes the hidden states")
        rest = {key: value for key, value in kwargs.items() if key != "hidden_states"}
        rest.update({key: None for key in ("past_key_values", "past_key_value", "layer_past") if key in rest})
        if not seen:
            first.append(hidden)
        seen.append([Call(args[1:], rest, not args), None])

    def after(block, args, output):
        seen[-1][0].in_tuple = not isinstance(output, torch.Tensor)
        seen[-1][1] = Call.hidden(output)

    handles = [h for b in blocks for h in (b.register_forward_pre_hook(before, with_kwargs=True), b.register_forward_hook(after))]
    with _removed(handles):
        model(**inputs)
    if len(seen) != len(blocks):
        raise Unconvertible(f"{len(blocks)} blocks with attention were called {len(seen)} times in one pass; "
                            "blocks that are shared or skipped cannot be converted one by one")
    return Batch(inputs, _rows(inputs, first[0]), first[0], first[0], [call for call, _ in seen], number)


def _rows(inputs, hidden):
    mask = inputs.get("attention_mask")
    if mask is not None and mask.shape == hidden.shape[:2]:
        return mask.bool()
    return hidden.new_ones(hidden.shape[:2], dtype=torch.bool)


@contextlib.contextmanager
def _removed(handles):
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def watching(module, seen):
    """Appends (input, output) of each call of `module` to the list `seen`."""
    with _removed([module.register_forward_hook(lambda _, args, output: seen.append((args[0], output)))]):
        yield


def attention(site, hidden, call):
    """(the projections' input, the output projection's input, its output) of one block; what follows is not run."""
    reads, writes = [], []

    def stop(module, args, output):
        writes.append((args[0], output))
        raise Done

    with watching(site.projections.reads, reads), _removed([site.projections.writes.register_forward_hook(stop)]):
        with contextlib.suppress(Done):
            call(site.block, hidden)
    return reads[-1][0], *writes[-1]


def adds_to_input(site, batch, number):
    """Whether the residual stream is the block's input plus the attention's output, and all that follows reads that sum.

    Tried: a change of the input that the attention's output takes back must not show.
    """
    hidden, call = batch.converted, batch.calls[number]
    output = attention(site, hidden, call)[2]
    change = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(0)).to(hidden) * hidden.std()
    with _removed([site.projections.writes.register_forward_hook(lambda *_: output - change)]):
        moved = call(site.block, hidden + change)
    straight = call(site.block, hidden)
    rows = batch.rows
    return relative(moved[rows], straight[rows]) < (1e-3 if hidden.dtype == torch.float32 else 5e-2)


class Error:
    """Frobenius norm of a difference as a part of what is wanted, over several pieces."""

    def __init__(self):
        self.missed = self.wanted = 0.0

    def add(self, found, wanted):
        self.missed += (found.double() - wanted.double()).square().sum().item()
        self.wanted += wanted.double().square().sum().item()
        return self

    @property
    def relative(self):
        return (self.missed / self.wanted) ** 0.5 if self.wanted else float(self.missed > 0)


def relative(found, wanted):
    return Error().add(found, wanted).relative


@contextlib.contextmanager
def ending_with(blocks, calls, hidden):
    """In this context the blocks do nothing, and the last one returns `hidden`: the model's head runs on it."""
    own = [vars(block).get("forward") for block in blocks]

    def skip(call, result):
        def forward(*args, **kwargs):
            found = (args[0] if args else kwargs["hidden_states"]) if result is None else result
            return (found,) if call.in_tuple else found
        return forward

    for block, call in zip(blocks, calls):
        block.forward = skip(call, hidden if call is calls[-1] else None)
    try:
        yield
    finally:
        for block, forward in zip(blocks, own):
            del block.forward
            if forward is not None:
                block.forward = forward
