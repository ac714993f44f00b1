"""Rules of PTX that no assembler checks, for a module's text on standard input.

* shared memory is declared with an alignment of at least 16 bytes, which copies and matrix loads need
* a copy is committed, a committed group is waited for, and a wait is followed by a barrier, of the warp
  at least, before shared memory is read
* a kernel ends with nothing on its way: its last wait is for all groups
"""

import re
import sys


def check_kernel(name, body):
    events = re.findall(r"\b(cp\.async\.(?:ca|cg)|cp\.async\.commit_group|cp\.async\.wait_group\s+\d+|bar\.sync|bar\.warp\.sync|ldmatrix|ret)\b",
                        body)
    copies = commits = 0  # that nothing has ended yet
    barrier = True
    for event in events:
        if event in ("cp.async.cg", "cp.async.ca"):
            copies += 1
        elif event == "cp.async.commit_group":
            copies, commits = 0, commits + 1
        elif event.startswith("cp.async.wait_group"):
            if copies:
                yield f"{name}: {copies} copies are not in a group at a wait"
            commits, barrier = min(commits, int(event.split()[1])), False
        elif event in ("bar.sync", "bar.warp.sync"):
            barrier = True
        elif event == "ldmatrix" and not barrier:
            yield f"{name}: shared memory is read behind a wait without a barrier"
            barrier = True
    if copies or commits:
        yield f"{name}: ends with {copies} copies and {commits} groups on their way"


def main():
    text = sys.stdin.read()
    problems = []
    for alignment, name in re.findall(r"\.shared\s+\.align\s+(\d+)\s+\.b8\s+(\w+)", text):
        if int(alignment) < 16:
            problems.append(f"{name}: shared memory is aligned to {alignment} bytes, expected 16 or more")
    kernels = re.findall(r"\.entry\s+(\w+)\(([\s\S]*?)\n\}", text)
    for name, body in kernels:
        problems += check_kernel(name, body)
    if not kernels:
        problems.append("there is no kernel")
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(kernels)} kernels are clean")


main()
