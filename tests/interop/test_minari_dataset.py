"""Runs as Minari datasets, read by Minari itself, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Trade
from tests.interop.sampling_env import NESTED, PICTURES, recorded

from maze import load, rollout
from maze.core.rollout.replay import recorded_env, replay_episode
from maze.factory import ConfigurationError
from maze.interop.minari_dataset import export_minari, import_minari

minari: Any = pytest.importorskip("minari")
pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def own_folder_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


@pytest.mark.parametrize("space", [PICTURES, NESTED, spaces.Box(0, 255, (16, 16, 3), np.uint8), spaces.Discrete(9)])
def test_that_a_run_comes_back_with_the_same_hash(space: spaces.Space[Any], tmp_path: Path) -> None:
    recording = recorded(tmp_path, space, spaces.Tuple((spaces.Discrete(3), spaces.Box(-1, 1, (2,)))))
    assert export_minari(recording, tmp_path / "sampled-random-v0", [0, 1, 2]) == "12 steps of 3 episodes"
    assert import_minari("sampled-random-v0", tmp_path / "back") == 3
    back = load(tmp_path / "back")
    assert back.content_hash == recording.content_hash
    assert back.metadata["hash"] == recording.metadata["hash"]
    assert back.statistics.info["n"] == recording.statistics.info["n"]


def test_that_minari_gives_back_equal_arrays(tmp_path: Path) -> None:
    recording = recorded(tmp_path, PICTURES)
    export_minari(recording, tmp_path / "sampled-random-v0", [0, 2])
    dataset = minari.load_dataset("sampled-random-v0")
    assert (dataset.total_episodes, dataset.total_steps, dataset.observation_space) == (2, 8, PICTURES)
    for number, read in zip([0, 2], dataset.iterate_episodes(), strict=True):
        episode = recording[number]
        for key, column in episode.observations.items():
            final = next(iter(episode.final_observations.values()))[key]
            expected = np.concatenate([column, [final]])
            assert (read.observations[key].dtype, read.observations[key].shape) == (expected.dtype, expected.shape)
            assert read.observations[key].tobytes() == expected.tobytes()
        assert read.actions.tobytes() == episode.actions.tobytes()
        assert read.rewards.tobytes() == episode.rewards.tobytes()
        assert read.terminations.tolist() == episode.terminations.tolist()
        assert str(read).startswith("EpisodeData")


def test_that_minari_recovers_the_environment_and_replay_works(tmp_path: Path) -> None:
    result = rollout("CartPole-v1", n_episodes=2, run_dir=tmp_path / "run", seeding={"env_base_seed": 1})
    export_minari(load(result.run_dir), tmp_path / "cartpole-random-v0", [0, 1])
    assert minari.load_dataset("cartpole-random-v0").recover_environment().spec.id == "CartPole-v1"
    import_minari(str(tmp_path / "cartpole-random-v0"), tmp_path / "back")
    back = load(tmp_path / "back")
    assert all(replay_episode(episode, recorded_env(back)).is_same for episode in back)


def test_that_a_dataset_of_others_has_no_seeds_to_replay_from(tmp_path: Path) -> None:
    from minari.data_collector import EpisodeBuffer

    buffer = EpisodeBuffer(
        observations=np.zeros((4, 2), np.float32),
        actions=np.array([0, 1, 1]),
        rewards=np.array([1.0, 2.0, 3.0]),
        terminations=np.array([False, False, False]),
        truncations=np.array([False, False, True]),
        infos={"speed": np.array([0.0, 1.0, 2.0, 3.0])},
    )
    with pytest.warns(UserWarning):  # noqa: PT030 - about authors, for each of them
        minari.create_dataset_from_buffers(
            "others-v0", [buffer], observation_space=spaces.Box(-1, 1, (2,)), action_space=spaces.Discrete(2)
        )
    import_minari("others-v0", tmp_path / "back")
    episode = load(tmp_path / "back")[0]
    assert (episode.rewards.tolist(), episode.truncated_by, dict(episode.info)) == ([1, 2, 3], "env", {"speed": 3.0})
    with pytest.raises(ValueError, match="was recorded without its seed"):
        replay_episode(episode, recorded_env(load(tmp_path / "back"), make=Flat))


class Flat(gymnasium.Env[Any, Any]):
    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)


@pytest.mark.parametrize(
    ("space", "line"),
    [
        (spaces.Graph(spaces.Box(0, 1, (2,)), None), "Minari holds no Graph"),
        (spaces.Dict({"a/b": spaces.Discrete(2)}), "Minari holds no entry 'a/b'"),
        (spaces.Discrete(3, dtype=np.int32), "Minari holds Discrete as int64"),
        (spaces.MultiBinary([2, 3]), "Minari holds MultiBinary of one dimension"),
    ],
)
def test_that_what_minari_cannot_hold_is_refused(space: spaces.Space[Any], line: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, space, n_episodes=1)
    with pytest.raises(ConfigurationError, match=line):
        export_minari(recording, tmp_path / "sampled-random-v0", [0])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_that_several_actors_are_refused(tmp_path: Path) -> None:
    recording = load(rollout(Trade, n_episodes=1, run_dir=tmp_path / "run").run_dir)
    with pytest.raises(ConfigurationError, match="Minari holds flat environments"):
        export_minari(recording, tmp_path / "trade-v0", [0])


def test_that_the_name_has_to_be_one_of_minari(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name it like cartpole-random-v0"):
        export_minari(recorded(tmp_path, spaces.Discrete(2)), tmp_path / "sampled", [0])


def test_that_a_dataset_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no Minari dataset 'nobody/nothing-v0' here: add --download"):
        import_minari("nobody/nothing-v0", tmp_path / "back")
    assert not (tmp_path / "back").exists()
