"""Runs as datasets of Hugging Face, read by its own library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import ThinkingOfTwo, Trade
from tests.interop.sampling_env import NESTED, PICTURES, recorded

from maze import load, rollout
from maze.factory import ConfigurationError
from maze.interop.huggingface_dataset import export_huggingface

datasets: Any = pytest.importorskip("datasets")


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def load_dataset(folder: Path, name: str) -> Any:
        return datasets.load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    datasets.disable_progress_bars()
    return load_dataset


def test_that_arrays_and_pictures_come_back_bit_for_bit(tmp_path: Path, read: Any) -> None:
    recording = recorded(tmp_path, PICTURES)
    export_huggingface(recording, tmp_path / "out", [0, 1, 2])
    steps = read(tmp_path / "out", "steps")
    for episode in recording:
        rows = [row for row in steps if row["episode"] == episode.number]
        finals = list(episode.final_observations.values())
        for key, space in PICTURES.spaces.items():
            expected = np.concatenate([episode.observations[key], [final[key] for final in finals]])
            found = np.array([np.asarray(row["observation"][key]) for row in rows], space.dtype)
            assert found.tobytes() == expected.tobytes()
            assert found.shape == expected.shape
        decisions = rows[:-1]
        assert np.array([row["action"] for row in decisions], np.float32).tobytes() == episode.actions.tobytes()
        assert [row["reward"] for row in decisions] == episode.rewards.tolist()
        assert rows[-1]["action"] is None
        assert rows[-1]["reward"] is None


def test_that_features_tell_dtypes_and_shapes(tmp_path: Path, read: Any) -> None:
    export_huggingface(recorded(tmp_path, PICTURES, n_episodes=1), tmp_path / "out", [0])
    features = read(tmp_path / "out", "steps").features
    assert isinstance(features["observation"]["camera"], datasets.Image)
    assert features["observation"]["joints"] == datasets.List(datasets.Value("float64"), length=3)
    assert features["observation"]["grid"].length == 2
    assert features["action"].feature == datasets.Value("float32")


def test_that_nested_spaces_are_records(tmp_path: Path, read: Any) -> None:
    recording = recorded(tmp_path, NESTED, spaces.Discrete(3), n_episodes=1)
    export_huggingface(recording, tmp_path / "out", [0])
    rows = list(read(tmp_path / "out", "steps"))[:-1]
    observed = recording[0].observations
    assert [row["observation"]["word"] for row in rows] == observed["word"]
    assert [row["observation"]["pair"]["0"] for row in rows] == observed["pair"][0].tolist()
    assert [row["observation"]["levels"] for row in rows] == observed["levels"].tolist()


def test_that_several_actors_share_a_table(tmp_path: Path, read: Any) -> None:
    recording = load(rollout(Trade, n_episodes=2, run_dir=tmp_path / "run", seeding={"env_base_seed": 1}).run_dir)
    export_huggingface(recording, tmp_path / "out", [0, 1])
    steps = read(tmp_path / "out", "steps")
    offers = [row for row in steps if row["step_key"] == "offer" and row["reward"] is not None and row["episode"] == 1]
    assert [row["action"]["offer"] for row in offers] == recording[1].actions_of("offer").tolist()
    assert all(row["observation"]["accept"] is None for row in offers)
    assert len(read(tmp_path / "out", "events_Traded")) == len(recording.events("Traded"))
    assert read(tmp_path / "out", "episodes")["return"] == recording.episodes["return"].to_pylist()


def test_that_policy_outputs_are_a_column(tmp_path: Path, read: Any) -> None:
    run_dir = tmp_path / "run"
    rollout(Trade, ThinkingOfTwo, n_episodes=1, run_dir=run_dir, record_policy_outputs=True)
    recording = load(run_dir)
    export_huggingface(recording, tmp_path / "out", [0])
    told = [row["policy_outputs"] for row in read(tmp_path / "out", "steps")]
    expected = [outputs["scores"].tolist() for outputs in recording[0].policy_outputs]
    found = [(each["offer"] or each["accept"])["scores"] for each in told[: len(expected)]]
    assert found == expected


def test_that_what_has_no_feature_is_refused(tmp_path: Path) -> None:
    recording = recorded(tmp_path, spaces.Graph(spaces.Box(0, 1, (2,)), None), n_episodes=1)
    with pytest.raises(ConfigurationError, match="a Hugging Face dataset holds no Graph"):
        export_huggingface(recording, tmp_path / "out", [0])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
