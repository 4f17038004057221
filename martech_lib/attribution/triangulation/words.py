"""The triangulation in sentences; every number in them is read from the result."""

from __future__ import annotations

from collections.abc import Sequence

from martech_lib.attribution.comparisons import USUAL_CLAIM
from martech_lib.attribution.triangulation.budget import LEAST_MOVE
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.priors import LIFT_TEST, MEDIA_MIX
from martech_lib.attribution.triangulation.ranges import Pull, Range
from martech_lib.attribution.triangulation.records import NEEDS_SPEND, as_reason, no_overcounts, why_silent
from martech_lib.attribution.triangulation.testing import HELD, NO_DAYS, NextTest
from martech_lib.core.spoken import count, day, fitting, listed, number, percent, told_apart, whole_money

AN = (8, 11, 18)  # weeks that are said with "an"
STRONG = 1.15  # a lens that moves an estimate by less hardly pulls


def headline(reading: TriangulationReading) -> str:
    """How many lenses, and what they say together of the channels that brought most."""
    if reading.lacks:
        return f"There are no ranges: {reading.lacks}."
    lenses, ranges = reading.lenses, reading.ranges
    if len(lenses) < 2:
        return f"Red flag: attribution from a single source. {_only(lenses[0])} {_most(ranges)}"
    one = " All of them read the same touches, so that they are one source." if reading.is_one_source else ""
    speak = f"{count(len(lenses), 'lens', plural='lenses')} speak of {reading.period.words}.{one}"
    return f"{speak} {_most(ranges)} {_guesses(reading)}".rstrip()


def _only(lens: str) -> str:
    """What stands behind the ranges where one lens speaks."""
    if lens == LIFT_TEST:  # of a test no usual error is believed: its own interval is all
        return "Only lift tests speak of the channels, so each range is as sure as its test and nothing else checks it."
    return f"Only {lens} speaks of the channels, so a range says how far that lens usually errs and no more."


def _guesses(reading: TriangulationReading) -> str:
    """Which ranges no incremental lens checks."""
    sights = reading.triangulation.sights if reading.triangulation else None
    if sights is None:
        return ""
    if sights.is_unchecked:
        return "Nothing incremental checks them: the ranges rest on how far such lenses usually err."
    names = sorted(sights.shared_out)
    if not names:
        return ""
    rest = fitting(len(names), "its range rests", "their ranges rest")
    return f"Nothing incremental speaks of {listed(names, most=8)}: {rest} on what is usual of such channels."


def verdicts(reading: TriangulationReading) -> str:
    """How many channels are agreed upon, wide, contradicted and untested."""
    if reading.lacks:
        return ""
    by_meaning: dict[str, list[str]] = {meaning: [] for meaning in (*MEANINGS.values(), TEST_ALONE)}
    for told in reading.ranges:
        alone = told.verdict == "agreed" and told.channel in _tests_alone(reading)
        by_meaning[TEST_ALONE if alone else MEANINGS[told.verdict]].append(told.channel)
    return " ".join(f"{meaning}: {listed(names, most=8)}." for meaning, names in by_meaning.items() if names)


def _tests_alone(reading: TriangulationReading) -> frozenset[str]:
    return reading.triangulation.sights.tests_alone if reading.triangulation else frozenset()


MEANINGS = {
    "agreed": "Tested, and the lenses agree",
    "wide": "Tested, and still wide",
    "contradicted": "Contradicted, so look at the test's design before believing either",
    "untested": "No experiment stands behind",
}


TEST_ALONE = "Tested, and nothing else speaks of"


def verdict(told: Range, reading: TriangulationReading) -> str:
    """One channel's verdict as a sentence."""
    if told.lower is None or told.upper is None:
        return f"No range: {why_silent(told.channel, reading)}."
    times = told.upper / told.lower if told.lower else 0.0
    wide = f"upper end {times:.1f} times the lower" if times else "reaching down to nothing"
    if reading.triangulation is not None and told.channel in reading.triangulation.sights.shared_out:
        return f"Untested: all its lenses share out what would have come anyway, so this is a rough guess ({wide})."
    if told.verdict == "agreed" and told.channel in _tests_alone(reading):
        return f"Tested, and nothing else speaks of it ({wide})."
    if reading.triangulation is not None and told.channel in reading.triangulation.weak_tests:
        return {
            "agreed": f"Agreed, but by the other lenses: its test alone tells less than they do ({wide}).",
            "wide": f"Wide: its test tells less than the other lenses do ({wide}).",
        }.get(told.verdict, f"Contradicted: its test lies where the other lenses hardly expect it ({wide}).")
    return {
        "agreed": f"Agreed: a test and the other lenses point the same way ({wide}).",
        "wide": f"Wide: tested, yet the range is broad ({wide}).",
        "contradicted": f"Contradicted: its test lies where the other lenses hardly expect it ({wide}).",
        "untested": f"Untested: a range from lenses whose biases are learned on other channels ({wide}).",
    }[told.verdict]


def pulls(reading: TriangulationReading) -> str:
    """Which lens pulls which channel furthest."""
    if not reading.pulls:
        return _not_measured(reading)
    strong = sorted(reading.pulls, key=lambda p: -max(_ratio(p), 1 / _ratio(p)))
    told = [_pulled(p) for p in strong[:3] if max(_ratio(p), 1 / _ratio(p)) >= STRONG]
    if not told:
        return "No single lens decides: leaving out any one of them moves no channel by more than 15 %."
    return f"Leaving out one lens at a time, the furthest pulls are these: {'; '.join(told)}."


def overcounts(reading: TriangulationReading) -> str:
    """By how much platforms claim too much, by all lenses together."""
    if reading.lacks:
        return _not_measured(reading)
    told, lacking = reading.overcounts, no_overcounts(reading)
    if lacking:
        return _lacking(*lacking)
    low, high = USUAL_CLAIM
    above = [o for o in told if o.verdict == "above"]
    worst = told[0]
    said = (
        f"Furthest beyond what it brought is {worst.channel}, which claims {worst.factor:.1f} times as much "
        f"({worst.lower:.1f} to {worst.upper:.1f})."
    )
    if not above:
        return f"{said} No platform lies above the usual {low:g} to {high:g} times with its whole range."
    return (
        f"{said} Above the usual {low:g} to {high:g} times with the whole range {fitting(len(above), 'is', 'are')} "
        f"{listed([o.channel for o in above])}."
    )


def agreement(reading: TriangulationReading) -> str:
    """How alike all lenses rank the channels, and what each smooths over."""
    found = reading.agreement
    if reading.lacks:
        return ""
    smooths = [
        text
        for lens, text in (
            (MEDIA_MIX, "a media-mix model smooths over the short term"),
            (LIFT_TEST, "a lift test sees the weeks it ran and smooths over the long term"),
        )
        if lens in reading.lenses
    ]
    said = (
        f"Agreement of all lenses is refused: {found.reason}."
        if found.w is None
        else f"{count(len(found.judges), 'lens', plural='lenses')} rank the {count(found.channels, 'channel')} "
        f"that all of them see, lift tests left aside, with a Kendall's W of {found.w:.2f}. Wide disagreement is "
        "method disagreement, not method failure."
    )
    return f"{said} Mind what they smooth over: {' and '.join(smooths)}." if smooths else said


def next_test(reading: TriangulationReading) -> str:
    """What not knowing costs, and which channel to test."""
    if reading.stakes is None:
        return no_budget(reading)
    said = (
        f"Not knowing the effects for certain costs about {number(reading.stakes, 1)} conversions a period that the "
        "best budget would gain."
    )
    if not reading.tests:
        return f"{said} What a test is worth is refused: {NO_DAYS}."
    return f"{said} {_recommended(reading.tests[0], reading)} {_overdue(reading.tests)}".rstrip()


def budget(reading: TriangulationReading) -> str:
    """The move of budget, its gain and how sure it is; or to hold."""
    found = reading.budget
    if found is None:
        return no_budget(reading)
    sure = f"better than today's with a probability of {percent(found.better, 0)}"
    gain = f"{number(found.gain, 1)} conversions a period ({number(found.lower, 1)} to {number(found.upper, 1)})"
    if found.is_hold and found.is_still:
        return f"Hold the mix: {found.reason}.{_of_total(reading)}{_beware(reading)}"
    if found.is_hold:
        chance, bar = told_apart(found.better, reading.asked.limits.sure)
        hold = (
            f"Hold the mix: the best move within the limits would gain {gain} and be better than today's with a "
            f"probability of {chance}, and {bar} are asked for."
        )
        return f"{hold}{_of_total(reading)}{_beware(reading)}"
    changes = {m.channel: m.then / m.now - 1 for m in found.moves if abs(m.then / m.now - 1) > LEAST_MOVE}
    ups = [f"{name} ({percent(by, 0)})" for name, by in changes.items() if by > 0]
    downs = [f"{name} ({percent(-by, 0)})" for name, by in changes.items() if by < 0]
    sides = "; ".join(part for part in (_side("more for", ups), _side("less for", downs)) if part)
    gains = f"That gains about {gain} and is {sure}.{_of_total(reading)}"
    return f"Move budget: {sides}. {gains} {_curves(reading)}{_beware(reading)}"


def no_budget(reading: TriangulationReading) -> str:
    """Why there is no move of budget, nor a test for its sake."""
    if reading.no_budget:
        return _lacking("refused", as_reason(reading.no_budget))
    return _not_measured(reading) or _lacking("not measured", NEEDS_SPEND)


def _of_total(reading: TriangulationReading) -> str:
    """What another total does by itself."""
    found = reading.budget
    now = sum(m.now for m in found.moves) if found else 0.0
    then = sum(m.then for m in found.moves) if found else 0.0
    if found is None or abs(then - now) < 1:
        return ""
    change = f"{whole_money(abs(then - now), reading.currency)} {'more' if then > now else 'less'} in all"
    gains = f"{'gains' if found.by_total > 0 else 'loses'} about {number(abs(found.by_total), 1)} conversions"
    return f" Beside that, {change} {gains} at today's mix; the move is held against that."


def _beware(reading: TriangulationReading) -> str:
    """Channels whose money should not move before their test is repeated."""
    moved = {
        m.channel for m in (reading.budget.moves if reading.budget else ()) if abs(m.then / m.now - 1) > LEAST_MOVE
    }
    names = [r.channel for r in reading.ranges if r.verdict == "contradicted" and r.channel in moved]
    unchecked = reading.triangulation is not None and reading.triangulation.sights.is_unchecked
    told = (
        f" The test of {listed(names)} contradicts the other lenses: repeat it before that money moves."
        if names
        else ""
    )
    return f"{told} All this rests on what is believed of the lenses alone." if unchecked else told


def of_the_year(reading: TriangulationReading) -> str:
    """What incremental lenses say at present: the channels that brought most, and what stands behind that."""
    tested = {s.channel for s in reading.seen if s.lens == LIFT_TEST}
    mixed = {s.channel for s in reading.seen if s.lens == MEDIA_MIX}
    if not reading.ranges:
        return "Refused" if reading.is_refused else "Not measured"
    most = listed([f"{r.channel} {number(r.estimate)}" for r in reading.ranges[:3]])
    behind = f"{count(len(tested), 'channel')} tested, {count(len(mixed), 'channel')} in a media-mix model"
    return f"{most}, by all lenses ({behind})"


def truth(reading: TriangulationReading) -> str:
    """How many ranges hold what each channel truly caused, in a simulated world."""
    known = [r for r in reading.ranges if r.channel in reading.truth]
    if not known:
        return ""
    held = [r for r in known if (r.lower or 0.0) <= reading.truth[r.channel] <= (r.upper or 0.0)]
    missed = [r.channel for r in known if r not in held]
    said = (
        f"In this simulated world the truth is known: {len(held)} of {len(known)} ranges hold it, where "
        f"{percent(reading.asked.level, 0)} are meant to."
    )
    return f"{said} Missed: {listed(missed, most=8)}." if missed else said


def notes(reading: TriangulationReading) -> Sequence[str]:
    """What was left out, and why."""
    found = reading.triangulation
    rough = (
        [] if found is None or found.is_accurate else [f"The ends of ranges are computed to {percent(found.error)}."]
    )
    return [*rough, *_unvalued(reading), *(f"{note[:1].upper()}{note[1:]}." for note in reading.notes)]


def _unvalued(reading: TriangulationReading) -> list[str]:
    """How many conversions have no value, where the others' is taken for a conversion's worth."""
    total = reading.laid.total if reading.laid else None
    if total is None or reading.asked.value is not None or not 0 < total.valued < total.conversions:
        return []
    without, all_of = number(total.conversions - total.valued), number(total.conversions)
    return [f"{without} of {all_of} conversions have no value: a conversion's worth is the mean of the others."]


def _most(ranges: Sequence[Range]) -> str:
    told = [f"{r.channel} brought {number(r.estimate)} ({number(r.lower)} to {number(r.upper)})" for r in ranges[:3]]
    level = f"Each range is meant to hold the truth {percent(ranges[0].level, 0)} of the time." if ranges else ""
    return f"In conversions that would not have come otherwise, {listed(told)}. {level}" if told else ""


def _not_measured(reading: TriangulationReading) -> str:
    return _lacking("refused" if reading.is_refused else "not measured", reading.lacks) if reading.lacks else ""


def _lacking(status: str, reason: str) -> str:
    return f"{status.capitalize()}: {reason}."


def _ratio(pull: Pull) -> float:
    return pull.with_all / pull.without if pull.without and pull.with_all else 1.0


def _pulled(pull: Pull) -> str:
    way = "up" if pull.with_all > pull.without else "down"
    return f"{pull.lens} pulls {pull.channel} {way} from {number(pull.without)} to {number(pull.with_all)}"


def _recommended(first: NextTest, reading: TriangulationReading) -> str:
    saves = f"{number(first.saved, 1)} of them a period"
    article = "an" if first.weeks in AN else "a"
    test = f"{article} {first.weeks}-week test of {first.channel} with {percent(HELD, 0)} of the market held out"
    finds = f"It finds effects from {number(first.finds)} conversions a period on."
    if first.worth is None or first.cost is None:
        lacking = "the value of a conversion" if first.worth is None else "test_cost_per_week in channels.csv"
        return f"Most is learned by {test}, which saves {saves}; its net worth needs {lacking}. {finds}"
    worth, cost = whole_money(first.worth, reading.currency), whole_money(first.cost, reading.currency)
    if (first.net or 0.0) > 0:
        return f"Test next: {test}. It saves {saves}, worth {worth} in a quarter, and costs {cost}. {finds}"
    due = (
        "Its quarterly test is overdue, so that this is the one to run if one is run at all."
        if first.is_overdue
        else "Its quarterly test is done, so that none is needed now."
    )
    return (
        f"No test pays for itself by a better budget alone: the best for its money, {test}, saves {saves}, worth "
        f"{worth} in a quarter, and costs {cost}. {due} {finds}"
    )


def _overdue(tests: Sequence[NextTest]) -> str:
    never = [t.channel for t in tests if t.is_overdue and t.last_test is None]
    late = [f"{t.channel} (last {day(t.last_test)})" for t in tests if t.is_overdue and t.last_test]
    told = f"Never tested: {listed(never, most=8)}." if never else ""
    return f"{told} Quarterly test overdue: {listed(late, most=8)}.".strip() if late else told


def _side(words: str, names: Sequence[str]) -> str:
    return f"{words} {listed(names, most=8)}" if names else ""


def _curves(reading: TriangulationReading) -> str:
    moves = reading.budget.moves if reading.budget else ()
    assumed = [m.channel for m in moves if not m.is_supplied]
    if not assumed:
        return "Response curves come from the media-mix model."
    power = f"{reading.asked.limits.elasticity:g}"
    return (
        f"Without a supplied curve, conversions are taken to go with spend to the power of {power}: {listed(assumed)}."
    )
