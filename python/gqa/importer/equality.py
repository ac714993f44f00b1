"""Numbers compared with themselves: torch-mlir takes `x == x` for true, which of NaN it is not. `torch.isfinite` is made of it."""

import torch

aten = torch.ops.aten


def keep_equality(graph):
    """In the graph of a decomposed program: of floats that may turn out to be the same, equal is what is not unequal."""
    for node in list(graph.nodes):
        if node.target != aten.eq.Tensor:
            continue
        one, other = (side.meta["val"] for side in node.args)
        if not one.is_floating_point() or one.dtype != other.dtype or one.dim() != other.dim():
            continue
        with graph.inserting_before(node):
            unequal = graph.call_function(aten.ne.Tensor, node.args)
        unequal.meta = dict(node.meta)
        node.target, node.args = aten.logical_not.default, (unequal,)
