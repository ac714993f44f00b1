"""Views that merge dimensions of unknown size, as operations that say which ones.

torch-mlir finds out by itself which dimensions of a view belong together, and takes all but one of several unknown ones for 1: a linear
layer over a batch of unknown size of texts of unknown length, say.
"""

import math

import torch
from torch.fx.experimental.symbolic_shapes import statically_known_true

aten = torch.ops.aten
# What the `torch` dialect has to keep for it: torch-mlir would make views of them again.
KEPT = "aten.flatten.using_ints,aten.unflatten.int"


def merge_by_name(graph):
    """Rewrites the graph of a decomposed program in place."""
    for node in list(graph.nodes):
        if node.target not in (aten.view.default, aten._unsafe_view.default):
            continue
        shape, result = ([*other.meta["val"].shape] for other in (node.args[0], node))
        groups = _groups(shape, result)
        if groups and any(sum(not isinstance(n, int) for n in shape[part]) > 1 for part, _ in groups):
            _apply(graph, node, list(_steps(groups, result, node.args[1])))
    graph.eliminate_dead_code()


def _groups(shape, result):
    """Pairs of slices of the two shapes, as short as can be, that hold as many elements; None if the sizes do not tell."""
    groups, i, j = [], 0, 0
    while i < len(shape) and j < len(result):
        ends = sorted(((k, m) for k in range(i + 1, len(shape) + 1) for m in range(j + 1, len(result) + 1)), key=sum)
        end = next((e for e in ends if _are_equal(math.prod(shape[i:e[0]]), math.prod(result[j:e[1]]))), None)
        if end is None:
            return None
        groups.append((slice(i, end[0]), slice(j, end[1])))
        i, j = end
    if not groups or not all(_are_equal(n, 1) for n in shape[i:] + result[j:]):
        return None
    source, target = groups[-1]
    groups[-1] = slice(source.start, len(shape)), slice(target.start, len(result))
    return groups


def _are_equal(a, b):
    return statically_known_true(a == b)


def _steps(groups, shape, sizes):
    """Each group of dimensions as one, then as those of the result; the last one first: numbers of dimensions in front stay."""
    for source, target in reversed(groups):
        dim = source.start
        several = [m for m in range(target.start, target.stop) if not _are_equal(shape[m], 1)] or [target.start]
        if source.stop - dim > 1:
            yield aten.flatten.using_ints, (dim, source.stop - 1)
        if len(several) > 1:
            yield aten.unflatten.int, (dim, [sizes[m] for m in several])
        for m in range(target.start, target.stop):
            if m not in several:
                yield aten.unsqueeze.default, (dim + m - target.start,)


def _apply(graph, node, steps):
    """The node is the last of the steps, so that it keeps its name, which may be a result's."""
    value = node.args[0]
    with graph.inserting_before(node):
        for operation, arguments in steps[:-1]:
            step = graph.call_function(operation, (value, *arguments))
            known = torch.fx.node.map_arg(arguments, lambda other: other.meta["val"])
            step.meta = {"val": operation(value.meta["val"], *known), "stack_trace": node.meta.get("stack_trace")}
            value = step
    operation, arguments = steps[-1]
    node.target, node.args = operation, (value, *arguments)
