"""Rounds: every candidate in turn, each for a while, so that whatever disturbs the machine disturbs all of them."""

import gc
import time

LEAST_SECONDS = 0.02  # of one candidate in one round, unless one visit of every set takes longer
MOST_SECONDS = 0.4  # then no more calls than fit in here, but one
SETTLE_SECONDS = 0.003  # until the threads of the candidate before sleep
WAKE_SECONDS = 0.02  # a call shorter than this gets one that is not timed, to wake its own


class Timed:
    """One candidate. `seconds` has the mean time of a call for each round; `output` is the last call's result."""

    def __init__(self, name, call, sets):
        self.name, self.call, self.sets = name, call, sets
        self.seconds, self.output, self.estimate = [], None, None
        self._next = 0

    @property
    def last_set(self):
        """The set that `output` belongs to."""
        return (self._next - 1) % self.sets

    def once(self):
        """Calls with the next set; everybody visits the sets in the same order. Returns seconds."""
        index = self._next % self.sets
        self._next += 1
        start = time.perf_counter()
        self.output = self.call(index)
        return time.perf_counter() - start

    def round(self):
        """One round: as many calls as make the clock's errors small and visit every set, if time allows."""
        wanted = max(self.sets, int(LEAST_SECONDS / self.estimate) + 1)
        count = max(1, min(wanted, int(MOST_SECONDS / self.estimate)))
        time.sleep(SETTLE_SECONDS)
        if self.estimate < WAKE_SECONDS:
            self.once()
        start = time.perf_counter()
        for index in range(self._next, self._next + count):
            self.output = self.call(index % self.sets)
        self.seconds.append((time.perf_counter() - start) / count)
        self._next += count


def interleave(timed, rounds, budget_seconds):
    """Times `rounds` rounds; a slow candidate that would take longer than the budget gets the first few of them only."""
    for number in range(rounds):
        for candidate in timed:
            slow = candidate.estimate > MOST_SECONDS
            if slow and number and (number + 1) * candidate.estimate > budget_seconds:
                continue
            gc.disable()
            try:
                candidate.round()
            finally:
                gc.enable()
