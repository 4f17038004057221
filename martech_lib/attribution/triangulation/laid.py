"""Every lens of a workspace laid on the table and checked, before any is switched off or pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from martech_lib.attribution.credit import CreditRow
from martech_lib.attribution.evidence import Evidence, Total
from martech_lib.attribution.question import Period
from martech_lib.attribution.triangulation.budget import Limits
from martech_lib.attribution.triangulation.elsewhere import curves, names_of_lenses
from martech_lib.attribution.triangulation.lens_rows import checked_channels, checked_lenses
from martech_lib.attribution.triangulation.priors import checked_priors
from martech_lib.attribution.triangulation.ranges import LEVEL
from martech_lib.attribution.triangulation.seen import Supply, spend_of
from martech_lib.attribution.triangulation.sights import scaled
from martech_lib.attribution.triangulation.supply import supply
from martech_lib.core.errors import UserError, did_you_mean, shown


class Asked(NamedTuple):
    """How the lenses are to be pooled.

    Attributes:
        without: Lenses switched off, by name.
        priors: The table of biases; the usual one when None.
        limits: What the budget may do.
        value: Money a conversion is worth; that of the period's conversions when None.
        level: Probability that a channel's truth is inside its range.
        direct: The channel that stands for coming by oneself.
        aside: Channels set aside.
    """

    without: tuple[str, ...] = ()
    priors: pd.DataFrame | None = None
    limits: Limits = Limits()
    value: float | None = None
    level: float = LEVEL
    direct: str = "direct"
    aside: tuple[str, ...] = ()

    def pools_like(self, other: Asked) -> bool:
        """Whether the ranges are the same, whatever budget and value are asked."""
        same = (self.without, self.level, self.direct, self.aside) == (
            other.without, other.level, other.direct, other.aside,
        )  # fmt: skip
        return same and self.priors is other.priors


class Missing(UserError):
    """A table without which no lens can be laid beside another."""


class Source(NamedTuple):
    """Where lenses come from: the workspace, the credit of every model (none without journeys), their period, channels
    without a range."""

    evidence: Evidence
    rows: Sequence[CreditRow]
    period: Period
    apart: tuple[str, ...]

    @property
    def total(self) -> Total:
        """The conversions of the period, credited or not."""
        return self.evidence.total(self.period)

    def is_same(self, other: Source) -> bool:
        """Whether it is the very same workspace and credit, and the same question."""
        is_one = self.evidence is other.evidence and (self.rows is other.rows or not (self.rows or other.rows))
        return is_one and (self.period, self.apart) == (other.period, other.apart)


@dataclass(frozen=True)
class Laid:
    """Every lens laid on the table and checked, before any is switched off.

    Attributes:
        source: Where they come from.
        total: All conversions of the period, and what they are worth.
        supplied: What each says, and what was left out.
        rows: The same as rows without fault, each on its scale.
        kinds: The channels, checked.
        spend: Channel -> money spent in the period.
        curves: Channel -> elasticity of a response curve that a media-mix model supplies.
    """

    source: Source
    total: Total
    supplied: Supply
    rows: pd.DataFrame
    kinds: pd.DataFrame
    spend: Mapping[str, float]
    curves: Mapping[str, float]

    @property
    def conversions(self) -> float:
        """All conversions of the period."""
        return self.total.conversions

    @property
    def value(self) -> float | None:
        """Money a conversion of the period is worth; None where the log has no values."""
        return self.total.of_each

    def heard(self, how: Asked) -> pd.DataFrame:
        """The rows of the lenses that are switched on."""
        return self.rows[~self.rows["lens"].isin(how.without)]


def refuse_what_is_none(asked: Asked, evidence: Evidence) -> None:
    """Raise UserError for a way of pooling that makes no sense, whatever the period."""
    checked_priors(asked.priors)
    asked.limits.checked()
    _refuse_no_lens(asked.without, evidence)
    _refuse_no_channel(asked.limits, evidence)


def _refuse_no_lens(without: Sequence[str], evidence: Evidence) -> None:
    """Raise UserError for a lens to be switched off that is none, in whatever month."""
    known = names_of_lenses(evidence)
    for name in filter(None, without):
        if name not in known:
            near = did_you_mean(name, known) or "."
            raise UserError(
                f"lenses_off names '{shown(name)}', which is no lens{near} They are {', '.join(sorted(known))}."
            )


def _refuse_no_channel(limits: Limits, evidence: Evidence) -> None:
    """Raise UserError for a floor or a ceiling of what is no channel, in whatever month."""
    tables = [evidence.registers[name] for name in ("channels", "spend") if name in evidence.registers]
    known = {str(channel) for frame in tables for channel in frame["channel"]}
    for name in (*limits.floors, *limits.ceilings):
        if known and name not in known:
            near = did_you_mean(name, known) or "."
            raise UserError(
                f"a floor or ceiling names '{shown(name)}', which is no channel{near} "
                f"They are {', '.join(sorted(known))}."
            )


def laid_out(source: Source) -> Laid:
    """Gather and check every lens. Raises Missing, and TableError or UserError for rows that cannot be read."""
    evidence, total = source.evidence, source.total
    if not total.conversions:
        raise Missing("needs conversions in the period")
    if "channels" not in evidence.registers:
        raise Missing("needs channels.csv with the role of each channel")
    supplied = supply(evidence, source.rows, source.period, conversions=total.conversions, apart=source.apart)
    kinds = checked_channels(evidence.registers["channels"])
    return Laid(
        source=source,
        total=total,
        supplied=supplied,
        rows=scaled(checked_lenses(supplied.to_frame(), kinds)),
        kinds=kinds,
        spend=spend_of(evidence, source.period),
        curves=curves(evidence, source.period),
    )
