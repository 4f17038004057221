"""Attribution by enumeration: slow, plain, and sharing nothing with the library."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import factorial
from typing import NamedTuple

import numpy as np


class Path(NamedTuple):
    """A converting journey: times and channels of its touches, and when it converted."""

    times: tuple[float, ...]
    channels: tuple[str, ...]
    end: float


Journey = tuple[tuple[tuple[float, str], ...], bool, float]  # (time, channel) in order; converted; value


def journeys_of(touches, conversions, *, lookback_days):
    """Journeys of all users, conversions without a touch among them (with no touch).

    Args:
        touches: (user, time in days, touch_id, channel).
        conversions: (user, time in days, conversion_id, value).
    """
    found: list[tuple[list[tuple[float, str]], bool, float, float]] = []
    for user in sorted({t[0] for t in touches} | {c[0] for c in conversions}):
        theirs = sorted((t[1], t[2], t[3]) for t in touches if t[0] == user)
        for _, when, _, value in sorted((c for c in conversions if c[0] == user), key=lambda c: (c[1], c[2])):
            before = [t for t in theirs if t[0] <= when]
            theirs = [t for t in theirs if t[0] > when]
            kept = [(t[0], t[2]) for t in before if t[0] >= when - lookback_days]
            found.append((kept, True, value, when))
        if theirs:
            found.append(([(t[0], t[2]) for t in theirs], False, 0.0, theirs[-1][0]))
    return found


def by_rule(journeys, weights):
    """Conversions and value by channel; `weights` turns a Path into one weight a touch."""
    conversions, values = Counter(), Counter()
    for touched, converted, value, end in journeys:
        if not converted:
            continue
        if not touched:
            conversions["(none)"] += 1
            values["(none)"] += value
            continue
        times, channels = zip(*touched, strict=True)
        for channel, weight in zip(channels, weights(Path(times, channels, end)), strict=True):
            conversions[channel] += weight
            values[channel] += weight * value
    return conversions, values


def one_hot(n, place):
    return [float(i == place) for i in range(n)]


def last(path):
    return one_hot(len(path.times), len(path.times) - 1)


def first(path):
    return one_hot(len(path.times), 0)


def last_non_direct(path):
    others = [i for i, channel in enumerate(path.channels) if channel != "direct"]
    n = len(path.times)
    return one_hot(n, others[-1] if others else n - 1)


def linear(path):
    return [1 / len(path.times)] * len(path.times)


def time_decay(half_life):
    def weights(path):
        raw = [2 ** (-(path.end - time) / half_life) for time in path.times]
        return [weight / sum(raw) for weight in raw]

    return weights


def position(start, middle, finish):
    def weights(path):
        n = len(path.times)
        if n == 1:
            return [1.0]
        if n == 2:
            return [start / (start + finish), finish / (start + finish)]
        return [start, *[middle / (n - 2)] * (n - 2), finish]

    return weights


def w_shaped(start, milestone, finish, rest):
    def weights(path):
        n = len(path.times)
        if n <= 2:
            return position(start, 0, finish)(path)
        if n == 3:
            whole = start + milestone + finish
            return [start / whole, milestone / whole, finish / whole]
        shares = [rest / (n - 3)] * n
        shares[0], shares[(n + 1) // 2 - 1], shares[-1] = start, milestone, finish
        return shares

    return weights


def shapley_set(journeys):
    """Shapley values of the game in which a coalition earns every conversion whose channels it holds, in full."""
    sets = Counter(frozenset(c for _, c in touched) for touched, converted, *_ in journeys if converted and touched)
    channels = sorted(set().union(*sets)) if sets else []

    def earns(coalition):
        return sum(n for channel_set, n in sets.items() if channel_set <= coalition)

    return _shapley(channels, earns)


def shapley_rate(journeys):
    """Each converting set's conversions by the Shapley values of its members; a set is worth its own rate."""
    seen, converted_of = Counter(), Counter()
    for touched, converted, *_ in journeys:
        if touched:
            channel_set = frozenset(c for _, c in touched)
            seen[channel_set] += 1
            converted_of[channel_set] += converted
    credit = Counter()
    for channel_set, n in converted_of.items():
        if n:
            values = _shapley(sorted(channel_set), lambda s: converted_of[s] / seen[s] if seen[s] else 0.0)
            total = sum(values.values())
            for channel, value in values.items():
                credit[channel] += value / total * n
    return credit


def _shapley(players, worth):
    n, values = len(players), {}
    for player in players:
        others = [p for p in players if p != player]
        values[player] = sum(
            factorial(size) * factorial(n - size - 1) / factorial(n)
            * (worth(frozenset((*group, player))) - worth(frozenset(group)))
            for size in range(n)
            for group in combinations(others, size)
        )  # fmt: skip
    return values


def markov(journeys, order=1):
    """Removal effects by following the chain with each channel cut out, until nothing moves; a state is the last
    `order` channels."""
    steps: dict[tuple[str, ...], Counter[object]] = {}
    for touched, converted, *_ in journeys:
        if touched:
            channels = [c for _, c in touched]
            states = [tuple(channels[max(0, i - order + 1) : i + 1]) for i in range(len(channels))]
            path = [(), *states, "conversion" if converted else "end"]
            for here, there in zip(path, path[1:], strict=False):
                steps.setdefault(here, Counter())[there] += 1
    channels = sorted({state[-1] for state in steps if state})
    whole = _converts(steps, None)
    effects = {c: 1 - _converts(steps, c) / whole if whole else 0.0 for c in channels}
    n = sum(converted for touched, converted, *_ in journeys if touched)
    total = sum(effects.values())
    return {c: effect / total * n if total else 0.0 for c, effect in effects.items()}


def _converts(steps, removed):
    """Probability to convert from the start; a step into the removed channel leads nowhere."""
    names = [state for state in steps if not state or state[-1] != removed]
    if () not in names:
        return 0.0
    moves, ends = np.eye(len(names)), np.zeros(len(names))
    for i, name in enumerate(names):
        for there, n in steps[name].items():
            share = n / sum(steps[name].values())
            if there in names:
                moves[i, names.index(there)] -= share
            ends[i] += share * (there == "conversion")
    return float(np.linalg.solve(moves, ends)[names.index(())])
