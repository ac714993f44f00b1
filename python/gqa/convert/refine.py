"""Refinement: the four projections of one attention follow the gradient of that attention's own error.

Singular vectors make the errors of scores and of values small, each for itself; what counts is the attention's output after
the softmax, in which some scores matter more than others and errors of K and V meet. So the converted projections go
down the gradient of `|output - target|^2` from there, on calibration data and without labels, one layer at a time: between
what linear algebra can do and training. The optimiser is Adam (Kingma and Ba 2015) with a rate that falls as a cosine.
"""

import math
import random

import torch

from . import stream

RATE = 0.03  # of a parameter's root mean square, a step, at the start
BETAS = (0.9, 0.99)


def projections(site, batches, goals, number, passes, seed=0):
    """`passes` times through the batches, in an order from `seed`. Half-precision parameters are held in f32 in between."""
    parameters = [p for layer in site.projections.layers() for p in layer.module.parameters()]
    masters = [p.detach().float().clone() for p in parameters]
    optimiser = torch.optim.Adam([{"params": [m], "lr": RATE * m.square().mean().sqrt().item()} for m in masters], betas=BETAS)
    steps = passes * len(batches)
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    size = sum(goal.output.double().square().sum().item() for goal in goals) / len(goals)
    for batch, goal in _in_turn(list(zip(batches, goals)), passes, random.Random(seed)):
        gradients = _gradients(site, batch, goal, number, parameters, size)
        for master, gradient in zip(masters, gradients):
            master.grad = gradient.float()
        optimiser.step()
        rate.step()
        for parameter, master in zip(parameters, masters):
            parameter.data.copy_(master)


def _in_turn(items, passes, chance):
    for _ in range(passes):
        yield from chance.sample(items, len(items))


def _gradients(site, batch, goal, number, parameters, size):
    wanted = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad():
            output = stream.attention(site, batch.converted, batch.calls[number])[2][batch.rows]
            return torch.autograd.grad((output.float() - goal.target.float()).square().sum() / size, parameters)
    finally:
        for parameter, before in zip(parameters, wanted):
            parameter.requires_grad_(before)
