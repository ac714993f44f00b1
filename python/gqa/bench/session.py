"""One run with one number of threads: prints each case as it is done."""

import dataclasses

from . import coldstart, report, run as runner, sharing, summary
from .cases import together

JIT_PROCESSES = {False: 5, True: 2}  # True: --quick


def run(options, threads, document, command):
    """(what `--json` has of this run, exit status: 1 if a result of gqa is wrong)."""
    runner.set_threads(threads)
    _print(report.header(document["machine"], document["versions"], threads, command))
    results, jit, rows = {}, None, []
    for cases in together(options.cases):
        if cases[0].kind == "jit":
            jit = coldstart.measure(cases[0], JIT_PROCESSES[options.quick])
            rows = coldstart.summary(jit)
            _print(report.jit_lines(cases[0], rows))
            continue
        for result in runner.run_cases(cases, options.rounds, wanted=options.peers, quick=options.quick):
            results[result.case.name] = result
            _print(report.case_lines(result))
    cases = [result.as_dict() for result in results.values()]
    if compared := sharing.lines(cases):
        _print(compared)
    headlines = summary.headlines(results, rows)
    if headlines:
        _print(report.summary_lines(headlines))
    wrong = [f"{name}: {c.reason}" for name, result in results.items() for c in result.candidates
             if c.name == "gqa" and c.status in ("wrong", "failed")]
    if wrong:
        _print(["gqa is WRONG:", *("  " + line for line in wrong)])
    record = {"threads": threads, "cases": cases, "cold_jit": jit,
              "summary": [dataclasses.asdict(headline) for headline in headlines]}
    return record, 1 if wrong else 0


def _print(lines):
    print("\n".join(lines), end="\n\n", flush=True)
