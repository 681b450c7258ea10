"""Typed columns of event logs."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeEnded, EpisodeMetrics, Event, Metric, Reduction
from maze.core.recording.episode_row import EpisodeRow, episodes_table
from maze.core.recording.event_block import EventBlock, pack_events
from maze.core.recording.event_schema import (
    columns_to_batch,
    episode_ended_columns,
    event_arrow_schema,
    event_columns,
    recordable,
)
from maze.core.recording.segment import Segment

REDUCTIONS = [reduction for reduction in get_args(Reduction) if reduction != "count"]


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


@dataclass(frozen=True)
class Sized(Event):
    size: float


@dataclass(frozen=True)
class Counted(Event):
    n: int


@dataclass(frozen=True)
class Named(Event):
    name: str


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


KEYS = ["buy", "0"]


def packed(*rows: tuple[int, int, ActorID, Event]) -> list[EventBlock]:
    """Events with (step, time, actor, event) of each; each is the only one of its decision, or of the same."""
    names = [str(actor.step_key) for _, _, actor, _ in rows]
    segment = Segment(rows[0][0], events=[row[3] for row in rows], event_steps=[row[0] for row in rows])
    last = {step - segment.start: (name, time, actor) for name, (step, time, actor, _) in zip(names, rows, strict=True)}
    placed = [last[row] for row in sorted(last)]
    return pack_events(
        segment,
        bytes(KEYS.index(name) for name, _, _ in placed),
        array("q", [actor.agent_id for _, _, actor in placed]).tobytes(),
        array("q", [time for _, time, _ in placed]).tobytes(),
    )


def rows_of(event_class: type[Event], *episodes: tuple[int, int, list[EventBlock]]) -> list[dict[str, Any]]:
    schema = event_arrow_schema(event_class)
    blocks = [
        (number, first, recordable(block, schema))
        for number, first, of_episode in episodes
        for block in of_episode
        if block.event_class is event_class
    ]
    rows: list[dict[str, Any]] = columns_to_batch(event_columns(blocks, KEYS), schema, "part").to_pylist()
    return rows


def test_events_become_rows() -> None:
    event = Everything(True, 1, None, "é", b"\0", (1, 2), [[0.5], []])
    (row,) = rows_of(Everything, (9, 4, packed((3, 1, ActorID("buy", 2), event))))
    place = {"part": "part", "episode": 9, "step": 3, "time": 1, "step_key": "buy", "agent_id": 2, "sequence": 4}
    fields = {"flag": True, "count": 1, "size": None, "name": "é", "raw": b"\0", "path": [1, 2], "grid": [[0.5], []]}
    assert row == {**place, **fields}


def test_events_of_several_kinds_actors_and_episodes_keep_their_places() -> None:
    buyer, seller = ActorID("buy", 2), ActorID("0", 1)
    first = packed(
        (0, 0, seller, Nothing()),
        (0, 0, seller, Sized(2.5)),
        (0, 0, seller, Nothing()),
        (1, 1, buyer, Nothing()),
    )
    second = packed((7, 3, buyer, Sized(np.float32(0.5))), (8, 3, buyer, Nothing()))  # type: ignore[arg-type]
    columns = ("episode", "sequence", "step", "time", "step_key", "agent_id")
    assert [tuple(row[name] for name in columns) for row in rows_of(Nothing, (4, 10, first), (6, 0, second))] == [
        (4, 10, 0, 0, "0", 1),
        (4, 12, 0, 0, "0", 1),
        (4, 13, 1, 1, "buy", 2),
        (6, 1, 8, 3, "buy", 2),
    ]
    assert [(row["sequence"], row["size"]) for row in rows_of(Sized, (4, 10, first), (6, 0, second))] == [
        (11, 2.5),
        (0, 0.5),
    ]


def test_what_happens_in_reset_has_the_place_of_the_first_decision() -> None:
    events = Segment(0, events=[Nothing(), Nothing()], event_steps=[-1, 0])
    (block,) = pack_events(events, b"\1\0", array("q", [4, 5]).tobytes(), array("q", [0, 1]).tobytes())
    assert [column.tolist() for column in (block.steps, block.times, block.keys, block.agent_ids)] == [
        [-1, 0],
        [0, 0],
        [1, 1],
        [4, 4],
    ]


def test_the_end_of_an_episode_is_its_last_event() -> None:
    row = EpisodeRow(4, 1, 2, length=3, n_decisions=6, episode_return=2.5, terminated=True, truncated=False)
    columns = episode_ended_columns(episodes_table([row], "p"), [ActorID("buy", 1)], [7])
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


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Sized("large"), "Sized: 'size' has another type than its field says, as in 'large': convert it where"),  # type: ignore[arg-type]
        (Sized(1 + 2j), "Sized: 'size' has another type"),  # type: ignore[arg-type]
        (Counted(2.0), "Counted: 'n' has another type"),  # type: ignore[arg-type]
        (Counted(2**70), "Counted: a value of 'n' takes more than 64 bits"),
        (Named(b"raw"), "Named: 'name' has another type"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_than_its_field_is_named(event: Event, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        pack_events(Segment(0, events=[Nothing(), event], event_steps=[0, 0]))


def test_a_value_that_only_its_column_can_refuse_is_named() -> None:
    event = Everything(True, 1, "large", "", b"", (), [])  # type: ignore[arg-type]
    (block,) = pack_events(Segment(0, events=[event], event_steps=[0]))
    with pytest.raises(TypeError, match="Everything: 'size' has another type"):
        recordable(block, event_arrow_schema(Everything))


@dataclass(frozen=True)
class Weighed(Event):
    grams: int
    share: float
    is_heavy: bool
    note: float | None
    metrics = (
        *(Metric(name, episode=how) for name in ("grams", "share", "is_heavy") for how in REDUCTIONS),
        Metric("grams", episode="sum", group_by="is_heavy"),
        Metric("share", episode="min", group_by="grams"),
        Metric("note", episode="last"),
        Metric(),
    )


def test_figures_are_the_same_from_columns_as_from_the_events() -> None:
    events: list[Any] = [
        Weighed(2**53 + 1, 0.1, is_heavy=True, note=1.5),
        Weighed(np.int64(3), np.float32(0.1), is_heavy=np.bool_(False), note=None),  # type: ignore[arg-type]
        Weighed(-4, 7, is_heavy=True, note=2),
    ]
    of_columns, of_events = EpisodeMetrics(), EpisodeMetrics()
    noted: list[Any] = [replace(event, note=0.5) for event in events]
    for _ in range(2):
        (block,) = pack_events(Segment(0, events=noted, event_steps=[0, 1, 2]))
        assert block.numbers.keys() == {"grams", "share", "is_heavy"}
        of_columns.add_kind(Weighed, noted, block.numbers)
        of_events.add_kind(Weighed, noted)
    assert of_columns.figures() == of_events.figures()
    assert {type(figure.value) for figure in of_columns.figures().values()} == {float}
    assert "Weighed.grams.sum[is_heavy=True]" in of_columns.figures()


def test_every_difference_changes_the_canonical_bytes() -> None:
    ended = EpisodeEnded(1, 1.0, True, False)
    variants: list[tuple[list[int], list[Event]]] = [
        ([0], [ended]),
        ([1], [ended]),
        ([0], [EpisodeEnded(1, 1.0, True, True)]),
        ([0], [EpisodeEnded(1, -1.0, True, False)]),
        ([0], [Nothing()]),
        ([0, 0], [ended, ended]),
        ([0, 1], [ended, ended]),
        ([0, 0], [Nothing(), ended]),
        ([0, 0], [ended, Nothing()]),
        ([0], [Named("ab")]),
        ([0, 0], [Named("a"), Named("b")]),
    ]
    blocks = [pack_events(Segment(0, events=events, event_steps=steps)) for steps, events in variants]
    packed = [b"".join(piece for block in each for piece in block.canonical_bytes()) for each in blocks]
    assert len(set(packed)) == len(variants)
