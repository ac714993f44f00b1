"""`gqa.convert` from a model to a model: finds the attentions, takes calibration data through, converts one after another."""

import contextlib
import copy

import torch

from . import arguments, check, curves, layer, rotary, sharing, sites, stream
from .errors import Unconvertible
from .report import Report


def convert(model, kv_heads=None, *, method="subspace", calibration=None, heal=True, refine=0, groups="search",
            max_error=None, spread=False, tokenizer=None, sweep=False, progress=None, seed=0):
    """A new model whose attentions have fewer KV heads, `model` left as it is. No labels, and by default linear algebra only.

    model: a Hugging Face model of self-attention, multi-head or grouped. One whose configuration has `num_key_value_heads`
    (Llama, Mistral, Qwen 2, Phi-3), or Falcon's `num_kv_heads`, stays of its class, and `save_pretrained` writes a stock
    checkpoint; others (BERT, GPT-2, GPT-NeoX, older Falcons) become a subclass, for which `gqa.convert.load` reads what
    `save_pretrained` writes.

    kv_heads: a divisor of the model's KV heads, or one for each attention layer. With `spread=True` it is the mean: the same
    memory is spread over the layers where it helps most, by the error of each layer for each number of heads. (Layers that differ
    have no stock class; they are loaded by `gqa.convert.load`.) Or leave it out and give `max_error`: each layer gets the fewest
    heads with which the relative error of its attention's output, before healing, stays within that.
    method: how K and V of a group become one: `subspace` (for each head an own linear map, folded into the query and output
    projections), or `mean` and `first` (Ainslie et al. 2023). Maps commute with rotary embeddings.
    calibration: an iterable of mappings, called as `model(**batch)`, or of tensors (B x S token ids, or B x S x X embeddings), or
    with `tokenizer` of strings. A few hundred sentences do. Padding is left out by `attention_mask`. Without it the
    weights alone decide, and nothing can be healed.
    heal: fits each output projection again to the calibration data, by least squares, as far as cross-validation says that this
    helps on other data.
    refine: passes through the calibration data in which all four projections of each attention also follow the gradient of its
    own error (no labels; refine.py says how). A few lower that error by about a fifth, and take most of the time.
    groups: `search` for heads that fit together (their order changes, which folds away), or `adjacent`, for which no head moves,
    as ALiBi needs it.
    sweep: also measure the error of every layer for every number of heads, for the report's picture (done anyway by `spread`).
    progress: called as `progress(done, layers)` after each layer.

    The result's attribute `conversion_report` is a Report. Raises TypeError and ValueError that name the argument, and
    Unconvertible, a ValueError, where a model cannot be converted, with the reason.
    """
    arguments.model(model)
    batches = arguments.calibration(calibration, tokenizer)
    try:
        new = copy.deepcopy(model)
    except RuntimeError as error:  # torch's, for tensors with a history
        raise Unconvertible(f"model: cannot be copied ({error})") from error
    convert_in_place(new, kv_heads, batches=batches, max_error=max_error, spread=spread, sweep=sweep, progress=progress,
                     method=how(method, groups, heal, refine, seed))
    return new


def how(method, groups, heal, refine, seed=0):
    """The layer.Method of these arguments, checked."""
    return layer.Method(arguments.method(method), arguments.groups(groups), arguments.flag("heal", heal),
                        arguments.passes("refine", refine), arguments.whole("seed", seed))


def convert_in_place(model, kv_heads, *, batches, method, max_error=None, spread=False, sweep=False, progress=None,
                     done=lambda site: None):
    """`convert` without the copy; batches: mappings, perhaps none. Returns the Report, which is also the model's attribute.

    done: called with each Site when it has been converted.
    """
    found = sites.find(model)
    arguments.flag("spread", spread)
    arguments.flag("sweep", sweep)
    counts, most = arguments.kv_heads(kv_heads, found, spread), arguments.max_error(max_error)
    if (counts is None) == (most is None):
        raise ValueError("kv_heads: expected either it or max_error, got " + ("neither" if counts is None else "both"))
    if not batches and (spread or sweep or most is not None):
        raise ValueError(f"calibration: {'spread' if spread else 'sweep' if sweep else 'max_error'} measures errors, and needs it")
    sharing.prepare(model, found)
    with torch.no_grad(), _evaluating(model):
        report = Report(type(model).__name__, method, bool(batches))
        recorded = _record(model, found, batches)
        rotaries = [_rotary(site, recorded) for site in found]
        if spread or sweep:
            report.curves = _sweep(model, found, rotaries, recorded, method)
        if spread:
            counts = curves.spread(report.curves, counts)
        _layers(found, rotaries, recorded, counts, most, method, report, bool(batches), progress, done)
        if batches:
            report.measure_output(model, found[0].blocks, recorded)
    sharing.finish(model, found)
    model.conversion_report = report
    return report


@contextlib.contextmanager
def _evaluating(model):
    """Without dropout, and without a KV cache, which blocks that run alone must not fill."""
    modes = {module: module.training for module in model.modules()}
    use_cache = getattr(model.config, "use_cache", None)
    model.eval()
    if use_cache is not None:
        model.config.use_cache = False
    try:
        yield
    finally:
        for module in model.modules():
            module.training = modes.get(module, modes[model])  # projections may be new
        if use_cache is not None:
            model.config.use_cache = use_cache


def _record(model, found, batches):
    """Recorded calibration, or without any a made-up batch, on which it is only tried what folds."""
    inputs = batches
    if not inputs:
        weight = found[0].projections.o.module.weight
        inputs = [{key: value.to(weight.device) for key, value in getattr(model, "dummy_inputs", {}).items()}]
    for site in found:
        for projection in site.projections.layers():
            projection.weight()  # complains about what is not there
            check.finite(projection)
    try:
        recorded = stream.record(model, list(found[0].blocks), inputs)
    except Unconvertible:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError) as error:  # whatever a model raises for what it does not take
        what = "the model does not take its batches" if batches else "needed for a model that does not take its own dummy_inputs"
        raise ValueError(f"calibration: {what} ({type(error).__name__}: {(str(error).splitlines() or [''])[0]})") from error
    if not any(batch.rows.any() for batch in recorded):
        raise ValueError("calibration: its batches have no tokens, or an attention_mask that leaves none")
    if max(batch.rows.shape[1] for batch in recorded) < 2:
        raise ValueError("calibration: expected sequences of two tokens or more; with one, attention has nothing to choose from")
    return recorded


def _rotary(site, recorded):
    """The Rotary of an attention; the order of its weights, where one layer computes q, k and v, is known afterwards."""
    keywords = recorded[0].calls[site.index].keywords
    turned = rotary.Rotary.none(site.dim)
    if keywords.get("alibi") is None:  # Falcon is given angles as well, and uses one or the other
        turned = rotary.find(site.attention, keywords.get("position_embeddings"), site.dim)
    check.order(site, turned, _longest(recorded))
    return turned


def _longest(recorded):
    return max(recorded, key=lambda batch: batch.rows.shape[1])


def _sweep(model, found, rotaries, recorded, method):
    """The curves of all layers, on the original model."""
    batches = [copy.copy(batch) for batch in curves.first_tokens(recorded)]
    measured, by_index = [], {site.index: (site, turned) for site, turned in zip(found, rotaries)}
    for number, block in enumerate(found[0].blocks):
        if number in by_index:
            site, turned = by_index[number]
            measured.append(curves.measure(site, number, turned, batches, method))
        for batch in batches:
            batch.original = batch.converted = batch.calls[number](block, batch.original)
    return measured


def _layers(found, rotaries, recorded, counts, most, method, report, calibrated, progress, done):
    """Converts block after block; blocks without attention only pass the data on."""
    batches = recorded if calibrated else []
    order = {site.index: place for place, site in enumerate(found)}
    for number, block in enumerate(found[0].blocks):
        place = order.get(number)
        if place is None:
            for batch in batches:
                call = batch.calls[number]
                batch.original, batch.converted = call(block, batch.original), call(block, batch.converted)
            continue
        site = found[place]
        check.folds(site, rotaries[place], _longest(recorded), number, method.grouping == "search")
        tries = curves.divisors(site.kv_heads) if counts is None else [counts[place]]
        report.layers.append(layer.convert(site, number, rotaries[place], batches, tries, most, method))
        done(site)
        if progress is not None:
            progress(place + 1, len(found))
