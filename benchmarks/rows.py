"""What a line of the table is about, and what has to be measured for it."""

from __future__ import annotations

from dataclasses import dataclass

from work import Work


@dataclass(frozen=True)
class Measurement:
    """One process: work of `contenders.py`, or a command whose wall time counts."""

    name: str
    work: Work | None = None
    command: tuple[str, ...] = ()
    watch: bool = False
    """Whether the memory of its descendants counts."""

    requires: str | None = None
    """Module without which it cannot run."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a quantity of one measurement, as ratio to that of another."""

    key: str
    what: str
    of: str
    """Name of the measurement."""

    against: str | None = None
    """Name of the measurement that it is compared with; None: the quantity itself is the figure."""

    quantity: str = "rate"
    """One of "rate" in steps/s, "seconds", "peak_memory" in bytes, "bytes_per_step", "seconds_per_million",
    "structured_ratio", "turns_ratio" or "event_microseconds"."""

    at_least: float | None = None
    at_most: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Rows whose measurements are taken one right after the other, so that a machine's moods touch all of them."""

    measurements: tuple[Measurement, ...]
    rows: tuple[Row, ...]
    preparations: tuple[Measurement, ...] = ()
    """Done once, before the first repetition."""

    there_and_back: bool = False
    """Whether a repetition takes them twice, the second time backwards: machines change faster than they differ."""

    def only(self, rows: list[Row]) -> Group:
        """What is left for some of the rows."""
        names = {name for row in rows for name in (row.of, row.against)}
        needed = tuple(measurement for measurement in self.measurements if measurement.name in names)
        return Group(needed, tuple(rows), self.preparations, self.there_and_back)
