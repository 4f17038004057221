"""What the engine hands back of the journeys: sums by user group and channel, small whatever the length of the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from martech_lib.core.stats import Array, without_each

# What a touch is in its journey of n touches; the milestone is touch number (n + 1) // 2.
NONE = "(none)"  # what conversions without a touch are credited to
PLACES = (
    "only", "pair_first", "pair_last", "three_first", "three_middle", "three_last",
    "first", "milestone", "inner", "last",
)  # fmt: skip
# Sums over the touches of a place: of 1, of 1 / n, of 1 / (n - 2) and 1 / (n - 3).
PARTS = ("touches", "linear", "between", "rest")
# Sums over the journeys that touch a channel: of 1, of 1 / (channels of the journey).
SHARES = ("journeys", "shared")
SUMMED = (
    "credits", "values", "met", "met_values", "transitions", "before", "before_values",
    "journeys", "conversions", "none",
)  # fmt: skip


class Refused(Exception):
    """A model that cannot speak about these journeys; the message is its reason."""


@dataclass(frozen=True)
class Sums:
    """Sums over journeys. The first axis is the user group; after `without_each` it is the sample.

    Attributes:
        channels: The K channels in alphabetical order; all other axes follow it.
        credits: (G, K, places, parts) of the converting journeys, each counted once.
        values: (G, K, places, parts) of them, each weighing its value.
        met: (G, K, shares) of the converting journeys that touch the channel.
        met_values: Their value.
        transitions: (G, K + 1, K + 2) counts of all journeys: from the start (0) or a channel, to a channel, to a
            conversion (K) or to the end without one (K + 1).
        before: (G, K, K + 1) converting journeys by their last channel and the last other channel (K: none).
        before_values: Their value.
        masks: (M,) channel sets as bits; empty when there are more channels than bits.
        journeys: (G, M) journeys with exactly that set.
        conversions: (G, M) those of them that converted.
        none: (G, 2) conversions without a touch, and their value.
    """

    channels: tuple[str, ...]
    credits: Array
    values: Array
    met: Array
    met_values: Array
    transitions: Array
    before: Array
    before_values: Array
    masks: npt.NDArray[np.int64]
    journeys: Array
    conversions: Array
    none: Array

    @property
    def samples(self) -> Sums:
        """Everything, then everything but each user group."""
        kept: dict[str, Any] = {name: self.sampled(getattr(self, name)) for name in SUMMED}
        return replace(self, **kept)

    def sampled(self, sums: Array) -> Array:
        """The same of other sums by user group; groups without a journey leave no sample."""
        filled = self.transitions.any(axis=(1, 2)) | self.none.any(axis=1)
        return without_each(sums[filled])

    def of(self, part: str, *places: str, value: bool = False) -> Array:
        """(B, K) one part, over some places or all, of conversions or of their value."""
        table = (self.values if value else self.credits)[..., PARTS.index(part)]
        return table[:, :, [PLACES.index(place) for place in places or PLACES]].sum(axis=2)

    def met_by(self, share: str, *, value: bool = False) -> Array:
        """(B, K) one of `SHARES` of the converting journeys that touch a channel, or of their value."""
        table = self.met_values if value else self.met
        return table[..., SHARES.index(share)]
