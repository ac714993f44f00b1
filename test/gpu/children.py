"""The parent's side: a part's items in a child process, and in another one when that dies, so that one kernel cannot end
the others."""

import json
import os
import select
import subprocess
import sys
import time

TAIL = 2000  # characters of a dead child's last words


def run_items(package, part, items, options, *, log, seconds, item_seconds, done):
    """Calls done(name, result) for each item as it ends: ok, wrong, failed, crashed, hung, or "not run" for want of time. Of an
    item that does not end it is what the child had until then, if it said so.

    `seconds`: of the part; `item_seconds`: of an item, after which its child is killed. `log`: what children print.
    """
    pending, deadline = list(items), time.monotonic() + seconds
    while pending:
        if time.monotonic() >= deadline:
            break
        child = _Child(package, part, pending, options, log)
        finished = child.follow(deadline, item_seconds, done)
        pending = [item for item in pending if item["name"] not in finished]
        if child.current is not None and child.so_far is not None:
            done(child.current, {**child.so_far, "note": f"{child.reason or 'ended'} in {child.doing}"})
            pending = [item for item in pending if item["name"] != child.current]
        elif child.current is not None and time.monotonic() < deadline:
            pending = _after_death(child, pending, done)
        elif not finished and child.current is None and time.monotonic() < deadline:
            for item in pending:
                done(item["name"], {"status": "failed", "reason": f"no child could be started: {child.last_words()}"})
            return
    for item in pending:
        done(item["name"], {"status": "not run", "reason": f"the part's {seconds:.0f} s were over"})


def _after_death(child, pending, done):
    """What is left to do after a child died in an item: that one again without the candidate that it died of, if it named
    one, or not at all."""
    item = next(item for item in pending if item["name"] == child.current)
    others = [other for other in pending if other is not item]
    blamed = child.doing[len("candidate "):] if (child.doing or "").startswith("candidate ") else None
    if blamed and blamed != "gqa" and blamed not in item.get("without", ()):
        return [{**item, "without": [*item.get("without", ()), blamed]}, *others]
    where = f" in {child.doing}" if child.doing else ""
    done(item["name"], {"status": child.how, "reason": f"{child.reason}{where}: {child.last_words()}"})
    return others


class _Child:
    def __init__(self, package, part, items, options, log):
        self.current = self.doing = self.so_far = None  # item, what in it, and its result without that
        self.how, self.reason = "crashed", ""
        self.log, self.start = log, log.tell()
        self.events, writing = os.pipe()
        command = [sys.executable, str(package), "--worker", part, "--events", str(writing)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[writing],
                                        start_new_session=True)
        os.close(writing)
        try:
            self.process.stdin.write(json.dumps({"items": items, "options": options}).encode())
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is dead already, and its pipe of events says so

    def follow(self, deadline, item_seconds, done):
        """The names of the items that ended while the child lived."""
        finished, rest, limit = set(), b"", min(deadline, time.monotonic() + item_seconds)
        while True:
            if not select.select([self.events], [], [], max(0.0, limit - time.monotonic()))[0]:
                self._kill(f"killed after {item_seconds:.0f} s")
                break
            text = os.read(self.events, 1 << 16)
            if not text:
                break
            *lines, rest = (rest + text).split(b"\n")
            for event in map(json.loads, lines):
                if "end" in event:
                    finished.add(event["end"])
                    done(event["end"], event["result"])
                    self.current = self.doing = self.so_far = None
                elif "begin" in event:
                    self.current, limit = event["begin"], min(deadline, time.monotonic() + item_seconds)
                else:
                    self.doing, self.so_far = event["doing"], event.get("so_far")
        code = self.process.wait()
        self.reason = self.reason or (f"killed by signal {-code}" if code < 0 else f"ended with status {code}")
        os.close(self.events)
        return finished

    def _kill(self, why):
        self.how, self.reason = "hung", why
        os.killpg(self.process.pid, 9)  # with whatever a compiler has started

    def last_words(self):
        self.log.flush()
        with open(self.log.name, "rb") as file:
            file.seek(max(self.start, os.path.getsize(self.log.name) - TAIL))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "no output"
