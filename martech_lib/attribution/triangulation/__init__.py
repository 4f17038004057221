"""Triangulation: several lenses with known biases -> one honest range per channel, the next test, the next budget."""

from __future__ import annotations

from martech_lib.attribution.triangulation.priors import usual_priors
from martech_lib.attribution.triangulation.ranges import Range, Triangulation, triangulate

__all__ = ["Range", "Triangulation", "triangulate", "usual_priors"]
