"""Parts are readable whole or not at all, and written so that everybody reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces
from tests.core.recording.recorded_runs import Bell, Bought
from tests.core.recording.space_strategies import KEYS, sample_of

from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.event import Event
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.event_block import pack_events
from maze.core.recording.part import Part, claim_event_log
from maze.core.recording.segment import Segment
from maze.core.recording.trajectory_schema import TrajectorySchema

SHAPES = {
    "int8": (),
    "int16": (3,),
    "int32": (),
    "int64": (3,),
    "uint8": (),
    "uint16": (3,),
    "uint32": (),
    "uint64": (3,),
}
EVERYTHING = spaces.Dict(
    {
        **{name: spaces.Box(-1, 1, (2,), np.dtype(name)) for name in ("float16", "float32", "float64", "longdouble")},
        **{name: spaces.Box(0, 9, shape, np.dtype(name)) for name, shape in SHAPES.items()},
        "frame": spaces.Box(0, 255, (9, 9), np.uint8),
        "texts": spaces.Sequence(spaces.Text(4)),
        "graph": spaces.Graph(spaces.Box(-1, 1, (2,)), spaces.Discrete(3)),
        "either": spaces.OneOf([spaces.Discrete(2), spaces.Box(-1, 1, (2,), np.float64)]),
        "nothing": spaces.Tuple([]),
        "odd names": spaces.Dict({key: spaces.Box(-1, 1, (), np.float64) for key in KEYS}),
    }
)


@dataclass(frozen=True)
class Misnamed(Event):
    """Has a field with the name of a column that every log has."""

    step: int


def filled(run_dir: Path, space: spaces.Space[Any] = EVERYTHING, name: str = "part-a-00001") -> Part:
    schema = TrajectorySchema({0: space}, {0: space})
    generator = np.random.default_rng(0)
    samples = [sample_of(space, generator) for _ in range(7)]
    part = Part(run_dir, name, schema)
    part.add_trajectory(4, schema.pack(Segment(0, samples[:4], samples[4:], [1.0] * 3, terminated=True)))
    part.add_episode(EpisodeRow(4, 1, 2, "0" * 32, 3, 3, 3.0, True, False), FLAT_ACTOR, 0)
    return part


def test_nothing_is_readable_before_the_commit_and_nothing_temporary_is_left_behind(tmp_path: Path) -> None:
    part = filled(tmp_path)
    assert list(tmp_path.rglob("*.parquet")) == []
    assert part.commit() == [4]
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        "episodes/part-a-00001.parquet",
        "event_logs/EpisodeEnded/.event",
        "event_logs/EpisodeEnded/part-a-00001.parquet",
        "trajectory_data/part-a-00001.parquet",
    }


def test_a_discarded_part_leaves_nothing(tmp_path: Path) -> None:
    schema = TrajectorySchema({0: spaces.Discrete(2)}, {0: spaces.Discrete(2)})
    schema.segment_rows = 2
    part = Part(tmp_path, "part-a-00001", schema)
    part.add_trajectory(0, schema.pack(Segment(0, [0, 1], [0, 1], [0.0, 0.0])))
    assert len(list(tmp_path.rglob("*.tmp"))) == 1
    part.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_large_rows_that_the_disk_does_not_take_are_told_of_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no space left")

    space = spaces.Box(0, 255, (200, 200), np.uint8)
    schema = TrajectorySchema({0: space}, {0: spaces.Discrete(2)})
    part = Part(tmp_path, "part-a-00001", schema)
    n = schema.block_rows
    frames = [np.full((200, 200), index, np.uint8) for index in range(n + 1)]
    packed = schema.pack(Segment(0, frames, [0] * n, [0.0] * n, truncated=True))
    part.add_trajectory(0, packed)
    monkeypatch.setattr(pq.ParquetWriter, "write_batch", refuse)
    part.add_trajectory(1, packed)
    part.add_episode(EpisodeRow(0, 1, 2, "0" * 32, n, n, 0.0, False, True), FLAT_ACTOR, 0)
    with pytest.raises(OSError, match="no space left"):
        part.commit()
    part.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".event"] == []


def test_every_column_has_the_encoding_that_suits_it(tmp_path: Path) -> None:
    part = filled(tmp_path)
    events = pack_events(Segment(0, events=[Bought(1, 0.5, "a", (1, 2))], event_steps=[0]))
    part.add_events(4, 0, part.recordable_events(events))
    part.commit()
    encodings = {}
    for path in tmp_path.rglob("*.parquet"):
        row_group = pq.ParquetFile(path).metadata.row_group(0)
        for index in range(row_group.num_columns):
            column = row_group.column(index)
            encodings[f"{path.parent.name}.{column.path_in_schema}"] = column
    assert {column.compression for column in encodings.values()} == {"ZSTD"}
    for name, column in encodings.items():
        if column.physical_type in {"FLOAT", "DOUBLE"}:
            assert "BYTE_STREAM_SPLIT" in column.encodings, name
        if column.physical_type == "INT64" and "uint" not in name:
            assert "DELTA_BINARY_PACKED" in column.encodings, name
    assert "DELTA_BINARY_PACKED" in encodings["episodes.action_counts.key_value.value.list.element"].encodings
    assert "DELTA_BINARY_PACKED" in encodings["Bought.path.list.element"].encodings


def test_everybody_reads_every_type_and_every_name(tmp_path: Path) -> None:
    filled(tmp_path).commit()
    glob = f"{tmp_path}/trajectory_data/*.parquet"
    expected = pq.read_table(glob.replace("*", "part-a-00001"), page_checksum_verification=True)
    observations = expected["observation"].to_pylist()
    names = list(observations[0])
    frame = pl.read_parquet(glob)["observation"].struct.unnest()
    for name in names:
        assert frame[name].to_list() == [observation[name] for observation in observations], name
    from_duckdb = [row[0] for row in duckdb.execute(f"SELECT observation FROM '{glob}'").fetchall()]
    for name in names:
        if name != "odd names":
            assert [row[name] for row in from_duckdb] == [observation[name] for observation in observations], name
    assert [list(row["odd names"].values()) for row in from_duckdb] == [
        list(observation["odd names"].values()) for observation in observations
    ]


def test_names_whose_paths_are_the_same_are_written(tmp_path: Path) -> None:
    space = spaces.Dict({"a.b": spaces.Box(-1, 1, (), np.float64), "a": spaces.Dict({"b": spaces.Discrete(3)})})
    filled(tmp_path, space).commit()
    table = pq.read_table(tmp_path / "trajectory_data" / "part-a-00001.parquet")
    assert table["observation"].to_pylist()[0].keys() == {"a", "a.b"}


def test_the_log_of_a_second_event_of_one_name_has_the_qualified_name(tmp_path: Path) -> None:
    other = type("Bell", (Bell,), {"__module__": "elsewhere", "__qualname__": "Bell"})
    assert claim_event_log(tmp_path, Bell, "a").name == "Bell"
    assert claim_event_log(tmp_path, other, "b").name == "elsewhere.Bell"
    assert claim_event_log(tmp_path, Bell, "c").name == "Bell"
    assert {path.name for path in (tmp_path / "Bell").iterdir()} == {".event"}


def test_an_event_that_no_column_can_hold_leaves_nothing_in_the_part(tmp_path: Path) -> None:
    part = filled(tmp_path)
    with pytest.raises(TypeError, match="'step' is a column of every event log"):
        part.recordable_events(pack_events(Segment(0, events=[Bell(), Misnamed(1)], event_steps=[0, 0])))
    part.commit()
    assert {path.name for path in (tmp_path / "event_logs").iterdir()} == {"EpisodeEnded"}


@pytest.mark.parametrize("n_episodes", [1, 255, 256, 257, 512, 5000])
def test_rows_are_gathered_without_loss(n_episodes: int, tmp_path: Path) -> None:
    part = Part(tmp_path, "part-a-00001", TrajectorySchema({}, {}))
    for number in range(n_episodes):
        part.add_episode(EpisodeRow(number, 1, 2, length=number, n_decisions=1), FLAT_ACTOR)
    assert part.commit() == list(range(n_episodes))
    for column in (
        pq.read_table(tmp_path / "episodes")["number"],
        pq.read_table(tmp_path / "event_logs" / "EpisodeEnded")["length"],
    ):
        assert column.to_pylist() == list(range(n_episodes))
