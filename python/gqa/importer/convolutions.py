"""Transposed convolutions of single channels, such as filters between samples of sound: torch-mlir lowers them to invalid reshapes."""

import torch

aten = torch.ops.aten


def transposed(x, weight, bias=None, stride=(1,), padding=(0,), output_padding=(0,), groups=1, dilation=(1,)):
    """A convolution by the filter turned around, of x with zeros between its elements."""
    dims = weight.dim() - 2
    if groups == 1 or weight.shape[1] != 1 or weight.shape[0] != groups:
        return NotImplemented
    stride, padding, output_padding, dilation = ([*each] * (dims // len(each)) for each in (stride, padding, output_padding, dilation))
    pads = []
    for d in range(dims):
        x = _spread(x, d - dims, stride[d])
        around = dilation[d] * (weight.shape[d + 2] - 1) - padding[d]
        pads = [around, around + output_padding[d], *pads]
    x = aten.constant_pad_nd(x, pads)
    convolution = aten.conv1d if dims == 1 else aten.conv2d
    return convolution(x, weight.flip(*range(2, 2 + dims)), bias, dilation=dilation, groups=groups)


def _spread(x, dim, stride):
    """With stride - 1 zeros between two elements."""
    if stride == 1:
        return x
    x = x.movedim(dim, -1)
    spread = aten.constant_pad_nd(x.unsqueeze(-1), [0, stride - 1]).flatten(-2)
    return spread[..., :1 - stride].movedim(-1, dim)
