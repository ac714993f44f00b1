"""report.json and report.md, written anew after every event, so that a run that is cut off leaves what it has."""

import json
import os
from pathlib import Path

from gqa.bench import sharing
from gqa.bench.cuda.report import required_lines

GOOD, NOT_RUN = "ok", "not run"


class Report:
    """`document` is what report.json has: what ran where, and the result of each item of each part; `vectors` is what vectors.json
    has, the outputs of golden vectors."""

    def __init__(self, folder, header):
        self.folder, self.document = Path(folder), {"schema": 1, **header, "parts": {}}
        self.vectors = {"schema": 1, **{name: header[name] for name in ("date", "device", "driver", "stand_in")}, "vectors": {}}
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, part, name, result):
        if "recorded" in result:
            self.vectors["vectors"][name] = result["recorded"]
            self._replace("vectors.json", json.dumps(self.vectors, indent=1) + "\n")
            result = {key: value for key, value in result.items() if key != "recorded"}
        self.document["parts"].setdefault(part, {})[name] = result
        self.write()

    def write(self):
        self._replace("report.json", json.dumps(self.document, indent=1) + "\n")
        self._replace("report.md", "\n".join(self.lines()) + "\n")

    def _replace(self, name, text):
        temporary = self.folder / f"{name}.part"
        temporary.write_text(text)
        os.replace(temporary, self.folder / name)

    def wrong(self):
        """A line for each item that is not right."""
        return [f"{part} {name}: {result['status']}: {result.get('reason', '')}" for part, name, result in self._results()
                if result["status"] not in (GOOD, NOT_RUN)]

    def missing(self):
        return [f"{part} {name}: {result['reason']}" for part, name, result in self._results() if result["status"] == NOT_RUN]

    def _results(self):
        return [(part, name, result) for part, results in self.document["parts"].items() for name, result in results.items()]

    def lines(self):
        document, device = self.document, self.document["device"]
        lines = ["# GPU check", "", f"{document['date']}, {device['name']} (sm_{device['chip']}, {device['processors']} "
                 f"multiprocessors), driver {document['driver']} (CUDA {device['cuda']}), package {document['package']['commit']}"]
        if document["stand_in"]:
            lines += ["", f"**Not a GPU**: the driver is {document['stand_in']}. No figure here says anything about hardware."]
        lines += ["", document["verdict"], "", "| part | right | wrong | not run | seconds |", "|---|---|---|---|---|"]
        for part, results in document["parts"].items():
            states = [result["status"] for result in results.values()]
            right, left = states.count(GOOD), states.count(NOT_RUN)
            seconds = sum(result.get("seconds", 0) for result in results.values())
            lines.append(f"| {part} | {right} | {len(states) - right - left} | {left} | {seconds:.0f} |")
        for title, found in (("Wrong", self.wrong()), ("Not run", self.missing())):
            if found:
                lines += ["", f"## {title}", "", *(f"- {line}" for line in found)]
        if left_out := document["package"].get("left_out"):
            lines += ["", "## Not packed", "", *(f"- {name}: {reason}" for name, reason in left_out.items())]
        if notes := [f"{part} {name}: {result['note']}" for part, name, result in self._results() if result.get("note")]:
            lines += ["", "## Notes", "", *(f"- {line}" for line in notes)]
        lines += _step_lines(document["parts"].get("steps", {}))
        measured = [result for result in document["parts"].get("bench", {}).values() if "case" in result]
        if measured:
            cases = [result["case"] for result in measured]
            lines += ["", "## Speed", "", *required_lines(cases, device["chip"]), "", "```"]
            lines += [line for result in measured for line in [*result["lines"], ""]] + [*sharing.lines(cases), "```"]
        return lines


def _step_lines(results):
    """A table of what was timed of whole models."""
    timed = {name: result for name, result in results.items() if "seconds_of" in result}
    if not timed:
        return []
    lines = ["", "## A token through a model", "", "| model | GB | who | ms | share of the copy |", "|---|---|---|---|---|"]
    for name, result in timed.items():
        ideal = result["bytes"] / result["copy_bytes_per_s"]
        lines += [f"| {name} | {result['bytes'] / 1e9:.1f} | {who} | {1e3 * seconds:.2f} | {ideal / seconds:.0%} |"
                  for who, seconds in result["seconds_of"].items()]
    return lines
