"""Tests into weeks: one test at a time on a surface, none before it may start, the most worth within the quarter.

Surfaces do not touch one another, so each is packed alone. On one surface the tests of a set end earliest when the
surface never waits while one may start; in order of their first possible weeks is such an order. A set therefore fits
exactly when it fits in that order, and the best set is found by a knapsack over the week in which the surface is free
again: exact for any number of tests, (tests x weeks) steps (Lawler, Moore 1969, Management Science 16(1), whose due
dates run backwards are these first weeks).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple


class Job(NamedTuple):
    """A test that wants weeks of a surface.

    Attributes:
        name: What it is called, unlike any other.
        surface: Where it runs.
        weeks: How long, at least 1.
        release: First week in which it may start, 0 being the first of the quarter.
        worth: What it adds, the most important first, in whole numbers so that sums are exact.
        turn: Among tests that may start, the lowest goes first.
    """

    name: str
    surface: str
    weeks: int
    release: int
    worth: tuple[int, ...]
    turn: tuple[float, ...] = ()


class _Set(NamedTuple):
    """Tests that end in one week, and what they are worth together; the last number breaks ties by name."""

    worth: tuple[int, ...]
    members: tuple[Job, ...]


def packed(jobs: Sequence[Job], *, weeks: int) -> dict[str, int]:
    """Name -> first week (0, 1, ...) of every test that is taken in.

    Of all sets that fit, the one with the highest sum of `worth`, compared number by number; of equal ones the set
    with the name that comes first in the alphabet. The order of the rows changes nothing.
    """
    by_surface: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_surface[job.surface].append(job)
    starts: dict[str, int] = {}
    for surface in sorted(by_surface):
        starts |= _one_after_another(_best_set(by_surface[surface], weeks))
    return starts


def _best_set(jobs: Sequence[Job], weeks: int) -> tuple[Job, ...]:
    # A power of two for each name: their sum is greater for the set that holds the first name in which two differ.
    bits = {name: 1 << place for place, name in enumerate(sorted((job.name for job in jobs), reverse=True))}
    by_end = {0: _Set((0,) * (len(jobs[0].worth) + 1), ())}
    for job in sorted(jobs, key=lambda job: (job.release, job.name)):
        gain = (*job.worth, bits[job.name])
        for end, before in list(by_end.items()):
            after = max(end, job.release) + job.weeks
            if after > weeks:
                continue
            grown = _Set(tuple(a + b for a, b in zip(before.worth, gain, strict=True)), (*before.members, job))
            if after not in by_end or by_end[after].worth < grown.worth:
                by_end[after] = grown
    return max(by_end.values(), key=lambda found: found.worth).members


def _one_after_another(jobs: Sequence[Job]) -> dict[str, int]:
    """First week of each: the surface never waits while a test may start, and takes the one whose turn is first."""
    waiting, starts, now = list(jobs), {}, 0
    while waiting:
        now = max(now, min(job.release for job in waiting))
        first = min((job for job in waiting if job.release <= now), key=lambda job: (job.turn, job.name))
        starts[first.name] = now
        now += first.weeks
        waiting.remove(first)
    return starts
