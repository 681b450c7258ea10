"""Events as columns: those of one kind in a stretch of an episode, for its hash and for their log."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, get_type_hints

import numpy as np

from maze.core.env.event import Event
from maze.core.recording.segment import Segment

EventColumn: TypeAlias = Any
"""Values of a field: an array where its type is bool, int or float, a list where it is anything else."""

_CODES: dict[Any, str] = {bool: "B", int: "q", float: "d"}
"""What the values of a field are packed by. An array takes no other than integers, or numbers, by itself."""

_KINDS: dict[Any, Any] = {bool: (bool, np.bool_), str: str, bytes: bytes}
"""What they have to be instances of where nobody else sees to it, as the event's log does with lists and None."""


class EventBlock(NamedTuple):
    """Events of one kind: parallel columns, one entry per event; n events."""

    event_class: type[Event]
    events: Sequence[Event]

    sequences: np.ndarray
    """Positions among the events of all kinds in the segment, int64 of shape (n,)."""

    steps: np.ndarray
    """Indices of the decisions in which they happened, int64 of shape (n,); -1: in reset."""

    times: np.ndarray
    """Rounds completed then, int64 of shape (n,)."""

    keys: np.ndarray
    """Indices of the step keys of those who had acted, int8 of shape (n,)."""

    agent_ids: np.ndarray
    """Their agents, int64 of shape (n,)."""

    values: Sequence[EventColumn]
    """By field, in the order of the class."""

    @property
    def numbers(self) -> dict[str, EventColumn]:
        """Those of the values that are numbers, by the name of their field."""
        pairs = zip(_fields(self.event_class), self.values, strict=True)  # type: ignore[arg-type]
        return {field.name: column for field, column in pairs if isinstance(column, array)}

    def canonical_bytes(self) -> Iterator[bytes]:
        """What the events add to the hash of their episode; times and actors are in it already, with the decisions."""
        yield f"{self.event_class.__qualname__}|{len(self.steps)}|".encode()
        yield self.sequences.tobytes()
        yield self.steps.tobytes()
        for column in self.values:
            yield column.tobytes() if isinstance(column, array) else repr(column).encode()


def pack_events(
    segment: Segment, keys: bytes | None = None, agent_ids: bytes | None = None, times: bytes | None = None
) -> list[EventBlock]:
    """Sort the events of a segment by kind and turn them into columns.

    Args:
        segment: With events.
        keys: Index of each row's step key, int8; None: flat, as below.
        agent_ids: Agent of each row, int64.
        times: Rounds completed at each row, int64.

    Raises:
        TypeError: If a value is not of its field's type; so it is its own episode that fails, not the whole part.

    Example:
        >>> from maze.core.env.event import EpisodeEnded
        >>> (block,) = pack_events(Segment(0, events=[EpisodeEnded(4, 4.0, True, False)], event_steps=[3]))
        >>> block.times, block.values[1]
        (array([3]), array('d', [4.0]))
    """
    events, n = segment.events, len(segment.events)
    steps = _integers(segment.event_steps)
    rows = np.maximum(steps - segment.start, 0)
    when = np.maximum(steps, 0) if times is None else np.frombuffer(times, np.int64)[rows]
    key = np.zeros(n, np.int8) if keys is None else np.frombuffer(keys, np.int8)[rows]
    agent = np.zeros(n, np.int64) if agent_ids is None else np.frombuffer(agent_ids, np.int64)[rows]
    kinds = list(map(type, events))
    if kinds.count(kinds[0]) == n:
        return [EventBlock(kinds[0], events, np.arange(n), steps, when, key, agent, _values(kinds[0], events))]
    positions: dict[type[Event], list[int]] = {}
    for position, kind in enumerate(kinds):
        positions.setdefault(kind, []).append(position)
    blocks = []
    for kind, of_kind in positions.items():
        at, chosen = _integers(of_kind), [events[position] for position in of_kind]
        values = _values(kind, chosen)
        blocks.append(EventBlock(kind, chosen, at, steps[at], when[at], key[at], agent[at], values))
    return blocks


def field_names(event_class: type[Event]) -> tuple[str, ...]:
    """Names of an event's fields, in order."""
    return tuple(field.name for field in fields(event_class))  # type: ignore[arg-type]


class _Field(NamedTuple):
    """How the values of a field become a column."""

    name: str
    get: attrgetter[Any]
    code: str | None
    kinds: Any
    """None: whatever the array, or the event's log, takes."""


@cache
def _fields(event_class: type[Event]) -> list[_Field]:
    hints = get_type_hints(event_class)
    return [
        _Field(name, attrgetter(name), _CODES.get(hints[name]), _KINDS.get(hints[name]))
        for name in field_names(event_class)
    ]


def _values(event_class: type[Event], events: Sequence[Event]) -> list[EventColumn]:
    columns: list[EventColumn] = []
    for name, get, code, kinds in _fields(event_class):  # type: ignore[arg-type]
        column = list(map(get, events))
        if kinds is not None:
            for kind in set(map(type, column)):
                if not issubclass(kind, kinds):
                    raise _mistyped(event_class, name, next(value for value in column if type(value) is kind))
        columns.append(column if code is None else _packed(event_class, name, code, column))
    return columns


def _packed(event_class: type[Event], name: str, code: str, column: list[Any]) -> EventColumn:
    try:
        return array(code, map(bool, column) if code == "B" else column)
    except TypeError:
        raise _mistyped(event_class, name, next(value for value in column if not _fits(code, value))) from None
    except OverflowError:
        raise TypeError(
            f"event {event_class.__name__}: a value of {name!r} takes more than 64 bits: emit a float or a string"
        ) from None


def _fits(code: str, value: Any) -> bool:
    try:
        array(code, [value])
    except TypeError:
        return False
    return True


def _mistyped(event_class: type[Event], name: str, value: Any) -> TypeError:
    return TypeError(
        f"event {event_class.__name__}: {name!r} has another type than its field says, as in {value!r}: "
        "convert it where it is emitted"
    )


def _integers(numbers: Sequence[int]) -> np.ndarray:
    return np.frombuffer(array("q", numbers), np.int64)
