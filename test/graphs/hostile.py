"""Functions that look like attention and are not: what a recogniser of shapes would get wrong.

`HOSTILE` maps a name to (function of q, k, v, w, how many attentions may be found in it). Shapes: q, k, v 2x6x7x7, w 7x7:
square scores, so that no check of shapes helps.
"""

import torch

HOSTILE = {}


def hostile(raised=0):
    """`raised`: how many attentions there are after all."""
    def register(function):
        HOSTILE[function.__name__] = (function, raised)
        return function
    return register


def arguments():
    generator = torch.Generator().manual_seed(11)
    return (*(torch.randn(2, 6, 7, 7, generator=generator) for _ in range(3)), torch.randn(7, 7, generator=generator))


def scores(q, k):
    return q @ k.transpose(-1, -2) * 7 ** -0.5


@hostile()
def softmax_over_queries(q, k, v, w):
    return scores(q, k).softmax(-2) @ v


@hostile()
def softmax_over_heads(q, k, v, w):
    return scores(q, k).softmax(1) @ v


@hostile()
def softmax_over_batch(q, k, v, w):
    return scores(q, k).softmax(0) @ v


@hostile()
def probabilities_transposed(q, k, v, w):
    return scores(q, k).softmax(-1).transpose(-1, -2) @ v


@hostile()
def probabilities_squared(q, k, v, w):
    return scores(q, k).softmax(-1) ** 2 @ v


@hostile(raised=1)  # the outer softmax is one of scores that happen to be probabilities
def probabilities_twice_normalised(q, k, v, w):
    return scores(q, k).softmax(-1).softmax(-1) @ v


@hostile()
def another_denominator(q, k, v, w):
    e = scores(q, k).exp()
    return (e / scores(q, v).exp().sum(-1, keepdim=True)) @ v


@hostile()
def denominator_of_other_rows(q, k, v, w):
    e = scores(q, k).exp()
    return (e / e.sum(-1, keepdim=True).flip(2)) @ v


@hostile()
def sum_of_all(q, k, v, w):
    e = scores(q, k).exp()
    return (e / e.sum((-1, -2), keepdim=True)) @ v


@hostile()
def sum_of_some_keys(q, k, v, w):
    e = scores(q, k).exp()
    return (e / e[..., :5].sum(-1, keepdim=True)) @ v


@hostile()
def sum_of_squares(q, k, v, w):
    s = scores(q, k)
    e = (s - s.amax(-1, keepdim=True)).exp()
    return (e / (e * e).sum(-1, keepdim=True)) @ v


@hostile()
def shifted_by_each_key(q, k, v, w):
    s = scores(q, k)
    e = (s - s.amax(-2, keepdim=True)).exp()
    return (e / s.exp().sum(-1, keepdim=True)) @ v


@hostile()
def values_of_the_query(q, k, v, w):
    return (scores(q, k).softmax(-1)[..., None] * v[..., :, None, :]).sum(-2)


@hostile()
def sigmoid_instead(q, k, v, w):
    e = scores(q, k).sigmoid()
    return (e / e.exp().sum(-1, keepdim=True)) @ v


@hostile()
def one_sum_forgotten(q, k, v, w):
    return (scores(q, k) - scores(q, k).amax(-1, keepdim=True)).exp() @ v


@hostile()
def mixed_after_the_softmax(q, k, v, w):
    p = scores(q, k).softmax(-1)
    return torch.einsum("hg,bgij->bhij", w[:6, :6], p) @ v


@hostile()
def dropped_after_the_softmax(q, k, v, w):
    return (scores(q, k).softmax(-1) * (w > 0)) @ v


@hostile()
def largest_kept_after_the_softmax(q, k, v, w):
    p = scores(q, k).softmax(-1)
    return torch.where(p > 0.2, p, 0.0) @ v


@hostile()
def probabilities_shifted(q, k, v, w):
    p = scores(q, k).softmax(-1)
    return torch.cat((p[..., -1:], p[..., :-1]), -1) @ v


@hostile()
def no_product_behind(q, k, v, w):
    return scores(q, k).softmax(-1) * v


@hostile()
def no_product_in_front(q, k, v, w):
    return (q + k).softmax(-1) @ v


@hostile()
def maximum_of_products(q, k, v, w):
    return (scores(q, k).softmax(-1)[..., None] * v[..., None, :, :]).amax(-2)


@hostile(raised=1)  # an attention, divided by something behind it
def divided_once_more(q, k, v, w):
    p = scores(q, k).softmax(-1)
    return (p @ v) / p.amax(-1, keepdim=True)


@hostile()
def classifier(q, k, v, w):
    return (q @ w).softmax(-1)


@hostile()
def keys_turned_around_after_the_softmax(q, k, v, w):
    return scores(q, k).softmax(-1).flip(-1) @ v


@hostile()
def linear_attention(q, k, v, w):
    return q.softmax(-1) @ (k.softmax(-2).transpose(-1, -2) @ v)


@hostile()
def rows_shifted_and_columns_summed(q, k, v, w):
    s = scores(q, k)
    e = (s - s.amax(-1, keepdim=True)).exp()
    return (e / e.sum(-2, keepdim=True)) @ v


@hostile()
def largest_counted_twice(q, k, v, w):
    e = scores(q, k).exp()
    return (e / (e.sum(-1, keepdim=True) + e.amax(-1, keepdim=True))) @ v


@hostile(raised=1)  # of values times the weights, which are those of keys
def weighted_after_the_softmax(q, k, v, w):
    return (scores(q, k).softmax(-1) * torch.arange(1, 8).float()) @ v


@hostile()
def weighted_by_query_and_key_after_the_softmax(q, k, v, w):
    return (scores(q, k).softmax(-1) * w) @ v


@hostile()
def weighted_by_query_after_the_softmax(q, k, v, w):
    return (scores(q, k).softmax(-1) * torch.arange(1, 8).float()[:, None]) @ v


@hostile()
def squares_normalised(q, k, v, w):
    p = scores(q, k).softmax(-1) ** 2
    return (p / p.sum(-1, keepdim=True)) @ v


@hostile()
def entropy(q, k, v, w):
    p = scores(q, k).softmax(-1)
    return (p * p.log()) @ v


@hostile()
def signs_that_differ(q, k, v, w):
    s = scores(q, k)
    return ((-s).exp() / s.exp().sum(-1, keepdim=True)) @ v


@hostile()
def causal_after_the_softmax(q, k, v, w):
    return scores(q, k).softmax(-1).tril() @ v


@hostile(raised=1)  # of the other sequence's queries and keys
def batches_exchanged(q, k, v, w):
    return scores(q, k).softmax(-1).flip(0) @ v


@hostile()
def heads_averaged(q, k, v, w):
    return scores(q, k).softmax(-1).mean(1, keepdim=True) @ v


@hostile()
def softmax_over_all_pairs(q, k, v, w):
    return scores(q, k).flatten(-2).softmax(-1).view(2, 6, 7, 7) @ v


@hostile()
def identity_added(q, k, v, w):
    same = torch.arange(7)[:, None] == torch.arange(7)
    return (scores(q, k).softmax(-1) + same.float()) @ v


@hostile()
def cut_off(q, k, v, w):
    return (scores(q, k).softmax(-1) - 0.1).relu() @ v


@hostile()
def keys_hidden_in_the_sum_only(q, k, v, w):
    e = scores(q, k).exp()
    return (e / (e * (w > 0)).sum(-1, keepdim=True)) @ v
