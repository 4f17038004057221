"""Lenses made elsewhere, read from the table `lenses`: media-mix models and vendors, brought to the period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from martech_lib.attribution.evidence import Evidence
from martech_lib.attribution.question import Period
from martech_lib.attribution.triangulation.carry import ageing, at_spend
from martech_lib.attribution.triangulation.priors import (
    LAST_TOUCH,
    LENSES,
    LIFT_TEST,
    MEDIA_MIX,
    MULTI_TOUCH,
    PLATFORM,
    SURVEY,
)
from martech_lib.attribution.triangulation.seen import LeftOut, Seen, cover_of, spend_of
from martech_lib.core.check import lens_breaches
from martech_lib.core.errors import Problem, TableError, UserError, did_you_mean, shown
from martech_lib.core.parse import folded, rows_named
from martech_lib.core.spoken import listed
from martech_lib.core.stats import normal_quantile

OLDEST_MONTHS = 12  # an estimate made elsewhere for an earlier month is carried over so far
MOST_NOTES = 12
UNKNOWN_CHANNEL = "is no channel of channels.csv"
INSTEAD = {
    LAST_TOUCH: "computed from the touches",
    MULTI_TOUCH: "computed from the touches",
    PLATFORM: "read from platform_reported",
    SURVEY: "read from survey",
    LIFT_TEST: "read from lift_tests",
}


def elsewhere(evidence: Evidence, period: Period) -> Iterator[Seen]:
    """Estimates of media-mix models and vendors: those of the period, or the last before it, carried over.

    Raises:
        TableError: A lens speaks twice of one channel and month, which only a frame that nobody checked does.
    """
    for (lens, channel), rows in _told(evidence).groupby(["lens", "channel"], sort=False):
        mine = rows[[period.holds(when) for when in rows["month"]]]
        if len(mine):
            yield cover_of(period, mine["month"]).of(_of_period(str(lens), str(channel), mine))
        elif period.month:
            yield from _carried(str(lens), str(channel), rows, evidence, period)


def names_of_lenses(evidence: Evidence) -> frozenset[str]:
    """Every lens there is or could be: those of the workbook, and those of the table in any month."""
    frame = evidence.registers.get("lenses")
    return frozenset({*LENSES, *(() if frame is None else _named_rows(frame)["lens"])})


def left_out(evidence: Evidence, period: Period) -> list[str]:
    """Which rows of the table are not heard, and why."""
    notes = [f"left out of lenses: {each.words}" for each in unheard(evidence, period)]
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], f"and {more} more like these"] if more > 0 else notes


def unheard(evidence: Evidence, period: Period) -> list[LeftOut]:
    """The same by channel."""
    frame = evidence.registers.get("lenses")
    if frame is None:
        return []
    found = []
    for name, every in frame.groupby(frame["lens"].astype(str)):
        rows = every[[not _named(str(name), basis) for basis in _basis(every)]]
        channels, known = tuple(dict.fromkeys(rows["channel"].astype(str))), INSTEAD.get(folded(str(name)))
        if known:
            found.append(LeftOut(channels, f"{name}, which is {known}"))
        elif channels:
            of = "" if len(rows) == len(every) else f" of {listed(channels, most=4)}"
            found.append(LeftOut(channels, f"{name}{of}, whose basis says neither attributed nor incremental"))
    heard = {(seen.lens, seen.channel) for seen in elsewhere(evidence, period)}
    for (lens, channel), rows in _told(evidence).groupby(["lens", "channel"], sort=False):
        if (lens, channel) not in heard:
            why = _why_unheard(str(channel), rows, evidence, period)
            found.append(LeftOut((str(channel),), f"{lens} of {channel}, {why}"))
    return found


def _why_unheard(channel: str, rows: pd.DataFrame, evidence: Evidence, period: Period) -> str:
    """Why none of a lens's rows on a channel is heard in the period."""
    if len(_last_before(rows, period)) and spend_of(evidence, period).get(channel) == 0:
        return f"as the channel had no spend in {period.words} to carry an earlier month over to"
    months = sorted({f"{pd.Timestamp(when):%Y-%m}" for when in rows["month"]})
    return f"which speaks of {', '.join(months[:4])}"


def curves(evidence: Evidence, period: Period) -> dict[str, float]:
    """Channel -> elasticity of the response curve that a media-mix model supplies: marginal x spend / estimate; of the
    period, or else of the last month before it that is not too old. None beside a table of paths, as it is not known of
    which months that speaks."""
    frame = _told(evidence)
    if evidence.reads_paths or not {"marginal", "spend"} <= set(frame):
        return {}
    frame = frame.dropna(subset=["marginal", "spend"])
    frame = frame[(frame["lens"] == MEDIA_MIX) & (frame["estimate"] > 0) & (frame["spend"] > 0)]
    found = {}
    for channel, rows in frame.groupby("channel"):
        mine = rows[[period.holds(when) for when in rows["month"]]]
        used = mine if len(mine) else _last_before(rows, period)
        if len(used):
            found[str(channel)] = float((used["marginal"] * used["spend"] / used["estimate"]).mean())
    return found


def _told(evidence: Evidence) -> pd.DataFrame:
    """The rows whose lens can be told, under the name that pooling takes. Raises TableError."""
    frame = evidence.registers.get("lenses")
    if frame is None:
        return pd.DataFrame(columns=["lens", "channel", "month"])
    _refuse_repeated(frame)
    return _named_rows(frame)


def _named_rows(frame: pd.DataFrame) -> pd.DataFrame:
    written: dict[str, str] = {}  # a vendor is called as its first row spells it
    names = [written.setdefault(folded(str(lens)), " ".join(str(lens).split())) for lens in frame["lens"]]
    named = [_named(lens, basis) for lens, basis in zip(names, _basis(frame), strict=True)]
    frame = frame.assign(lens=named)
    return frame[frame["lens"] != ""]


def _refuse_repeated(frame: pd.DataFrame) -> None:
    """Raise TableError for a lens that speaks twice of one channel and month: added up it would count double."""
    problems = [
        Problem(
            "lenses", "lenses", breach.position + 2, breach.column, shown(frame[breach.column].iloc[breach.position]),
            rows_named(breach.message, lambda position: position + 2),
        )
        for breach in lens_breaches(frame)
        if breach.position is not None
    ]  # fmt: skip
    if problems:
        raise TableError(problems)


def _last_before(rows: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The last row of an earlier month that is not too old; none for a period that is no month."""
    if not period.month:
        return rows.iloc[:0]
    first = pd.Timestamp(f"{period.month}-01")
    months = pd.to_datetime(rows["month"])
    kept = rows[(months < first) & (months >= first - pd.DateOffset(months=OLDEST_MONTHS))]
    return kept.sort_values("month").tail(1)


def _of_period(lens: str, channel: str, rows: pd.DataFrame) -> Seen:
    """Months added up; their errors are taken to go together."""
    made = pd.to_datetime(rows["made_on"]).max() if "made_on" in rows else pd.NaT
    how = "as supplied" if len(rows) == 1 else f"{len(rows)} months added up"
    seen = Seen(channel, lens, float(rows["estimate"].sum()), source="lenses", how=how)
    seen = seen._replace(made_on=None if pd.isna(made) else made.date())
    has_interval = all(name in rows and rows[name].notna().all() for name in ("lower", "upper", "level"))
    if not has_interval or rows["level"].nunique() > 1 or rows["lower"].sum() >= rows["upper"].sum():
        return seen
    return seen._replace(
        lower=float(rows["lower"].sum()), upper=float(rows["upper"].sum()), level=float(rows["level"].iloc[0])
    )


def _carried(lens: str, channel: str, rows: pd.DataFrame, evidence: Evidence, period: Period) -> Iterator[Seen]:
    """The last estimate of an earlier month, at this period's spend and wider by its age."""
    earlier = _last_before(rows, period)
    if earlier.empty:
        return
    first, month = pd.Timestamp(f"{period.month}-01"), pd.Timestamp(earlier["month"].iloc[0])
    age = (first.year - month.year) * 12 + first.month - month.month
    now = spend_of(evidence, period).get(channel)
    if now == 0:
        return
    then = float(earlier["spend"].iloc[0]) if "spend" in earlier and pd.notna(earlier["spend"].iloc[0]) else None
    moved = at_spend(then, now)
    seen = _of_period(lens, channel, earlier)
    low, high, factor = seen.lower, seen.upper, moved.factor
    how = f"of {month:%B %Y}, {moved.how}"
    seen = seen._replace(estimate=seen.estimate * factor, how=how)
    if low is None or high is None or seen.level is None:
        yield seen
        return
    more = normal_quantile((1 + seen.level) / 2) * np.hypot(ageing(age), moved.sd)
    seen = seen._replace(how=f"{how}, wider by its age")
    if low <= 0:
        half = float(np.hypot((high - low) / 2, more * seen.estimate / factor)) - (high - low) / 2
        yield seen._replace(lower=max(low - half, 0.0) * factor, upper=(high + half) * factor)
        return
    wider = float(np.exp(np.hypot(np.log(high / low) / 2, more) - np.log(high / low) / 2))
    yield seen._replace(lower=low * factor / wider, upper=high * factor * wider)


def _basis(frame: pd.DataFrame) -> Sequence[str]:
    return [""] * len(frame) if "basis" not in frame else [str(cell) for cell in frame["basis"].fillna("")]


def _named(lens: str, basis: str) -> str:
    """A lens with its basis in brackets, as pooling takes it; "" for a vendor that names none."""
    name = folded(lens)
    if name == MEDIA_MIX or name in INSTEAD:
        return name if name == MEDIA_MIX else ""
    return f"{lens} ({basis.lower()})" if basis else ""


def refuse_foreign(
    lenses: pd.DataFrame, evidence: Evidence, period: Period, *, name: str, lines: Sequence[int]
) -> None:
    """Refuse a table of lenses that does not speak of the channels, or of which nothing is heard in the period.

    Args:
        lenses: As a file gave it.
        evidence: The workspace, with this table in place of its own.
        period: The period of the page.
        name: The file.
        lines: Line of the file on which each row stands.

    Raises:
        TableError: Channels that are none.
        UserError: No row is heard.
    """
    channels = evidence.registers.get("channels")
    known = [] if channels is None else [str(channel) for channel in channels["channel"]]
    problems = [
        Problem("lenses", name, line, "channel", shown(channel), f"{UNKNOWN_CHANNEL}{did_you_mean(channel, known)}")
        for line, channel in zip(lines, map(str, lenses["channel"]), strict=True)
        if channel not in known
    ]
    if problems:
        raise TableError(problems)
    if any(True for _ in elsewhere(evidence, period)):
        return
    if _told(evidence).empty:
        why = left_out(evidence, period)
        raise UserError(f"{name} holds no lens that could be heard: {'; '.join(why) or 'it has no rows'}.")
    months = sorted({f"{pd.Timestamp(when):%Y-%m}" for when in lenses["month"]})
    told = f"{name} speaks of {', '.join(months[:6])} and not of {period.words}"
    raise UserError(f"{told}; give that period's estimates.")
