"""`gqa.convert` where nothing need be lost: heads that are equal, or equal up to a map that folds away."""

import dataclasses

import pytest
import torch

import gqa
from convert_models import BUILDERS, LAYERS, STOCK, batches, build, change_heads, error, outputs, settled
from gqa.convert import check, parts, sites

ROUNDING = 2e-5  # of f32 weights, through two layers
DATA = batches()


def repeated(heads, site, group=3):
    """The first head of each group in all its places."""
    first = [h // group * group for h in range(len(heads.k))]
    return dataclasses.replace(heads, k=heads.k[first], v=heads.v[first])


def mapped(model, group=3):
    """Equal heads, and then another map for each of them, taken back nowhere: K and V of a group span the same space."""
    _, turned = settled(model)[0]

    def change(heads, site):
        heads = repeated(heads, site, group)
        generator = torch.Generator().manual_seed(3)
        k, _ = check._both(heads.k, heads.of_kv_head(heads.q), parts.cut(turned), generator)
        v, _ = check._both(heads.v, heads.of_kv_head(heads.o.mT), parts.whole(site.dim), generator)
        return dataclasses.replace(heads, k=k, v=v)
    return change_heads(model, change)


@pytest.mark.parametrize("method", ["first", "mean", "subspace"])
@pytest.mark.parametrize("name", BUILDERS)
def test_equal_heads(name, method):
    model = change_heads(build(name), repeated)
    new = gqa.convert(model, 2, method=method, calibration=DATA, heal=False, groups="adjacent")
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING
    assert all(result.energy_k > 1 - 1e-9 and result.energy_v > 1 - 1e-9 for result in new.conversion_report.layers)


@pytest.mark.parametrize("calibrated", [True, False], ids=["calibrated", "weights"])
@pytest.mark.parametrize("name", BUILDERS)
def test_heads_equal_up_to_maps(name, calibrated):
    model = mapped(build(name))
    data = DATA if calibrated else None
    new = gqa.convert(model, 2, calibration=data, heal=False, groups="adjacent")
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING
    if calibrated:
        mean = gqa.convert(model, 2, method="mean", calibration=data, heal=False, groups="adjacent")
        assert error(outputs(mean, DATA), outputs(model, DATA)) > 0.05  # the maps are not trivial


@pytest.mark.parametrize("name", ["llama", "bert", "gpt2"])
def test_healing_leaves_exact_layers_alone(name):
    model = mapped(build(name))
    new = gqa.convert(model, 2, calibration=DATA, groups="adjacent")
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING


@pytest.mark.parametrize("name", ["llama", "bert", "gpt2", "phi-partial"])
def test_search_finds_the_groups_of_any_order(name):
    def shuffled(heads, site):
        order = [0, 2, 4, 1, 3, 5]
        return dataclasses.replace(heads, q=heads.q[order], k=heads.k[order], v=heads.v[order], o=heads.o[order])

    model = change_heads(mapped(build(name)), shuffled)
    found = gqa.convert(model, 2, calibration=DATA, heal=False)
    missed = gqa.convert(model, 2, calibration=DATA, heal=False, groups="adjacent")
    assert error(outputs(found, DATA), outputs(model, DATA)) < ROUNDING < 1e-2 < error(outputs(missed, DATA), outputs(model, DATA))
    assert sorted(map(sorted, found.conversion_report.layers[0].groups)) == [[0, 1, 3], [2, 4, 5]]


def test_low_rank_queries_make_room():
    """K heads of full rank that queries look at along few directions only: those directions of both fit into one head."""
    model = build("bert")
    dim = sites.find(model)[0].dim

    def change(heads, site):
        q, o = heads.q.clone(), heads.o.clone()
        q[..., dim // 2:], o[:, dim // 2:] = 0, 0
        return dataclasses.replace(heads, q=q, o=o)

    new = gqa.convert(change_heads(model, change), 3, calibration=DATA, heal=False, groups="adjacent")
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING


@pytest.mark.parametrize("what", ["q", "k", "v", "o"])
@pytest.mark.parametrize("name", ["bert", "llama"])
def test_heads_of_zeros(name, what):
    """Pruned heads, and layers where all are: nothing to share, and no reason to fail."""
    def change(heads, site):
        pruned = getattr(repeated(heads, site), what).clone()
        pruned[: None if site.index else 3] = 0
        return dataclasses.replace(repeated(heads, site), **{what: pruned})

    model = change_heads(build(name), change)
    new = gqa.convert(model, 2, calibration=DATA)
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING


def test_slopes_of_heads_keep_their_order():
    """ALiBi belongs to a head's place: neighbours may share, and no head may move."""
    model = mapped(build("falcon-alibi"))
    new = gqa.convert(model, 2, calibration=DATA, heal=False, groups="adjacent")
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING
    with pytest.raises(gqa.convert.Unconvertible, match="h.0.self_attention: another order of heads .* use groups='adjacent'"):
        gqa.convert(model, 2, calibration=DATA)


@pytest.mark.parametrize("name", STOCK)
def test_grouped_heads_grouped_further(name):
    once = gqa.convert(mapped(build(name), group=6), 3, calibration=DATA, heal=False)
    twice = gqa.convert(once, 1, calibration=DATA, heal=False)
    assert [site.kv_heads for site in sites.find(twice)] == [1] * LAYERS
    assert error(outputs(twice, DATA), outputs(once, DATA)) < ROUNDING


@pytest.mark.parametrize("name", BUILDERS)
def test_same_number_changes_nothing(name):
    model = build(name)
    new = gqa.convert(model, 6, calibration=DATA)
    assert error(outputs(new, DATA), outputs(model, DATA)) < ROUNDING


@pytest.mark.parametrize("name, kind", [("llama", "half"), ("cohere-interleaved", "interleaved"), ("phi-partial", "half, 4 of 8"),
                                        ("bert", "none"), ("phi3", "half"), ("neox", "half, 4 of 8"), ("falcon-alibi", "none"),
                                        ("glm", "interleaved, 4 of 8")])
def test_rotary_form_is_found(name, kind):
    assert [turned.kind for _, turned in settled(build(name))] == [kind] * LAYERS
