"""Personalization programs with a control group, each with a lift that is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.log import in_order, moments, named
from martech_lib.core.simulate.program_settings import Program
from martech_lib.core.simulate.settings import DAY, END, PRICES, Flags, Floats, Settings, Whole

FIRST_MEMBER = 10_000_001  # members are other people than the users of the log
LEAST_MEMBERS = 40
WINDOW = 30
ASSIGNED_WITHIN = 55  # days of the log, so that every window ends inside it
SPREAD = 0.7
EVENTS = ["impression", "click", "conversion"]
AROUND = ((-20, 20), (WINDOW, 15))  # first day after the assignment, and days: conversions there must not count
FAULT = (14 * DAY, 28 * DAY)  # when a log may lose assignments: a release that wrote them at the first click only


class Members(NamedTuple):
    """Members of one program.

    Attributes:
        program: The program.
        user: Their ids.
        treated: Who got it.
        assigned: When they were assigned.
        keenness: How readily they convert, 1 on average.
        luck: The number drawn against the probability to convert.
        value: What a conversion of theirs is worth.
        segment: Place of their segment; empty until it is drawn.
    """

    program: Program
    user: Whole
    treated: Flags
    assigned: Whole
    keenness: Floats
    luck: Floats
    value: Floats
    segment: Whole

    def converts(self, treated: Flags) -> Flags:
        """Who converts in the window if these are treated."""
        lift = np.array(self.program.lifts)[self.segment]
        return np.asarray(self.luck < self.program.rate * self.keenness * (1 + lift * treated))


class Programs(NamedTuple):
    """Tables of the programs, what each truly brought, and its impressions: program, user_id, ts, treated."""

    assignments: pd.DataFrame
    outcomes: pd.DataFrame
    programs: pd.DataFrame
    impressions: pd.DataFrame
    truth: list[dict[str, object]]


def programs_of(of: Settings) -> Programs:
    """Draw the programs."""
    first, drawn = FIRST_MEMBER, []
    for program in of.programs:
        drawn.append(_drawn(of, program, first=first))
        first = int(drawn[-1][0].user[-1]) + 1
    members, assigned, happened = zip(*drawn, strict=True)
    return Programs(
        in_order(list(assigned), "assigned_at"),
        in_order(list(happened), "ts"),
        pd.DataFrame([_register(who, what) for who, what in zip(members, happened, strict=True)]),
        in_order([_impressions(who, what) for who, what in zip(members, happened, strict=True)], "ts"),
        [row for who in members for row in _true(who)],
    )


def _drawn(of: Settings, program: Program, *, first: int) -> tuple[Members, pd.DataFrame, pd.DataFrame]:
    """The members of one program, their rows of the assignments, and what they did."""
    rng = of.stream(f"program {program.name}")
    members = _members(program, rng, first=first, users=of.users)
    count = len(members.user)
    messages, chances = _messages(members, rng), rng.random((1 + 2 * len(AROUND), count))
    bought = rng.poisson(2 * program.rate * members.keenness)
    members = members._replace(segment=(rng.random(count) * len(program.segments)).astype(np.int64))
    assigned = _assigned(members, bought)[~_lost(members, messages, of.stream(f"lost of {program.name}"))]
    return members, assigned, pd.concat([messages, _conversions(members, chances)])


def _members(program: Program, rng: np.random.Generator, *, first: int, users: int) -> Members:
    count = max(LEAST_MEMBERS, round(program.members * users))
    prices, shares = np.array(PRICES).T
    return Members(
        program=program,
        user=first + np.arange(count),
        treated=rng.random(count) >= program.holdout,
        assigned=(rng.random(count) * ASSIGNED_WITHIN * DAY).astype(np.int64),
        keenness=np.exp(SPREAD * rng.standard_normal(count) - SPREAD**2 / 2),
        luck=rng.random(count),
        value=prices[np.searchsorted(np.cumsum(shares), rng.random(count) * shares.sum(), side="right")],
        segment=np.empty(0, dtype=np.int64),
    )


def _assigned(members: Members, bought: Whole) -> pd.DataFrame:
    program = members.program
    return pd.DataFrame(
        {
            "program": program.name,
            "user_id": members.user,
            "arm": named(members.treated.astype(np.int64), [program.control, "treatment"]),
            "assigned_at": moments(members.assigned),
            "segment": named(members.segment, list(program.segments)),
            "kind": program.kind,
            "pre_value": np.round(bought * members.value, 2),
            "planned_share": np.where(members.treated, round(1 - program.holdout, 4), program.holdout),
        }
    )


def _lost(members: Members, messages: pd.DataFrame, rng: np.random.Generator) -> Flags:
    """Whose assignment the log never gets: in the faulty weeks some of the treated who clicked nothing."""
    clicked = np.isin(members.user, messages["user_id"].to_numpy()[messages["event"].to_numpy() == EVENTS[1]])
    faulty = (members.assigned >= FAULT[0]) & (members.assigned < FAULT[1])
    return np.asarray(members.treated & faulty & ~clicked & (rng.random(len(clicked)) < members.program.lost))


def _messages(members: Members, rng: np.random.Generator) -> pd.DataFrame:
    """Each member sees some messages, those of the control group the ordinary ones, and may click."""
    row = np.repeat(np.arange(len(members.user)), 1 + rng.poisson(1.0, len(members.user)))
    seen = members.assigned[row] + (rng.random(len(row)) * WINDOW * DAY).astype(np.int64)
    rate = members.program.click_rate * (1 + members.program.click_lift * members.treated[row])
    clicked = rng.random(len(row)) < rate
    after = seen[clicked] + 5 + (rng.random(clicked.sum()) * 55).astype(np.int64)
    return pd.concat([_events(members.user[row], seen, 0), _events(members.user[row][clicked], after, 1)])


def _impressions(members: Members, happened: pd.DataFrame) -> pd.DataFrame:
    seen = happened.loc[happened["event"] == EVENTS[0], ["user_id", "ts"]]
    treated = members.treated[seen["user_id"].to_numpy() - members.user[0]]
    return seen.assign(program=members.program.name, treated=treated)


def _conversions(members: Members, chances: Floats) -> pd.DataFrame:
    """In the window by what the program does; before and after it as ever, which must not count."""
    own = members.converts(members.treated)
    when = members.assigned + 60 + (chances[0] * (WINDOW * DAY - 60)).astype(np.int64)
    parts = [_events(members.user[own], when[own], 2, members.value[own])]
    for place, (start, days) in enumerate(AROUND):
        chance, moment = chances[1 + 2 * place : 3 + 2 * place]
        time = members.assigned + start * DAY + 60 + (moment * (days * DAY - 120)).astype(np.int64)
        other = (chance < members.program.rate * members.keenness * days / WINDOW / 2) & (time >= 0) & (time < END)
        parts.append(_events(members.user[other], time[other], 2, members.value[other]))
    return pd.concat(parts)


def _events(user: Whole, time: Whole, event: int, value: Floats | float = np.nan) -> pd.DataFrame:
    kind = named(np.full(len(user), event), EVENTS)
    return pd.DataFrame({"user_id": user, "ts": moments(time), "event": kind, "value": np.full(len(user), value)})


def _register(members: Members, happened: pd.DataFrame) -> dict[str, object]:
    """The program as its own dashboard tells it: every conversion of those who got it counts."""
    program, claimed = members.program, members.converts(members.treated) & members.treated
    return {
        "program": program.name,
        "kind": program.kind,
        "cost": program.cost,
        "holdout_share": program.holdout,
        "window_days": WINDOW,
        "segments_declared": ";".join(program.segments),
        "claimed_conversions": int(claimed.sum()),
        "claimed_value": round(float(members.value[claimed].sum()), 2),
        "click_lift_claimed": _click_lift(members, happened),
        "value_per_conversion": round(sum(price * share for price, share in PRICES), 2),
    }


def _click_lift(members: Members, happened: pd.DataFrame) -> float:
    treated = members.treated[happened["user_id"].to_numpy() - members.user[0]]
    event = happened["event"].to_numpy()
    seen, clicked = (
        np.array([((event == kind) & (treated == arm)).sum() for arm in (True, False)]) for kind in EVENTS[:2]
    )
    rates = (clicked + 0.5) / (seen + 1)
    return round(float(rates[0] / rates[1] - 1), 2)


def _true(members: Members) -> list[dict[str, object]]:
    """What a program truly brought, and where its segments differ what it brought in each."""
    program, everyone = members.program, np.ones(len(members.user), dtype=bool)
    parts = [(program.name, everyone)]
    if program.segment_lifts:
        parts += [(f"{program.name} {name}", members.segment == n) for n, name in enumerate(program.segments)]
    return [_brought(members, name, among) for name, among in parts]


def _brought(members: Members, name: str, among: Flags) -> dict[str, object]:
    """Conversions of the treated less those of the same members untreated, and the ratio of the two."""
    nobody = np.zeros(len(members.user), dtype=bool)
    real, otherwise = (members.converts(arm) & members.treated & among for arm in (members.treated, nobody))
    extra = float(real.sum()) - float(otherwise.sum())
    return {
        "kind": "program",
        "name": name,
        "incremental_conversions": extra,
        "incremental_value": round(float(members.value[real].sum() - members.value[otherwise].sum()), 2),
        "relative_lift": round(extra / max(int(otherwise.sum()), 1), 4),
    }
