"""Credit: what each channel is credited under a model, with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from martech_lib.attribution import markov, rules, shapley
from martech_lib.attribution.journeys import MOST_BITS, Journeys
from martech_lib.attribution.sums import NONE, Refused, Sums
from martech_lib.core.errors import UserError, did_you_mean
from martech_lib.core.spoken import count, fitting
from martech_lib.core.stats import Array, Interval, jackknife

LEVEL = 0.9
LEAST_CONVERSIONS = 20
LEAST_GROUPS = 10


class Totals(NamedTuple):
    """(B, K) credited conversions and value: from everything, then from everything but each user group."""

    conversions: Array
    value: Array


class Options(NamedTuple):
    """What the models can be told, see `credit`."""

    half_life_days: float
    position: tuple[float, ...]
    w_shape: tuple[float, ...]
    direct: str
    order: int


class Asked(NamedTuple):
    """What a model works on: the journeys, their samples (everything, then without each user group), its options."""

    journeys: Journeys
    samples: Sums
    options: Options


Model = Callable[[Asked], Totals]


@dataclass(frozen=True)
class Credit:
    """What a model credits.

    Attributes:
        model: The model's name.
        rows: One a channel, and one for conversions without a touch where there are any.
    """

    model: str
    rows: tuple[CreditRow, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a channel: see `CreditRow`."""
        return pd.DataFrame.from_records(list(self.rows), columns=list(CreditRow._fields))


class CreditRow(NamedTuple):
    """What one channel is credited under one model.

    Attributes:
        channel: As written in the log; "(none)" for conversions without a touch.
        model: The model's name.
        conversions: Credited conversions; None when the model is refused.
        value: Credited value, in the currency of the log.
        conversions_se: Standard error; None where the interval is refused.
        conversions_lower: Lower limit of the interval.
        conversions_upper: Upper limit.
        value_se: The same of the value.
        value_lower: Lower limit.
        value_upper: Upper limit.
        level: Confidence level of the intervals.
        reason: Why the model or its interval is refused.
    """

    channel: str
    model: str
    conversions: float | None = None
    value: float | None = None
    conversions_se: float | None = None
    conversions_lower: float | None = None
    conversions_upper: float | None = None
    value_se: float | None = None
    value_lower: float | None = None
    value_upper: float | None = None
    level: float | None = None
    reason: str = ""


def credit(
    journeys: Journeys,
    model: str,
    *,
    half_life_days: float = 7,
    position: Sequence[float] = (0.4, 0.2, 0.4),
    w_shape: Sequence[float] = (0.3, 0.3, 0.3, 0.1),
    direct: str = "direct",
    order: int = 1,
) -> Credit:
    """Credit the conversions of some journeys to channels.

    Args:
        journeys: From `journeys` or `journeys_from_paths`.
        model: One of `MODELS`.
        half_life_days: For time_decay: a touch so much older counts half.
        position: For position: weights of the first touch, those between, the last.
        w_shape: For w_shaped: weights of the first touch, the milestone, the last, the others.
        direct: For last_non_direct: the channel that is passed over.
        order: For markov: how many touches back a step depends on, 1 or 2.

    Raises:
        UserError: There is no such model, or an option makes no sense.
    """
    if model not in MODELS:
        raise UserError(f"There is no model {model!r}{did_you_mean(model, MODELS)}. There are: {', '.join(MODELS)}.")
    options = Options(half_life_days, _weights("position", position, 3), _weights("w_shape", w_shape, 4), direct, order)
    if not half_life_days > 0:
        raise UserError(f"half_life_days came as {half_life_days:g}; allowed is more than 0.")
    if order not in (1, 2):
        raise UserError(f"order came as {order}; allowed are 1 and 2.")
    samples = journeys.samples
    try:
        totals = MODELS[model](Asked(journeys, samples, options))
    except Refused as refused:
        return Credit(model, tuple(CreditRow(channel, model, reason=str(refused)) for channel in journeys.channels))
    return Credit(model, tuple(_rows(model, journeys, totals)))


def _weights(name: str, given: Sequence[float], n: int) -> tuple[float, ...]:
    weights = tuple(float(weight) for weight in given)
    if len(weights) != n or not min(weights) >= 0 or not abs(sum(weights) - 1) <= 1e-9:
        raise UserError(f"{name} came as {tuple(given)}; allowed are {n} weights from 0 on that add up to 1.")
    return weights


def _rows(model: str, journeys: Journeys, totals: Totals) -> list[CreditRow]:
    samples, has_value = journeys.samples, journeys.has_value
    names = [*journeys.channels, *([NONE] if samples.none[0, 0] else [])]
    credited = np.concatenate([totals.conversions, samples.none[:, [0]]], axis=1)
    value = np.concatenate([totals.value, samples.none[:, [1]]], axis=1)
    rows = [CreditRow(name, model, float(credited[0, k]), float(value[0, k])) for k, name in enumerate(names)]
    if not has_value:
        rows = [row._replace(value=None) for row in rows]
    groups = len(credited) - 1
    if groups < LEAST_GROUPS:
        reason = f"an interval needs {LEAST_GROUPS} groups of users; there {fitting(groups, 'is', 'are')} {groups}"
        return [row._replace(reason=reason) for row in rows]
    intervals = [jackknife(part, level=LEVEL) for part in (credited, value)]
    return [_with_interval(row, k, *intervals) for k, row in enumerate(rows)]


def _with_interval(row: CreditRow, k: int, of_conversions: Interval, of_value: Interval) -> CreditRow:
    if (row.conversions or 0.0) < LEAST_CONVERSIONS:
        reason = f"an interval needs {LEAST_CONVERSIONS} credited conversions; there are {row.conversions:.1f}"
        return row._replace(reason=reason)
    return row._replace(
        conversions_se=float(of_conversions.se[k]),
        conversions_lower=float(of_conversions.lower[k]),
        conversions_upper=float(of_conversions.upper[k]),
        value_se=None if row.value is None else float(of_value.se[k]),
        value_lower=None if row.value is None else float(of_value.lower[k]),
        value_upper=None if row.value is None else float(of_value.upper[k]),
        level=LEVEL,
    )


def _by_rule(rule: Callable[..., Array], *told: str) -> Model:
    """A position rule as a model; `told` names the options it is given."""

    def model(asked: Asked) -> Totals:
        given = [getattr(asked.options, name) for name in told]
        return Totals(rule(asked.samples, *given, value=False), rule(asked.samples, *given, value=True))

    return model


def _time_decay(asked: Asked) -> Totals:
    return Totals(*asked.journeys.decayed(asked.options.half_life_days))


def _markov(asked: Asked) -> Totals:
    transitions, states_of = asked.samples.transitions, list(np.arange(len(asked.samples.channels))[:, None])
    if asked.options.order == 2:
        transitions, states_of = asked.journeys.second_order()
    return _as_conversions(asked.samples, markov.removal_shares(transitions, states_of))


def _shapley_rate(asked: Asked) -> Totals:
    samples, most = asked.samples, shapley.MOST_CHANNELS
    if len(samples.channels) > MOST_BITS:
        raise Refused(f"{len(samples.channels)} channels: channel sets are counted up to {MOST_BITS}")
    sizes = [int(mask).bit_count() for mask in samples.masks[samples.conversions[0] > 0]]
    if max(sizes, default=0) > most:
        larger = count(sum(size > most for size in sizes), "channel set")
        raise Refused(f"{larger} that converted hold more than {most} channels, up to {max(sizes)}: too many subsets")
    credits = shapley.rate_credits(samples.masks, samples.journeys, samples.conversions, len(samples.channels))
    total = credits.sum(axis=1, keepdims=True)
    return _as_conversions(samples, np.divide(credits, total, out=np.zeros_like(credits), where=total > 0))


def _as_conversions(samples: Sums, shares: Array) -> Totals:
    """Shares of all conversions with a touch, and of their value."""
    conversions = rules.last(samples, value=False).sum(axis=1, keepdims=True)
    return Totals(shares * conversions, shares * rules.last(samples, value=True).sum(axis=1, keepdims=True))


MODELS: Mapping[str, Model] = {
    "last": _by_rule(rules.last),
    "last_non_direct": _by_rule(rules.last_non_direct, "direct"),
    "first": _by_rule(rules.first),
    "linear": _by_rule(rules.linear),
    "time_decay": _time_decay,
    "position": _by_rule(rules.position, "position"),
    "w_shaped": _by_rule(rules.w_shaped, "w_shape"),
    "markov": _markov,
    "shapley": _by_rule(rules.set_based),
    "shapley_rate": _shapley_rate,
}


def all_credit(journeys: Journeys, models: Sequence[str] = tuple(MODELS), **options: Any) -> pd.DataFrame:
    """The credit of several models as one frame, model by model; options as of `credit`."""
    return pd.concat([credit(journeys, model, **options).to_frame() for model in models], ignore_index=True)
