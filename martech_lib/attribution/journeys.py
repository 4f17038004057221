"""Journeys: touches and conversions in any engine -> the sums that every attribution model needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from martech_lib.attribution import stitch
from martech_lib.attribution.chain import pairs_of
from martech_lib.attribution.engine import has_windowed_bits
from martech_lib.attribution.intake import GROUPS, KINDS, take
from martech_lib.attribution.ledger import Used, ledger, remarks
from martech_lib.attribution.segment import Segment, cut, segment_of
from martech_lib.attribution.sums import NONE, PARTS, PLACES, SHARES, Refused, Sums
from martech_lib.attribution.walks import Walks, walks
from martech_lib.core.errors import UserError, shown
from martech_lib.core.progress import Work

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from martech_lib.core.stats import Array

MOST_BITS = 62
STEPS = 11  # questions to the engine
MOST_CHANNELS = 500  # sums by group, channel and channel of more would fill the memory
LONGEST_LOOKBACK = 3_650


@dataclass(frozen=True)
class Journeys:
    """The journeys of a log, as sums; the log itself stays in its engine.

    Attributes:
        sums: By user group, see `Sums`.
        stitched: The journeys in the engine, for what is asked later (time decay).
        ledger: What was read, used and left out, and why: table, what, rows.
        notes: What was assumed, and what to know when reading the credit.
        walked: Lengths and paths, where they were counted in reading.
        has_value: Whether any conversion has a value.
    """

    sums: Sums
    stitched: stitch.Stitched | None
    ledger: pd.DataFrame
    notes: tuple[str, ...] = ()
    walked: Walks | None = None
    has_value: bool = True

    @cached_property
    def samples(self) -> Sums:
        """The sums of everything, then of everything but each user group."""
        return self.sums.samples

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that was touched, in alphabetical order."""
        return self.sums.channels

    def walks(self) -> Walks | None:
        """How long the walks to a conversion are, and which channels lie on them."""
        return self.walked if self.stitched is None else walks(self.stitched, self.channels)

    def decayed(self, half_life_days: float) -> tuple[Array, Array]:
        """(B, K) conversions and value credited by age, of everything and without each user group.

        Raises:
            Refused: There are no times.
        """
        if self.stitched is None:
            raise Refused("a table of paths has no times")
        frame = stitch.decayed(self.stitched, half_life_days=half_life_days).to_pandas()
        shape, keys = (GROUPS, len(self.channels)), ("group", "code")
        conversions = _filled(shape, frame, keys, "conversions")
        return self.sums.sampled(conversions), self.sums.sampled(_filled(shape, frame, keys, "conversions_value"))

    def second_order(self) -> tuple[Array, list[npt.NDArray[np.intp]]]:
        """(B, S + 1, S + 2) steps between pairs of touches, and the numbers of each channel's states.

        Raises:
            Refused: There is no order of touches to ask for, or there are too many pairs.
        """
        if self.stitched is None:
            raise Refused("a table of paths is read by single steps")
        counts, states_of = pairs_of(stitch.second_steps(self.stitched).to_pandas(), len(self.channels), GROUPS)
        return self.sums.sampled(counts), states_of


def journeys(
    touches: Any,
    conversions: Any,
    *,
    lookback_days: float = 30,
    kinds: Sequence[str] = KINDS,
    segment: Segment | str | None = None,
) -> Journeys:
    """Stitch touches and conversions into journeys, in the engine that holds them.

    Args:
        touches: Ibis table or frame: user_id, ts, channel, and where known touch_id and kind.
        conversions: The same: user_id, ts, and where known conversion_id and value.
        lookback_days: A touch so many days before its conversion still counts.
        kinds: Which kinds of touches count; one without a kind always does.
        segment: Which journeys are asked for: "new", "returning", "country=DE", or a `Segment`.

    Raises:
        UserError: The tables or options cannot be used, and why.
    """
    if not 0 < lookback_days <= LONGEST_LOOKBACK:
        told = f"lookback_days came as {lookback_days:g}"
        raise UserError(f"{told}; allowed is more than 0 and up to {LONGEST_LOOKBACK:,}.")
    if not kinds or not set(kinds) <= set(KINDS):
        raise UserError(f"kinds came as {', '.join(kinds) or 'nothing'}; allowed are {' and '.join(KINDS)}.")
    asked, work = segment_of(segment), Work("Reading the journeys", STEPS)
    taken = take(touches, conversions, kinds=kinds, segment=asked)
    chosen, converted = cut(taken.touches, taken.conversions, asked, lookback_days=lookback_days)
    by_channel = _by_channel(_asked(chosen.group_by("channel").aggregate(touches=ibis._.count()), work))
    named = {name: n for name, n in by_channel.items() if _is_name(name) and name not in asked.without}
    channels = _few(tuple(sorted(named)))
    coded = chosen.join(_codes(channels), "channel").drop("channel")
    whole = stitch.stitched(coded, converted, lookback_days=lookback_days)
    work.step()
    sums = _sums(whole, channels, work)
    read, converted_read = (_counts(_asked(each, work)) for each in (taken.touches_read, taken.conversions_read))
    used = _used(sums, by_channel, named)
    return Journeys(
        sums,
        whole,
        ledger(read, converted_read, used),
        (*taken.notes, *remarks(read, converted_read, by_channel, used)),
        has_value=converted_read["rows"] > converted_read["no_value"],
    )


def _is_name(channel: str) -> bool:
    """Whether a touch's channel is one; "(none)" is what conversions without a touch are credited to."""
    return bool(channel.strip()) and channel != NONE


def _few(channels: tuple[str, ...]) -> tuple[str, ...]:
    """The channels. Raises UserError when they are too many to be channels."""
    if len(channels) > MOST_CHANNELS:
        told = f"There are {len(channels):,} channels, such as '{shown(channels[0])}'"
        raise UserError(f"{told}; allowed are {MOST_CHANNELS}. Is channel an address or a campaign? Group them first.")
    return channels


def _asked(table: ir.Table, work: Work) -> pd.DataFrame:
    """What the engine answers; one step of the work."""
    answer = table.to_pandas()
    work.step()
    return answer


def _by_channel(found: pd.DataFrame) -> dict[str, int]:
    """Touches by channel; those without one stand under ""."""
    counted: dict[str, int] = {}
    for name, n in zip(found["channel"], found["touches"], strict=True):
        key = name if isinstance(name, str) else ""
        counted[key] = counted.get(key, 0) + int(n)
    return counted


def _used(sums: Sums, by_channel: Mapping[str, int], named: Mapping[str, int]) -> Used:
    """What became of the touches and conversions that were asked for."""
    before_conversion = int(sums.credits[..., PARTS.index("touches")].sum())
    no_channel = sum(n for name, n in by_channel.items() if not _is_name(name))
    return Used(
        asked=sum(by_channel.values()),
        no_channel=no_channel,
        set_aside=sum(by_channel.values()) - no_channel - sum(named.values()),
        converted=before_conversion,
        open=int(sums.transitions[:, 1:].sum()) - before_conversion,
        matched=int(sums.before.sum()),
        none=int(sums.none[:, 0].sum()),
    )


def _codes(channels: Sequence[str]) -> ir.Table:
    """channel -> its number and its bit in a channel set; no bits where there are more channels than bits."""
    code = np.arange(len(channels), dtype=np.int16)
    bits = code.astype(np.int64) if len(channels) <= MOST_BITS else np.zeros(len(channels), dtype=np.int64)
    frame = pd.DataFrame({"channel": channels, "code": code, "bit": np.left_shift(np.int64(1), bits)})
    return ibis.memtable(frame, schema={"channel": "string", "code": "int16", "bit": "int64"})


def _counts(read: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(n or 0) for name, n in read.iloc[0].items()}


def _sums(whole: stitch.Stitched, channels: tuple[str, ...], work: Work) -> Sums:
    k = len(channels)
    by_place, with_sets = (GROUPS, k, len(PLACES), len(PARTS)), has_windowed_bits(whole.open_ended)
    questions = (
        stitch.credited(whole), stitch.met(whole), stitch.last_pairs(whole, max(k, 1)), stitch.ended_steps(whole),
        stitch.open_steps(whole, with_sets=with_sets), stitch.untouched(whole), stitch.ended_sets(whole),
    )  # fmt: skip
    credited, met, pairs, ended, opened, alone, sets = (_asked(question, work) for question in questions)
    open_sets = opened[opened["mask"] != 0].assign(converts=0) if with_sets else _asked(stitch.open_sets(whole), work)
    return Sums(
        channels=channels,
        credits=_filled(by_place, credited, ("group", "code", "place"), PARTS),
        values=_filled(by_place, credited, ("group", "code", "place"), _of_value(PARTS)),
        met=_filled((GROUPS, k, len(SHARES)), met, ("group", "code"), SHARES),
        met_values=_filled((GROUPS, k, len(SHARES)), met, ("group", "code"), _of_value(SHARES)),
        transitions=_transitions(ended, opened, k),
        before=_filled((GROUPS, k, k + 1), pairs, ("group", "last", "other"), "conversions"),
        before_values=_filled((GROUPS, k, k + 1), pairs, ("group", "last", "other"), "conversions_value"),
        none=_filled((GROUPS, 2), alone, ("group",), ["conversions", "conversions_value"]),
        **_by_set(pd.concat([sets, open_sets], ignore_index=True)),
    )


def _of_value(parts: Sequence[str]) -> list[str]:
    return [f"{part}_value" for part in parts]


def _filled(shape: tuple[int, ...], frame: pd.DataFrame, keys: Sequence[str], values: Any) -> Array:
    """The rows of a frame at their places in an array of zeros."""
    filled = np.zeros(shape)
    places = tuple(frame[key].to_numpy(dtype=np.int64) for key in keys)
    numbers = frame[list(values)] if not isinstance(values, str) else frame[values]
    filled[places] = numbers.astype("float64").fillna(0.0).to_numpy()
    return filled


def _transitions(ended: pd.DataFrame, opened: pd.DataFrame, k: int) -> Array:
    """(G, K + 1, K + 2) steps; a journey starts with each touch that no other leads to."""
    counts = np.zeros((GROUPS, k + 1, k + 2))
    for steps, converts in ((ended, ended["converts"].to_numpy()), (opened, np.zeros(len(opened), dtype=np.int64))):
        group, code = (steps[name].to_numpy(dtype=np.int64) for name in ("group", "code"))
        times = steps["times"].to_numpy(dtype=np.float64)
        end = np.where(converts == 1, k, k + 1)
        to = steps["next"].astype("float64").to_numpy()
        onward = np.where(np.isnan(to), end, np.nan_to_num(to)).astype(np.int64)
        np.add.at(counts, (group, code + 1, onward), times)
    left, arrived = counts[:, 1:, :].sum(axis=2), counts[:, 1:, :k].sum(axis=1)
    counts[:, 0, :k] = left - arrived
    return counts


def _by_set(sets: pd.DataFrame) -> dict[str, Any]:
    """Channel sets, and by group the journeys and conversions of each."""
    group = sets["group"].to_numpy(dtype=np.int64)
    times, converts = (sets[name].to_numpy(dtype=np.float64) for name in ("times", "converts"))
    distinct, place = np.unique(sets["mask"].to_numpy(dtype=np.int64), return_inverse=True)
    journeys_of, conversions_of = (np.zeros((GROUPS, len(distinct))) for _ in range(2))
    np.add.at(journeys_of, (group, place), times)
    np.add.at(conversions_of, (group, place), times * converts)
    return {"masks": distinct, "journeys": journeys_of, "conversions": conversions_of}
