"""Runs real graphs through the tools: corpus.py CORPUS BIN RESULTS.json

Each case is a folder with graphs (`linalg*.mlir`), arrays (`io.npz`: inputs, weights, what the framework computed) and what
is known about its attentions (`truth.json`). Cases whose attention must be recognised are compared in full: how many, with
which parameters, on how many K/V heads; of the negatives only the numbers must stay.
"""

import concurrent.futures
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

RECOGNISED = re.compile(r"llama_prefill_(eager|sdpa|f16_eager)|llama_two_layers_.*|llama_decode_concat_(eager|sdpa|gqa_sdpa)"
                        r"|qwen2_.*|torch_.*")
NEGATIVE = re.compile(r"negative_.*")
NEUTRAL = ("causal, one query", "boolean, all true at run time", "constant, upper triangle")
SECONDS = 120


def check(graph, tools):
    """An empty string, or what is wrong."""
    case = graph.parent
    truth = json.loads((case / "truth.json").read_text())
    meta = json.loads((case / "meta.json").read_text())
    data = np.load(case / "io.npz")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        arguments = meta["arguments"][graph.name]
        np.savez(folder / "in.npz", **{f"arg{i}": data[name] for i, name in enumerate(arguments)})
        why = tool(tools / "gqa-opt", graph, f"--gqa-simplify=report={folder / 'report.json'}", "-o", folder / "shared.mlir")
        why = why or tool(tools / "gqa-run", folder / "shared.mlir", f"--inputs={folder / 'in.npz'}",
                          f"--outputs={folder / 'out.npz'}")
        if why:
            return why
        tolerance = max(1e-4, 3 * meta["errors"].get(graph.name, 0))
        problems = numbers(data, np.load(folder / "out.npz"), tolerance)
        if not truth["negative"]:
            problems += parameters(truth["attentions"], json.loads((folder / "report.json").read_text()))
    return "; ".join(problems)


def tool(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=SECONDS)
    if done.returncode == 0:
        return ""
    lines = (done.stderr + done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
    return f"{command[0].name}: {lines[0]}"


def numbers(data, got, tolerance):
    """The framework's results are the last ones of a graph; a cache that it writes comes before."""
    prefix = "ref" if "ref0" in data else "out"
    want = [data[name] for name in sorted((n for n in data if n.startswith(prefix)), key=lambda n: int(n[3:]))]
    have = [got[f"out{i}"] for i in range(len(got.files))]
    if len(have) < len(want):
        return [f"{len(have)} results, expected {len(want)}"]
    problems = []
    for i, (h, w) in enumerate(zip(have[len(have) - len(want):], want)):
        if h.shape != w.shape:
            problems.append(f"result {i} has shape {h.shape}, expected {w.shape}")
            continue
        error = np.abs(h.astype(np.float64) - w).max(initial=0) / max(np.abs(w).max(initial=0), 1e-30)
        if not error <= tolerance:
            problems.append(f"result {i} is off by {error:.1e}, allowed {tolerance:.1e}")
    return problems


def parameters(attentions, report):
    wanted = [a for a in attentions if a["fuse"]]
    found = [entry for entry in report if entry["status"] == "raised"]
    if len(wanted) != len(found):
        return [f"{len(found)} attentions found, expected {len(wanted)}"]
    return [f"attention {i}: {field} is {entry.get(field)}, expected {value}"
            for i, (attention, entry) in enumerate(zip(wanted, found))
            for field, value in expected(attention).items() if not same(entry.get(field), value)]


def expected(attention):
    """What a report must say; a mask that hides nothing may be reported or not."""
    fields = {"q_heads": attention["Hq"], "head_dim": attention["D"], "v_head_dim": attention["Dv"],
              "kv_heads": attention["expected_kv_heads_after"], "sinks": bool(attention["sinks"]),
              "rotary": attention["rope"]["kind"].split()[-1], "softcap": attention["softcap"], "scale": attention["scale"]}
    if not (attention.get("mask_neutral") or attention["mask"] in NEUTRAL):
        fields["causal"] = attention["causal"]
        if isinstance(attention["window"], int):
            fields["window"] = attention["window"]
    return fields


def same(found, value):
    if isinstance(found, float) or isinstance(value, float):
        return found is not None and value is not None and math.isclose(found, value, rel_tol=1e-5, abs_tol=1e-9)
    return found == value


def main(corpus, tools, results):
    graphs = [graph for graph in sorted(pathlib.Path(corpus).glob("*/linalg*.mlir"))
              if RECOGNISED.fullmatch(graph.parent.name) or NEGATIVE.fullmatch(graph.parent.name)]

    def row(graph):
        try:
            return check(graph, pathlib.Path(tools))
        except Exception as error:  # a tool that hangs or writes nonsense is a result, not an end
            return f"{type(error).__name__}: {error}"

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rows = {f"{graph.parent.name}/{graph.name}": why for graph, why in zip(graphs, pool.map(row, graphs))}
    for name, why in rows.items():
        print("ok  " if not why else "FAIL", name, why)
    pathlib.Path(results).write_text(json.dumps(rows or {"corpus": f"no graphs in {corpus}"}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
