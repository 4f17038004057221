"""A seeded world in which the true effect of each channel and program is known, and every table follows from it.

>>> from martech_lib.core import simulate
>>> world = simulate.simulate(users=20_000, seed=1)
>>> world.tables["touches"]        # and conversions, spend, platform_reported, survey, lift_tests, ...
>>> world.truth                    # what each channel and program truly caused
>>> simulate.write(world, "myworld")
"""

from __future__ import annotations

from martech_lib.core.simulate.world import (
    LEAST_USERS,
    MOST_USERS,
    World,
    refuse_taken,
    simulate,
    simulate_from,
    tests_of,
    write,
)

__all__ = [
    "LEAST_USERS",
    "MOST_USERS",
    "World",
    "refuse_taken",
    "simulate",
    "simulate_from",
    "tests_of",
    "write",
]
