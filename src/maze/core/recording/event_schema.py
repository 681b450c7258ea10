"""How events become columns: one log per kind of event, with typed fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord
from maze.core.recording.episode_row import EpisodeRow

_INSTANCES: dict[Any, Any] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (float, int, np.floating, np.integer),
    str: str,
    bytes: bytes,
}
_SCALARS = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string(), bytes: pa.binary()}

_PLACE = pa.schema(
    [
        pa.field("part", pa.dictionary(pa.int32(), pa.string())),
        pa.field("episode", pa.int64()),
        pa.field("step", pa.int64()),
        pa.field("time", pa.int64()),
        pa.field("step_key", pa.string()),
        pa.field("agent_id", pa.int64()),
        pa.field("sequence", pa.int64()),
    ]
)
"""Where an event happened: the columns that every log begins with."""


def event_arrow_schema(event_class: type[Event]) -> pa.Schema:
    """Columns of an event's log: where it happened, then its fields.

    Raises:
        TypeError: If the type of a field has no column type, or its name is that of another column; it says which.

    Example:
        >>> from maze.core.env.event import EpisodeEnded
        >>> event_arrow_schema(EpisodeEnded).names[:4]
        ['part', 'episode', 'step', 'time']
    """
    hints = get_type_hints(event_class)
    names = _field_names(event_class)  # type: ignore[arg-type]
    if taken := [name for name in names if name in _PLACE.names]:
        raise TypeError(f"event {event_class.__name__}: {taken[0]!r} is a column of every event log: rename the field")
    return pa.schema(
        [*_PLACE, *(pa.field(name, _arrow_type(hints[name], event_class, name)) for name in names)],
        metadata={"event": f"{event_class.__module__}.{event_class.__qualname__}"},
    )


def event_columns(records: Sequence[tuple[int, int, EventRecord]]) -> list[Sequence[Any]]:
    """Columns of one kind of event, from (episode number, sequence in the episode, record) of each."""
    values = _values(type(records[0][2].event))  # type: ignore[arg-type]
    actors = [record.actor_id for _, _, record in records]
    return [
        [number for number, _, _ in records],
        [record.step for _, _, record in records],
        [record.time for _, _, record in records],
        [str(actor[0]) for actor in actors],
        [actor[1] for actor in actors],
        [sequence for _, sequence, _ in records],
        *zip(*(values(record.event) for _, _, record in records), strict=True),
    ]


def episode_ended_columns(ends: Sequence[tuple[EpisodeRow, ActorID, int]]) -> list[Sequence[Any]]:
    """Columns of `EpisodeEnded`, which every episode has, from (row, last actor, number of other events) of each."""
    rows = [row for row, _, _ in ends]
    lengths = [row.length for row in rows]
    return [
        [row.number for row in rows],
        [(row.n_decisions or 0) - 1 for row in rows],
        lengths,
        [str(actor[0]) for _, actor, _ in ends],
        [actor[1] for _, actor, _ in ends],
        [n_events for _, _, n_events in ends],
        lengths,
        [row.episode_return for row in rows],
        [row.terminated for row in rows],
        [row.truncated for row in rows],
    ]


def columns_to_batch(columns: Sequence[Sequence[Any]], schema: pa.Schema, part: str) -> pa.RecordBatch:
    """Rows of an event log, from its columns behind `part`."""
    parts = pa.DictionaryArray.from_arrays(pa.array([0] * len(columns[0]), pa.int32()), [part])
    arrays = []
    for column, field in zip(columns, list(schema)[1:], strict=True):
        try:
            arrays.append(pa.array(column, field.type))
        except (pa.ArrowException, TypeError, OverflowError) as error:
            event = schema.metadata[b"event"].decode()
            raise TypeError(f"event {event}: {field.name!r} has another type than its field says: {error}") from None
    return pa.RecordBatch.from_arrays([parts, *arrays], schema=schema)


def canonical_event(record: EventRecord) -> bytes:
    r"""What an event adds to the hash of its episode.

    Raises:
        TypeError: If a value is not of its field's type; so it is its own episode that fails, not the whole part.

    Example:
        >>> from maze.core.env.actor_id import FLAT_ACTOR
        >>> from maze.core.env.event import EpisodeEnded
        >>> canonical_event(EventRecord(3, 3, FLAT_ACTOR, EpisodeEnded(4, 4.0, True, False)))
        b'3|3|(0, 0)|EpisodeEnded|(4, 4.0, True, False)\n'
    """
    event_class = type(record.event)
    values = _values(event_class)(record.event)  # type: ignore[arg-type]
    for value, (name, kinds) in zip(values, _kinds(event_class), strict=True):  # type: ignore[arg-type]
        if not isinstance(value, kinds):
            raise TypeError(
                f"event {event_class.__name__}: {name}={value!r} has another type than its field says: "
                "convert it where it is emitted"
            )
    actor = tuple(record.actor_id)
    return f"{record.step}|{record.time}|{actor!r}|{event_class.__qualname__}|{values!r}\n".encode()


@cache
def _field_names(event_class: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(event_class))  # type: ignore[arg-type]


@cache
def _values(event_class: type[Event]) -> Callable[[Event], tuple[Any, ...]]:
    names = _field_names(event_class)  # type: ignore[arg-type]
    if len(names) == 1:
        return lambda event: (getattr(event, names[0]),)
    return attrgetter(*names) if names else lambda _: ()


@cache
def _kinds(event_class: type[Event]) -> tuple[tuple[str, Any], ...]:
    """What the values of each field may be instances of; lists and optional values are checked on writing."""
    hints = get_type_hints(event_class)
    return tuple((name, _INSTANCES.get(hints[name], object)) for name in _field_names(event_class))  # type: ignore[arg-type]


def _arrow_type(hint: Any, event_class: type[Event], name: str) -> pa.DataType:
    if hint in _SCALARS:
        return _SCALARS[hint]
    arguments = [argument for argument in get_args(hint) if argument is not type(None)]
    if get_origin(hint) in {Union, UnionType} and len(arguments) == 1:
        return _arrow_type(arguments[0], event_class, name)
    if get_origin(hint) in {list, tuple, Sequence} and len(set(arguments) - {...}) == 1:
        return pa.list_(_arrow_type(arguments[0], event_class, name))
    raise TypeError(
        f"event {event_class.__name__}: the field {name!r} has the type {hint}, which has no column type: "
        "use int, float, bool, str, bytes, or a list of one of these"
    )
