"""Runs as LeRobot datasets: the files of the layout, and frames that come back exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Trade
from tests.interop.sampling_env import PICTURES, recorded

from maze import load, rollout
from maze.core.recording.recording import Recording
from maze.factory import ConfigurationError
from maze.interop import lerobot_dataset
from maze.interop.lerobot_dataset import export_lerobot

INFO = {
    "codebase_version", "robot_type", "total_episodes", "total_frames", "total_tasks", "chunks_size",
    "data_files_size_in_mb", "video_files_size_in_mb", "fps", "splits", "data_path", "video_path", "features",
}  # fmt: skip
COUNTS = ["timestamp", "frame_index", "episode_index", "index", "task_index"]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return recorded(tmp_path, PICTURES)


def frames_of(folder: Path) -> pd.DataFrame:
    return pd.concat([pq.read_table(file).to_pandas() for file in sorted(folder.glob("data/*/*.parquet"))])


def test_that_the_layout_is_that_of_version_3(recording: Recording, tmp_path: Path) -> None:
    assert export_lerobot(recording, tmp_path / "out", [0, 2], fps=10) == (
        "8 frames of 2 episodes, without their final observations"
    )
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
    }
    info = json.loads((tmp_path / "out" / "meta" / "info.json").read_text())
    assert set(info) == INFO
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"], info["fps"]) == ("v3.0", 2, 8, 10)
    assert info["splits"] == {"train": "0:2"}
    assert info["features"]["observation.images.camera"] == {
        "dtype": "image",
        "shape": [9, 12, 3],
        "names": ["height", "width", "channels"],
    }
    assert info["features"]["observation.joints"] == {"dtype": "float64", "shape": [3], "names": None}
    assert info["features"]["observation.mode"] == {"dtype": "int64", "shape": [1], "names": None}
    assert set(frames_of(tmp_path / "out")) == set(info["features"])


def test_that_frames_are_counted(recording: Recording, tmp_path: Path) -> None:
    export_lerobot(recording, tmp_path / "out", [0, 2], fps=10)
    frames = frames_of(tmp_path / "out")
    assert frames["index"].tolist() == list(range(8))
    assert frames.episode_index.tolist() == [0] * 4 + [1] * 4
    assert frames.frame_index.tolist() == [0, 1, 2, 3] * 2
    assert frames.timestamp.to_numpy().dtype == np.float32
    assert frames.timestamp.tolist()[:4] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert frames["next.done"].tolist() == [False, False, False, True] * 2


def test_that_episodes_say_where_their_frames_are(recording: Recording, tmp_path: Path) -> None:
    export_lerobot(recording, tmp_path / "out", [0, 2])
    episodes = pq.read_table(tmp_path / "out" / "meta" / "episodes").to_pandas()
    assert episodes["dataset_from_index"].tolist() == [0, 4]
    assert episodes["dataset_to_index"].tolist() == [4, 8]
    assert episodes["length"].tolist() == [4, 4]
    assert episodes["maze/number"].tolist() == [0, 2]
    assert episodes["maze/env_seed"].tolist() == [recording[0].env_seed, recording[2].env_seed]
    assert [list(tasks) for tasks in episodes["tasks"]] == [["Sampling"]] * 2
    tasks = pd.read_parquet(tmp_path / "out" / "meta" / "tasks.parquet")
    assert tasks.loc["Sampling"].task_index == 0


def test_that_numbers_and_pixels_come_back_bit_for_bit(recording: Recording, tmp_path: Path) -> None:
    export_lerobot(recording, tmp_path / "out", [0, 1, 2])
    datasets: Any = pytest.importorskip("datasets")
    (file,) = (tmp_path / "out").glob("data/*/*.parquet")
    read = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    for key, name in (
        ("camera", "observation.images.camera"),
        ("grid", "observation.grid"),
        ("joints", "observation.joints"),
    ):
        expected = np.concatenate([episode.observations[key] for episode in recording])
        found = np.array([np.asarray(value) for value in read[name]], expected.dtype)
        assert found.tobytes() == expected.tobytes()
    assert read["next.reward"][:] == [reward for episode in recording for reward in episode.rewards.tolist()]
    assert np.array(read["action"][:], np.float32).tolist() == [a.tolist() for e in recording for a in e.actions]


def test_that_the_statistics_are_those_of_all_frames(recording: Recording, tmp_path: Path) -> None:
    export_lerobot(recording, tmp_path / "out", [0, 1, 2])
    stats = json.loads((tmp_path / "out" / "meta" / "stats.json").read_text())
    joints = np.concatenate([episode.observations["joints"] for episode in recording])
    assert stats["observation.joints"]["mean"] == pytest.approx(joints.mean(axis=0))
    assert stats["observation.joints"]["std"] == pytest.approx(joints.std(axis=0))
    assert stats["observation.joints"]["count"] == [12]
    camera = np.concatenate([episode.observations["camera"] for episode in recording]) / 255
    assert np.shape(stats["observation.images.camera"]["mean"]) == (3, 1, 1)
    assert np.ravel(stats["observation.images.camera"]["mean"]) == pytest.approx(camera.mean(axis=(0, 1, 2)))
    assert np.ravel(stats["observation.images.camera"]["std"]) == pytest.approx(camera.std(axis=(0, 1, 2)))


def test_that_a_large_dataset_has_several_files(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lerobot_dataset, "DATA_FILE_MEGABYTES", 1e-4)
    export_lerobot(recording, tmp_path / "out", [0, 1, 2])
    assert len(list((tmp_path / "out").glob("data/chunk-000/file-*.parquet"))) == 3
    episodes = pq.read_table(tmp_path / "out" / "meta" / "episodes").to_pandas()
    assert episodes["data/file_index"].tolist() == [0, 1, 2]


def test_that_plain_observations_are_the_state(tmp_path: Path) -> None:
    run = rollout("CartPole-v1", n_episodes=1, run_dir=tmp_path / "run", seeding={"env_base_seed": 1})
    episode = load(run.run_dir)[0]
    export_lerobot(load(run.run_dir), tmp_path / "out", [0])
    frames = frames_of(tmp_path / "out")
    assert np.array(frames["observation.state"].tolist(), np.float32).tolist() == episode.observations.tolist()
    assert frames["action"].tolist() == episode.actions.tolist()


@pytest.mark.parametrize(
    ("observed", "done", "line"),
    [
        (spaces.Text(4), None, "LeRobot holds no observation of Text"),
        (spaces.Dict({"a/b": spaces.Discrete(2)}), None, "LeRobot holds no entry 'a/b'"),
        (spaces.Discrete(2), spaces.Dict({"arm": spaces.Discrete(2)}), "LeRobot holds no action of Dict"),
    ],
)
def test_that_what_the_layout_cannot_hold_is_refused(observed: Any, done: Any, line: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=line):
        export_lerobot(recorded(tmp_path, observed, done, n_episodes=1), tmp_path / "out", [0])
    assert not (tmp_path / "out").exists()


def test_that_several_actors_are_refused(tmp_path: Path) -> None:
    recording = load(rollout(Trade, n_episodes=1, run_dir=tmp_path / "run").run_dir)
    with pytest.raises(ConfigurationError, match="LeRobot holds flat environments"):
        export_lerobot(recording, tmp_path / "out", [0])
