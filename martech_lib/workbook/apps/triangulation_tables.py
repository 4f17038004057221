"""The triangulation's tables and tiles as markup, each from one reading."""

from __future__ import annotations

from functools import partial
from math import exp
from typing import Any

import pandas as pd

from martech_lib.attribution.triangulation import words
from martech_lib.attribution.triangulation.picture import TriangulationReading
from martech_lib.attribution.triangulation.pooling import LIKELY_BASE
from martech_lib.attribution.triangulation.priors import ALL_SHARING, LIFT_TEST, SURVEY, checked_priors
from martech_lib.core.spoken import day, number, percent, whole_money
from martech_lib.workbook import html
from martech_lib.workbook.html import Column

KEY_METRICS = (
    "attribution.lenses", "attribution.lenses_agreement_w", "attribution.budget_gain", "attribution.budget_better",
)  # fmt: skip


KINDS_SAID = {"role": "role", "remembered": "remembered", "walled_garden": "walled garden"}
AGAINST_USUAL = {"above": "above", "below": "below", "usual": "within", "open": "not told apart"}


def key_tiles(reading: TriangulationReading) -> str:
    """The key readings as tiles."""
    totals = {r.metric: r for r in reading.reading_records if not r.segment}
    return html.tiles(totals[metric] for metric in KEY_METRICS if metric in totals)


def ranges_table(reading: TriangulationReading) -> str:
    """Each channel's range and verdict; below them channels without one, and why."""
    columns = [
        Column("channel", "Channel"), Column("estimate", "Conversions brought", number, True),
        Column("between", "Range", str, True), Column("verdict", "What stands behind it"),
    ]  # fmt: skip
    rows = [
        {
            "channel": r.channel,
            "estimate": r.estimate,
            "between": "" if r.lower is None else f"{number(r.lower)} to {number(r.upper)}",
            "verdict": words.verdict(r, reading),
        }
        for r in (*reading.ranges, *reading.silent)
    ]
    return html.table(rows, columns, caption="Conversions each channel brought, by all lenses together") if rows else ""


def lens_values_table(reading: TriangulationReading) -> str:
    """What each lens says of each channel, beside the range."""
    columns = [Column("channel", "Channel"), *(Column(lens, _titled(lens), str, True) for lens in reading.lenses)]
    rows = []
    for told in reading.ranges:
        row: dict[str, Any] = {"channel": told.channel}
        for lens in reading.lenses:
            values = [s.estimate for s in reading.seen if s.lens == lens and s.channel == told.channel]
            row[lens] = " and ".join(number(value) for value in values)
        rows.append(row)
    return html.table(rows, columns, caption="What each lens says, in conversions of the period") if rows else ""


def pairs_table(reading: TriangulationReading) -> str:
    """Rank agreement of every two lenses."""
    names = list(reading.agreement.judges)
    taus = {frozenset((p.one, p.other)): p.tau for p in reading.lens_pairs}
    if len(names) < 2 or not taus:
        return ""
    columns = [Column("lens", "Lens"), *(Column(name, _titled(name), str, True) for name in names[1:])]
    rows = []
    for at, one in enumerate(names[:-1]):
        row: dict[str, Any] = {"lens": _titled(one)}
        for other in names[1:]:
            tau = taus.get(frozenset((one, other)))
            row[other] = "" if other in names[: at + 1] or tau is None else number(tau, 2)
        rows.append(row)
    return html.table(rows, columns, caption="Rank agreement of two lenses at a time, Kendall's tau-b")


def without_table(reading: TriangulationReading) -> str:
    """The middle of each range without one lens at a time."""
    lenses = list(dict.fromkeys(p.lens for p in reading.pulls))
    columns = [
        Column("channel", "Channel"), Column("all", "All lenses", number, True),
        *(Column(lens, f"Without {lens}", str, True) for lens in lenses),
    ]  # fmt: skip
    without = {(p.channel, p.lens): p.without for p in reading.pulls}
    rows = [
        {
            "channel": r.channel,
            "all": r.estimate,
            **{lens: number(without[r.channel, lens]) if (r.channel, lens) in without else "" for lens in lenses},
        }
        for r in reading.ranges
    ]
    return html.table(rows, columns, caption="The middle of each range, leaving one lens out") if lenses else ""


def how_table(reading: TriangulationReading) -> str:
    """How lift tests and estimates made elsewhere were brought to the period."""
    columns = [
        Column("lens", "Lens"), Column("channel", "Channel"), Column("estimate", "Conversions", str, True),
        Column("between", "Interval", str, True), Column("how", "How it was brought to the period"),
    ]  # fmt: skip
    told = [s for s in reading.seen if s.lens == LIFT_TEST or s.how.startswith("of ") or "scaled to all" in s.how]
    by_channel = {s.lens for s in told}
    rows = [
        {"channel": "all", "lens": _titled(lens), "estimate": "", "between": "", "how": _how(lens, reading)}
        for lens in reading.lenses
        if lens not in by_channel
    ]
    rows += [
        {
            "channel": s.channel,
            "lens": _titled(s.lens),
            "estimate": number(s.estimate),
            "between": "" if s.lower is None else f"{number(s.lower)} to {number(s.upper)}",
            "how": s.how,
        }
        for s in told
    ]
    return html.table(rows, columns, caption="How each lens was brought to the period") if rows else ""


def _how(lens: str, reading: TriangulationReading) -> str:
    """How a lens was made that is made alike for every channel."""
    if lens == SURVEY:
        return "each channel's share of all answers, applied to all conversions"
    return "; or ".join(sorted({s.how for s in reading.seen if s.lens == lens}))


def priors_table(reading: TriangulationReading) -> str:
    """What is believed of each lens before its numbers are seen, as factors."""
    columns = [
        Column("lens", "Lens"), Column("kind", "Channels"), Column("usual", "Counts, times the truth", str, True),
        Column("wide", "Give or take, for all its channels", str, True),
        Column("own", "Give or take, for each", str, True), Column("why", "Why"),
    ]  # fmt: skip
    if reading.lacks:
        return ""
    rows = []
    likely = f", with a probability of {percent(LIKELY_BASE, 0)}"
    for row in checked_priors(reading.asked.priors).to_dict("records"):
        kind = ", ".join(filter(None, (_kind(row.get(name), words) for name, words in KINDS_SAID.items())))
        factors = row["mean"], row["sd"], row["spread"]
        why = str(row["why"]) + (likely if row["lens"] == ALL_SHARING else "")
        rows.append(_believed(_titled(str(row["lens"])), kind or "any", why, factors))
    return html.table(rows, columns, caption="What is believed of each lens beforehand")


def _believed(lens: str, kind: str, why: str, logs: tuple[float, float, float]) -> dict[str, str]:
    """One row of what is believed: mean, deviation common to all channels, and each channel's own, as factors."""
    usual, wide, own = (exp(log) for log in logs)
    return {
        "lens": lens,
        "kind": kind,
        "usual": f"{usual:.2f}",
        "wide": f"×{wide:.1f}",
        "own": f"×{own:.1f}",
        "why": why,
    }


def _kind(cell: Any, words: str) -> str:
    """A kind of channel in words; "" where the row is for any."""
    told = "" if cell is None or pd.isna(cell) else str(cell).strip().lower()
    return {"yes": words, "no": f"not {words}"}.get(told, told)


def overcounts_table(reading: TriangulationReading) -> str:
    """Each platform's claim as a multiple of what it brought; none where platforms alone say what that is."""
    if len(reading.lenses) < 2:
        return ""
    columns = [
        Column("channel", "Channel"), Column("claimed", "Claimed", number, True),
        Column("factor", "Times what it brought", str, True), Column("between", "Range", str, True),
        Column("verdict", "Against the usual"),
    ]  # fmt: skip
    rows = [
        {
            "channel": o.channel,
            "claimed": o.claimed,
            "factor": f"{o.factor:.1f}",
            "between": f"{o.lower:.1f} to {o.upper:.1f}",
            "verdict": AGAINST_USUAL[o.verdict],
        }
        for o in reading.overcounts
    ]
    return html.table(rows, columns, caption="Platforms' learned overcount") if rows else ""


def tests_table(reading: TriangulationReading) -> str:
    """Channels to test, best first."""
    cash = partial(whole_money, currency=reading.currency)
    columns = [
        Column("channel", "Channel"), Column("weeks", "Weeks", number, True),
        Column("finds", "Finds from", number, True),
        Column("saved", "Conversions saved a period", str, True), Column("worth", "Worth in a quarter", cash, True),
        Column("cost", "Cost", cash, True), Column("net", "Net", cash, True), Column("last", "Last test"),
        Column("due", "Quarterly test"),
    ]  # fmt: skip
    rows = [
        {
            "channel": t.channel, "weeks": t.weeks, "finds": t.finds, "saved": number(t.saved, 1),
            "worth": t.worth, "cost": t.cost,
            "net": t.net, "last": "never" if t.last_test is None else day(t.last_test),
            "due": "overdue" if t.is_overdue else "done",
        }
        for t in reading.tests
    ]  # fmt: skip
    by = "net worth" if any((t.net or 0.0) > 0 for t in reading.tests) else "worth for its cost"
    return html.table(rows, columns, caption=f"Which channel to test next, by {by}") if rows else ""


def budget_table(reading: TriangulationReading) -> str:
    """The move of budget by channel."""
    cash = partial(whole_money, currency=reading.currency)
    columns = [
        Column("channel", "Channel"), Column("now", "Spend now", cash, True), Column("then", "Next", cash, True),
        Column("change", "Change", str, True), Column("gain", "Conversions gained", str, True),
        Column("curve", "Response curve"),
    ]  # fmt: skip
    found = reading.budget
    rows = [
        {
            "channel": m.channel, "now": m.now, "then": m.then, "change": percent(m.then / m.now - 1, 0),
            "gain": number(m.gain, 1),
            "curve": f"{'supplied' if m.is_supplied else 'assumed'}, power {m.elasticity:.2f}",
        }
        for m in sorted(found.moves if found else (), key=lambda m: -m.now)
    ]  # fmt: skip
    return html.table(rows, columns, caption="The best move of budget within the limits") if rows else ""


def _titled(lens: str) -> str:
    return lens[:1].upper() + lens[1:]
