"""Worlds whose truth is known: lenses with biases of several families over true effects, drawn without the library, and
settings of companies to simulate."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.settings import GEOS, Channel, LiftTest, Settings, channels

LENSES = ("last touch", "multi-touch", "platform", "survey", "media mix", "lift test")
READS = np.array([True, True, True, False, False, False])
# What the table of priors says, written down here a second time: mean by kind of channel, sd, spread.
SD = np.array([0.4, 0.35, 0.3, 0.5, 0.25, 0.0])
SPREAD = np.array([0.5, 0.4, 0.35, 0.45, 0.25, 0.0])
ERROR = np.array([0.03, 0.03, 0.02, 0.2, 0.3, 0.25])
Z80 = 1.2815515655446004
WIDTHS = (0.75, 1.1, 1.6, 2.4)  # with these weights the model's own family is wider or narrower than believed
LIKENESS = ((0.0, 0.0, 0.45), (0.4, 0.0, 0.15), (0.8, 0.0, 0.15), (0.8, 0.8, 0.25))


class Drawn(NamedTuple):
    """One world: the frames that `triangulate` takes, and the logarithm of the truth by channel."""

    lenses: pd.DataFrame
    channels: pd.DataFrame
    log_truth: np.ndarray
    log_seen: np.ndarray
    tested: np.ndarray


def world(rng: np.random.Generator, family: str, *, channels: int = 8, tested: int = 3) -> Drawn:
    """A world of a family: own, wide (twice the priors), t3, alike (.8 among all but tests), reversed (one lens)."""
    kinds = _kinds(rng, channels)
    truth = rng.normal(5, 1, channels)
    width, alike = _width(rng, family), _alike(rng, family)
    root = np.linalg.cholesky(alike)
    draw = (lambda *shape: rng.standard_t(3, shape)) if family == "t3" else (lambda *shape: rng.normal(size=shape))
    common = width * SD * (root @ draw(6))
    # The believed spread of the survey on what nobody remembers is a little wider.
    spread = np.repeat(SPREAD[:, None], channels, axis=1)
    spread[3, kinds["remembered"] == "no"] = 0.5
    own = width * spread * (root @ draw(6, channels))
    seen = truth + means_of(kinds) + common[:, None] + own + rng.normal(size=(6, channels)) * ERROR[:, None]
    if family == "reversed":
        lens = rng.integers(5)
        order = np.argsort(seen[lens])
        seen[lens, order] = seen[lens, order][::-1]
    seen[5, tested:] = np.nan
    return Drawn(frame(seen, ERROR), kinds, truth, seen, np.arange(channels) < tested)


def frame(seen: np.ndarray, error: np.ndarray, level: float = 0.8) -> pd.DataFrame:
    """Estimates as a frame of lenses, with intervals even about the logarithm."""
    rows = [
        (
            f"c{place}",
            lens,
            np.exp(seen[at, place]),
            np.exp(seen[at, place] - half),
            np.exp(seen[at, place] + half),
            level,
        )
        for at, lens in enumerate(LENSES)
        for place in range(seen.shape[1])
        if not np.isnan(seen[at, place])
        for half in [Z80 * np.broadcast_to(error, (6,))[at]]
    ]
    return pd.DataFrame(rows, columns=["channel", "lens", "estimate", "lower", "upper", "level"])


def _kinds(rng: np.random.Generator, channels: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": [f"c{place}" for place in range(channels)],
            "role": rng.choice(["demand capture", "demand creation", "both"], channels),
            "remembered": rng.choice(["yes", "no"], channels),
            "walled_garden": "yes",
            "paid": "yes",
        }
    )


def means_of(kinds: pd.DataFrame) -> np.ndarray:
    """(lenses, channels): usual bias of each lens on channels of these kinds."""
    role, remembered = kinds["role"].to_numpy(), kinds["remembered"].to_numpy()
    last = np.select([role == "demand creation", role == "demand capture"], [-0.75, 0.3], 0.0)
    multi = np.select([role == "demand creation", role == "demand capture"], [-0.2, 0.2], 0.0)
    nothing = np.zeros(len(kinds))
    return np.array([last, multi, nothing + 0.75, np.where(remembered == "yes", 0.0, -0.75), nothing, nothing])


def _width(rng: np.random.Generator, family: str) -> float:
    if family != "own":
        return 2.0 if family == "wide" else 1.0
    weights = np.exp(-0.5 * (np.log(np.array(WIDTHS) / 0.95) / 0.45) ** 2)
    return float(rng.choice(WIDTHS, p=weights / weights.sum()))


def _alike(rng: np.random.Generator, family: str) -> np.ndarray:
    readers, everyone = 0.0, 0.0
    if family == "own":
        readers, everyone, _ = LIKENESS[rng.choice(4, p=[row[2] for row in LIKENESS])]
    elif family == "alike":
        readers = everyone = 0.8
    alike = np.full((6, 6), everyone)
    alike[np.ix_(READS, READS)] = max(readers, everyone)
    alike[5, :] = alike[:, 5] = 0.0
    np.fill_diagonal(alike, 1.0)
    return alike


def other_company(seed: int) -> Settings:
    """A company unlike that of `martech simulate`: 6 to 11 of its channels beside direct, whose power over people is
    changed by factors of about 0.4 to 2.5 each, with one to three lift tests of either kind."""
    rng = np.random.default_rng([77, seed])
    every = [_shaken(channel, rng) for channel in channels()]
    names = [channel.name for channel in every if channel.name != "direct"]
    kept = {"direct", *rng.choice(names, size=rng.integers(6, 12), replace=False)}
    own = tuple(channel for channel in every if channel.name in kept)
    paid = rng.permutation([channel.name for channel in own if channel.is_paid])
    tests = tuple(_lift_test(number, str(name), rng) for number, name in enumerate(paid[: rng.integers(1, 4)]))
    base_rate, intent_sd = 0.18 * float(np.exp(rng.normal(0, 0.4))), float(rng.uniform(0.8, 1.5))
    return Settings(20_000, 50_000 + seed, own, tests=tests, base_rate=base_rate, intent_sd=intent_sd)


def _shaken(channel: Channel, rng: np.random.Generator) -> Channel:
    def times(sd: float) -> float:
        return float(np.exp(rng.normal(0, sd)))

    return replace(
        channel,
        exposures=channel.exposures * times(0.5),
        targeting=float(np.clip(channel.targeting * times(0.3), 0, 1.2)),
        effect=min(channel.effect * times(0.6), 0.4),
        lag_days=channel.lag_days * times(0.4),
        capture=min(channel.capture * times(0.4), 0.7),
        gap_days=channel.gap_days * times(0.4),
        need=min(channel.need * times(0.6), 0.6),
        clicks=min(channel.clicks * times(0.4), 1),
        view_days=channel.view_days * float(rng.choice([0.5, 1, 2])),
        click_days=channel.click_days * float(rng.choice([0.5, 1, 2])),
        memory=channel.memory * times(0.6),
    )


def _lift_test(number: int, channel: str, rng: np.random.Generator) -> LiftTest:
    week, weeks = int(rng.integers(2, 7)), int(rng.integers(4, 7))
    if rng.random() < 0.5:
        return LiftTest(f"L-{number}", channel, "conversion lift", week, weeks, held_share=0.4)
    return LiftTest(f"L-{number}", channel, "geo holdout", week, weeks, geos=tuple(rng.permutation(list(GEOS))[:6]))
