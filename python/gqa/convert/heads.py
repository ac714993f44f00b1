"""The weights of one attention as matrices per head, in float64, with biases as one more input that is always 1."""

import dataclasses

import torch


@dataclasses.dataclass
class Heads:
    """With X inputs, Y outputs and `Hq = G * Hkv`: query head h reads KV head `h floordiv G`.

    Scores are `[x 1] q[h] ([x' 1] k[h // G])^T`, and the output is `sum_h P_h [x 1] v[h // G] o[h] + o_bias`.
    """

    q: torch.Tensor  # Hq x (X + 1) x Dk
    k: torch.Tensor  # Hkv x (X + 1) x Dk
    v: torch.Tensor  # Hkv x (X + 1) x Dv
    o: torch.Tensor  # Hq x Dv x Y
    o_bias: torch.Tensor  # Y

    @property
    def group(self):
        return len(self.q) // len(self.k)

    def of_kv_head(self, per_query_head):
        """`Hq x ...` as `Hkv x G x ...`."""
        return per_query_head.reshape(len(self.k), self.group, *per_query_head.shape[1:])


def joined(heads):
    """`H x (X + 1) x D` as a weight, `H D x X`, and a bias, `H D`: what nn.Linear holds."""
    flat = heads.transpose(0, 1).reshape(heads.shape[1], -1)
    return flat[:-1].T, flat[-1]


def split(weight, bias, count):
    """The opposite of `joined`; without a bias (None) the last row is zero."""
    weight = weight.T.double()
    bias = weight.new_zeros(weight.shape[1]) if bias is None else bias.double()
    return torch.cat([weight, bias[None]]).reshape(len(weight) + 1, count, -1).transpose(0, 1).clone()
