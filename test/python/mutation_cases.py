"""What mutations.py mutates: programs that have every kind of kernel, and inputs that reach what those do."""

import attention_call
import test_attention_cuda
from attention_cases import build
from mutation_graphs import GRAPHS, STEPS

# Every kind of kernel of an attention, with whole blocks of keys and cut ones, split and not; rows are reached by a value that is not
# finite. `also`: what else is tried with the same program, to reach what one run does not.
SHIPPED = test_attention_cuda.CASES
WHOLE, MANY = dict(processors=1), dict(processors=108)  # keys are in one part, or in more than a cluster has tasks
POISON, TWO = dict(values="poison"), ("gqa.no_half_tiles",)
# A prompt over codes that warps of their own widen: also one whose tiles have a block of keys, or two, and one in parts.
FP8 = dict(dynamic="lengths", queries=75, group=2, keys=600, causal=True, offset=("i64", [450]), kv_heads=1,
           narrow=("f8E4M3FN", "hs", "f32", False),
           also=[POISON, dict(keys=100, offset=("i64", [25])), dict(keys=200, offset=("i64", [125])),
                 dict(MANY, keys=1000, offset=("i64", [850]))])
ATTENTIONS = {"sm_80": {
    "rows_f32": SHIPPED["rows_f32"],
    "decode_f16_g7": dict(SHIPPED["decode_f16_g7"], also=[WHOLE]),
    "decode_lengths": dict(dynamic="lengths", keys=200, also=[dict(keys=1600)]),
    "decode_fp8": dict(keys=1999, group=7, narrow=("f8E4M3FN", "bhs", "f32", False), also=[WHOLE]),
    "decode_int8": dict(keys=1999, dtype="f16", narrow=("i8", "hd", "f32", False), also=[WHOLE]),
    "draft_window": dict(queries=2, keys=250, window=(150, -1), offset=("i32", [200]), also=[POISON]),
    "prefill": SHIPPED["prefill"],
    "prefill_fp8": dict(queries=65, keys=239, narrow=("f8E4M3FN", "hs", "f32", False), also=[POISON]),
    "prefill_split": dict(SHIPPED["prefill_split"], also=[WHOLE, dict(POISON, keys=100)]),
    "prefill_both_sides": dict(dynamic="lengths", queries=100, keys=600, window=(330, 60), offset=("i64", [400]), group=1, dtype="f16",
                               also=[WHOLE, dict(POISON, keys=100)]),
    "prefill_poison": SHIPPED["prefill_poison"],
    "latent": dict(queries=7, kv_heads=1, group=5, keys=330, dim=576, value_dim=512, causal=True, offset=("i64", [323]),
                   also=[WHOLE, MANY, POISON]),
    "wider": dict(kv_heads=1, group=5, keys=330, dim=264, value_dim=320, dtype="f16", sinks="f32", also=[WHOLE])}}
# And of those that sm_90a alone has: enough blocks that slots are filled again, on the diagonal, behind it and in front of a
# window; keys through the copy engine, in parts that are merged, by a cluster or a kernel, and without; and kernels that follow others.
ATTENTIONS["sm_90a"] = {
    "prompt": dict(queries=75, group=2, keys=600, causal=True, offset=("constant", 450), kv_heads=1, attributes=TWO, also=[POISON]),
    "prompt_window": dict(queries=140, keys=680, window=(430, 49), offset=("i64", [500]), kv_heads=1, group=1, attributes=TWO,
                          also=[POISON]),
    "prompt_poison": dict(queries=35, group=2, keys=530, values="poison", mask=(35, 530), causal=True, offset=("i64", [495]), kv_heads=1,
                          attributes=TWO),
    "short": dict(queries=75, group=2, keys=600, causal=True, offset=("constant", 450), kv_heads=1, also=[POISON]),
    "prompt_parts": dict(queries=70, group=1, keys=1200, causal=True, offset=("i64", [1130]), kv_heads=1, also=[WHOLE, MANY, POISON]),
    "prompt_lanes": dict(queries=75, group=2, keys=600, causal=True, offset=("constant", 450), kv_heads=1, dim=96, value_dim=96,
                         attributes=("gqa.no_tma_store", *TWO), also=[POISON]),
    "prompt_fp8": dict(FP8, attributes=TWO), "short_fp8": FP8, "prompt_fp8_queries": dict(FP8, narrow_q="b", attributes=TWO),
    "latent": dict(queries=20, kv_heads=1, group=5, keys=330, dim=576, value_dim=512, causal=True, offset=("i64", [310]),
                   also=[WHOLE, MANY, POISON]),
    "decode": dict(keys=6000, kv_heads=1, group=7, also=[WHOLE, MANY]),
    "decode_lengths": dict(dynamic="lengths", keys=600, kv_heads=1, group=7, also=[dict(keys=100), dict(WHOLE, keys=1600),
                                                                                       dict(MANY, keys=6000)]),
    "decode_no_clusters": dict(keys=1600, group=7, attributes=("gqa.no_clusters",), also=[WHOLE, MANY]),
    "decode_fp8": dict(keys=6000, kv_heads=1, group=7, narrow=("f8E4M3FN", "bhs", "f32", False),
                       also=[WHOLE, dict(processors=3), MANY]),
    "decode_int8": dict(keys=6000, kv_heads=1, group=7, dtype="f16", narrow=("i8", "hd", "f32", False), also=[WHOLE, dict(processors=3)])}

GRAPHS_OF = {"sm_80": GRAPHS, "sm_90a": STEPS}
NAMES = {target: [*ATTENTIONS[target], *GRAPHS_OF[target]] for target in ATTENTIONS}


class Attention:
    function, kernels = "main", "gqa_attention"

    def __init__(self, case):
        self.program = build(case)
        self.text, self.processors = self.program.text, case.get("processors")

    def results(self, target):
        return [each for each in attention_call.call(self.program, target) if each is not None]


def programs(target, name):
    """A program, once for each of its inputs. What it runs on has as many `processors`, if it says so."""
    if graph := GRAPHS_OF[target].get(name):
        return [graph]
    case = {**test_attention_cuda.BASE, **ATTENTIONS[target][name]}
    return [Attention({**case, **more}) for more in ({}, *case.get("also", ()))]
