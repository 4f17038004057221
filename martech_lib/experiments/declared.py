"""What may be declared of an experiment: every field in its type and range, or an error that says what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING
from typing import Any
from unicodedata import category

from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.numbers import read_number
from martech_lib.core.power import METHODS
from martech_lib.core.sequential import RULES
from martech_lib.core.spoken import percent
from martech_lib.experiments.metrics import metric_of, refuse_both_ways

TEXTS = (
    "name", "hypothesis", "primary_metric", "downstream_metric", "one_sided_reason", "surface", "owner",
)  # fmt: skip
CHOICES = {"rule": RULES, "method": METHODS, "many": ("dunnett", "holm"), "power_of": ("best", "every")}
LEAST_ALPHA = 1e-6
LEAST_EFFECT = 1e-9  # of a rate, or of the standard deviation: what needs more users than there are
MOST_EFFECT = 1_000.0  # standard deviations: beyond them the two are not in one unit
# Field -> least, most, whether both ends are allowed, and the words for it.
NUMBERS: Mapping[str, tuple[float, float, bool, str]] = {
    "alpha": (LEAST_ALPHA, 0.5, False, f"between {LEAST_ALPHA:f} and 0.5, such as 0.05 (a share, not a percent)"),
    "power": (0.0, 1 - 1e-9, False, "between 0 and 1, such as 0.8; no finite test finds every effect"),
    "growth": (0.0, 1.0, False, "above 0 and up to 1: 1 where every visitor is new, about 0.7 where many return"),
    "weekly_units": (0.0, 1e12, False, "above 0: unique users in a week"),
    "sd": (0.0, 1e15, False, "above 0: the standard deviation by user, in the metric's unit"),
    "skew": (-1e6, 1e6, True, "a number: the skewness by user, 0 where unknown"),
    "correlation": (-1.0, 1.0, False, "between -1 and 1: of the metric with its own past by user"),
    "window_days": (0.0, 3_650.0, False, "above 0: days after the assignment whose outcomes count"),
    "ratio": (1e-6, 1e6, True, "above 0, such as 1: units of the other arm for each of the control"),
}
WHOLES = {"looks": (1, 365), "tails": (1, 2), "variables_changed": (0, 1_000), "planned_units": (4, 10**12)}
UP_TO = ("growth",)  # whose upper end is allowed
MOST_ARMS, LEAST_SHARE = 20, 1e-6
SUM_WITHIN = 0.0015  # thirds are written as 33.33 or 0.333
SUM_AS_GOOD = 1e-9  # left as it is, so that what is read again is the same


def allowed(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a plan, each of its type; blanks give way to the default.

    Args:
        given: Field -> value, numbers also as text.
        defaults: Field -> its default; `dataclasses.MISSING` where it has none.

    Raises:
        UserError: For the first field that is not allowed.
    """
    for name in given:
        if name not in defaults:
            raise UserError(f"'{shown(name)}' is no field of a plan{did_you_mean(name, defaults)}")
    filled = {name: value for name, value in given.items() if not _is_blank(value)}
    for name, default in defaults.items():
        if default is MISSING and name not in filled:
            raise UserError(f"{name} is blank; a plan needs name, primary_metric, baseline and mde.")
    found = typed(filled)
    refuse_idle(found.get("alpha", defaults["alpha"]), found.get("power", defaults["power"]))
    refuse_both_ways(
        [found["primary_metric"], *filter(None, [found.get("downstream_metric")]), *found.get("guardrail_metrics", ())]
    )
    _refuse_metric_without_size(found)
    return found


def typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by name, each of its type and in its range. Raises UserError for the first that is not."""
    return {name: _typed(name, value) for name, value in given.items()}


def split_of(given: Any) -> tuple[float, ...]:
    """Shares of the arms, control first, from (.5, .5), "50/50" or "50 %; 50 %". Raises UserError."""
    if not isinstance(given, (str, Iterable)):
        raise UserError(
            f"split came as '{shown(given)}'; allowed are shares of the arms, control first, such as 50/50."
        )
    parts = re.split(r"[/;|]", given) if isinstance(given, str) else list(given)
    shares = [number_of("split", part) for part in parts]
    if sum(shares) > 1.5 and abs(sum(shares) - 100) <= 100 * SUM_WITHIN:
        shares = [share / 100 for share in shares]
    said = " / ".join(f"{share:g}" for share in shares)
    if not 2 <= len(shares) <= MOST_ARMS:
        raise UserError(f"split came as {said or 'nothing'}; allowed are 2 to {MOST_ARMS} arms, control first.")
    if min(shares) < LEAST_SHARE:
        raise UserError(
            f"split came as {said}; every arm needs a share above 0 (a millionth or more), such as 0.5 / 0.5."
        )
    whole = sum(shares)
    if abs(whole - 1) > SUM_WITHIN:
        raise UserError(f"split came as {said}, which adds up to {whole:g}; shares of all arms add up to 1.")
    return tuple(shares if abs(whole - 1) < SUM_AS_GOOD else (share / whole for share in shares))


def _typed(name: str, value: Any) -> Any:
    if name == "split":
        return split_of(value)
    if name == "guardrail_metrics":
        return _list_of(value)
    if name == "relative":
        return _truth(name, value)
    if name in TEXTS:
        return _text(name, value)
    if name in CHOICES:
        return _choice(name, value)
    if name in WHOLES:
        return _whole(name, value)
    return _within(name, number_of(name, value))


def _list_of(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (str, Sequence)):
        raise UserError(f"guardrail_metrics came as '{shown(value)}'; allowed are metrics with ';' between them.")
    parts = ";".join(map(str, [value] if isinstance(value, str) else value)).split(";")
    return tuple(_text("guardrail_metrics", part) for part in parts if part.strip())


def _text(name: str, value: Any) -> str:
    said = " ".join(str(value).split())
    if any(category(letter) in ("Cc", "Cs") for letter in said):
        raise UserError(f"{name} came as '{shown(said)}' with a character that no file keeps; allowed is plain text.")
    return said


def _truth(name: str, value: Any) -> bool:
    told = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}.get(str(value).casefold())
    if told is None:
        raise UserError(f"{name} came as '{shown(value)}'; allowed is true or false.")
    return told


def _choice(name: str, value: Any) -> str:
    said = str(value).strip().casefold().replace("'", "").replace("-", "_").replace(" ", "_")
    if said not in CHOICES[name]:
        hint = did_you_mean(said, CHOICES[name])
        raise UserError(f"{name} came as '{shown(value)}'; allowed is {', '.join(CHOICES[name])}{hint}.")
    return said


def _whole(name: str, value: Any) -> int:
    number, (least, most) = number_of(name, value), WHOLES[name]
    if number != round(number) or not least <= number <= most:
        raise UserError(f"{name} came as {number:g}; allowed is a whole number from {least} to {most:,}.")
    return round(number)


def _within(name: str, number: float) -> float:
    if name not in NUMBERS:
        return number
    least, most, closed, words = NUMBERS[name]
    is_inside = least <= number <= most if closed else least < number < most or (name in UP_TO and number == most)
    if not is_inside:
        raise UserError(f"{name} came as {number:g}; allowed is {words}.")
    return number


def number_of(name: str, value: Any) -> float:
    """A number as given, or as people write it ("1.5 %"). Raises UserError where it is none."""
    try:
        number = _as_written(value) if _is_text(value) else float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} came as '{shown(value)}'; allowed is a number.") from error
    if not math.isfinite(number) or isinstance(value, bool):
        raise UserError(f"{name} came as '{shown(value)}'; allowed is a finite number.")
    return number + 0.0  # minus nothing is nothing, and has no fingerprint of its own


def _as_written(text: str) -> float:
    """A number as people write it: "20,000" has thousands, "0,1" and "12,5 %" a decimal comma. Raises ValueError."""
    written = read_number(text)
    if written is None:
        return float(text)
    number = written.comma if written.point is None else written.point
    assert number is not None
    return number / 100 if written.percent else number


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or (_is_text(value) and not value.strip())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _refuse_metric_without_size(found: Mapping[str, Any]) -> None:
    """Raise UserError when baseline, mde and sd do not fit one another."""
    baseline, mde, metric = found["baseline"], found["mde"], metric_of(found["primary_metric"])
    refuse_no_change(mde)
    effect = mde * baseline if found.get("relative") else mde
    if metric.kind == "rate":
        refuse_rates(baseline, effect)
        return
    if found.get("sd") is None:
        raise UserError(
            f"{metric.name} is a {metric.kind}, whose size needs sd, the standard deviation by user; give it, or take "
            "it from the logs with `experiments.history`."
        )
    if baseline == 0:
        raise UserError("baseline came as 0; allowed is any other number: changes are told relative to it.")
    if found.get("relative") and baseline <= 0:
        raise UserError(f"baseline came as {baseline:g}; a relative mde needs a baseline above 0.")
    if abs(effect) < LEAST_EFFECT * found["sd"]:
        raise UserError(f"mde came as {mde:g}, which no test is large enough to find: give a larger change.")
    if abs(effect) > MOST_EFFECT * found["sd"]:
        raise UserError(
            f"mde is a change by {effect:g} and sd is {found['sd']:g}; allowed is up to {MOST_EFFECT:,.0f} standard "
            "deviations: give both in the metric's unit."
        )


def refuse_no_change(mde: float) -> None:
    """Raise UserError when there is nothing to find."""
    if mde == 0:
        raise UserError("mde came as 0; allowed is any other number: no test is large enough to find no change.")


def refuse_idle(alpha: float, power: float) -> None:
    """Raise UserError when a plan would see its effect no more often than it sees one where there is none."""
    if power <= alpha:
        raise UserError(f"power came as {power:g}; allowed is above alpha, {alpha:g}: a coin does as well.")


def refuse_rates(baseline: float, effect: float) -> None:
    """Raise UserError when a baseline or the rate that the effect leads to is none."""
    if not 0 < baseline < 1:
        meant = f" It is {percent(baseline, 0)}; a rate of {baseline:g} % is {baseline / 100:g}."
        raise UserError(
            f"baseline came as {baseline:g}; allowed is a rate between 0 and 1, such as 0.05: at 0 or 1 nothing varies."
            f"{meant if 1 < baseline < 100 else ''}"
        )
    if abs(effect) < LEAST_EFFECT:
        raise UserError(f"mde came to {effect:g}, which no test is large enough to find: give a larger change.")
    if not 0 < baseline + effect < 1:
        raise UserError(
            f"mde leads from {baseline:g} to {baseline + effect:g}, which is no rate; allowed is a change that stays "
            f"between 0 and 1, here above {-baseline:g} and below {1 - baseline:g} (absolute)."
        )
