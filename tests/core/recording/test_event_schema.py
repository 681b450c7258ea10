"""Typed columns of event logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pytest

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeEnded, Event, EventRecord
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.event_schema import (
    canonical_event,
    columns_to_batch,
    episode_ended_columns,
    event_arrow_schema,
    event_columns,
)


@dataclass(frozen=True)
class Everything(Event):
    flag: bool
    count: int
    size: float | None
    name: str
    raw: bytes
    path: tuple[int, ...]
    grid: Sequence[list[float]]


@dataclass(frozen=True)
class Nothing(Event):
    pass


def test_fields_become_typed_columns() -> None:
    schema = event_arrow_schema(Everything)
    assert schema.names[7:] == ["flag", "count", "size", "name", "raw", "path", "grid"]
    assert schema.types[7:] == [
        pa.bool_(),
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.binary(),
        pa.list_(pa.int64()),
        pa.list_(pa.list_(pa.float64())),
    ]
    assert schema.metadata == {b"event": f"{__name__}.Everything".encode()}


def test_events_become_rows() -> None:
    event = Everything(True, 1, None, "é", b"\0", (1, 2), [[0.5], []])
    records = [(9, 4, EventRecord(3, 1, ActorID("buy", 2), event))]
    (row,) = columns_to_batch(event_columns(records), event_arrow_schema(Everything), "part").to_pylist()
    place = {"part": "part", "episode": 9, "step": 3, "time": 1, "step_key": "buy", "agent_id": 2, "sequence": 4}
    fields = {"flag": True, "count": 1, "size": None, "name": "é", "raw": b"\0", "path": [1, 2], "grid": [[0.5], []]}
    assert row == {**place, **fields}


def test_an_event_without_fields_has_a_place() -> None:
    records = [(0, 0, EventRecord(-1, 0, ActorID(0, 0), Nothing()))]
    (row,) = columns_to_batch(event_columns(records), event_arrow_schema(Nothing), "p").to_pylist()
    assert list(row) == ["part", "episode", "step", "time", "step_key", "agent_id", "sequence"]


def test_the_end_of_an_episode_is_its_last_event() -> None:
    row = EpisodeRow(4, 1, 2, length=3, n_decisions=6, episode_return=2.5, terminated=True, truncated=False)
    columns = episode_ended_columns([(row, ActorID("buy", 1), 7)])
    (end,) = columns_to_batch(columns, event_arrow_schema(EpisodeEnded), "p").to_pylist()
    assert (end["episode"], end["step"], end["time"], end["sequence"]) == (4, 5, 3, 7)
    assert (end["length"], end["episode_return"], end["terminated"], end["truncated"]) == (3, 2.5, True, False)


@dataclass(frozen=True)
class Unrecordable(Event):
    where: dict[str, int]


@dataclass(frozen=True)
class Misnamed(Event):
    time: float


@pytest.mark.parametrize(
    ("event_class", "message"),
    [(Unrecordable, "'where' has the type dict"), (Misnamed, "'time' is a column of every event log: rename")],
)
def test_a_field_that_no_column_can_hold_is_named(event_class: type[Event], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        event_arrow_schema(event_class)


def test_a_value_of_another_type_than_its_field_is_named() -> None:
    event = EpisodeEnded("three", 1.0, True, False)  # type: ignore[arg-type]
    records = [(0, 0, EventRecord(0, 0, ActorID(0, 0), event))]
    with pytest.raises(TypeError, match="EpisodeEnded: 'length' has another type"):
        columns_to_batch(event_columns(records), event_arrow_schema(EpisodeEnded), "p")


def test_every_difference_changes_the_canonical_bytes() -> None:
    record = EventRecord(0, 0, ActorID(0, 0), EpisodeEnded(1, 1.0, True, False))
    others = [
        record._replace(step=1),
        record._replace(time=1),
        record._replace(actor_id=ActorID("0", 0)),
        record._replace(event=EpisodeEnded(1, 1.0, True, True)),
        record._replace(event=Nothing()),
    ]
    assert len({canonical_event(each) for each in (record, *others)}) == 6
