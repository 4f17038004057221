"""Do the models rank the channels alike? Disagreement is between methods; it is no failure of one of them."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.spoken import count

LEAST_JUDGES, LEAST_CHANNELS = 2, 3


class Agreement(NamedTuple):
    """How alike some judges rank the channels.

    Attributes:
        w: Kendall's W, 0 (no agreement) to 1 (the same order), corrected for ties; None when refused.
        judges: Who ranked: the names of models or lenses (m).
        channels: How many channels they ranked (n).
        reason: Why there is no number.
    """

    w: float | None
    judges: tuple[str, ...]
    channels: int
    reason: str = ""


class Pair(NamedTuple):
    """Kendall's tau-b of two judges: 1 the same order, -1 the opposite one; None where all are tied."""

    one: str
    other: str
    tau: float | None


def agreement(credited: pd.DataFrame) -> Agreement:
    """Kendall's W of a table with a row a channel and a column a judge.

    Source: Kendall and Babington Smith (1939); with ties Siegel and Castellan (1988), section 9.2.
    """
    ranked = _comparable(credited)
    n, m = ranked.shape
    judges = tuple(map(str, ranked.columns))
    if m < LEAST_JUDGES or n < LEAST_CHANNELS:
        told = f"{count(m, 'judge')} of {count(n, 'channel')}"
        reason = f"agreement needs {LEAST_JUDGES} judges of {LEAST_CHANNELS} channels; there are {told}"
        return Agreement(None, judges, n, reason)
    ranks = ranked.rank().to_numpy()
    spread = float(((ranks.sum(axis=1) - m * (n + 1) / 2) ** 2).sum())
    ties = sum(_ties(ranks[:, judge]) for judge in range(m))
    most = m**2 * (n**3 - n) - m * ties
    if most <= 0:
        return Agreement(None, judges, n, "every judge gives all channels the same")
    return Agreement(12 * spread / most, judges, n)


def pairs(credited: pd.DataFrame) -> tuple[Pair, ...]:
    """Tau-b of every two judges of a table as for `agreement`."""
    ranked = _comparable(credited)
    if len(ranked) < LEAST_CHANNELS:
        return ()
    values = ranked.to_numpy(dtype="float64")
    one, other = np.triu_indices(len(values), k=1)
    signs = np.sign(values[one] - values[other])
    untied = np.abs(signs).sum(axis=0)
    with np.errstate(invalid="ignore"):
        taus = (signs.T @ signs) / np.sqrt(np.outer(untied, untied))
    names = [str(name) for name in ranked.columns]
    return tuple(
        Pair(names[a], names[b], float(taus[a, b]) if untied[a] and untied[b] else None)
        for a, b in combinations(range(len(names)), 2)
    )


def _comparable(credited: pd.DataFrame) -> pd.DataFrame:
    """What all judges speak of, without the last digits: noise of the arithmetic is no order."""
    ranked = credited.dropna()
    return (ranked / ranked.abs().max().replace(0, 1)).round(9)


def _ties(ranks: np.ndarray) -> float:
    """The correction for one judge's ties: t^3 - t of each group of t equal ranks."""
    groups = np.unique(ranks, return_counts=True)[1].astype("float64")
    return float((groups**3 - groups).sum())
