"""The attribution page in sentences; every number in them is read from the result."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from martech_lib.attribution.alone import NOTHING_READ, without_journeys
from martech_lib.attribution.comparisons import USUAL_CLAIM, Assist, Claim, Cost
from martech_lib.attribution.credit import LEAST_CONVERSIONS, LEVEL, CreditRow
from martech_lib.attribution.intake import GROUPS
from martech_lib.attribution.names import MODEL_NAMES
from martech_lib.attribution.reading import AttributionReading
from martech_lib.attribution.sums import NONE
from martech_lib.attribution.walks import quantile
from martech_lib.core.errors import did_you_mean
from martech_lib.core.results import Reading
from martech_lib.core.spoken import count, fitting, in_full, listed, money, number, percent

__all__ = [
    "agreement", "assisted", "claimed", "cost", "headline", "intervals", "journeys_read", "lenses", "notes", "refusals",
    "settings", "truth", "walk",
]  # fmt: skip


def headline(reading: AttributionReading) -> str:
    """The period's conversions, and whom last touch and the leading model credit most."""
    if reading.lacks:
        return without_journeys(reading, _value(reading, "attribution.conversions"))
    total = _value(reading, "attribution.conversions")
    if not total:
        other = "ask for another month, or for the whole log" if reading.period.month else "the table below says why"
        return f"There is no conversion in {reading.period.words}: {other}. What was read is at the end of the page."
    worth = _value(reading, "attribution.value")
    lead = f"{_of_period(reading)} had {_so_many(total)}"
    lead += f" of {reading.question.part}" if reading.question.part else ""
    lead += f" worth {money(worth, reading.currency)}" if worth else ""
    alone = _value(reading, "attribution.untouched") or 0.0
    lead += f"; {percent(alone)} of them had no touch before them that counts." if alone else "."
    return f"{lead} {_leaders(reading)}".rstrip()


def agreement(reading: AttributionReading) -> str:
    """How alike the models rank the channels, and how to take it."""
    found = reading.beside.models
    if found.w is None:
        return f"Agreement of the models is refused: {found.reason}." if reading.credit_records else ""
    judges, channels = count(len(found.judges), "model"), count(found.channels, "channel")
    shown = round(found.w, 2)
    alike = "much alike" if shown >= 0.9 else "fairly alike" if shown >= 0.7 else "differently"
    said = f"{judges} rank {channels} {alike}: Kendall's W is {found.w:.2f}, where 1 is one order for all and 0 none."
    said += " Where they differ, methods differ; no model has failed."
    lenses = reading.beside.lenses
    if lenses.w is None:
        return said
    names = listed([str(judge) for judge in lenses.judges])
    return f"{said} Between the lenses {names} it is {lenses.w:.2f} over {count(lenses.channels, 'channel')}."


def intervals(reading: AttributionReading) -> str:
    """What the intervals are, and how many were refused."""
    rows = [row for row in reading.credit_records if row.conversions is not None]
    if not rows:
        return ""
    refused = sum(row.conversions_lower is None for row in rows)
    said = (
        f"Intervals hold {percent(LEVEL, 0)} of the time for what the model itself would say of many such periods: "
        f"the credit is computed again without each of up to {GROUPS} groups of users."
    )
    if not refused:
        return said
    if refused == len(rows):
        few = f"every credit is below {LEAST_CONVERSIONS} conversions, or there are too few users"
        return (
            f"There are no intervals: {few}." if reading.period.month else f"There are no intervals: {rows[0].reason}."
        )
    few = f"below {LEAST_CONVERSIONS} credited conversions an interval would not hold"
    return f"{said} {refused} of {len(rows)} credits have none, as {few}."


def refusals(reading: AttributionReading) -> str:
    """Which models cannot speak and why, and which credit less than nothing."""
    told = [f"{MODEL_NAMES[model]} is refused: {reason}." for model, reason in reading.refused.items()]
    below = [row.channel for row in reading.credit_records if row.conversions is not None and row.conversions < 0]
    if below:
        told.append(
            f"Shapley, by rate, credits {listed(below)} with less than nothing: journeys with it convert less often "
            "than those without. The others then have more than there was; the sum holds."
        )
    return " ".join(told)


def assisted(reading: AttributionReading) -> str:
    """Which channels help more than they close."""
    seen = [a for a in reading.beside.assists if a.last or a.assisted]
    if not seen:
        return ""
    helpers = sorted((a for a in seen if a.assisted > a.last), key=lambda a: (-_ratio(a), -a.assisted))
    if not helpers:
        most = max(seen, key=_ratio)
        return (
            f"No channel helps more than it closes; {most.channel} helps {_ratio(most):.2f} times for each it closes."
        )
    named = listed([_helping(a) for a in helpers], most=4)
    return (
        f"{count(len(helpers), 'channel')} {fitting(len(helpers), 'helps', 'help')} more conversions than "
        f"{fitting(len(helpers), 'it closes', 'they close')}: {named}. Last touch gives nothing for helping."
    )


def walk(reading: AttributionReading) -> str:
    """How long the way to a conversion is."""
    walks = reading.beside.walks
    mean = _reading(reading, "attribution.touches_per_conversion")
    if walks is None or mean is None or mean.value is None:
        return ""
    about = f" ({number(mean.lower, 2)} to {number(mean.upper, 2)})" if mean.lower is not None else ""
    said = f"A converting journey has {number(mean.value, 2)} touches on average{about}."
    if walks.days is None or walks.days.empty:
        return said
    half, most = (count(round(quantile(walks.days, "days", share)) + 1, "day") for share in (0.5, 0.9))
    said += f" Half of them end within {half} of the first touch, nine in ten within {most}"
    waited = _reading(reading, "attribution.mean_days_to_convert")
    if waited is None or waited.lower is None:
        return f"{said}."
    return (
        f"{said}; the mean is {number(waited.value, 1)} days ({number(waited.lower, 1)} to {number(waited.upper, 1)})."
    )


def cost(reading: AttributionReading) -> str:
    """The dearest and the cheapest channel under the leading model."""
    costs = [c for c in reading.beside.costs if c.model == reading.question.model]
    if not costs:
        needs = "needs spend.csv with amounts in the period"
        return _lacking("Cost per conversion is", needs, "spend", reading)
    ranked = sorted((c for c in costs if c.per_conversion is not None), key=lambda c: c.per_conversion or 0.0)
    said = f"{money(sum(c.spend for c in costs), reading.currency)} was spent on {count(len(costs), 'channel')}."
    if ranked[1:]:
        ends = f"from {_priced(ranked[0], reading)} to {_priced(ranked[-1], reading)}"
        said += f" By {MODEL_NAMES[reading.question.model]} a credited conversion cost {ends}."
    uncredited = len(costs) - len(ranked)
    said += (
        f" {count(uncredited, 'channel')} with spend {fitting(uncredited, 'has', 'have')} no credit."
        if uncredited
        else ""
    )
    return f"{said} {_strange(reading, 'spend')}".rstrip()


def claimed(reading: AttributionReading) -> str:
    """What platforms claim against the leading model and against all there was."""
    own = [c for c in reading.beside.claims if c.model == reading.question.model]
    if not own:
        needs = "needs platform_reported.csv with the months of the period"
        return _lacking("Platforms' own claims are", needs, "platform_reported", reading)
    all_claimed, credited = sum(c.claimed for c in own), sum(c.credited for c in own)
    total = _value(reading, "attribution.conversions") or 0.0
    said = (
        f"Together the platforms claim {count(round(all_claimed), 'conversion')}; there were {number(total)} in all, "
        f"and {MODEL_NAMES[reading.question.model]} credits these channels with {number(credited)}"
    )
    said += f", so the claims are {all_claimed / credited:.1f} times as many." if credited > 0 else "."
    return f"{said} {_unusual(own)} {_strange(reading, 'platform_reported')}".rstrip()


def truth(reading: AttributionReading) -> str:
    """How far each model is from what was truly caused, in a simulated world."""
    gaps = reading.beside.gaps
    if not gaps:
        return ""
    caused = sum(g.caused for g in gaps if g.model == gaps[0].model)
    off = {model: sum(abs(g.gap) for g in gaps if g.model == model) for model in dict.fromkeys(g.model for g in gaps)}
    credited = sum(g.credited for g in gaps if g.model == "last")
    nearest, furthest = min(off, key=lambda m: off[m]), max(off, key=lambda m: off[m])
    return (
        f"This world is simulated, so what each channel caused is known: {number(caused)} conversions in all. Every "
        f"model hands out about {number(credited)}, as it shares out also what would have come anyway. Summed over the "
        f"channels, {MODEL_NAMES[nearest]} is least far off ({number(off[nearest])}) and {MODEL_NAMES[furthest]} most "
        f"({number(off[furthest])}). No model on touches can close this gap; experiments can."
    )


def lenses(_reading: AttributionReading) -> str:
    """Why there are several lenses."""
    low, high = USUAL_CLAIM
    return (
        "No single model is right. Platforms usually claim "
        f"{low:g} to {high:g} times what is theirs, and last touch gives channels that create demand about as much too "
        "little; so each decision has its lens."
    )


def journeys_read(reading: AttributionReading) -> str:
    """How many rows were read and used."""
    told = [_used(reading, table) for table in dict.fromkeys(reading.ledger["table"])]
    return " ".join(told) or NOTHING_READ


def notes(reading: AttributionReading) -> Sequence[str]:
    """What was assumed, and what to know when reading."""
    told = [note[:1].upper() + note[1:] + ("" if note.endswith("?") else ".") for note in reading.notes]
    direct = reading.question.direct
    hint = "" if direct in reading.channels else did_you_mean(direct, reading.channels)
    if hint:
        told.append(f"No channel is called '{direct}', so last non-direct is last touch{hint}")
    return [*told, *(line for line in [_strange(reading, "lenses")] if line)]


def settings(reading: AttributionReading) -> str:
    """How the question was put."""
    asked = reading.question
    if reading.lacks:
        return ""
    first, middle, last = (percent(weight, 0) for weight in asked.position)
    weights = f"position-based gives {first}, {middle} and {last} to the first, middle and last touch"
    if "touches" not in set(reading.ledger["table"]):
        return f"Asked of {reading.period.words}, which has no times and no users: all of it; {weights}."
    segment = asked.segment
    cut = [asked.part] if asked.part else []
    cut += [f"without {listed(list(segment.without))}"] if segment.without else []
    who = listed(cut) or "all journeys"
    return (
        f"Asked of {reading.period.words}: {who}; a touch counts up to {in_full(asked.lookback_days)} days before its "
        f"conversion ({' and '.join(f'{kind}s' for kind in asked.kinds)}); time decay halves every "
        f"{in_full(asked.half_life_days)} days; {weights}; last non-direct passes over '{asked.direct}'."
    )


def _lacking(subject: str, needs: str, register: str, reading: AttributionReading) -> str:
    """Why something stands beside no credit."""
    if not reading.channels:
        return ""
    if reading.question.part:
        return f"{subject} refused for {reading.question.part} alone: the figures speak of everybody."
    return f"{subject} not measured: {needs}. {_strange(reading, register)}".rstrip()


def _strange(reading: AttributionReading, register: str) -> str:
    """What a register says of channels that the log does not name."""
    unknown = [s for s in reading.beside.strangers if s.register == register]
    if not unknown:
        return ""
    total = sum(s.amount for s in unknown)
    amount = money(total, reading.currency) if register == "spend" else number(total)
    what = {"spend": "of spend", "platform_reported": "claimed conversions", "lenses": "conversions by media mix"}[
        register
    ]
    meant = [f"'{s.nearest}' for '{s.channel}'" for s in unknown if s.nearest]
    hint = f"; did you mean {listed(meant)}?" if meant else "."
    return (
        f"Left out: {amount} {what}, of channels the log does not name ({listed([s.channel for s in unknown])}){hint}"
    )


def _so_many(total: float) -> str:
    """A count of conversions; a table of paths may hold parts of them."""
    return count(round(total), "conversion") if total == round(total) else f"{number(total, 1)} conversions"


def _of_period(reading: AttributionReading) -> str:
    words = reading.period.words
    return f"{reading.company}'s {words}" if reading.company and reading.period.month else words[:1].upper() + words[1:]


def _leaders(reading: AttributionReading) -> str:
    """Whom last touch and the leading model credit most."""
    last, leading = _most(reading, "last"), _most(reading, reading.question.model)
    name = MODEL_NAMES[reading.question.model]
    if last is None:
        return ""
    first = f"Last touch credits {last.channel} most, with {_amount(last)}"
    if leading is None or reading.question.model == "last":
        return f"{first}."
    if leading.channel != last.channel:
        return f"{first}; {name} credits {leading.channel} most, with {_amount(leading)}."
    return f"{first}; so does {name}, with {_amount(leading)}."


def _most(reading: AttributionReading, model: str) -> CreditRow | None:
    credited = [row for row in reading.of(model).values() if row.channel != NONE and (row.conversions or 0.0) > 0]
    return max(credited, key=lambda row: row.conversions or 0.0, default=None)


def _amount(row: CreditRow) -> str:
    conversions = row.conversions or 0.0
    said = number(conversions, 0 if conversions >= 10 else 1).removesuffix(".0")
    if row.conversions_lower is None:
        return said
    return f"{said} ({number(row.conversions_lower)} to {number(row.conversions_upper)})"


def _ratio(assist: Assist) -> float:
    return assist.assisted / assist.last if assist.last else inf


def _helping(assist: Assist) -> str:
    told = f"{_ratio(assist):.1f} helped for each" if assist.last else f"{number(assist.assisted)} helped, none"
    return f"{assist.channel} ({told} closed)"


def _unusual(claims: Sequence[Claim]) -> str:
    low, high = USUAL_CLAIM
    told = [f"{c.channel} ({_factor(c)})" for c in claims if c.verdict in ("above", "below")]
    if not any(c.verdict for c in claims):
        return ""
    if not told:
        return f"Every factor lies within the usual {low:g} to {high:g}."
    return f"Outside the usual {low:g} to {high:g} times: {listed(told)}."


def _factor(claim: Claim) -> str:
    """One digit, two where one would show the limit itself."""
    assert claim.factor is not None
    digits = 2 if round(claim.factor, 1) in USUAL_CLAIM else 1
    return f"{claim.factor:.{digits}f}"


def _priced(cost: Cost, reading: AttributionReading) -> str:
    return f"{money(cost.per_conversion, reading.currency)} ({cost.channel})"


def _used(reading: AttributionReading, table: str) -> str:
    lines = reading.ledger[reading.ledger["table"] == table]
    read = int(lines.loc[lines["what"] == "read", "rows"].sum())
    used = int(lines.loc[lines["what"].str.startswith("used"), "rows"].sum())
    return f"Of {number(read)} rows of {table}, {number(used)} were used and {number(read - used)} left out."


def _reading(reading: AttributionReading, metric: str) -> Reading | None:
    return next((r for r in reading.reading_records if r.metric == metric), None)


def _value(reading: AttributionReading, metric: str) -> float | None:
    found = _reading(reading, metric)
    return found.value if found else None
