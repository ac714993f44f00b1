"""The modules that gqa compiles for cases. Without torch: a cold start is timed with it."""

from gqa._signature import Signature


def attention_text(case):
    """A module with one gqa.attention of the case's sizes, all static."""
    if case.cache:
        return _narrow_text(case)
    sizes = {"B": case.batch, "Hq": case.q_heads, "Hkv": case.kv_heads, "Sq": case.queries, "Skv": case.keys,
             "Dk": case.dim, "Dv": case.dim}
    return Signature(kind=case.dtype, layout="bhsd", sizes=sizes, dead_row="zero", softcap=None, causal=case.causal,
                     window=None, lse=False, static=True, layouts=dict.fromkeys("qkv", "bhsd"),
                     attributes=case.attributes).text()


def _narrow_text(case):
    """The same behind a cache of another type, with a scale for each head, and maybe behind queries of that type."""
    q, narrow_q = (f"tensor<{case.batch}x{case.q_heads}x{case.queries}x{case.dim}x{kind}>" for kind in (case.dtype, case.cache))
    wide, narrow = (f"tensor<{case.batch}x{case.kv_heads}x{case.keys}x{case.dim}x{kind}>" for kind in (case.dtype, case.cache))
    scale, one = f"tensor<{case.batch}x{case.kv_heads}x1x1xf32>", "tensor<1x1x1x1xf32>"
    arguments = [("q", narrow_q if case.narrow_queries else q), ("k", narrow), ("v", narrow)]
    arguments += [("qs", one)] * case.narrow_queries + [("ks", scale), ("vs", scale)]
    queries = "%qw" if case.narrow_queries else "%q"
    attributes = f"{{{', '.join(case.attributes)}}} " if case.attributes else ""
    widened = f"%qw = gqa.dequantize %q scale(%qs : {one}) : {narrow_q} -> {q}\n  " if case.narrow_queries else ""
    return f"""func.func @main({", ".join(f"%{name}: {type_}" for name, type_ in arguments)}) -> {q} {{
  {widened}%kw = gqa.dequantize %k scale(%ks : {scale}) : {narrow} -> {wide}
  %vw = gqa.dequantize %v scale(%vs : {scale}) : {narrow} -> {wide}
  %o = gqa.attention {queries}, %kw, %vw {"causal " if case.causal else ""}{attributes}: ({q}, {wide}, {wide}) -> {q}
  return %o : {q}
}}
"""


def step_text(case):
    """A module that rotates, appends and attends; with kind `step-cache` it returns the longer cache as well."""
    heads = {"q": (case.q_heads, 1), "new_k": (case.kv_heads, 1), "new_v": (case.kv_heads, 1),
             "k": (case.kv_heads, case.keys - 1), "v": (case.kv_heads, case.keys - 1), "all": (case.kv_heads, case.keys)}
    types = {name: f"tensor<{case.batch}x{h}x{s}x{case.dim}x{case.dtype}>" for name, (h, s) in heads.items()}
    angles = f"tensor<1x{case.dim // 2}xf32>"
    arguments = ", ".join(f"%{name}: {types[name]}" for name in ("q", "new_k", "new_v", "k", "v"))
    results = {"%o": types["q"]} | ({"%ka": types["all"], "%va": types["all"]} if case.kind == "step-cache" else {})
    return f"""func.func @main({arguments}, %cos: {angles}, %sin: {angles}) -> ({", ".join(results.values())}) {{
  %rq = gqa.rotary %q, %cos, %sin half : {types["q"]}, {angles}
  %rk = gqa.rotary %new_k, %cos, %sin half : {types["new_k"]}, {angles}
  %ka = gqa.append_kv %k, %rk : ({types["k"]}, {types["new_k"]}) -> {types["all"]}
  %va = gqa.append_kv %v, %new_v : ({types["v"]}, {types["new_v"]}) -> {types["all"]}
  %o = gqa.attention %rq, %ka, %va : ({types["q"]}, {types["all"]}, {types["all"]}) -> {types["q"]}
  return {", ".join(results)} : {", ".join(results.values())}
}}
"""
