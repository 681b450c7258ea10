"""Rows as they stand in `trajectory_data/`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze.core.env.event import EpisodeEnded
from maze.core.recording.segment import Segment
from maze.core.recording.trajectory_schema import CountedActions, PackedSegments, TrajectorySchema

BOX, COIN = spaces.Box(-1, 1, (2,)), spaces.Discrete(2)


def flat() -> TrajectorySchema:
    return TrajectorySchema({0: BOX}, {0: COIN})


def segment(n: int = 2, n_final: int = 1) -> Segment:
    observations = [np.full(2, step, np.float32) for step in range(n + n_final)]
    return Segment(0, observations, [step % 2 for step in range(n)], [0.5] * n, terminated=n_final > 0)


def batch_of(schema: TrajectorySchema, *segments: tuple[int, Segment], part: str = "p") -> pa.RecordBatch:
    packed = PackedSegments()
    for number, rows in segments:
        packed.add(number, schema.pack(rows))
    return schema.to_batch(packed, part)


def test_flat_rows_have_the_value_itself_and_a_row_of_the_final_observation() -> None:
    schema = flat()
    rows = batch_of(schema, (7, segment()), part="part-a-1").to_pylist()
    assert [row["observation"] for row in rows] == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    assert [
        (row["episode"], row["step"], row["time"], row["action"], row["reward"], row["credit"]) for row in rows
    ] == [
        (7, 0, 0, 0, 0.5, 0.5),
        (7, 1, 1, 1, 0.5, 0.5),
        (7, 2, 2, None, None, None),
    ]
    assert [row["terminated"] for row in rows] == [False, True, None]
    assert {(row["part"], row["step_key"], row["agent_id"]) for row in rows} == {("part-a-1", "0", 0)}


def test_structured_rows_have_one_field_per_step_key() -> None:
    schema = TrajectorySchema({"a.b": BOX, 3: spaces.Text(5)}, {"a.b": COIN, 3: BOX})
    assert not schema.flat
    rows = Segment(
        4,
        [np.zeros(2, np.float32), "left", "final"],
        [1, np.ones(2, np.float32)],
        [0.0, 1.0],
        actors=[ActorID("a.b", 0), ActorID(3, 1), ActorID(3, 1)],
        times=[2, 2, 3],
        credits=[0.25, 0.75],
        departures={1: "terminated", 2: "truncated"},
        truncated=True,
    )
    first, second, final = batch_of(schema, (0, rows)).to_pylist()
    assert (first["observation"], first["action"]) == ({"a.b": [0.0, 0.0], "3": None}, {"a.b": 1, "3": None})
    assert (second["observation"], second["action"]) == ({"a.b": None, "3": "left"}, {"a.b": None, "3": [1.0, 1.0]})
    assert (final["observation"], final["action"]) == ({"a.b": None, "3": "final"}, None)
    assert [row["step"] for row in (first, second, final)] == [4, 5, 6]
    assert [row["time"] for row in (first, second, final)] == [2, 2, 3]
    assert [row["credit"] for row in (first, second, final)] == [0.25, 0.75, None]
    assert (second["step_key"], second["agent_id"]) == ("3", 1)
    flags = [(row["terminated"], row["truncated"]) for row in (first, second, final)]
    assert flags == [(False, False), (True, False), (None, True)]


def test_a_block_holds_episodes_of_different_lengths() -> None:
    schema = flat()
    batch = batch_of(schema, (5, segment(3)), (2, segment(1)))
    assert batch["episode"].to_pylist() == [5, 5, 5, 5, 2, 2]
    assert batch["step"].to_pylist() == [0, 1, 2, 3, 0, 1]
    assert batch["action"].to_pylist() == [0, 1, 0, None, 0, None]


def test_every_difference_changes_the_canonical_bytes() -> None:
    schema = flat()
    event = EpisodeEnded(1, 1.0, True, False)

    def changed(**values: object) -> bytes:
        changed = segment()
        for name, value in values.items():
            setattr(changed, name, value)
        return b"".join(schema.canonical_pieces(schema.pack(changed)))

    variants = [
        changed(),
        changed(start=1),
        changed(observations=[*segment().observations[:-1], -np.zeros(2, np.float32)]),
        changed(actions=[0, 0]),
        changed(rewards=[0.5, -0.5]),
        changed(terminated=False),
        changed(terminated=False, truncated=True),
        changed(events=[event], event_steps=[0]),
        changed(events=[event], event_steps=[1]),
    ]
    assert len(set(variants)) == len(variants)
    assert changed() == variants[0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("observations", [np.zeros(3, np.float32)] * 3),
        ("actions", ["left", "right"]),
        ("actions", [0.5, 1]),
        ("rewards", [None, 1.0]),
        ("rewards", [np.zeros(2), 1.0]),
    ],
)
def test_what_does_not_fit_is_refused(name: str, values: list[object]) -> None:
    rows = segment()
    setattr(rows, name, values)
    with pytest.raises(ValueError, match=r"expected|reward"):
        flat().pack(rows)


def test_step_keys_have_to_agree_and_differ_by_name() -> None:
    with pytest.raises(ValueError, match="the same ones for both"):
        TrajectorySchema({"a": BOX}, {"b": BOX})
    with pytest.raises(ValueError, match="names that differ"):
        TrajectorySchema({"1": BOX, 1: BOX}, {"1": BOX, 1: BOX})


def test_a_segment_is_about_32_mib_at_most_and_a_block_of_large_rows_8() -> None:
    assert (flat().segment_rows, flat().block_rows) == (8192, 8192)
    pictures = TrajectorySchema({0: spaces.Box(0, 255, (84, 84, 4), np.uint8)}, {0: COIN})
    assert (pictures.segment_rows, pictures.block_rows) == (1024, 256)
    assert TrajectorySchema({0: spaces.Box(0, 255, (4000, 4000, 3), np.uint8)}, {0: COIN}).segment_rows == 16


@pytest.mark.parametrize("dtype", ["<i8", "<i4", "<u2"])
@pytest.mark.parametrize(("start", "n"), [(0, 2), (3, 8), (250, 6), (250, 7), (0, 9), (-2, 4)])
def test_actions_are_counted_within_their_range(dtype: str, start: int, n: int) -> None:
    kind = np.dtype(dtype)
    lowest = max(start, np.iinfo(kind).min)
    taken = np.array([*range(lowest, start + n), lowest, start + n - 1, start + n - 1], kind)
    counts = CountedActions(start, n, kind).counts(taken.tobytes())
    assert counts == [taken.tolist().count(action) for action in range(start, start + n)]
    strays = np.append(taken, np.array([start + n, 256 + lowest, 512], kind))
    assert CountedActions(start, n, kind).counts(strays.tobytes()) == counts
