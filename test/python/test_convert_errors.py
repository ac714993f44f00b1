"""What `gqa.convert` refuses: arguments that make no sense, each by its name, and models that cannot be converted."""

import pytest
import torch
import transformers

import gqa
from convert_models import COMMON, TOKENS, batches, build, parameters

DATA = batches(1)
IDS = DATA[0]["input_ids"]


@pytest.fixture(scope="module")
def bert():
    return build("bert")


class Weird:
    pass


@pytest.mark.parametrize("keywords, error, message", [
    (dict(), ValueError, "kv_heads: expected either it or max_error, got neither"),
    (dict(kv_heads=2, max_error=0.1, calibration=DATA), ValueError, "kv_heads: .*got both"),
    (dict(kv_heads=0), ValueError, "kv_heads: 0 does not divide the 6 KV heads"),
    (dict(kv_heads=-2), ValueError, "kv_heads: -2 does not divide"),
    (dict(kv_heads=4), ValueError, "kv_heads: 4 does not divide the 6 KV heads of encoder.layer.0"),
    (dict(kv_heads=12), ValueError, "kv_heads: 12 does not divide"),
    (dict(kv_heads=2.0), TypeError, "kv_heads: expected an integer, got float"),
    (dict(kv_heads=True), TypeError, "kv_heads: expected an integer, got bool"),
    (dict(kv_heads="2"), TypeError, "kv_heads: expected an integer, got str"),
    (dict(kv_heads=10 ** 30), ValueError, "kv_heads: 10+ does not divide"),
    (dict(kv_heads=[2]), ValueError, "kv_heads: expected 2 numbers, one for each attention layer, got 1"),
    (dict(kv_heads=[2, None]), TypeError, "kv_heads: expected an integer, got NoneType"),
    (dict(kv_heads=[2, 2], spread=True, calibration=DATA), TypeError, "kv_heads: with spread=True expected one integer"),
    (dict(kv_heads=7, spread=True, calibration=DATA), ValueError, "kv_heads: expected a mean from 1 to 6, got 7"),
    (dict(kv_heads=2, method="median"), ValueError, "method: expected one of first, mean, subspace, got 'median'"),
    (dict(kv_heads=2, method=None), TypeError, "method: expected one of"),
    (dict(kv_heads=2, groups="random"), ValueError, "groups: expected one of adjacent, search"),
    (dict(kv_heads=2, groups=[[0, 1]]), TypeError, "groups: expected one of"),
    (dict(kv_heads=2, heal="yes"), TypeError, "heal: expected True or False, got str"),
    (dict(kv_heads=2, refine=-1), ValueError, "refine: expected 0 passes or more, got -1"),
    (dict(kv_heads=2, refine=0.5), TypeError, "refine: expected an integer, got float"),
    (dict(kv_heads=2, spread=1), TypeError, "spread: expected True or False, got int"),
    (dict(kv_heads=2, seed="x"), TypeError, "seed: expected an integer"),
    (dict(kv_heads=2, spread=True), ValueError, "calibration: spread measures errors"),
    (dict(max_error=0.1), ValueError, "calibration: max_error measures errors"),
    (dict(max_error=float("nan"), calibration=DATA), ValueError, "max_error: expected a relative error of 0 or more"),
    (dict(max_error=-1, calibration=DATA), ValueError, "max_error: expected a relative error of 0 or more"),
    (dict(max_error="small", calibration=DATA), TypeError, "max_error: expected a number, got str"),
    (dict(kv_heads=2, calibration=[]), ValueError, "calibration: expected at least one batch"),
    (dict(kv_heads=2, calibration=3), TypeError, "calibration: expected an iterable"),
    (dict(kv_heads=2, calibration="text"), TypeError, "calibration: expected an iterable .* got str"),
    (dict(kv_heads=2, calibration=DATA[0]), TypeError, "calibration: expected an iterable .* got dict"),
    (dict(kv_heads=2, calibration=IDS), TypeError, "calibration: expected an iterable .* got Tensor"),
    (dict(kv_heads=2, calibration=["a sentence"]), TypeError, "calibration: plain text needs tokenizer="),
    (dict(kv_heads=2, calibration=[IDS, "text"]), TypeError, "calibration: item 1 is a str"),
    (dict(kv_heads=2, calibration=[Weird()]), TypeError, "calibration: item 0 is a Weird"),
    (dict(kv_heads=2, calibration=[{"no_such": IDS}]), ValueError, "calibration: the model does not take its batches"),
    (dict(kv_heads=2, calibration=[IDS + 10 ** 6]), ValueError, "calibration: the model does not take its batches"),
    (dict(kv_heads=2, calibration=[IDS[:0]]), ValueError, "calibration: "),
    (dict(kv_heads=2, calibration=[{**DATA[0], "attention_mask": 0 * IDS}]), ValueError, "calibration: "),
    (dict(kv_heads=2, calibration=[IDS[:, :1]]), ValueError, "calibration: expected sequences of two tokens or more"),
    (dict(kv_heads=2, turbo=True), TypeError, "turbo"),
])
def test_arguments(bert, keywords, error, message):
    before = parameters(bert)
    with pytest.raises(error, match=message):
        gqa.convert(bert, **keywords)
    assert all(torch.equal(value, before[name]) for name, value in parameters(bert).items())


@pytest.mark.parametrize("model", [None, "bert", 3, dict], ids=str)
def test_what_is_no_model(model):
    with pytest.raises(TypeError, match="model: expected a torch.nn.Module"):
        gqa.convert(model, 2)


class TestModels:
    def refused(self, model, message, **keywords):
        with pytest.raises(gqa.convert.Unconvertible, match=message):
            gqa.convert(model.eval(), keywords.pop("kv_heads", 2), **keywords)

    def test_norm_between_projection_and_score(self):
        model = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**COMMON, **TOKENS, head_dim=8, num_key_value_heads=6))
        self.refused(model, "self_attn.q_norm.weight: a norm between projection and score is not linear")

    def test_clipped_projections(self):
        model = transformers.OlmoForCausalLM(transformers.OlmoConfig(**COMMON, **TOKENS, clip_qkv=1.0))
        self.refused(model, "clip_qkv")

    def test_weights_on_the_meta_device(self):
        with torch.device("meta"):
            model = transformers.BertModel(transformers.BertConfig(**COMMON))
        self.refused(model, "encoder.layer.0.attention.self.query has no weights")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite(self, value):
        model = build("llama")
        torch.nn.init.constant_(model.model.layers[1].self_attn.k_proj.weight[3:4, :2], value)
        self.refused(model, r"layers.1.self_attn.k_proj.weight has 2 of \d+ numbers that are NaN or infinite")

    def test_results_that_are_not_finite(self):
        model = build("llama")
        torch.nn.init.constant_(model.model.layers[0].mlp.up_proj.weight, float("inf"))
        self.refused(model, "layers.1.self_attn: it computes NaN or infinity, before anything is changed", calibration=DATA)

    def test_weights_that_are_no_matrix(self):
        model = build("bert")
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
        self.refused(model, "whose weight cannot be reached as a matrix")

    def test_wrapped_projection(self):
        model = build("bert")
        attention = model.encoder.layer[0].attention.self
        attention.key = torch.nn.utils.parametrizations.weight_norm(attention.key)
        self.refused(model, "attention.self.key is a .*ParametrizedLinear")

    def test_encoder_and_decoder(self):
        config = transformers.BartConfig(vocab_size=97, d_model=48, encoder_layers=1, decoder_layers=1, encoder_attention_heads=6,
                                         decoder_attention_heads=6, encoder_ffn_dim=64, decoder_ffn_dim=64)
        self.refused(transformers.BartModel(config), "cross-attention")

    def test_no_attention(self):
        self.refused(torch.nn.Sequential(torch.nn.Linear(4, 4)), "Sequential has no attention that is understood")

    def test_unknown_parameter(self):
        config = transformers.AlbertConfig(vocab_size=97, embedding_size=16, hidden_size=48, num_attention_heads=6)
        self.refused(transformers.AlbertModel(config), "LayerNorm.weight: what this parameter does to the heads is not known")

    def test_model_around_a_model(self):
        self.refused(torch.nn.Sequential(build("bert")), "Sequential is no Hugging Face model")

    def test_rotation_inside_the_attention(self):
        """GPT-J turns heads itself, which only trying shows; 2 KV heads would be wrong, not just worse."""
        config = transformers.GPTJConfig(vocab_size=97, n_positions=64, n_embd=48, n_layer=2, n_head=6, rotary_dim=4)
        self.refused(transformers.GPTJModel(config), "a map of K .* changes the result", calibration=DATA)

    @pytest.mark.parametrize("name", ["OPT", "GPTNeo"])
    def test_code_that_counts_on_as_many_heads(self, name):
        """Modules that reshape K by the number of query heads: sharing would not run, or only by chance and wrongly."""
        configs = {"OPT": dict(hidden_size=48, num_hidden_layers=2, ffn_dim=64, num_attention_heads=6, word_embed_proj_dim=48),
                   "GPTNeo": dict(hidden_size=48, num_layers=2, num_heads=6, attention_types=[[["global"], 2]])}
        config = getattr(transformers, f"{name}Config")(vocab_size=97, max_position_embeddings=64, **configs[name], **TOKENS)
        model = getattr(transformers, f"{name}ForCausalLM")(config)
        before = parameters(model)
        for length in (14, 15):
            self.refused(model, "does not run with fewer KV heads than query heads", calibration=[IDS[:1, :1].expand(1, length)])
        assert all(torch.equal(value, before[key]) for key, value in parameters(model).items())

    def test_one_layer_in_an_unknown_order(self):
        """CodeGen deals its features out to four processors, and computes v before k."""
        config = transformers.CodeGenConfig(vocab_size=97, n_positions=64, n_embd=64, n_layer=2, n_head=8, rotary_dim=4)
        self.refused(transformers.CodeGenForCausalLM(config), "attn.qkv_proj has q, k and v in one layer, in an order that is not "
                     "known .*all of q, all of k, all of v: .*changes the result", calibration=DATA)

    def test_one_layer_whose_code_knows_no_groups(self):
        config = transformers.BloomConfig(vocab_size=97, hidden_size=48, n_layer=2, n_head=6, **TOKENS)
        self.refused(transformers.BloomForCausalLM(config), "BloomAttention does not run with fewer KV heads", calibration=DATA,
                     groups="adjacent")

    def test_shared_blocks(self):
        model = build("bert")
        model.encoder.layer[1] = model.encoder.layer[0]
        self.refused(model, "runs the same block several times")

    def test_skipped_blocks(self, monkeypatch):
        from transformers.models.bert import modeling_bert

        def only_the_first(self, hidden_states, *_, **__):
            return modeling_bert.BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=self.layer[0](hidden_states))
        monkeypatch.setattr(modeling_bert.BertEncoder, "forward", only_the_first)
        self.refused(build("bert"), "2 blocks with attention were called 1 times", calibration=DATA)

    def test_something_hidden_that_treats_heads_differently(self):
        """Not a parameter, not a name that could be known: only trying shows it."""
        model = build("bert")
        attention = model.encoder.layer[1].attention.self
        attention.key.register_forward_hook(lambda module, args, output: torch.nn.functional.normalize(output, dim=-1))
        self.refused(model, "layer.1.attention.self: a map of K .* changes the result", calibration=DATA)

    def test_rotation_of_an_unknown_form(self, monkeypatch):
        from transformers.models.llama import modeling_llama

        def shear(q, k, cos, sin, unsqueeze_dim=1):
            return q + q.cumsum(-1), k + k.cumsum(-1)
        monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", shear)
        self.refused(build("llama"), "mixes component", calibration=DATA)


def test_load_of_nothing(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["NoSuchModel"]}')
    with pytest.raises(ValueError, match="configuration of 'NoSuchModel'"):
        gqa.convert.load(tmp_path)
