"""Healing: fitted to few data, judged on what it has not seen."""

import pytest
import torch

import gqa
from convert_models import batches, build, outputs
from gqa.convert import heal

UNSEEN = batches(8, seed=5)


def distance(model, new, data):
    wanted = outputs(model, data)
    return ((outputs(new, data) - wanted).norm() / wanted.norm()).item()


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_few_data_do_no_harm(name):
    """40 tokens for a projection of 48 inputs: a free fit would follow their noise."""
    model, few = build(name), batches(1, 4)
    plain, healed = (gqa.convert(model, 2, calibration=few, heal=heal) for heal in (False, True))
    assert distance(model, healed, UNSEEN) < 1.02 * distance(model, plain, UNSEEN)


@pytest.mark.parametrize("name", ["llama", "bert", "gpt2"])
def test_reported_gain_is_that_on_unseen_data(name):
    """What healing gains by its report is nearer to what it gains on other data than what shows on its own."""
    model, data = build(name), batches(6)
    plain, healed = (gqa.convert(model, 2, calibration=data, heal=heal) for heal in (False, True))
    seen, unseen = (distance(model, healed, each) / distance(model, plain, each) for each in (data, UNSEEN))
    claimed = healed.conversion_report.output_error / plain.conversion_report.output_error
    assert seen < min(claimed, unseen)
    assert abs(claimed - unseen) < abs(seen - unseen)


@pytest.mark.parametrize("sequences", [1, 2, 3])
def test_fewer_sequences_than_folds(sequences):
    ids = batches(1, sequences, 40)[0]["input_ids"]
    report = gqa.convert(build("gpt2"), 2, calibration=[ids]).conversion_report
    assert all(layer.healing_pull in heal.PULLS or layer.healing_pull is None for layer in report.layers)
    assert sequences > 1 or all(layer.healing_pull == heal.UNJUDGED for layer in report.layers)


def test_batching_does_not_matter():
    """Folds are made of sequences, whatever batch they come in."""
    [batch] = batches(1, 8)
    alone = [{key: value[i:i + 1] for key, value in batch.items()} for i in range(8)]
    one, other = (gqa.convert(build("bert"), 2, calibration=data) for data in ([batch], alone))
    pulls = [[layer.healing_pull for layer in new.conversion_report.layers] for new in (one, other)]
    assert pulls[0] == pulls[1]
    assert (outputs(one, UNSEEN) - outputs(other, UNSEEN)).abs().max() < 1e-3 * outputs(one, UNSEEN).abs().max()


def test_judged_is_what_refitting_gives():
    """The closed form over folds is least squares without each fold, the error that of its residuals."""
    generator = torch.Generator().manual_seed(0)
    z, miss = (torch.randn(3, 20, width, generator=generator, dtype=torch.float64) for width in (5, 2))
    miss = miss + z[..., :2]
    best, changes = heal._judged(z.mT @ z, z.mT @ miss, miss.square().sum((1, 2)))
    errors = {}
    for pull in heal.PULLS:
        left = []
        for fold in range(3):
            others = [f for f in range(3) if f != fold]
            a, b = z[others].flatten(0, 1), miss[others].flatten(0, 1)
            gram = a.T @ a
            change = torch.linalg.solve(gram + pull * gram.diagonal().mean() * torch.eye(5, dtype=a.dtype), a.T @ b)
            left.append((miss[fold] - z[fold] @ change).square().sum())
            if pull == best:
                torch.testing.assert_close(changes[fold], change)
        errors[pull] = sum(left).item()
    assert best == min(errors, key=errors.get)


def test_nothing_to_gain_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    z, miss = (torch.randn(4, 6, width, generator=generator, dtype=torch.float64) for width in (5, 2))
    z, miss = (each[:1] * torch.tensor(signs, dtype=torch.float64)[:, None, None]
               for each, signs in ((z, [1, 1, 1, 1]), (miss, [1, -1, 1, -1])))
    best, changes = heal._judged(z.mT @ z, z.mT @ miss, miss.square().sum((1, 2)))
    assert best is None and not changes.any()
