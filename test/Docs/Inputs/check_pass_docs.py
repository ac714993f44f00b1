"""Compares every Passes.td under a folder with the generated documentation: `check_pass_docs.py INCLUDE DOCS`."""

import pathlib
import re
import sys


def faults(name, documents):
    """What is wrong with the entry of one pass."""
    entries = [text for text in documents if f"`-{name}`" in text]
    if not entries:
        return ["is in no generated document"]
    entry = entries[0].split(f"`-{name}`", 1)[1].split("\n### ", 1)[0]
    summary = re.search(r"^\s*_(.+)_\s*$", entry, re.MULTILINE)
    wrong = [] if summary and summary.group(1) != name else ["has no summary"]
    if not re.search(r"^Numerics: (exact|reassociates|approximates)\b", entry, re.MULTILINE):
        wrong.append("has no line 'Numerics: exact | reassociates | approximates (bound)'")
    return wrong


def main(include, docs):
    documents = [path.read_text(encoding="utf-8") for path in pathlib.Path(docs).glob("*.md")]
    names, wrong = [], []
    for path in sorted(pathlib.Path(include).rglob("Passes.td")):
        for name in re.findall(r'Pass<\s*"([^"]+)"', path.read_text(encoding="utf-8")):
            names.append(name)
            wrong += [f"{path}: {name} {fault}" for fault in faults(name, documents)]
    print("\n".join(wrong + [f"{len(names)} passes documented, {len(wrong)} wrong"]))


main(*sys.argv[1:])
