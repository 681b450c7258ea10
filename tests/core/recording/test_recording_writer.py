"""The writer of one worker: what is committed is on disk, what is not leaves no trace."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.core.recording.recorded_runs import Market, cart_pole, play, schema_of, write_run_json, write_segment

from maze.core.env.event import Event
from maze.core.recording.recording import Recording
from maze.core.recording.recording_writer import RecordingError, RecordingWriter
from maze.core.recording.segment import EpisodeSpec, Segment
from maze.core.recording.trajectory_schema import TrajectorySchema


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet*")}


def test_each_commit_makes_a_part_and_returns_its_episodes(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole()))
    assert writer.commit() == {}
    for number in (3, 1):
        play(writer, cart_pole(), number)
    assert not writer.is_commit_due()
    assert writer.commit() == {"part-a-00001": [3, 1]}
    play(writer, cart_pole(), 2)
    (part,) = writer.commit()
    assert files(tmp_path / "episodes") == {"part-a-00001.parquet", f"{part}.parquet"}
    assert part > "part-a-00001"


def test_what_was_not_committed_is_removed_on_close(tmp_path: Path) -> None:
    schema = schema_of(Market(), segment_rows=4)
    writer = RecordingWriter(tmp_path, "a", schema)
    play(writer, Market(), 0)
    assert len(files(tmp_path)) >= 1
    writer.close()
    assert files(tmp_path) == set()


def test_what_changes_after_the_end_of_an_episode_is_recorded_as_it_was(tmp_path: Path) -> None:
    write_run_json(tmp_path, cart_pole())
    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole()))
    buffer, action, info = np.ones((3, 4), np.float32), np.array(1), {"score": 1.0}
    for number in range(2):
        write_segment(writer, number, list(buffer), [action, action], info=info)
        buffer += 1
        action -= 1
        info["score"] += 1
    writer.commit()
    first, second = Recording(tmp_path)
    assert (first.actions.tolist(), second.actions.tolist()) == ([1, 1], [0, 0])
    assert (first.observations == 1).all()
    assert (second.observations == 2).all()
    assert [(value == 1).all() for value in first.final_observations.values()] == [True]
    assert (first.info, second.info) == ({"score": 1.0}, {"score": 2.0})


@dataclass(frozen=True)
class Routed(Event):
    """Where somebody has gone; as a list, which its environment may go on with."""

    path: list[int]


def test_events_count_as_they_were_emitted_and_are_not_held(tmp_path: Path) -> None:
    def write(writer: RecordingWriter, number: int, path: list[int]) -> Callable[[], object]:
        event = Routed(path)
        write_segment(writer, number, [np.zeros(4, np.float32)] * 2, [0], events=[event], event_steps=[0])
        return weakref.ref(event)

    write_run_json(tmp_path, cart_pole())
    writer, path = RecordingWriter(tmp_path, "a", schema_of(cart_pole())), [1]
    event = write(writer, 0, path)
    path.append(2)
    write(writer, 1, path)
    assert event() is None
    writer.commit()
    alone = RecordingWriter(tmp_path, "b", schema_of(cart_pole()))
    write(alone, 2, [1])
    alone.commit()
    first, second, same = Recording(tmp_path)
    assert [record.event.path for episode in (first, second) for record in episode.events(Routed)] == [[1], [1, 2]]
    assert (first.hash == same.hash, first.hash == second.hash) == (True, False)


@pytest.mark.parametrize("name", [3, "\ud800"])
def test_a_figure_whose_name_cannot_be_written_fails_its_own_episode(name: Any, tmp_path: Path) -> None:
    class Misnaming(Market):
        def kpis(self, events: object, metrics: object) -> dict[Any, float]:
            return {name: 1.0}

    writer = RecordingWriter(tmp_path, "a", schema_of(Market()))
    with pytest.raises(ValueError, match=re.escape(f"a figure is named {name!r}: name it by a string")):
        play(writer, Misnaming(), 0)
    play(writer, Market(), 1)
    assert list(writer.commit().values()) == [[1]]


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_where_a_block_is_not_written_nothing_is_committed_without_it(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    observation = np.zeros(4, np.float32)
    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole()))
    n = writer.schema.block_rows // 2
    write_segment(writer, 0, [observation] * n, [0] * (n - 1))
    with monkeypatch.context() as patch:
        patch.setattr(TrajectorySchema, "to_batch", refuse)
        with pytest.raises(RecordingError if isinstance(error, Exception) else KeyboardInterrupt):
            write_segment(writer, 1, [observation] * n, [0] * (n - 1))
    for _ in range(2):
        with pytest.raises(RecordingError, match="an earlier write broke off"):
            writer.commit()
    writer.close()
    assert files(tmp_path) == set()


def test_a_commit_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole(), segment_rows=2))
    play(writer, cart_pole(), 0)
    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(RecordingError, match=r"cannot write to .*: No space left on device$"):
        writer.commit()
    writer.close()
    assert files(tmp_path) == set()


def test_an_abandoned_long_episode_leaves_nothing(tmp_path: Path) -> None:
    env = cart_pole()
    write_run_json(tmp_path, env)
    writer = RecordingWriter(tmp_path, "a", schema_of(env, segment_rows=2))
    draft = writer.begin(EpisodeSpec(0, 0, 0))
    writer.add(draft, Segment(0, [np.zeros(4, np.float32)] * 2, [0, 1], [1.0, 1.0]))
    writer.abandon(draft)
    write_segment(writer, 0, [np.zeros(4, np.float32)] * 2, [0])
    writer.commit()
    assert Recording(tmp_path)[0].actions.tolist() == [0]
    assert all(name.endswith(".parquet") for name in files(tmp_path))


def test_an_episode_that_fails_at_its_end_leaves_nothing_behind(tmp_path: Path) -> None:
    class Undecided(Market):
        def kpis(self, events: object, metrics: object) -> dict[str, float]:
            raise ZeroDivisionError

    write_run_json(tmp_path, Market())
    writer = RecordingWriter(tmp_path, "a", schema_of(Market()))
    with pytest.raises(ValueError, match="kpis\\(\\) raised ZeroDivisionError: let it"):
        play(writer, Undecided(), 0)
    played = play(writer, Market(), 0)
    writer.commit()
    recording = Recording(tmp_path)
    assert recording.trajectories().num_rows == 12 + 3
    assert recording[0].hash == played.row.hash
    assert recording.damaged == []


def test_an_episode_has_the_same_hash_whatever_is_recorded_and_beside_it(tmp_path: Path) -> None:
    hashes = set()
    for trajectories, events, before in ((True, True, 0), (False, True, 3), (True, False, 1), (False, False, 2)):
        writer = RecordingWriter(
            tmp_path / f"{before}",
            "a",
            schema_of(Market()),
            record_trajectory=trajectories,
            record_event_logs=events,
        )
        for number in range(before):
            play(writer, Market(), 10 + number)
        hashes.add(play(writer, Market(), 0).row.hash)
        writer.commit()
        folders = {path.name for path in (tmp_path / f"{before}").iterdir()}
        expected = {"episodes", *(["trajectory_data"] * trajectories), *(["event_logs"] * events)}
        assert folders == expected
    assert len(hashes) == 1


def test_events_in_a_long_episode_are_numbered_throughout(tmp_path: Path) -> None:
    write_run_json(tmp_path, Market())
    writer = RecordingWriter(tmp_path, "a", schema_of(Market(), segment_rows=4))
    played = play(writer, Market(rounds=6), 0)
    writer.commit()
    events = Recording(tmp_path)[0].events()
    assert [event.step for event in events[:-1]] == played.chained("event_steps")


def test_a_disk_that_does_not_take_it_is_told(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.write_text("no folder")
    writer = RecordingWriter(run_dir, "a", schema_of(cart_pole()))
    play(writer, cart_pole(), 0)
    with pytest.raises(RecordingError, match=r"cannot write to .*run"):
        writer.commit()


def test_what_does_not_fit_its_space_is_refused(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole()))
    with pytest.raises(ValueError, match="float32 of shape"):
        write_segment(writer, 0, [np.zeros(3, np.float32)] * 2, [0])
