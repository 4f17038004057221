"""What was known of users before they were assigned, beside what they did then (CUPED)."""

from __future__ import annotations

from martech_lib.core.arm_records import Sums
from martech_lib.core.stats import Paired, of_sums


def with_past(n: int, sums: Sums, middle: float) -> Paired:
    """An arm's users with what was known of all of them before, as the distance from its middle."""
    before = sums.p - n * middle
    squares = sums.pp - 2 * middle * sums.p + n * middle**2
    both = sums.yp - middle * sums.y_p
    return Paired(
        of_sums(n, sums.y, sums.yy), of_sums(n, before, squares), (both - before * sums.y / n) / (n - 1)
    )  # fmt: skip
