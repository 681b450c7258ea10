"""What was written is read back, bit for bit, by us and by others; what is damaged is named, and costs nothing else."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import gymnasium
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from tests.core.recording.recorded_runs import (
    Bell,
    Bought,
    Market,
    Played,
    cart_pole,
    play,
    record,
    schema_of,
    write_run_json,
    write_segment,
)
from tests.core.recording.space_strategies import SpaceAndSamples, spaces_with_samples

from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.event import EpisodeEnded
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.episode import Episode
from maze.core.recording.episode_row import EpisodeRow
from maze.core.recording.part import Part
from maze.core.recording.part_file import DamagedRecordingError
from maze.core.recording.recording import Recording
from maze.core.recording.recording_writer import RecordingWriter
from maze.core.recording.segment import Segment
from maze.core.recording.space_codec import space_codec
from maze.core.recording.trajectory_schema import TrajectorySchema


def assert_same(actual: Any, expected: Any) -> None:
    """Equal values of equal dtypes, all the way down; NaN equals NaN."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key in expected:
            assert_same(actual[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray | np.generic):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    else:
        assert actual == expected


def assert_read_back(episode: Episode, played: Played) -> None:
    """The columns are those that the episode loop gave."""
    assert episode.row == played.row
    segments, n = played.segments, played.row.n_decisions
    observations = played.chained("observations")
    for number, observation in enumerate(observations[:n]):
        codec_row = episode.observations if isinstance(episode.observations, list) else list(episode.observations)
        assert_same(codec_row[number], observation)
    assert list(episode.rewards) == played.chained("rewards")
    actors = played.chained("actors") if segments[0].actors else [FLAT_ACTOR] * len(observations)
    assert episode.actor_ids == actors[:n]
    assert list(episode.final_observations) == actors[n:]
    assert_same(list(episode.final_observations.values()), observations[n:])
    if segments[0].actors is None:
        before = [False] * (len(actors[:n]) - 1)
        assert episode.terminations.tolist() == [*before, played.end.terminated]
        assert episode.truncations.tolist() == [*before, played.end.truncated]


def test_flat_episodes_are_read_back_bit_for_bit(tmp_path: Path) -> None:
    played = record(tmp_path, cart_pole(), range(5))
    recording = Recording(tmp_path)
    assert len(recording) == 5
    assert [episode.number for episode in recording] == [0, 1, 2, 3, 4]
    for episode, expected in zip(recording, played, strict=True):
        assert_read_back(episode, expected)
        assert episode.observations.dtype == np.float32
        assert episode.actions.tolist() == expected.chained("actions")
        assert episode.times.tolist() == list(range(expected.end.length))
        assert episode.credits.tolist() == episode.rewards.tolist()
        assert (episode.terminated, episode.truncated_by) == (expected.end.terminated, expected.end.truncated_by)
    assert recording.damaged == []


def test_structured_episodes_are_read_back_bit_for_bit(tmp_path: Path) -> None:
    env = Market()
    played = record(tmp_path, env, range(3))
    for episode, expected in zip(Recording(tmp_path), played, strict=True):
        assert_read_back(episode, expected)
        assert_same(episode.actions, expected.chained("actions"))
        assert episode.times.tolist() == [n // 3 for n in range(12)]
        assert episode.credits.tolist() == expected.chained("credits")
        assert expected.segments[-1].departures == dict.fromkeys([9, 10, 11], "terminated")
        assert episode.terminations.tolist() == [False] * 9 + [True] * 3
        for key in ("buy", 1):
            mine = [row for row, actor in enumerate(episode.actor_ids) if actor.step_key == key]
            column, codec = episode.observations_of(key), space_codec(env.observation_spaces[key])
            assert_same(column, codec.stack([expected.chained("observations")[row] for row in mine]))
            column, codec = episode.actions_of(key), space_codec(env.action_spaces[key])
            assert_same(column, codec.stack([expected.chained("actions")[row] for row in mine]))


def test_figures_of_an_episode_are_read_back(tmp_path: Path) -> None:
    record(tmp_path, Market(), [7])
    episode = Recording(tmp_path)[7]
    assert (episode.env_seed, episode.agent_seed, episode.length, episode.n_decisions) == (1007, 2007, 4, 12)
    assert (episode.info, episode.success, episode.kpis) == ({"sold": 12.0}, True, {"events": 7.0})
    prices = [record.event.price for record in episode.events(Bought)]
    assert episode.metrics["Bought.price.sum"].value == pytest.approx(sum(prices))


def test_events_are_rebuilt_in_the_order_in_which_they_happened(tmp_path: Path) -> None:
    (played,) = record(tmp_path, Market(), [3])
    recording = Recording(tmp_path)
    happened = [record for segment in played.segments for record in segment.event_records()]
    bought = recording[3].events(Bought)
    assert [record.event for record in bought] == [record.event for record in happened if type(record.event) is Bought]
    everything = recording[3].events()
    assert [record.name for record in everything] == [*(type(e.event).__name__ for e in happened), "EpisodeEnded"]
    assert [record[:3] for record in everything[:-1]] == [tuple(record[:3]) for record in happened]
    assert everything[0].actor_id == ActorID("buy", 0)
    assert everything[0].step == -1
    assert vars(everything[1].event) == {**vars(bought[0].event), "path": [0, 2]}
    assert recording[3].events("EpisodeEnded")[0].event.length == 4
    assert recording.event_names == ["Bell", "Bought", "EpisodeEnded"]
    assert recording.events(Bought)["sequence"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert recording.events("Bell").num_rows == 1


def test_events_that_never_happened_or_do_not_exist(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0])
    recording = Recording(tmp_path)
    assert recording[0].events(Bought) == []
    assert recording.events(Bought).num_rows == 0
    with pytest.raises(KeyError, match="did you mean 'EpisodeEnded'"):
        recording.events("EpisodeEnd")


def test_events_with_one_name_from_two_modules_are_told_apart(tmp_path: Path) -> None:
    one, other = (type("Bell", (Bell,), {"__module__": module, "__qualname__": "Bell"}) for module in ("one", "other"))

    class Ringing(Market):
        def reset(self, **options: Any) -> Any:
            self.emit(one())
            self.emit(other())
            return super().reset(**options)

    record(tmp_path, Ringing(), [0])
    recording = Recording(tmp_path)
    assert recording.event_names == ["Bell", "Bought", "EpisodeEnded", "other.Bell", f"{Bell.__module__}.Bell"]
    assert [[r.step for r in recording[0].events(kind)] for kind in (one, other, Bell)] == [[-1]] * 3
    assert [type(recording[0].events(kind)[0].event) for kind in (one, other, Bell)] == [one, other, Bell]


def test_a_long_episode_has_a_part_of_its_own_and_is_read_in_segments(tmp_path: Path) -> None:
    hashes = []
    for folder, is_recorded in (("with", True), ("without", False)):
        env = Market(rounds=30)
        options = {"record_trajectory": is_recorded, "record_event_logs": is_recorded}
        write_run_json(tmp_path / folder, env, **options)
        writer = RecordingWriter(tmp_path / folder, "a", schema_of(env, segment_rows=32), **options)
        played = play(writer, env, 0)
        play(writer, Market(rounds=2), 1)
        assert writer.is_commit_due()
        writer.commit()
        hashes.append(played.row.hash)
        if is_recorded:
            recording = Recording(tmp_path / folder)
            segments = list(recording[0].segments())
            assert [(segment.start, segment.n_decisions) for segment in segments] == [(0, 32), (32, 32), (64, 26)]
            assert [len(segment.final_observations) for segment in segments] == [0, 0, 3]
            assert_read_back(recording[0], played)
            assert_same(
                recording[0].observations_of("buy")["stock"][40:42], segments[1].observations_of("buy")["stock"][18:20]
            )
            assert len(recording[0].events(Bought)) == 45
            assert recording[0].part != recording[1].part
            assert recording.damaged == []
    assert hashes[0] == hashes[1]


def test_a_run_without_trajectories_or_event_logs_says_so(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0], record_trajectory=False, record_event_logs=False)
    recording = Recording(tmp_path)
    assert recording[0].length is not None
    for read in (lambda: recording[0].rewards, recording.trajectories, recording.arrays):
        with pytest.raises(ValueError, match="record_trajectory=false"):
            read()
    with pytest.raises(ValueError, match="record_event_logs=false"):
        recording[0].events()
    assert recording.damaged == []


def record_failed(run_dir: Path, row: EpisodeRow) -> None:
    part = Part(run_dir, "part-failed", TrajectorySchema({}, {}))
    part.add_episode(row)
    part.commit()


def test_failed_episodes_are_apart(tmp_path: Path) -> None:
    write_run_json(tmp_path, cart_pole())
    writer = RecordingWriter(tmp_path, "a", schema_of(cart_pole()))
    play(writer, cart_pole(), 0)
    writer.commit()
    record_failed(tmp_path, EpisodeRow(1, 5, 6, error="ValueError: no", error_step=3))
    recording = Recording(tmp_path)
    assert (len(recording), [row.number for row in recording.failed]) == (1, [1])
    assert recording[1].error == "ValueError: no"
    assert 1 in recording
    with pytest.raises(ValueError, match="episode 1 failed"):
        _ = recording[1].observations
    assert (recording.statistics.n_episodes, recording.statistics.n_failed) == (2, 1)
    with pytest.raises(KeyError, match=r"no episode 2 .* it has 2 from 0 to 1"):
        recording[2]


def test_two_writers_interleaved(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), range(0, 20, 2), writer="a")
    record(tmp_path, cart_pole(), range(1, 20, 2), writer="b")
    recording = Recording(tmp_path)
    assert [episode.number for episode in recording] == list(range(20))
    table = recording.trajectories(["episode", "step", "reward"])
    assert table.column_names == ["episode", "step", "reward"]
    numbers, steps = table["episode"].to_numpy(), table["step"].to_numpy()
    assert (np.lexsort((steps, numbers)) == np.arange(len(table))).all()
    arrays = recording.arrays()
    np.testing.assert_array_equal(arrays.observations, np.concatenate([e.observations for e in recording]))
    np.testing.assert_array_equal(arrays.actions, np.concatenate([e.actions for e in recording]))
    np.testing.assert_array_equal(arrays.terminations, np.concatenate([e.terminations for e in recording]))
    assert np.diff(arrays.offsets).tolist() == [e.n_decisions for e in recording]
    finals = [e.final_observations[FLAT_ACTOR] for e in recording]
    np.testing.assert_array_equal(arrays.final_observations, np.stack(finals))
    some = recording.arrays(numbers=[5, 2])
    assert some.numbers.tolist() == [2, 5]
    np.testing.assert_array_equal(some.observations[some.offsets[1] :], recording[5].observations)


def test_arrays_of_one_kind_of_decision(tmp_path: Path) -> None:
    record(tmp_path, Market(), [1, 0])
    recording = Recording(tmp_path)
    arrays = recording.arrays("buy")
    assert (arrays.offsets.tolist(), arrays.final_offsets.tolist()) == ([0, 8, 16], [0, 2, 4])
    assert_same(arrays.observations["stock"][8:], recording[1].observations_of("buy")["stock"])
    is_buy = [actor.step_key == "buy" for actor in recording[1].actor_ids]
    assert arrays.credits[8:].tolist() == recording[1].credits[is_buy].tolist()
    with pytest.raises(ValueError, match="step keys"):
        recording.arrays()
    with pytest.raises(KeyError, match="no step key 'sell' in this run: it has 'buy', 1"):
        recording.arrays("sell")


def test_only_what_is_committed_counts(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0], writer="a")
    record(tmp_path, cart_pole(), [1], writer="b")
    (tmp_path / "episodes" / "part-b-00001.parquet").unlink()
    for folder in ("episodes", "trajectory_data"):
        (tmp_path / folder / "part-c-00001.parquet.tmp").write_bytes(b"half")
    recording = Recording(tmp_path)
    assert [episode.number for episode in recording] == [0]
    assert set(recording.trajectories()["episode"].to_pylist()) == {0}
    assert recording.events("EpisodeEnded")["episode"].to_pylist() == [0]
    assert recording.damaged == []


def test_what_is_committed_later_is_seen_after_a_refresh(tmp_path: Path) -> None:
    write_run_json(tmp_path, cart_pole(), status="running")
    recording = Recording(tmp_path)
    assert (len(recording), list(recording), recording.trajectories().num_rows) == (0, [], 0)
    record(tmp_path, cart_pole(), [4])
    assert 4 not in recording
    recording.refresh()
    assert [episode.number for episode in recording] == [4]
    assert recording.metadata["status"] == "complete"
    assert recording.event_names == ["EpisodeEnded"]


def test_a_number_that_occurs_twice_is_told_and_taken_from_the_first_part(tmp_path: Path) -> None:
    first, _ = record(tmp_path, cart_pole(), [0, 1], writer="a")
    record(tmp_path, Market(), [], writer="b")
    write_run_json(tmp_path, cart_pole())
    record(tmp_path, cart_pole(), [2, 0], writer="c")
    recording = Recording(tmp_path)
    assert [message.split(":")[0] for message in recording.damaged] == ["episode 0 is in another part, too"]
    assert [(episode.number, episode.part) for episode in recording] == [
        (0, "part-a-00001"),
        (1, "part-a-00001"),
        (2, "part-c-00001"),
    ]
    assert first.row.n_decisions is not None
    assert recording.trajectories()["episode"].to_pylist().count(0) == first.row.n_decisions + 1
    assert recording.arrays().offsets[1] == first.row.n_decisions
    assert recording.events(EpisodeEnded)["episode"].to_pylist() == [0, 1, 2]


def test_a_success_counts_although_the_episode_had_failed_before(tmp_path: Path) -> None:
    write_run_json(tmp_path, cart_pole())
    record_failed(tmp_path, EpisodeRow(0, 1, 2, error="ValueError: no"))
    record(tmp_path, cart_pole(), [0], writer="b")
    recording = Recording(tmp_path)
    assert (len(recording), recording.failed, recording.damaged) == (1, [], [])


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "emptied"])
def test_damaged_trajectories_cost_their_episodes_only(tmp_path: Path, damage: str) -> None:
    record(tmp_path, cart_pole(), [0, 2], writer="a")
    played = record(tmp_path, cart_pole(), [1, 3], writer="b")
    path = tmp_path / "trajectory_data" / "part-a-00001.parquet"
    content = bytearray(path.read_bytes())
    match damage:
        case "missing":
            path.unlink()
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "flipped":
            offset = pq.ParquetFile(path).metadata.row_group(0).column(6).data_page_offset
            content[offset + 120] ^= 0x10
            path.write_bytes(content)
        case "emptied":
            path.write_bytes(b"")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    recording = Recording(tmp_path)
    (message,) = recording.damaged
    assert "trajectory_data/part-a-00001.parquet is " in message
    assert message.endswith(": episodes 0, 2 cannot be read")
    with pytest.raises(DamagedRecordingError, match=r"episode 2 cannot be read: .*part-a-00001.parquet"):
        _ = recording[2].observations
    with pytest.raises(DamagedRecordingError, match=r"part-a-00001.parquet"):
        recording.trajectories()
    assert_read_back(recording[3], played[1])
    assert recording.arrays(numbers=[1, 3]).offsets[-1] == sum(p.row.n_decisions or 0 for p in played)
    assert len(recording[2].events()) == 1
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_no_flipped_bit_goes_unnoticed_in_the_values(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0])
    path = tmp_path / "trajectory_data" / "part-a-00001.parquet"
    content = path.read_bytes()
    expected = Recording(tmp_path).trajectories()
    for position in range(4, len(content), 37):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            table = Recording(tmp_path).trajectories()
        except DamagedRecordingError:
            continue
        assert table.equals(expected), position


def test_a_damaged_commit_names_the_episodes_that_it_cost(tmp_path: Path) -> None:
    record(tmp_path, cart_pole(), [0, 2, 3], writer="a")
    record(tmp_path, cart_pole(), [1], writer="b")
    path = tmp_path / "episodes" / "part-a-00001.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    recording = Recording(tmp_path)
    assert [episode.number for episode in recording] == [1]
    (message,) = recording.damaged
    assert message.startswith(f"{path} is damaged")
    assert message.endswith("episodes 0, 2-3 are lost")
    with pytest.raises(KeyError, match="1 damaged parts"):
        recording[2]


def test_damaged_event_logs_are_named(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0, 1])
    (tmp_path / "event_logs" / "Bought" / "part-a-00001.parquet").unlink()
    recording = Recording(tmp_path)
    (message,) = recording.damaged
    assert message.endswith("events of episodes 0-1 are missing")
    with pytest.raises(DamagedRecordingError, match="events of episode 1 are missing"):
        recording[1].events()
    assert len(recording[1].events("EpisodeEnded")) == 1
    assert len(recording[1].rewards) == 12


def test_a_folder_that_is_no_run_is_refused_with_the_nearest_run(tmp_path: Path) -> None:
    for day, name in enumerate(("old", "new")):
        run_dir = tmp_path / "outputs" / f"2030-01-0{day}" / name
        record(run_dir, cart_pole(), [0])
        os.utime(run_dir / "run.json", (day, day))
    with pytest.raises(FileNotFoundError, match=r"outputs holds no run: did you mean .*2030-01-01/new\?"):
        Recording(tmp_path / "outputs")
    with pytest.raises(FileNotFoundError, match=r"episodes holds no run: did you mean .*2030-01-00/old\?"):
        Recording(tmp_path / "outputs" / "2030-01-00" / "old" / "episodes")
    with pytest.raises(FileNotFoundError, match=r"run.json is no folder: did you mean .*2030-01-00/old\?"):
        Recording(tmp_path / "outputs" / "2030-01-00" / "old" / "run.json")
    with pytest.raises(FileNotFoundError, match=r"nothing does not exist: give the directory of a run"):
        Recording(tmp_path / "nothing")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format_version": 1}', '{"format_version": 99}'])
def test_a_damaged_or_newer_run_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"damaged|update"):
        Recording(tmp_path)


def test_other_readers_see_the_same(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0, 2], writer="a")
    record(tmp_path, Market(), [1], writer="b")
    recording = Recording(tmp_path)
    expected = {
        "trajectory_data": recording.trajectories(["episode", "step", "time", "step_key", "agent_id", "reward"]),
        "episodes": recording.episodes.select(["number", "hash", "return", "part"]),
        "event_logs/Bought": recording.events("Bought").select(["episode", "sequence", "amount", "price", "label"]),
    }
    for folder, table in expected.items():
        names, glob = table.column_names, f"{tmp_path}/{folder}/*.parquet"
        rows = sorted(map(tuple, zip(*(column.to_pylist() for column in table.columns), strict=True)), key=repr)
        listed = ", ".join(f'"{name}"' for name in names)
        from_duckdb = duckdb.execute(f"SELECT {listed} FROM '{glob}'").fetchall()
        assert sorted(from_duckdb, key=repr) == rows
        assert sorted(pl.read_parquet(glob).select(names).rows(), key=repr) == rows
        assert len(pd.read_parquet(f"{tmp_path}/{folder}")) == len(rows)


def test_other_readers_see_the_values_inside_observations_and_actions(tmp_path: Path) -> None:
    record(tmp_path, Market(), [0])
    glob = f"{tmp_path}/trajectory_data/*.parquet"
    episode = Recording(tmp_path)[0]
    expected = [
        sample["stock"].tolist()
        for sample, actor in zip(episode.observations, episode.actor_ids, strict=True)
        if actor.step_key == "buy"
    ]
    query = f"SELECT observation.buy.stock FROM '{glob}' WHERE step_key = 'buy' AND reward IS NOT NULL"
    assert [row[0] for row in duckdb.execute(query).fetchall()] == expected
    frame = pl.read_parquet(glob).filter((pl.col("step_key") == "buy") & pl.col("reward").is_not_null())
    assert frame["observation"].struct.field("buy").struct.field("stock").to_list() == expected
    assert [frame["action"].struct.field("buy").to_list()] == [episode.actions_of("buy").tolist()]
    kpis = duckdb.execute(f"SELECT kpis['events'] FROM '{tmp_path}/episodes/*.parquet'").fetchall()
    assert kpis == [(7.0,)]


def test_content_hash_depends_on_the_episodes_only(tmp_path: Path) -> None:
    record(tmp_path / "one", cart_pole(), range(6))
    record(tmp_path / "two", cart_pole(), [5, 1, 3], writer="x", record_trajectory=False)
    record(tmp_path / "two", cart_pole(), [4, 0, 2], writer="y", record_trajectory=False)
    record(tmp_path / "other", cart_pole(), range(5))
    hashes = [Recording(tmp_path / name).content_hash for name in ("one", "two", "other")]
    assert hashes[0] == hashes[1] != hashes[2]


def test_frames_are_read_back(tmp_path: Path) -> None:
    space = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    frames = list(np.random.default_rng(0).integers(0, 255, (40, 84, 84, 4), np.uint8))
    env = StructuredEnv()
    env.observation_spaces, env.action_spaces = {0: space}, {0: spaces.Discrete(2)}
    write_run_json(tmp_path, env)
    writer = RecordingWriter(tmp_path, "a", schema_of(env))
    write_segment(writer, 0, frames, [n % 2 for n in range(39)])
    writer.commit()
    episode = Recording(tmp_path)[0]
    np.testing.assert_array_equal(episode.observations, frames[:-1])
    np.testing.assert_array_equal(episode.final_observations[FLAT_ACTOR], frames[-1])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(observed=spaces_with_samples(min_samples=3), acted=spaces_with_samples(min_samples=3))
def test_runs_of_any_spaces_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, observed: SpaceAndSamples, acted: SpaceAndSamples
) -> None:
    observations, actions = observed.samples, acted.samples
    n = min(len(observations) - 1, len(actions))
    step_keys: tuple[list[str | int], ...] = ([0], ["a.b", 1])
    for keys in step_keys:
        env, run_dir = StructuredEnv(), tmp_path_factory.mktemp("run")
        env.observation_spaces = dict.fromkeys(keys, observed.space)
        env.action_spaces = dict.fromkeys(keys, acted.space)
        write_run_json(run_dir, env)
        writer = RecordingWriter(run_dir, "a", schema_of(env))
        actors = [ActorID(keys[row % len(keys)], row % 2) for row in range(n + 1)]
        changes: dict[str, Any] = {"actors": actors, "times": list(range(n + 1))} if len(keys) > 1 else {}
        for number in (0, 1):
            write_segment(writer, number, observations[: n + 1], actions[:n], **changes)
        writer.commit()
        recording = Recording(run_dir)
        assert recording.damaged == []
        observation_codec, action_codec = space_codec(observed.space), space_codec(acted.space)
        for episode in recording:
            for key in keys:
                rows = [row for row in range(n) if keys[row % len(keys)] == key]
                for codec, column, samples in (
                    (observation_codec, episode.observations_of(key), observations),
                    (action_codec, episode.actions_of(key), actions),
                ):
                    expected = codec.stack([samples[row] for row in rows])
                    assert codec.count(column) == len(rows)
                    assert b"".join(codec.canonical_bytes(column)) == b"".join(codec.canonical_bytes(expected))
            (final,) = episode.final_observations.values()
            assert_final(observation_codec, final, observations[n])


def assert_final(codec: Any, final: Any, expected: Any) -> None:
    bytes_of = [b"".join(codec.canonical_bytes(codec.stack([sample]))) for sample in (final, expected)]
    assert bytes_of[0] == bytes_of[1]


def test_the_hash_of_what_is_read_back_is_that_of_the_episode(tmp_path: Path) -> None:
    env = gymnasium.make("CartPole-v1")
    (played,) = record(tmp_path, cart_pole(), [0])
    episode = Recording(tmp_path)[0]
    schema = TrajectorySchema({0: env.observation_space}, {0: env.action_space})
    segment = Segment(0, [*episode.observations, *episode.final_observations.values()], episode.actions.tolist())
    segment.rewards, segment.terminated = episode.rewards.tolist(), bool(episode.terminated)
    digest = sha256(b"".join(schema.canonical_pieces(schema.pack(segment)))).hexdigest()[:32]
    assert digest == episode.hash == played.row.hash
    assert isinstance(Recording(tmp_path).trajectories(), pa.Table)
