"""What is said where there are no journeys, with conversions or without."""

from __future__ import annotations

from martech_lib.attribution.reading import AttributionReading

NOTHING = (
    "There are no journeys yet. Supply touches.csv and conversions.csv, one row a touch and one a conversion, "
    "or paths.csv with one row a path."
)
ALONE = (
    "There are conversions and no journeys, so that no model can share them out: supply touches.csv too, one row a "
    "touch."
)
NO_TOUCHES = "There are no journeys either: supply touches.csv too, one row a touch."
NOTHING_READ = "No row of touches, conversions or paths was read."
POOLED_BELOW = " What the other lenses say of the channels is pooled below."


def without_journeys(reading: AttributionReading, conversions: float | None) -> str:
    """What there is, and what to supply.

    Args:
        reading: A page without journeys.
        conversions: Those of the period; None where they were not counted.
    """
    pooled = reading.triangulated
    if pooled is None:
        return NOTHING
    if conversions == 0:
        other = ": ask for another month, or for the whole log" if reading.period.month else ""
        return f"There is no conversion in {reading.period.words}{other}. {NO_TOUCHES}"
    return ALONE if pooled.lacks else ALONE + POOLED_BELOW
