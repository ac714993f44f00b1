"""Prints the fenced mlir examples of a .td file, each wrapped in a function that gqa-opt can parse.

The values that an example uses without defining them become the function's arguments. Their types come from the
operation's own type list: the operands in the order of the text, then the captured values of its score region.
"""

import re
import sys

SCORE = """  %o = gqa.attention %q, %q, %q : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x4xf32>
    score(%s, %b, %h, %i, %j) {
      %seen = arith.constant true
      EXAMPLE
    }"""


def operands(statement):
    """The (name, type) pairs of one operation's text, which starts at its result names."""
    text = statement.split("=", 1)[1] if statement.startswith("%") else statement
    beside = re.findall(r"\((%\w+) : (tensor<[^>]*>)\)", text)  # in clauses
    text = re.sub(r"\(%\w+ : tensor<[^>]*>\)", "", text)
    head, tail = re.split(r"\s:\s", text, maxsplit=1)
    signature, _, region = tail.partition("score(")
    header = region.partition("{")[0]
    names = re.findall(r"%\w+", head) + re.findall(r"=\s*(%\w+)", header)
    types = re.findall(r"tensor<[^>]*>|\b[if]\d+\b", signature.split("->")[0])
    if "gqa.merge" in head:  # spells the types of one partial result
        types *= 2
    types += types[-1:] * (len(names) - len(types))  # gqa.rotary spells the type of cos and sin once
    if len(names) != len(types):
        sys.exit(f"{len(names)} operands, {len(types)} types in: {statement}")
    return [*zip(names, types), *beside]


def wrap(example, index):
    body = re.sub(r"//.*", "", example).strip()
    if body.startswith("gqa.yield"):
        return f"func.func @example{index}(%q: tensor<1x2x3x4xf32>) {{\n{SCORE.replace('EXAMPLE', body)}\n  return\n}}"
    arguments = {}
    for statement in re.split(r"\n(?=%)", body):
        arguments.update(operands(statement.strip()))
    listed = ", ".join(f"{name}: {type}" for name, type in arguments.items())
    return f"func.func @example{index}({listed}) {{\n{body}\nreturn\n}}"


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for index, match in enumerate(re.finditer(r"```mlir\n(.*?)```", text, re.DOTALL)):
        lines = [line.strip() if line.startswith("    %") else line for line in match.group(1).splitlines()]
        print(wrap("\n".join(lines), index))


main(sys.argv[1])
