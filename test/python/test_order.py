"""What asks for an order, as a mixture of experts does, and running sums: imported, and run on the CPU and on the stand-in driver."""

import pytest
import torch

import cuda  # noqa: F401  names the driver
from form import import_and_run
from gqa.importer import ranks

FORMS = '''
import torch
from form import Form

nan, inf = float("nan"), float("inf")
def numbers(*sizes): return torch.randn(sizes, generator=torch.Generator().manual_seed(len(sizes)))

# Distinct numbers: of equal ones torch does not say which comes first.
def distinct(*sizes):
    count = torch.Size(sizes).numel()
    return (torch.randperm(count, generator=torch.Generator().manual_seed(5)).reshape(sizes) - count / 2) / 8
def odd():
    x = distinct(2, 40)
    x[0, 7], x[1, 3], x[1, 30], x[1, 31] = nan, inf, -inf, nan
    return x

def experts(): return Form(lambda x: torch.topk(x.softmax(-1), 4)), (distinct(3, 16),)
def smallest(): return Form(lambda x: torch.topk(x, 3, 1, largest=False)), (odd(),)
def largest(): return Form(lambda x: torch.topk(x, 5, 1)), (odd(),)
def middle(): return Form(lambda x: torch.topk(x, 2, 1)), (distinct(3, 20, 5),)
def words(): return Form(lambda x: torch.topk(x, 3)), (distinct(2, 9000),)
def few_words():
    x = torch.full((2, 9000), -inf)
    x[:, 5000], x[1, 17] = 1, nan
    return Form(lambda x: torch.topk(x, 2)[0]), (x,)
def fewest_words():
    x = torch.full((2, 9000), nan)
    x[0, 5000], x[1] = 1, distinct(9000)
    x[1, 17] = nan
    return Form(lambda x: torch.topk(x, 2, largest=False)[0]), (x,)
def ascending(): return Form(lambda x: torch.sort(x)), (odd(),)
def descending(): return Form(lambda x: torch.sort(x, descending=True)), (odd(),)
def stable(): return Form(lambda x: torch.sort(x, stable=True)), (torch.tensor([[3, 1, 2, 1, 3, 0, 1, 2]]),)
def tokens_by_expert():  # of a long prompt: many equal numbers, in several blocks
    return Form(lambda x: torch.sort(x, stable=True)), (torch.randint(0, 7, (9001,), generator=torch.Generator().manual_seed(3)),)
def places(): return Form(lambda x: torch.argsort(x, 0)), (distinct(30, 3),)
def running_largest(): return Form(lambda x: torch.cummax(x, 1)), (odd().round(),)
def running_smallest(): return Form(lambda x: torch.cummin(x, 0)), ((distinct(12, 5) / 9).round().int(),)
def running_products(): return Form(lambda x: x.cumprod(-1)), (numbers(2, 20),)
def inserted(): return Form(torch.searchsorted), (distinct(3, 9).sort(-1)[0], distinct(3, 9) + 1)
def inserted_behind(): return Form(lambda x, y: torch.searchsorted(x, y, right=True)), (distinct(9).sort()[0], distinct(2, 9).round())
def counts(): return Form(lambda x: torch.histc(x, 4, 0, 3)), (torch.tensor([0.0, 3, 1, 1, 2, 3, 5, -1, 2.5]),)

def grouped(x, weights, ends): return torch.ops.aten._grouped_mm(x, weights, ends)
def many_tokens():
    return Form(grouped), (numbers(24, 16).bfloat16(), numbers(4, 16, 32).bfloat16(), torch.tensor([5, 5, 20, 24], dtype=torch.int32))
def few_tokens():
    return Form(grouped), (numbers(8, 16).bfloat16(), numbers(16, 16, 32).bfloat16(),
                           torch.tensor([0, 2, 2, 3, 3, 3, 3, 5, 5, 5, 5, 5, 8, 8, 8, 8], dtype=torch.int32))
def stored_transposed():
    return (Form(lambda x, weights, ends: grouped(x, weights.transpose(1, 2), ends)),
            (numbers(24, 16).bfloat16(), numbers(4, 32, 16).bfloat16(), torch.tensor([0, 7, 7, 24], dtype=torch.int32)))
def not_sorted():  # as a batch of single rows times the experts' matrices, with some of them more than once in a row
    return (Form(lambda x, weights, expert: torch.bmm(x[:, None], weights[expert])),
            (numbers(9, 16), numbers(4, 16, 8), torch.tensor([2, 2, 0, -1, 3, 3, 3, 0, 1])))

def sums(): return Form(lambda x: x.cumsum(-1)), (numbers(2, 300),)
def long_sums(): return Form(lambda x: x.cumsum(0)), (torch.arange(40000) % 7,)
def narrow_sums(): return Form(lambda x: x.cumsum(1)), (numbers(2, 500, 3).bfloat16(),)
def images():
    mask = (numbers(2, 150, 1) > 0.5).expand(2, 150, 8)
    return Form(lambda x, m, y: x.masked_scatter(m, y)), (numbers(2, 150, 8), mask.contiguous(), numbers(2400))
def filled():
    return Form(lambda x, m: torch.ops.aten.index_put(x, [m], torch.tensor(2.5))), (numbers(3, 20, 8), numbers(3, 20) > 0)
def put(x, mask, rows):
    x = x.clone()
    x[mask] = rows
    return x
def one_row(): return Form(put), (numbers(3, 20, 8), numbers(3, 20) > 0, numbers(8))
def one_row_of_one(): return Form(put), (numbers(3, 20, 8), numbers(3, 20) > 0, numbers(1, 8))
def row_after_row():
    mask = numbers(3, 20) > 0
    return Form(put), (numbers(3, 20, 8), mask, numbers(int(mask.sum()), 8))
def all_masked():  # one element each
    mask = numbers(3, 20) > 0
    return Form(put), (numbers(3, 20), mask, numbers(int(mask.sum())))
'''

NAMES = ["experts", "smallest", "largest", "middle", "words", "few_words", "fewest_words", "ascending", "descending", "stable",
         "tokens_by_expert", "places", "running_largest", "running_smallest", "running_products", "inserted", "inserted_behind", "counts",
         "many_tokens", "few_tokens", "stored_transposed", "not_sorted", "sums", "long_sums", "narrow_sums", "images", "filled",
         "one_row", "one_row_of_one", "row_after_row", "all_masked"]


@pytest.mark.parametrize("name", NAMES)
def test_order(name, importer, tools, tmp_path):
    import_and_run(name, FORMS, importer, tools, tmp_path)


@pytest.mark.parametrize("descending", [False, True])
def test_equal_numbers_keep_their_order(descending):
    x = torch.tensor([[2.0, 1, float("nan"), 2, 1, 2, float("nan")]])
    values, places = ranks.sort_stable(x, stable=True, descending=descending)
    want = torch.sort(x, stable=True, descending=descending)
    assert torch.equal(places, want.indices) and torch.allclose(values, want.values, equal_nan=True)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("n", [8193, 70000])
def test_blocks_are_in_order(n, descending):
    """NaN, infinities, zeros of both signs and equal numbers, in blocks of which the last one is not full."""
    x = torch.randint(-99, 99, (2, n), generator=torch.Generator().manual_seed(n)) / 8.0
    x[0, ::7], x[1, ::5], x[0, 1::7], x[1, 3], x[1, 4] = float("nan"), float("inf"), float("-inf"), -0.0, 0.0
    places = ranks.sort_stable(x, stable=True, descending=descending)[1]
    assert torch.equal(places, torch.sort(x, stable=True, descending=descending).indices)


@pytest.mark.parametrize("largest", [False, True])
def test_chosen_of_many(largest):
    """NaN is larger than all: of the smallest it comes when nothing else is left."""
    x = torch.randperm(9000, generator=torch.Generator().manual_seed(3)).reshape(1, -1).repeat(4, 1) / 8
    x[0, ::7], x[1], x[1, 5:7], x[2, 3], x[3, 3] = float("nan"), float("nan"), torch.tensor([float("inf"), 1]), float("inf"), float("-inf")
    values, places = ranks.topk(x, 5, largest=largest)
    want = torch.topk(x, 5, largest=largest)
    assert torch.allclose(values, want.values, equal_nan=True)
    assert torch.allclose(torch.gather(x, -1, places), values, equal_nan=True) and all(len(set(row)) == 5 for row in places.tolist())


def test_too_many_to_sort_is_an_error(importer, tmp_path):
    (tmp_path / "models.py").write_text(FORMS + "\ndef much(): return Form(lambda x: torch.sort(x)), (distinct(1, 300000),)\n")
    done = importer("models:much", "-o", "out.mlir")
    assert done.returncode == 2 and "tm_tensor.sort" in done.stderr.splitlines()[0], done.stderr
