"""Arithmetic on bytes without a sign, which torch-mlir does as if they had one."""

import torch

aten = torch.ops.aten
_WITH_A_SIGN = {
    aten.abs.default, aten.mul.Tensor, aten.div.Tensor, aten.div.Tensor_mode, aten.remainder.Tensor, aten.remainder.Scalar,
    aten.eq.Scalar, aten.ne.Scalar, aten.sum.default, aten.sum.dim_IntList, aten.prod.default, aten.prod.dim_int,
}


def widen_bytes(graph):
    """In the graph of a decomposed program: it is done on integers of 32 bits, and what is a byte is made one again."""
    for node in list(graph.nodes):
        if node.target not in _WITH_A_SIGN or not any(_is_byte(arg) for arg in node.args):
            continue
        with graph.inserting_before(node):
            args = [_call(graph, aten._to_copy.default, (arg,), {"dtype": torch.int32}, node) if _is_byte(arg) else arg
                    for arg in node.args]
            if _is_byte(node):
                result = _call(graph, node.target, tuple(args), node.kwargs, node)
                node.target, args, node.kwargs = aten._to_copy.default, (result,), {"dtype": torch.uint8}
        node.args = tuple(args)


def _is_byte(value):
    return isinstance(value, torch.fx.Node) and getattr(value.meta.get("val"), "dtype", None) == torch.uint8


def _call(graph, operation, args, kwargs, like):
    """A new node, of the same place in the model as another."""
    node = graph.call_function(operation, args, kwargs)
    known = torch.fx.node.map_arg(args, lambda arg: arg.meta["val"])
    node.meta = {"val": operation(*known, **kwargs), "stack_trace": like.meta.get("stack_trace")}
    return node
