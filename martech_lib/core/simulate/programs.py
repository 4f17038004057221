"""Personalization programs with a control group, each with a lift that is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.simulate.log import in_order, moments, named
from martech_lib.core.simulate.settings import DAY, END, PRICES, Flags, Floats, Program, Settings, Whole

FIRST_MEMBER = 10_000_001  # members are other people than the users of the log
LEAST_MEMBERS = 40
WINDOW = 30
ASSIGNED_WITHIN = 55  # days of the log, so that every window ends inside it
SPREAD = 0.7
EVENTS = ["impression", "click", "conversion"]


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
    """

    program: Program
    user: Whole
    treated: Flags
    assigned: Whole
    keenness: Floats
    luck: Floats
    value: Floats

    def converts(self, treated: Flags) -> Flags:
        """Who converts in the window if these are treated."""
        return np.asarray(self.luck < self.program.rate * self.keenness * (1 + self.program.lift * treated))


class Programs(NamedTuple):
    """Tables of the programs, and what each truly brought."""

    assignments: pd.DataFrame
    outcomes: pd.DataFrame
    programs: pd.DataFrame
    truth: list[dict[str, object]]


def programs_of(of: Settings) -> Programs:
    """Draw the programs."""
    first, assignments, outcomes, registers, truth = FIRST_MEMBER, [], [], [], []
    for program in of.programs:
        rng = of.stream(f"program {program.name}")
        members = _members(program, rng, first=first, users=of.users)
        happened = pd.concat([_messages(members, rng), _conversions(members, rng)])
        first += len(members.user)
        assignments.append(_assigned(members, rng))
        outcomes.append(happened)
        registers.append(_register(members, happened))
        truth.append(_true(members))
    return Programs(in_order(assignments, "assigned_at"), in_order(outcomes, "ts"), pd.DataFrame(registers), truth)


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
    )


def _assigned(members: Members, rng: np.random.Generator) -> pd.DataFrame:
    program = members.program
    bought = rng.poisson(2 * program.rate * members.keenness)
    segment = (rng.random(len(members.user)) * len(program.segments)).astype(np.int64)
    return pd.DataFrame(
        {
            "program": program.name,
            "user_id": members.user,
            "arm": named(members.treated.astype(np.int64), [program.control, "treatment"]),
            "assigned_at": moments(members.assigned),
            "segment": named(segment, list(program.segments)),
            "kind": program.kind,
            "pre_value": np.round(bought * members.value, 2),
            "planned_share": np.where(members.treated, round(1 - program.holdout, 4), program.holdout),
        }
    )


def _messages(members: Members, rng: np.random.Generator) -> pd.DataFrame:
    """Each member sees some messages, those of the control group the ordinary ones, and may click."""
    row = np.repeat(np.arange(len(members.user)), 1 + rng.poisson(1.0, len(members.user)))
    seen = members.assigned[row] + (rng.random(len(row)) * WINDOW * DAY).astype(np.int64)
    rate = members.program.click_rate * (1 + members.program.click_lift * members.treated[row])
    clicked = rng.random(len(row)) < rate
    after = seen[clicked] + 5 + (rng.random(clicked.sum()) * 55).astype(np.int64)
    return pd.concat([_events(members.user[row], seen, 0), _events(members.user[row][clicked], after, 1)])


def _conversions(members: Members, rng: np.random.Generator) -> pd.DataFrame:
    """In the window by what the program does; before and after it as ever, which must not count."""
    own = members.converts(members.treated)
    when = members.assigned + 60 + (rng.random(len(own)) * (WINDOW * DAY - 60)).astype(np.int64)
    parts = [_events(members.user[own], when[own], 2, members.value[own])]
    for start, days in ((-20, 20), (WINDOW, 15)):
        other = rng.random(len(own)) < members.program.rate * members.keenness * days / WINDOW / 2
        time = members.assigned + start * DAY + 60 + (rng.random(len(own)) * (days * DAY - 120)).astype(np.int64)
        other &= (time >= 0) & (time < END)
        parts.append(_events(members.user[other], time[other], 2, members.value[other]))
    return pd.concat(parts)


def _events(user: Whole, time: Whole, event: int, value: Floats | float = np.nan) -> pd.DataFrame:
    kind = named(np.full(len(user), event), EVENTS)
    return pd.DataFrame({"user_id": user, "ts": moments(time), "event": kind, "value": np.full(len(user), value)})


def _register(members: Members, happened: pd.DataFrame) -> dict[str, object]:
    """The program as its own dashboard tells it: every conversion of those who got it counts."""
    program = members.program
    claimed = members.converts(members.treated) & members.treated
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


def _true(members: Members) -> dict[str, object]:
    """Conversions of the treated less those of the same members untreated, and the ratio of the two."""
    nobody = np.zeros(len(members.user), dtype=bool)
    real, otherwise = (members.converts(arm) & members.treated for arm in (members.treated, nobody))
    extra = float(real.sum() - otherwise.sum())
    return {
        "kind": "program",
        "name": members.program.name,
        "incremental_conversions": extra,
        "incremental_value": round(float(members.value[real].sum() - members.value[otherwise].sum()), 2),
        "relative_lift": round(extra / max(int(otherwise.sum()), 1), 4),
    }
