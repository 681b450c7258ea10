"""From measurements to the figures of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, TypeAlias

from rows import Row

Sample: TypeAlias = Mapping[str, Any]
"""What one process measured, by quantity; or why it did not, as "failed" or "absent"."""

Repetition: TypeAlias = Mapping[str, Sample]
"""By name of measurement."""


@dataclass(frozen=True)
class Result:
    """A row with its figures."""

    row: Row
    figures: Sequence[float]
    """Of each repetition: the ratio, or the quantity itself where the row has nothing to be compared with."""

    quantities: Sequence[float]
    """Of each repetition: what `row.of` measured."""

    why_none: str = ""
    """Where there are no figures."""

    @property
    def median(self) -> float | None:
        """Of the figures."""
        return median(self.figures) if self.figures else None

    @property
    def is_met(self) -> bool | None:
        """Whether the median is where the target wants it; None without a target or without figures."""
        middle, row = self.median, self.row
        if middle is None or (row.at_least is None and row.at_most is None):
            return None
        return (row.at_least is None or middle >= row.at_least) and (row.at_most is None or middle <= row.at_most)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        row = self.row
        return {
            "key": row.key,
            "what": row.what,
            "quantity": row.quantity if row.against is None else f"ratio of {row.quantity}",
            "median": self.median,
            "min": min(self.figures, default=None),
            "max": max(self.figures, default=None),
            "figures": list(self.figures),
            "at_least": row.at_least,
            "at_most": row.at_most,
            "met": self.is_met,
            "measured": list(self.quantities),
            "note": row.note,
            "why_none": self.why_none,
        }


def mean_of(samples: Sequence[Sample]) -> Sample:
    """One sample of several that measured the same, with each of them; the one that failed, where one has.

    Example:
        >>> mean_of([{"rate": 2.0}, {"rate": 4.0}])
        {'rate': 3.0, 'each': [{'rate': 2.0}, {'rate': 4.0}]}
    """
    if len(samples) == 1:
        return samples[0]
    for sample in samples:
        if None in sample.values() or "failed" in sample or "absent" in sample:
            return sample
    quantities = [quantity for quantity, value in samples[0].items() if isinstance(value, int | float)]
    means = {quantity: fmean(sample[quantity] for sample in samples) for quantity in quantities}
    return {**means, "each": list(samples)}


def result_of(row: Row, repetitions: Sequence[Repetition]) -> Result:
    """Compute a row's figures, each ratio within one repetition.

    Repetitions in which one of its measurements is missing do not count.
    """
    figures: list[float] = []
    quantities: list[float] = []
    reasons: list[str] = []
    for repetition in repetitions:
        samples = [repetition.get(name, {}) for name in (row.of, row.against) if name is not None]
        values = [value for sample in samples if (value := sample.get(row.quantity)) is not None]
        if len(values) < len(samples):
            reasons += [sample[why] for sample in samples for why in ("absent", "failed") if why in sample] or [
                "too short to measure"
            ]
            continue
        figures.append(values[0] if row.against is None else values[0] / values[1])
        quantities.append(values[0])
    return Result(row, figures, quantities, reasons[0] if reasons and not figures else "")
