"""How events become columns: one log per kind of event, with typed fields."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from maze.core.arrow_arrays import number_array, numpy_array, repeated_string, string_array
from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event
from maze.core.recording.event_block import EventBlock, EventColumn, field_names

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
    names = field_names(event_class)
    if taken := [name for name in names if name in _PLACE.names]:
        raise TypeError(f"event {event_class.__name__}: {taken[0]!r} is a column of every event log: rename the field")
    return pa.schema(
        [*_PLACE, *(pa.field(name, _arrow_type(hints[name], event_class, name)) for name in names)],
        metadata={"event": f"{event_class.__module__}.{event_class.__qualname__}"},
    )


def recordable(block: EventBlock, schema: pa.Schema) -> EventBlock:
    """The columns alone, those that are lists as Arrow has them.

    Raises:
        TypeError: If a value is not of its field's type; so it is its own episode that fails, not the whole part.
    """
    values = [
        column if isinstance(column, array) else _arrow_array(column, field, schema)
        for column, field in zip(block.values, list(schema)[len(_PLACE) :], strict=True)
    ]
    return block._replace(events=(), values=values)


def event_columns(blocks: Sequence[tuple[int, int, EventBlock]], step_keys: Sequence[str]) -> list[Any]:
    """Columns of one kind of event.

    Args:
        blocks: (episode number, sequence of the segment's first event, events) of each.
        step_keys: Their names.
    """
    counts = [len(block.steps) for _, _, block in blocks]
    keys = np.concatenate([block.keys for _, _, block in blocks])
    sequences = np.concatenate([block.sequences for _, _, block in blocks])
    return [
        np.repeat([number for number, _, _ in blocks], counts),
        np.concatenate([block.steps for _, _, block in blocks]),
        np.concatenate([block.times for _, _, block in blocks]),
        string_array(step_keys).take(number_array(keys)),
        np.concatenate([block.agent_ids for _, _, block in blocks]),
        sequences + np.repeat([first for _, first, _ in blocks], counts),
        *(_joined_values(columns) for columns in zip(*(block.values for _, _, block in blocks), strict=True)),
    ]


def episode_ended_columns(episodes: pa.Table, actors: Sequence[ActorID], n_events: Sequence[int]) -> list[Any]:
    """Columns of `EpisodeEnded`, which every episode has.

    Args:
        episodes: As they stand in `episodes/`, none of them failed.
        actors: Who acted last in each.
        n_events: How many other events each has.
    """
    of = {name: episodes[name].chunk(0) for name in ("number", "length", "return", "terminated", "truncated")}
    return [
        of["number"],
        numpy_array(episodes["n_decisions"]) - 1,
        of["length"],
        string_array([str(step_key) for step_key, _ in actors]),
        np.array([agent_id for _, agent_id in actors]),
        np.array(n_events),
        of["length"],
        of["return"],
        of["terminated"],
        of["truncated"],
    ]


def columns_to_batch(columns: Sequence[Any], schema: pa.Schema, part: str) -> pa.RecordBatch:
    """Rows of an event log, from its columns behind `part`.

    Raises:
        TypeError: If a value is not of its column's type.
    """
    parts = repeated_string(part, len(columns[0]))
    arrays = [_arrow_array(column, field, schema) for column, field in zip(columns, list(schema)[1:], strict=True)]
    return pa.RecordBatch.from_arrays([parts, *arrays], schema=schema)


def _arrow_array(column: Any, field: pa.Field, schema: pa.Schema) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if isinstance(column, np.ndarray | array):
        return number_array(np.asarray(column, field.type.to_pandas_dtype()))
    try:
        return pa.array(column, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        event = schema.metadata[b"event"].decode()
        raise TypeError(f"event {event}: {field.name!r} has another type than its field says: {error}") from None


def _joined_values(columns: Sequence[EventColumn]) -> Any:
    first = columns[0]
    if isinstance(first, array):
        joined = np.frombuffer(b"".join(columns), first.typecode)
        return joined.view(np.bool_) if first.typecode == "B" else joined
    return pa.concat_arrays(columns)


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
