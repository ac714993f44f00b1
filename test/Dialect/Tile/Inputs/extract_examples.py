"""Prints the fenced mlir examples of a .td file, each wrapped in a function that gqa-opt can parse.

The values that an example uses without defining them become the function's arguments. A statement spells the types of
its buffers and scales, beside them or at its end in their order; hidden(...) is an i1, and all else is an index.
"""

import re
import sys

SCORE = """  tile.score %t at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %seen = arith.constant true
      EXAMPLE
  } : memref<?x64xf32>, f32"""
TYPE = r"memref<[^<>]*(?:<[^<>]*>)?[^<>]*>|\b[if]\d+\b"
INDICES = r"\b(?:at|heads|queries|period|keys|first|last|grid|work|scratch)\([^)]*\)"


def typed(statement):
    """The (name, type) pairs that one statement spells, apart from its region."""
    statement = re.sub(r"score \{.*\}", "", statement, flags=re.DOTALL)
    pairs = re.findall(rf"\((%\w+) : ({TYPE})", statement)  # in parentheses
    for names, types in re.findall(r"\((%\w+(?:, %\w+)+) : ([^()]*)\)", statement):
        pairs += zip(names.split(", "), re.findall(TYPE, types))
    pairs += re.findall(rf"(%\w+)\[[^\]]*\] : ({TYPE})", statement)  # memref.load, memref.store
    pairs += [(name, "i1") for name in re.findall(r"\bhidden\((%\w+)\)", statement)]
    for name, _ in pairs:
        statement = re.sub(rf"\(?{name}\b[^()]*\)?", "", statement, count=1)
    head, _, tail = re.sub(INDICES, "", statement).rpartition(" : ")
    head = head.partition(" = ")[2] if head.startswith("%") else head
    return pairs + list(zip(re.findall(r"%\w+", head), re.findall(TYPE, tail.partition("->")[0])))


def wrap(example, index):
    body = re.sub(r"//.*", "", example).strip()
    if body.startswith("tile.yield"):
        body = SCORE.replace("EXAMPLE", body)
    types = {}
    # A kernel or a score region goes on to its brace; other statements begin in the first column.
    for statement in re.split(r"\n(?=%|tile)", body):
        inner = re.split(r"\n", statement) if "tile.kernel" in statement else [statement]
        for line in inner:
            types.update(typed(line))
    defined = set(re.findall(r"(%\w+) = ", body)) | set(re.findall(r"(%\w+): ", body))
    used = dict.fromkeys(name for name in re.findall(r"%\w+", body) if name not in defined)
    arguments = ", ".join(f"{name}: {types.get(name, 'index')}" for name in used)
    return f"func.func @example{index}({arguments}) {{\n{body}\nreturn\n}}"


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for index, match in enumerate(re.finditer(r"```mlir\n(.*?)```", text, re.DOTALL)):
        print(wrap(re.sub(r"^    ", "", match.group(1), flags=re.MULTILINE), index))


main(sys.argv[1])
