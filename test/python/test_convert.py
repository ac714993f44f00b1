"""`gqa.convert` on small models of every kind: checkpoints, generation, biases, errors, the report, what it leaves alone."""

import copy
import dataclasses
import json
import pickle

import pytest
import torch
import transformers

import gqa
from convert_models import BUILDERS, CAUSAL, HEADS, LAYERS, MORE, STOCK, batches, build, change_heads, error, outputs, parameters
from gqa.convert import sites
from gqa.convert.sharing import SharedKV

DATA = batches()


def kv_heads_of(model):
    return [site.kv_heads for site in sites.find(model)]


class TestCheckpoints:
    @pytest.mark.parametrize("name", STOCK)
    def test_stock_architecture_stays_stock(self, name, tmp_path):
        model = build(name)
        new = gqa.convert(model, 2, calibration=DATA)
        assert type(new) is type(model) and kv_heads_of(new) == [2] * LAYERS and not hasattr(new.config, "gqa_kv_heads")
        new.save_pretrained(tmp_path)
        loaded = type(model).from_pretrained(tmp_path).eval()  # Hugging Face alone
        assert torch.equal(outputs(loaded, DATA), outputs(new, DATA))

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    @pytest.mark.parametrize("name", sorted(set(BUILDERS) - set(STOCK)))
    def test_other_architecture_is_loaded_by_gqa(self, name, attention, tmp_path):
        model = build(name)
        model.set_attn_implementation(attention)
        new = gqa.convert(model, 2, calibration=DATA)
        assert isinstance(new, type(model)) and isinstance(new, SharedKV) and kv_heads_of(new) == [2] * LAYERS
        new.save_pretrained(tmp_path)
        loaded = gqa.convert.load(tmp_path, attn_implementation=attention).eval()
        assert kv_heads_of(loaded) == [2] * LAYERS
        assert error(outputs(loaded, DATA), outputs(new, DATA)) < 1e-6

    @pytest.mark.parametrize("name", MORE)
    def test_more_architectures(self, name, tmp_path):
        data = [{"pixel_values": torch.randn(2, 3, 16, 16)}] if name == "vit" else DATA
        model = build(name)
        new = gqa.convert(model, 2, calibration=data, groups="adjacent" if name == "falcon-alibi" else "search")
        assert kv_heads_of(new) == [2] * LAYERS and isinstance(new, SharedKV) == (name in ("falcon-alibi", "roberta", "vit"))
        new.save_pretrained(tmp_path)
        loaded = (gqa.convert.load if isinstance(new, SharedKV) else type(model).from_pretrained)(tmp_path).eval()
        with torch.no_grad():
            assert all(torch.equal(loaded(**batch)[0], new(**batch)[0]) for batch in data)

    @pytest.mark.parametrize("name", ["llama", "gpt2", "bert"])
    def test_heads_of_each_layer(self, name, tmp_path):
        new = gqa.convert(build(name), [3, 1], calibration=DATA)
        assert kv_heads_of(new) == [3, 1] and isinstance(new, SharedKV)
        new.save_pretrained(tmp_path)
        loaded = gqa.convert.load(tmp_path).eval()
        assert kv_heads_of(loaded) == [3, 1]
        assert error(outputs(loaded, DATA), outputs(new, DATA)) < 1e-6

    def test_stock_class_does_not_load_it_silently(self, tmp_path):
        gqa.convert(build("bert"), 2).save_pretrained(tmp_path)
        with pytest.raises(RuntimeError, match="ignore_mismatched_sizes"):
            transformers.AutoModel.from_pretrained(tmp_path)

    @pytest.mark.parametrize("name", sorted(BUILDERS))
    def test_hidden_states_and_attentions_are_given_as_before(self, name, tmp_path):
        model = build(name)
        model.set_attn_implementation("eager")
        new = gqa.convert(model, 2, calibration=DATA)
        new.save_pretrained(tmp_path)
        wanted = {"output_hidden_states": True, "output_attentions": True}
        with torch.no_grad():
            loaded = gqa.convert.load(tmp_path, attn_implementation=model.config._attn_implementation).eval()
            before, *after = [each(**DATA[0], **wanted) for each in (model, new, copy.deepcopy(new), loaded)]
        for found in after:
            for key in ("hidden_states", "attentions"):
                assert [each.shape for each in found[key]] == [each.shape for each in before[key]]
            assert error(torch.stack(found.hidden_states), torch.stack(after[0].hidden_states)) < 1e-6
            assert (found.attentions[0].sum(-1) - 1).abs().max() < 1e-5

    def test_copies_and_pickles(self):
        new = gqa.convert(build("gpt2"), 2)
        for again in (copy.deepcopy(new), pickle.loads(pickle.dumps(new))):
            assert type(again) is type(new) and torch.equal(outputs(again, DATA), outputs(new, DATA))

    def test_load_reads_stock_checkpoints(self, tmp_path):
        model = build("bert")
        model.save_pretrained(tmp_path)
        assert torch.equal(outputs(gqa.convert.load(tmp_path).eval(), DATA), outputs(model, DATA))

    @pytest.mark.parametrize("name", CAUSAL)
    def test_generates_with_the_smaller_cache(self, name):
        new = gqa.convert(build(name), 2, calibration=DATA)
        ids = DATA[0]["input_ids"][:2, :7]
        made = new.generate(ids, max_new_tokens=5, do_sample=False, use_cache=True, return_dict_in_generate=True)
        assert made.sequences.shape == (2, 12)
        kept = HEADS if name.startswith("falcon") else 2  # Falcon's own code keeps a copy for each query head
        assert all(layer.keys.shape[1] == layer.values.shape[1] == kept for layer in made.past_key_values.layers)
        without = new.generate(ids, max_new_tokens=5, do_sample=False, use_cache=False)
        assert torch.equal(made.sequences, without)

    def test_converted_model_converts_again(self):
        once = gqa.convert(build("bert"), 3, calibration=DATA)
        twice = gqa.convert(once, 1, calibration=DATA)
        assert kv_heads_of(once) == [3] * LAYERS and kv_heads_of(twice) == [1] * LAYERS and type(twice) is type(once)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_type_of_numbers_stays(self, dtype):
        model = build("llama-bias").to(dtype)
        new = gqa.convert(model, 3, calibration=DATA)
        assert {parameter.dtype for parameter in new.parameters()} == {dtype}
        assert new.conversion_report.kv_bytes == new.conversion_report.kv_bytes_before // 2


class TestArgument:
    @pytest.mark.parametrize("name", BUILDERS)
    def test_model_is_left_alone(self, name):
        model = build(name).train()
        before, config = parameters(model), copy.deepcopy(model.config.to_dict())
        new = gqa.convert(model, 2, calibration=DATA)
        after = parameters(model)
        assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
        assert model.config.to_dict() == config and model.training and new.training
        assert not any(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
                       for each in (model, new) for module in each.modules())
        shared = {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in new.parameters()}
        assert not shared

    def test_calibration_of_tensors_and_of_an_iterator(self):
        model = build("gpt2")
        ids = [batch["input_ids"] for batch in DATA]
        one = gqa.convert(model, 2, calibration=ids)
        other = gqa.convert(model, 2, calibration=({"input_ids": each} for each in ids))
        assert torch.equal(outputs(one, DATA), outputs(other, DATA))

    def test_padding_does_not_count(self):
        model = build("bert")
        garbage = [{**batch, "input_ids": torch.where(batch["attention_mask"] == 1, batch["input_ids"], 5)} for batch in DATA]
        one, other = (gqa.convert(model, 2, calibration=data) for data in (DATA, garbage))
        assert error(outputs(one, DATA), outputs(other, DATA)) < 1e-4

    def test_same_result_each_time(self):
        model = build("llama")
        one, other = (gqa.convert(model, 2, calibration=DATA) for _ in range(2))
        assert torch.equal(outputs(one, DATA), outputs(other, DATA))


class TestQuality:
    @pytest.mark.parametrize("name", ["llama", "llama-bias", "bert", "gpt2", "phi-partial"])
    def test_each_step_helps(self, name):
        """On random heads, where nothing is exact: mean < subspace < subspace and heal, in the error of the output."""
        model = build(name)
        data = batches(12)
        reports = [gqa.convert(model, 3, calibration=data, groups="adjacent", method=method, heal=heal).conversion_report
                   for method, heal in (("mean", False), ("subspace", False), ("subspace", True))]
        errors = [report.output_error for report in reports]
        assert errors[0] > errors[1] > errors[2]

    @pytest.mark.parametrize("name, dtype", [("llama", torch.float32), ("gpt2", torch.float32), ("bert", torch.bfloat16)])
    def test_refining_helps(self, name, dtype):
        model, data = build(name).to(dtype), batches(12)
        without, refined = (gqa.convert(model, 2, calibration=data, refine=passes) for passes in (0, 8))
        assert refined.conversion_report.output_error < 0.95 * without.conversion_report.output_error
        assert all(p.grad is None and p.requires_grad for p in refined.parameters())

    def test_max_error_takes_as_few_heads_as_it_may(self):
        model = build("bert")
        free = gqa.convert(model, max_error=10.0, calibration=DATA)
        exact = gqa.convert(model, max_error=0.0, calibration=DATA)
        between = gqa.convert(model, max_error=0.4, calibration=DATA).conversion_report
        assert kv_heads_of(free) == [1] * LAYERS and kv_heads_of(exact) == [HEADS] * LAYERS
        assert all(result.attention_error <= 0.4 for result in between.layers)

    def test_spread_keeps_the_memory_and_gains(self):
        model = build("bert")
        spread = gqa.convert(model, 2, spread=True, calibration=DATA).conversion_report
        alike = gqa.convert(model, 2, sweep=True, calibration=DATA).conversion_report
        assert spread.kv_bytes <= alike.kv_bytes

        def damage(report):
            return sum(curve[result.kv_heads][1] ** 2 for curve, result in zip(report.curves, report.layers))
        assert damage(spread) <= damage(alike)

    def test_spread_prefers_the_layer_that_needs_heads(self):
        def alike_in_the_first(heads, site):
            return dataclasses.replace(heads, k=heads.k[[0] * HEADS], v=heads.v[[0] * HEADS]) if site.index == 0 else heads

        new = gqa.convert(change_heads(build("bert"), alike_in_the_first), 3, spread=True, calibration=DATA)
        assert kv_heads_of(new)[1] > 1 == kv_heads_of(new)[0] or kv_heads_of(new) == [3, 3]
        assert new.conversion_report.layers[0].attention_error < 1e-4


class TestReport:
    def test_numbers(self):
        report = gqa.convert(build("llama"), 2, calibration=DATA, sweep=True).conversion_report
        assert report.kv_bytes_before == LAYERS * 2 * 48 * 4 and report.kv_bytes == report.kv_bytes_before // 3
        assert report.tokens == sum(int(batch["attention_mask"].sum()) for batch in DATA)
        for result, curve in zip(report.layers, report.curves):
            assert 0 < result.energy_k < 1 and 0 < result.energy_v < 1
            assert 0 < result.attention_error < 1 and 0 < result.stream_error
            assert sorted(curve) == [1, 2, 3, 6] and curve[6] == (0.0, 0.0)
            assert curve[1][0] > curve[2][0] > 0
        assert 0 < report.output_error and -1 <= report.output_cosine <= 1

    def test_output_error_is_that_of_the_models(self):
        model = build("gpt2")
        new = gqa.convert(model, 2, calibration=DATA, heal=False)
        found, wanted = outputs(new, DATA), outputs(model, DATA)
        assert new.conversion_report.output_error == pytest.approx(((found - wanted).norm() / wanted.norm()).item(), rel=1e-3)

    def test_text_and_json_say_the_same(self, tmp_path):
        report = gqa.convert(build("bert"), 2, calibration=DATA).conversion_report
        report.write(tmp_path / "r.json")
        document = json.loads((tmp_path / "r.json").read_text())
        text = str(report)
        assert document["total"]["kv_bytes"] == report.kv_bytes and document["method"]["name"] == "subspace"
        assert [layer["kv_heads"] for layer in document["layers"]] == [2, 2]
        assert "6 -> 2" in text and f"{report.kv_bytes_before} -> {report.kv_bytes}" in text and "final output" in text

    def test_without_calibration_no_errors_are_claimed(self):
        report = gqa.convert(build("bert"), 2).conversion_report
        assert all(r.attention_error is None and r.stream_error is None for r in report.layers) and report.output_error is None
        assert "no errors measured" in str(report)

    @pytest.mark.parametrize("change", [dict(curves=[]), dict(layers=20)], ids=str)
    def test_picture_of_little_and_of_much(self, change, tmp_path):
        """Nothing measured for other numbers of heads; more layers than a legend names."""
        report = gqa.convert(build("bert"), 2, calibration=DATA, sweep="curves" not in change).conversion_report
        times = change.get("layers", 1)
        report = dataclasses.replace(report, layers=report.layers * times, curves=change.get("curves", report.curves * times))
        report.draw(tmp_path / "r.png")
        assert (tmp_path / "r.png").stat().st_size > 5000

    def test_picture(self, tmp_path):
        report = gqa.convert(build("bert"), 2, calibration=DATA, sweep=True).conversion_report
        report.draw(tmp_path / "r.png")
        assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
        assert report.common_counts() == [1, 2, 3, 6]
        assert [size for size, _ in report.total_curve()] == [report.kv_bytes_before * n / 6 for n in (1, 2, 3, 6)]
