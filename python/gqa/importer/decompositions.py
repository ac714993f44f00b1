"""Rewrites of torch operations that torch-mlir would lower to dialects that stock MLIR lacks, or not at all.

Each function here replaces one `aten` operation by others with the same values. torch.export's own decompositions are
applied with them, because a replacement may itself be made of composite operations.
"""

import math

import torch

from . import convolutions, fourier, number_types, ranks, resize, running

aten = torch.ops.aten

# One select per new row is what a reader (and a recogniser) wants to see of a decoding step's cache write; a prefill
# writes many rows, and its graph would grow with their number.
MAX_ROWS_AS_SELECTS = 16


def _are_few(rows):
    return isinstance(rows, int) and rows <= MAX_ROWS_AS_SELECTS


def masked_scatter(x, mask, source):
    """The elements of `source`, one after the other, where the mask is set: images' tokens among those of a text."""
    x, mask = torch.broadcast_tensors(x, mask)
    place = running.cumsum(mask.reshape(-1), 0) - 1
    row = source.reshape(-1).index_select(0, place.clamp(0, source.numel() - 1))
    return torch.where(mask, row.reshape(x.shape), x)


def _are_selected(x, rows):
    """Whether rows are written by selects over all of the tensor: to masks, as a mask is an expression then, and to caches of batch,
    heads, tokens and head dimension, where the compiler finds writes in place. To other caches they would stay selects."""
    return _are_few(rows) and (x.dim() == 4 or not x.is_floating_point())


def index_copy(x, dim, index, source):
    """Rows of `source` written to the places `index`: a select each if they are few, else in a loop."""
    dim = dim % x.dim()
    rows = index.shape[0]
    if not _are_selected(x, rows):
        return _index_put_rows(x, [*[None] * dim, index], [dim], source, False)
    along = [-1 if d == dim else 1 for d in range(x.dim())]
    position = torch.arange(x.shape[dim], device=x.device)
    for row in range(rows):
        x = torch.where(position.view(along) == index[row], source.narrow(dim, row, 1), x)
    return x


def index_put(x, indices, values, accumulate=False):
    """Rows written to the places that tensors of indices name.

    Few places along one dimension are selects. Everything else becomes the one form that torch-mlir lowers well: all dimensions up
    to the last indexed one have an index, of one dimension each; `loops.py` makes a loop over those rows of it.
    """
    named = [d for d, index in enumerate(indices) if index is not None]
    if any(indices[d].dtype in (torch.bool, torch.uint8) for d in named):
        is_mask = len(indices) == 1 and indices[0].dtype == torch.bool and not accumulate
        return _put_by_mask(x, indices[0], values) if is_mask else NotImplemented
    first = indices[named[0]]
    if len(named) == 1 and not accumulate and first.dim() == 1 and _are_selected(x, first.shape[0]):
        return _index_put_along(x, named[0], first.to(torch.int64), values)
    if named == list(range(len(named))) and first.dim() == 1 and \
            all(indices[d].shape == first.shape and indices[d].dtype == torch.int64 for d in named):
        return NotImplemented  # that form
    return _index_put_rows(x, indices, named, values, accumulate)


def _over(mask, x):
    """A mask of the first dimensions."""
    return mask.reshape([*mask.shape, *[1] * (x.dim() - mask.dim())])


def _put_by_mask(x, mask, values):
    """The same values wherever the mask is set, or the next row of them at each such place: images' tokens among those of a text."""
    rest = x.shape[mask.dim():]
    if values.dim() == len(rest) + 1 and values.shape[0] == 1:
        values = values.squeeze(0)
    if values.dim() <= len(rest):
        return torch.where(_over(mask, x), values, x)
    if not isinstance(values.shape[0], int):
        return NotImplemented
    return masked_scatter(x, _over(mask, x), values.expand([values.shape[0], *rest]))


def _index_put_along(x, dim, index, values):
    shape = [*x.shape]
    shape[dim] = index.shape[0]
    return index_copy(x, dim, torch.where(index < 0, index + x.shape[dim], index), values.expand(shape))


def _index_put_rows(x, indices, named, values, accumulate):
    """Indices broadcast with each other take the place of the first one, or stand in front where a slice lies between them."""
    places = torch.broadcast_shapes(*(indices[d].shape for d in named))
    behind = named[-1] + 1
    between = [d for d in range(behind) if d not in named]
    adjacent = named[-1] - named[0] + 1 == len(named)
    front = named[0] if adjacent else 0
    free, rest = [x.shape[d] for d in between], [*x.shape[behind:]]
    values = values.expand([*free[:front], *places, *free[front:], *rest])
    order = [*range(front, front + len(places)), *range(front)]
    values = values.permute([*order, *range(len(order), values.dim())])
    every = [*places, *free]
    rows = []
    for d in range(behind):
        if d in named:
            index = indices[d].to(torch.int64).expand(places).view([*places, *[1] * len(free)])
        else:
            along = [1] * len(every)
            along[len(places) + between.index(d)] = x.shape[d]
            index = torch.arange(x.shape[d], device=x.device).view(along)
        rows.append(index.expand(every).reshape(-1))
    return aten.index_put(x, rows, values.reshape([-1, *rest]), accumulate)


def scatter(x, dim, index, source):
    """Elements written along `dim`: a select for each if they are few and all else has the same size, or else in a loop."""
    if x.dim() == 0:
        return NotImplemented
    dim = dim % x.dim()
    rows = index.shape[dim]
    alike = all(x.shape[d] == index.shape[d] == source.shape[d] for d in range(x.dim()) if d != dim)
    if not _are_few(rows) or not alike:
        return _scatter_elements(x, dim, index, source)
    position = torch.arange(x.shape[dim], device=x.device).view([-1 if d == dim else 1 for d in range(x.dim())])
    for row in range(rows):
        x = torch.where(position == index.narrow(dim, row, 1), source.narrow(dim, row, 1), x)
    return x


def _scatter_elements(x, dim, index, source):
    """Each element's place has all its dimensions; torch-mlir crashes on longer rows of the original."""
    for d in range(x.dim()):
        source = source.narrow(d, 0, index.shape[d])
    places = [torch.arange(n, device=x.device).view([-1 if d == e else 1 for e in range(x.dim())]).expand(index.shape)
              for d, n in enumerate(index.shape)]
    places[dim] = index
    return aten.index_put(x, [place.reshape(-1) for place in places], source.reshape(-1))


def scatter_value(x, dim, index, value):
    """One value written to all places; torch-mlir crashes where x has booleans."""
    return scatter(x, dim, index, torch.full_like(index, value, dtype=x.dtype))


def select_scatter(x, source, dim, index):
    """A slice that is written; torch's decomposition writes all of x again."""
    dim = dim % x.dim()
    index = index + x.shape[dim] if isinstance(index, int) and index < 0 else index
    return aten.slice_scatter(x, source.unsqueeze(dim), dim, index, index + 1)


def arange(start, end, step=1, *, dtype=None, **where):
    """Numbers of a type that torch-mlir does not count in, as those of one in which it does."""
    if dtype not in (torch.uint8, torch.int8, torch.int16):
        return NotImplemented
    return aten.arange.start_step(start, end, step, dtype=torch.int64, **where).to(dtype)


def repeat_interleave(repeats, *, output_size=None):
    """Which element is at each place, when each is repeated a number of times of its own; how many places there are must be known."""
    if not isinstance(output_size, int):
        return NotImplemented
    place = torch.arange(output_size, device=repeats.device)
    return (running.cumsum(repeats, 0).unsqueeze(0) <= place.unsqueeze(1)).to(torch.int64).sum(-1)


def einsum(equation, operands, *, path=None):
    """In memory of its own: torch cannot undo a write to a view of permuted products."""
    kernel = torch._C.DispatchKey.CompositeImplicitAutograd
    return aten.einsum.default._op_dk(kernel, equation, operands, path=path).contiguous()


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, pin_memory=None):
    """Memory in an order of dimensions, which torch-mlir does not know: as a view of what is in the usual one."""
    whole = torch.empty([size[d] for d in physical_layout], dtype=dtype, device=device)
    return whole.permute([physical_layout.index(d) for d in range(len(size))])


def squeeze_dims(x, dims):
    """A view; torch-mlir has no lowering of the form with several dimensions."""
    dims = {d % x.dim() for d in dims}
    return x.reshape([n for d, n in enumerate(x.shape) if not (d in dims and n == 1)])


def cat(tensors, dim=0):
    """Of nothing but empty tensors: torch-mlir drops them, and has none left to join."""
    if not all(_is_empty(t) for t in tensors):
        return NotImplemented
    rank = max(t.dim() for t in tensors)  # torch lets any be of one dimension
    tensors = [t for t in tensors if t.dim() == rank]
    size = [*tensors[0].shape]
    size[dim] = sum(t.shape[dim] for t in tensors)
    return tensors[0].new_zeros(size)


def _is_empty(x):
    return any(isinstance(n, int) and n == 0 for n in x.shape)


def batch_norm(x, weight, bias, mean, variance, momentum, epsilon):
    """Of a model that is not being trained: by the statistics that it has. What training would keep is empty."""
    along = [1, -1, *[1] * (x.dim() - 2)]
    y = (x - mean.view(along)) * torch.rsqrt(variance + epsilon).view(along)
    if weight is not None:
        y = y * weight.view(along)
    if bias is not None:
        y = y + bias.view(along)
    return y, mean.new_empty(0), mean.new_empty(0)


def cdist(x, y, p, compute_mode):
    """Distances of each row to each other one."""
    difference = (x.unsqueeze(-2) - y.unsqueeze(-3)).abs()
    if p == 1:
        return difference.sum(-1)
    if p == 2:
        return difference.square().sum(-1).sqrt()
    if p == math.inf:
        return difference.amax(-1)
    return NotImplemented if p == 0 else difference.pow(p).sum(-1).pow(1 / p)


def flash_attention_for_cpu(query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None):
    """The mathematics, in the layout of the original: batch, query, head, dimension in memory.

    The decomposition that torch 2.13 has for it returns other strides than the operation, so that later views fail.
    """
    output = aten._scaled_dot_product_attention_math(query, key, value, attn_mask, dropout_p, is_causal, scale=scale,
                                                     enable_gqa=query.shape[1] != key.shape[1])[0]
    return output.transpose(1, 2).contiguous().transpose(1, 2), torch.zeros(query.shape[:-1], device=query.device)


def grouped_mm(x, weights, offs=None, bias=None, out_dtype=None):
    """Rows times the matrix of their group, such as tokens times an expert's; groups end at `offs`.

    Each row has a copy of its matrix here: the compiler makes products of runs of rows of it (`gqa-multiply-groups`).
    """
    if x.dim() != 2 or weights.dim() != 3 or offs is None or bias is not None:
        return NotImplemented
    place = torch.arange(x.shape[0], device=x.device)
    group = (offs.unsqueeze(0) <= place.unsqueeze(1)).to(torch.int64).sum(-1).clamp(max=weights.shape[0] - 1)
    result = torch.bmm(x.unsqueeze(1), weights.index_select(0, group)).squeeze(1)
    return result.to(out_dtype) if out_dtype else result


REPLACEMENTS = {
    aten._cdist_forward.default: cdist,
    aten.conv_transpose1d.default: convolutions.transposed,
    aten.conv_transpose2d.input: convolutions.transposed,
    aten.cummax.default: running.cummax,
    aten.cummin.default: running.cummin,
    aten.cumsum.default: running.cumsum,
    aten.index_copy.default: index_copy,
    aten.index_put.default: index_put,
    aten.masked_scatter.default: masked_scatter,
    aten.repeat_interleave.Tensor: repeat_interleave,
    aten.scatter.src: scatter,
    aten.scatter.value: scatter_value,
    aten.select_scatter.default: select_scatter,
    aten.arange.start_step: arange,
    aten._fft_c2c.default: fourier.of_complex,
    aten._fft_r2c.default: fourier.of_real,
    aten._upsample_bicubic2d_aa.default: resize.bicubic,
    aten._upsample_bilinear2d_aa.default: resize.bilinear,
    aten.topk.default: ranks.topk,
    aten.sort.default: ranks.sort,
    aten.sort.stable: ranks.sort_stable,
    aten.histc.default: ranks.histc,
    aten.searchsorted.Tensor: ranks.searchsorted,
    aten._grouped_mm.default: grouped_mm,
    aten.empty_permuted.default: empty_permuted,
    aten.squeeze.dims: squeeze_dims,
    aten._native_batch_norm_legit_no_training.default: batch_norm,
    aten._scaled_dot_product_flash_attention_for_cpu.default: flash_attention_for_cpu,
}
# Only of graphs with complex numbers: an operation of the table that stays costs a further round.
OF_COMPLEX = {aten._to_copy.default: number_types.to_copy, aten.abs.default: number_types.magnitude, aten.mul.Tensor: number_types.mul}
# Only of graphs with such operations on integers: those on floats stay.
OF_INTEGERS = {aten.pow.Tensor_Scalar: number_types.power, aten.clamp.default: number_types.clamp}
# Only of graphs that join nothing but empty tensors, such as a cache that is still without tokens.
OF_NOTHING = {aten.cat.default: cat}
# What torch takes apart if asked to, and torch-mlir does not, or with other numbers: its gelu by tanh has a constant of four digits.
BY_TORCH = [aten._adaptive_avg_pool2d.default, aten._native_batch_norm_legit.no_stats, aten.addmv.default, aten.cumprod.default,
            aten.gelu.default, aten.grid_sampler_2d.default, aten.upsample_bilinear2d.default, aten.upsample_bilinear2d.vec]
# What torch-mlir takes apart better than torch does: torch's form of it has operations that torch-mlir lacks.
LEFT_ALONE = [aten.roll.default]


def decompose(program):
    """The ExportedProgram in operations that torch-mlir lowers to stock dialects."""
    table = torch.export.default_decompositions()
    for operation in LEFT_ALONE:
        table.pop(operation, None)
    table.update({operation: torch._decomp.decomposition_table[operation] for operation in BY_TORCH})
    table.update(REPLACEMENTS)
    if any(_is_complex(node) for node in program.graph.nodes):
        table.update(OF_COMPLEX)
    if any(node.target in OF_INTEGERS and not _is_float(node.args[0]) for node in program.graph.nodes):
        table.update(OF_INTEGERS)
    if any(node.target in OF_NOTHING and _is_empty(node.meta["val"]) for node in program.graph.nodes):
        table.update(OF_NOTHING)
    table.update({node.target: grouped_mm for node in program.graph.nodes
                  if str(node.target) == "transformers.grouped_mm_fallback.default"})  # what Hugging Face has beside torch's
    try:
        return _run(program, table)
    except ValueError:
        if not any(node.target == aten.einsum.default for node in program.graph.nodes):
            raise
        return _run(program, table | {aten.einsum.default: einsum})


def _run(program, table):
    with torch.no_grad():
        program = program.run_decompositions(table)
        # Replacements may be made of operations that are replaced as well; a round takes a fourth of the import's time.
        return program.run_decompositions(table) if _is_left(program, table) else program


def _is_complex(node):
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_complex()


def _is_float(node):
    return node.meta["val"].is_floating_point()


def _is_left(program, table):
    """Whether there are operations in the program, or in what it calls, that the table replaces."""
    graphs = [module.graph for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    return any(node.op == "call_function" and node.target in table for graph in graphs for node in graph.nodes)
