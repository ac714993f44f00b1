"""Numbers from rounds. Every argument is a list with one entry a round, seconds a call."""

import statistics


def ratio(seconds, baseline):
    """How many times the baseline's time: the median of the ratios of each round that has both; None without one."""
    ratios = [a / b for a, b in zip(seconds, baseline)]
    return statistics.median(ratios) if ratios else None


def share(limit, seconds):
    """(best, median): the part of what is possible that is reached.

    `limit`: what the ceilings of each round allow at best. Best: the best round of both; median: of each round's share.
    A ceiling that was disturbed makes the second too large, a candidate that was disturbed makes it too small.
    """
    if not limit or not seconds:
        return None
    return min(limit) / min(seconds), statistics.median(a / b for a, b in zip(limit, seconds))


def minimum_and_median(seconds):
    return min(seconds), statistics.median(seconds)
