"""check_trace.py TRACE NAME...: a Chrome trace that is well-formed, whose events nest on each thread, and has spans of these names."""

import collections
import json
import sys


def main(path, names):
    with open(path) as file:
        events = json.load(file)["traceEvents"]
    spans = collections.defaultdict(list)
    found = collections.Counter()
    for event in events:
        assert event["ph"] in ("X", "M"), event
        if event["ph"] == "M" or event["name"].startswith("Total "):
            continue
        assert event["ts"] >= 0 and event["dur"] >= 0 and event["name"], event
        spans[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
        found[event["name"]] += 1
    for thread in spans.values():
        check_nesting(sorted(thread))
    for name in names:
        assert found[name], f"no span '{name}'; there are {', '.join(sorted(found))}"
    print(f"{sum(found.values())} spans on {len(spans)} threads")


def check_nesting(spans):
    """Of two spans of a thread one contains the other, or they are apart. Clocks are read to a microsecond."""
    open_until = []
    for begin, minus in spans:
        while open_until and open_until[-1] <= begin:
            open_until.pop()
        end = begin - minus
        assert not open_until or end <= open_until[-1] + 2, (begin, end, open_until)
        open_until.append(end)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
