"""What the suites counted: `count.py one SUITE FOLDER SECONDS LOG` prints and keeps one, `count.py all FOLDER` the sum."""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def with_reason(name, text):
    """The name of a failed test and the beginning of what it says, for those who see nothing but this."""
    return name + "".join(f"\n        {line[:300]}" for line in text.strip().splitlines()[:4])


def lit(folder):
    path = folder / "lit.json"
    if not path.exists():
        return 0, ["lit wrote no results"]
    tests = json.loads(path.read_text())["tests"]
    good = [t for t in tests if t["code"] in ("PASS", "XFAIL", "FLAKYPASS")]
    bad = [t["name"] for t in tests if t["code"] in ("FAIL", "XPASS", "UNRESOLVED", "TIMEOUT")]
    return len(good), bad


def unit(folder):
    return googletest(folder.glob("unit-*.json"), folder / "unit.crashed")


def threads(folder):
    return googletest(folder.glob("threads.json"), folder / "threads.failed")


def googletest(paths, crashed):
    """`crashed`: a file with what else has failed, if anything has."""
    passed, bad = 0, []
    for path in sorted(paths):
        for group in json.loads(path.read_text())["testsuites"]:
            for test in group["testsuite"]:
                if test.get("failures"):
                    bad.append(with_reason(f"{group['name']}.{test['name']}", test["failures"][0]["failure"]))
                elif test["result"] == "COMPLETED":
                    passed += 1
    if crashed.exists():
        bad += crashed.read_text().splitlines()
    return passed, bad or ([] if passed else ["no unit test was found"])


def python(folder):
    path = folder / "python.xml"
    if not path.exists():
        return 0, ["pytest wrote no results"]
    passed, bad = 0, []
    for case in ElementTree.parse(path).iter("testcase"):
        failure = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        if failure is not None:
            bad.append(with_reason(f"{case.get('classname')}.{case.get('name')}", failure.get("message", "")))
        elif case.find("skipped") is None:
            passed += 1
    return passed, bad


def corpus(folder):
    path = folder / "corpus.json"
    if not path.exists():
        return 0, ["the corpus was not run to its end"]
    rows = json.loads(path.read_text())
    return sum(not why for why in rows.values()), [f"{name}: {why}" for name, why in rows.items() if why]


SUITES = {"lit": lit, "unit": unit, "threads": threads, "python": python, "corpus": corpus}


def one(suite, folder, seconds, log):
    folder = pathlib.Path(folder)
    passed, bad = SUITES[suite](folder)
    for name in bad[:20]:
        print(f"    FAILED {name}")
    if bad:
        print(f"    the log: {log}")
    print(f"    {passed} passed, {len(bad)} failed in {seconds} s")
    (folder / f"{suite}.sum").write_text(f"{passed} {len(bad)}")


def all_of(folder):
    sums = [tuple(map(int, path.read_text().split())) for path in pathlib.Path(folder).glob("*.sum")]
    passed, failed = sum(p for p, _ in sums), sum(f for _, f in sums)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    one(*sys.argv[2:]) if sys.argv[1] == "one" else all_of(sys.argv[2])
