"""The writer of one worker: what is committed is on disk, what is not leaves no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.core.recording.recorded_runs import Market, cart_pole, play, schema_of, write_run_json, write_segment

from maze.core.recording.recording import Recording
from maze.core.recording.recording_writer import RecordingError, RecordingWriter
from maze.core.recording.segment import EpisodeSpec, Segment


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
