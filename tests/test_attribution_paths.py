"""A table of paths gives what its journeys give as a log, and refuses what paths cannot tell."""

from __future__ import annotations

import pandas as pd
import pytest
from test_attribution_credit import close, credited

from martech_lib import attribution
from martech_lib.core.errors import UserError

# The test of the Python package MAM: nine paths worth 3 each.
NINE = ("A", "A > B", "A > B > C", "B", "B > A", "B > C > A", "C", "C > A", "C > B > A")


def test_the_nine_paths() -> None:
    journeys = attribution.journeys_from_paths(pd.DataFrame({"path": NINE, "conversions": 3}))
    assert credited(journeys, "shapley_rate") == close({"A": 13.5, "B": 7.5, "C": 6})
    assert credited(journeys, "shapley") == close({"A": 10.5, "B": 9, "C": 7.5})
    for model in set(attribution.MODELS) - {"time_decay"}:
        assert sum(credited(journeys, model).values()) == pytest.approx(27)


def test_paths_give_what_their_journeys_give() -> None:
    written = ["a > b > a > c", "b", "a > c", "c > c > b > a > b", "b > a > c", ""]
    converted, missed = [3, 1, 2, 2, 4, 5], [2, 4, 0, 1, 3, 0]
    paths = attribution.journeys_from_paths(
        pd.DataFrame(
            {"path": written, "conversions": converted, "value": [10.0 * n for n in converted], "nulls": missed}
        )
    )
    touches, conversions, user = [], [], 0
    for path, yes, no in zip(written, converted, missed, strict=True):
        for copy in range(yes + no):
            user += 1
            steps = path.split(" > ") if path else []
            touches += [(user, pd.Timestamp(2026, 1, 1 + i), step) for i, step in enumerate(steps)]
            conversions += [(user, pd.Timestamp(2026, 1, 20), 10.0)] if copy < yes else []
    log = attribution.journeys(
        pd.DataFrame(touches, columns=["user_id", "ts", "channel"]),
        pd.DataFrame(conversions, columns=["user_id", "ts", "value"]),
    )
    for model in set(attribution.MODELS) - {"time_decay"}:
        for column in ("conversions", "value"):
            assert credited(paths, model, column) == close(credited(log, model, column)), (model, column)


def test_what_paths_cannot_tell_is_refused_with_the_reason() -> None:
    journeys = attribution.journeys_from_paths(pd.DataFrame({"path": NINE, "conversions": 30}))
    decay = attribution.credit(journeys, "time_decay").to_frame()
    assert decay["conversions"].isna().all()
    assert set(decay["reason"]) == {"a table of paths has no times"}
    linear = attribution.credit(journeys, "linear").to_frame()
    assert linear["conversions"].sum() == pytest.approx(270)
    assert linear["conversions_se"].isna().all()
    assert set(linear["reason"]) == {"an interval needs 10 groups of users; there is 1"}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"paths": ["a"], "conversions": [1]}, "no column path; did you mean paths?"),
        ({"path": ["a > > b"], "conversions": [1]}, "The path 'a > > b' has a blank step"),
        ({"path": ["a"], "conversions": [-1]}, "conversions of paths came as -1; allowed is 0 or more"),
        ({"path": ["a"], "conversions": [None]}, "no number of conversions; write 0"),
    ],
)
def test_a_bad_table_is_told(columns: dict[str, list[object]], words: str) -> None:
    with pytest.raises(UserError) as told:
        attribution.journeys_from_paths(pd.DataFrame(columns))
    assert words in str(told.value)
