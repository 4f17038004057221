"""Holdouts in sentences: each number read out loud."""

from __future__ import annotations

import math
from collections.abc import Sequence

from martech_lib.core.spoken import count, fitting, listed, mid_sentence, money, number, percent
from martech_lib.personalization.between import Between
from martech_lib.personalization.course import CONVERTERS
from martech_lib.personalization.endpoints import HELPS
from martech_lib.personalization.money import Range
from martech_lib.personalization.programmes import INDIVIDUAL, OfKind, Programme, Programmes, claims_in_words
from martech_lib.personalization.reading import HoldoutReading
from martech_lib.personalization.rollout import EVERYONE, Policy, Size, advised
from martech_lib.personalization.segments import Segment
from martech_lib.personalization.verdict import begun

NOTHING = "Not measured: supply assignments and outcomes of a programme with a holdout."


def headline(told: HoldoutReading) -> str:
    """The verdict."""
    return told.headline.sentence


def notes(told: HoldoutReading) -> str:
    """What to know when reading it."""
    return " ".join(told.notes)


def split(told: HoldoutReading) -> str:
    """The arms, and whether they are as planned."""
    arms = listed([f"{number(n)} in {arm}" for arm, n in told.srm.arms.items()])
    if not arms:
        return ""
    if told.srm.passed is None:
        return f"Users: {arms}. Their split was not checked: {told.srm.reason}."
    if told.srm.passed:
        return f"Users: {arms}, which is as planned (p {number(told.srm.p_value, 3)})."
    return f"Users: {arms}. That is not as planned, and nothing is read: {told.srm.reason}."


def revenue(told: HoldoutReading) -> str:
    """How revenue was compared, and what the past explains."""
    of = told.endpoint("revenue")
    parts = []
    if of is not None and of.difference is not None:
        is_why = of.lift is not None  # else the reason is that of the missing lift
        why = f": {of.reason}" if of.reason and is_why else ""
        parts.append(f"Revenue was compared by {_method(of.method)}{why}.")
        if of.reason and not is_why:
            parts.append(f"{of.reason[:1].upper()}{of.reason[1:]}.")
    if told.without_largest is not None and told.without_largest.difference is not None:
        other, currency = told.without_largest.difference, told.terms.currency
        ends = f"{money(other.estimate, currency)} ({money(other.lower, currency)} to {money(other.upper, currency)})"
        parts.append(f"Without the user who brought most, the difference is {ends} a user.")
    return " ".join([*parts, past(told)]).strip()


def past(told: HoldoutReading) -> str:
    """How much the time before helps (CUPED)."""
    of = told.endpoint("conversion")
    if of is None or of.explained is None:
        return ""
    share = percent(of.explained, 2 if of.explained < 0.01 else 1)
    if "CUPED" in of.method:
        helped = "so it was taken out"
    elif of.explained < HELPS:
        helped = f"too little to take it out (from {percent(HELPS, 0)} on)"
    elif told.is_interim:
        helped = "which a look before the end does not take out"
    else:
        helped = f"which is not taken out below {CONVERTERS} converters in each arm"
    return f"What users did before explains {share} of the variance of conversions, {helped}.{_past_of_revenue(told)}"


def _past_of_revenue(told: HoldoutReading) -> str:
    of = told.endpoint("revenue")
    if of is None or of.explained is None or "CUPED" not in of.method:
        return ""
    return f" Of that of revenue it explains {percent(of.explained, 1)}, so it was taken out."


def brought(told: HoldoutReading) -> str:
    """What it brought in all, beside its cost."""
    of, currency = told.brought, told.terms.currency
    if of is None or of.conversions is None:
        return ""
    parts = [f"Conversions beyond those without it: {_range(of.conversions)}."]
    if of.taken:
        parts.append(f"{of.taken[:1].upper()}{of.taken[1:]}.")
    if of.profit is not None:
        gain = f"{money(of.profit.estimate, currency)} ({_money_ends(of.profit, currency)})"
        parts.append(f"What it brought less its cost of {money(of.cost, currency)} is {gain}.")
    if of.cost_per_conversion is not None:
        price, ends = of.cost_per_conversion, _money_ends(of.cost_per_conversion, currency)
        parts.append(f"One conversion more cost {money(price.estimate, currency)} ({ends}).")
    elif of.cost is not None and of.reason:
        parts.append(f"What one conversion more cost cannot be told: {of.reason}.")
    return " ".join(parts)


def between(told: HoldoutReading) -> str:
    """Several ways of one programme, and what the one for each person adds to the one for many."""
    if not told.between:
        return ""
    parts = [f"{one.arm} {_against(one)}" for one in told.between if one.against == told.sides.holdout]
    sentences = [f"Each way against the holdout: {'; '.join(parts)}."]
    for one in told.between:
        if one.against != told.sides.holdout:
            sentences.append(f"Beyond {one.against}, {one.arm} adds {_against(one)}.")
    return " ".join(sentences)


def _against(one: Between) -> str:
    if one.lift is None:
        return "cannot be told"
    p = "p below 0.001" if one.p < 0.001 else f"p {number(one.p, 3)}"
    ends = f"{percent(one.lift.lower)} to {percent(one.lift.upper)}, {p}"
    return f"{one.lift.estimate * 100:+.1f} % ({ends})"


def segments(told: HoldoutReading) -> str:
    """For whom it worked."""
    found = told.by_segment
    if not found.compared:
        if told.headline.verdict == "refused":
            return ""
        return f"{found.advice[:1].upper()}{found.advice[1:]}." if told.is_interim else "No segments could be compared."
    gains = [line for line in found.compared if line.is_found and _rises(line)]
    losses = [line for line in found.compared if line.is_found and not _rises(line)]
    parts = [one for one in (_differ(found.differ, len(found.compared), told.level),) if one]
    parts.append(f"Evidence of a gain: {_names(gains)}." if gains else "No segment has evidence of a gain of its own.")
    if losses:
        parts.append(f"Evidence of harm: {_names(losses)}.")
    if found.advice:
        parts.append(f"{found.advice[:1].upper()}{found.advice[1:]}.")
    if found.withheld:
        one = fitting(found.withheld, "is", "are")
        parts.append(
            f"{count(found.withheld, 'segment')} {one} not shown, for few users are in them or in one of them."
        )
    return " ".join(parts)


def over_time(told: HoldoutReading) -> str:
    """Whether the lift fades, and from when on it could be looked at."""
    course = told.course
    if course is None:
        return ""
    parts = []
    if course.trend.ends is None:
        parts.append(f"Whether it fades cannot be told: {course.trend.reason}.")
    else:
        p, (first, last) = course.trend.p, course.trend.ends
        sure = f"(p {number(p, 3)})" if p >= 0.001 else "(p below 0.001)"
        if p < 1 - told.level:
            ends = f"{first * 100:+.0f} % in the first, {last * 100:+.0f} % in the last"
            parts.append(f"The lift is not the same in all weeks {sure}: {ends}, by the line that fits best.")
        else:
            parts.append(f"No trend is seen over the weeks {sure}.")
    early = [look for look in course.looks if look.lift is None]
    if early and len(early) < len(course.looks):
        when = f"{early[-1].day:%-d %b %Y}"
        parts.append(f"Until {when} the holdout had fewer than {CONVERTERS} converters, and a look would have misled.")
    elif early:
        parts.append(f"The holdout never had {CONVERTERS} converters, so that no look before the end is shown.")
    return " ".join(parts)


def rollout(told: HoldoutReading) -> str:
    """Whom to personalize."""
    if not told.policies:
        return ""
    best = advised(told.headline.verdict, told.policies)
    everyone = told.policies[0]
    if best is None:
        lead = "Nothing says that it pays: keep the holdout until it does, or stop."
        return f"{lead} With everyone it would be {_gain(everyone, told)}.{_taken(told)}"
    if not best.users:
        return f"Personalize nobody for now. With everyone it would be {_gain(everyone, told)}.{_taken(told)}"
    who = "everyone" if best.policy == EVERYONE else f"only {listed(best.segments)}"
    parts = [f"Personalize {who}: {_gain(best, told)}."]
    if best.policy != EVERYONE:
        parts.append(f"With everyone it would be {_gain(everyone, told)}.")
    return " ".join(parts) + _taken(told)


def _taken(told: HoldoutReading) -> str:
    """What a conversion is taken as, where segments are told in money by it."""
    if told.value is None or not any(one.net is not None and one.segments for one in told.policies):
        return ""
    return f" A conversion of a segment is taken as {money(told.value, told.terms.currency)}."


def holdout_size(sizes: Sequence[Size]) -> str:
    """What a small holdout costs in time, beside the largest that is asked for."""
    if not sizes:
        return ""
    largest = max(sizes, key=lambda size: size.share)
    which = "Half and half" if largest.share == 0.5 else f"A holdout of {percent(largest.share, 0)}"
    weeks = f", {count(largest.weeks, 'week')}" if largest.weeks is not None else ""
    told = f"{which} needs {number(largest.users)} users{weeks}."
    others = [
        f"{percent(size.share, 0)} x {number(size.users / largest.users, 2)}" for size in sizes if size is not largest
    ]
    if not others:
        return told
    return (
        f"{told} A smaller holdout does without fewer conversions and needs more users for the same answer: "
        f"{listed(others)}."
    )


def programmes(found: Programmes) -> str:
    """All holdouts of the month beside the dashboards."""
    if found.needs:
        return f"Not measured: {found.needs}."
    parts = [_tally(found)]
    if found.shown is not None and found.claimed is not None:
        n = count(len(found.claimers), "programme")
        parts.append(
            f"The dashboards of {n} with a reading claim {number(found.claimed)} conversions; "
            f"{fitting(len(found.claimers), 'its holdout shows', 'their holdouts show')} {_range(found.shown)}."
        )
    if found.universal is not None and found.universal.brought is not None:
        parts.append(f"The universal holdout shows {_range(found.universal.brought)} for everything together.")
    lures = [row.program for row in found.rows if row.verdict == "click-only"]
    if lures:
        parts.append(f"More clicks and nothing behind them: {listed(lures)}.")
    unread = [row for row in found.rows if row.verdict in ("no holdout", "refused")]
    if unread:
        parts.append(f"Not read: {listed([row.program for row in unread])}.")
    return " ".join(parts)


def each(found: Programmes) -> tuple[str, ...]:
    """One paragraph a programme: its verdict, or why it has none, beside what it claims."""
    return tuple(_one(row) for row in found.every)


def _one(row: Programme) -> str:
    told = row.reading.headline.sentence if row.reading else f"{begun(row.program)}: {row.reason}."
    claims = claims_in_words(row)
    return f"{told} Its dashboard claims {claims}." if claims else told


def kinds(found: Programmes) -> str:
    """What personalization for one person adds over that for many."""
    told = {of.kind: of for of in found.of_kinds()}
    one, many = ([told[kind] for kind in told if (kind in INDIVIDUAL) is own] for own in (True, False))
    if not one or not many:
        return ""
    each_kind = [_per_thousand(of, found.currency) for of in told.values()]
    parts = [f"Incremental conversions of a thousand users: {listed(each_kind)}."]
    parts.append(
        "Programmes for one person (behavioral, AI) are laid beside those for many as they are: other users, other "
        "messages. Only two arms of one programme would tell what the individual level adds."
    )
    return " ".join(parts)


def kind_in_words(kind: str) -> str:
    """AI in capitals, the others as they are."""
    return "AI" if kind == "ai" else kind


def _per_thousand(of: OfKind, currency: str) -> str:
    estimate, lower, upper = (f"{end:+.1f}" for end in of.per_thousand)
    price = "" if of.cost_per_conversion is None else f"; {money(of.cost_per_conversion, currency)} each"
    return f"{kind_in_words(of.kind)} {estimate} ({lower} to {upper}{price})"


def _tally(found: Programmes) -> str:
    verdicts = [row.verdict for row in found.rows]
    named = (("real win", "real win", "real wins"), ("hidden win", "hidden win", "hidden wins"),
             ("click-only", *2 * ("with clicks alone",)), ("nothing", *2 * ("without an effect that was found",)),
             ("harm", "that does harm", "that do harm"), ("refused", *2 * ("refused",)),
             ("no holdout", *2 * ("without a holdout",)))  # fmt: skip
    many = {verdict: verdicts.count(verdict) for verdict in verdicts}
    parts = [f"{many[name]} {fitting(many[name], one, more)}" for name, one, more in named if name in many]
    return f"{count(len(verdicts), 'programme')}: {listed(parts)}."


def _differ(p: float, many: int, level: float) -> str:
    if math.isnan(p):
        return ""
    said = "p below 0.001" if p < 0.001 else f"p {number(p, 3)}"
    if p < 1 - level:
        return f"The {many} segments differ ({said}), more than chance would have it."
    return (
        f"Nothing says that the {many} segments differ at all ({said}): what they share is the better guess for each."
    )


def _names(lines: Sequence[Segment]) -> str:
    return listed([line.segment if line.lift is None else f"{line.segment} ({_lift(line)})" for line in lines])


def _lift(line: Segment) -> str:
    assert line.lift is not None
    return f"{line.lift.estimate * 100:+.0f} %"


def _rises(line: Segment) -> bool:
    return line.difference is not None and line.difference.estimate > 0


def chance_in_words(chance: float) -> str:
    """A probability that is never told as none or as certain."""
    return "less than 1 %" if chance < 0.005 else "more than 99 %" if chance > 0.995 else percent(chance, 0)


def _gain(one: Policy, told: HoldoutReading) -> str:
    harm = f"with a probability of loss of {chance_in_words(one.harm)}"
    if one.net is not None:
        currency = told.terms.currency
        return f"{money(one.net.estimate, currency)} expected ({_money_ends(one.net, currency)}), {harm}"
    return f"{_range(one.gain)} conversions expected, {harm}"


def _method(method: str) -> str:
    return method if method.startswith("Welch") else f"a {mid_sentence(method)}"


def _range(of: Range) -> str:
    return f"{number(of.estimate)} ({number(of.lower)} to {number(of.upper)})"


def _money_ends(of: Range, currency: str) -> str:
    return f"{money(of.lower, currency)} to {money(of.upper, currency)}"
