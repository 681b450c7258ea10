from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Walk

from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.factory import ConfigurationError
from maze.train.collected_episode import CollectedEpisode
from maze.train.episode_player import EpisodeFailedError, EpisodePlayer, PlayOrder
from maze.train.models.build_model import build_model
from maze.train.player_pool import PlayerPool
from maze.train.torch_policy import TorchPolicy
from maze.train.weights import weights_of

SPACES: Any = ({0: Walk.observation_space}, {0: Walk.action_space})


class FragileWalk(Walk):
    """Fails in one episode, always."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if seed == 1003:
            raise RuntimeError("out of order")
        return super().reset(seed=seed, options=options)


class Mortal(Walk):
    """Kills its process once in a folder's life."""

    folder = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if seed == 1003 and not os.path.exists(f"{self.folder}/dead"):  # noqa: PTH110 - as an environment may
            Path(self.folder, "dead").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset(seed=seed, options=options)


def job(env: Any, folder: Path, **settings: Any) -> RolloutJob:
    return RolloutJob(
        EnvRecipe(env),
        PolicyRecipe({"_target_": f"{TorchPolicy.__module__}.TorchPolicy"}),
        folder,
        n_envs=4,
        **settings,
    )


def pool_of(what: RolloutJob, n_processes: int) -> PlayerPool:
    observation_spaces, action_spaces = SPACES
    return PlayerPool(what, observation_spaces, action_spaces, n_processes)


def orders(n: int = 2, **settings: Any) -> list[PlayOrder]:
    weights = {name: tensor.numpy() for name, tensor in weights_of(build_model(None, *SPACES, seed=3)).items()}
    return [
        PlayOrder([EpisodeSpec(number, 1000 + number, number) for number in range(first, 8, n)], weights, **settings)
        for first in range(n)
    ]


def told(played: list[list[CollectedEpisode]]) -> list[tuple[int, str | None]]:
    return [(episode.row.number, episode.row.hash) for of_order in played for episode in of_order]


def test_processes_play_what_one_process_plays(tmp_path: Path) -> None:
    here = EpisodePlayer(job(Walk, tmp_path), *SPACES)
    pool = pool_of(job(Walk, tmp_path), 2)
    try:
        for settings in ({}, {"deterministic": True, "wants_decisions": False}):
            ours, theirs = here.play(orders(**settings)), pool.play(orders(**settings))
            assert told(ours) == told(theirs)
            assert [len(of_order) for of_order in ours] == [4, 4]
            decisions = [episode.decisions for of_order in theirs for episode in of_order]
            assert all((each is None) == bool(settings) for each in decisions)
    finally:
        here.close()
        pool.close()


def test_decisions_are_those_of_the_episode(tmp_path: Path) -> None:
    player = EpisodePlayer(job(Walk, tmp_path), *SPACES)
    episodes = player.play(orders(1))[0]
    player.close()
    for episode in episodes:
        decisions, n = episode.decisions, episode.row.n_decisions
        assert decisions is not None
        assert n is not None
        assert len(decisions.observations[0][0]) == n + 1
        assert decisions.actions[0].shape == (n, 1)
        assert decisions.credits.sum() == pytest.approx(episode.row.episode_return)
        assert decisions.times.tolist() == list(range(n + 1))
        np.testing.assert_allclose(decisions.observations[0][0][:, 1], np.minimum(np.arange(n + 1), 9))


def test_the_limit_of_steps_holds_where_it_shall(tmp_path: Path) -> None:
    player = EpisodePlayer(job(Walk, tmp_path, max_episode_steps=3), *SPACES)
    cut, whole = player.play([orders(1)[0], orders(1, limits_steps=False)[0]])
    player.close()
    assert {episode.row.length for episode in cut} == {3}
    assert max(episode.row.length or 0 for episode in whole) > 3


def test_an_episode_that_fails_again_and_again_ends_it(tmp_path: Path) -> None:
    player = EpisodePlayer(job(FragileWalk, tmp_path), *SPACES)
    with pytest.raises(EpisodeFailedError, match=r"out of order.*env_seed=1003"):
        player.play(orders())
    player.close()
    pool = pool_of(job(FragileWalk, tmp_path), 2)
    with pytest.raises(EpisodeFailedError, match=r"out of order.*env_seed=1003"):
        pool.play(orders())
    pool.close()


def test_what_a_dead_process_had_to_play_is_played_again(tmp_path: Path) -> None:
    class Here(Mortal):
        folder = str(tmp_path)

    pool, here = pool_of(job(Here, tmp_path), 2), EpisodePlayer(job(Walk, tmp_path), *SPACES)
    try:
        assert told(pool.play(orders())) == told(here.play(orders()))
        assert (tmp_path / "dead").exists()
    finally:
        pool.close()
        here.close()


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    pool = pool_of(job(Walk, tmp_path), 2)
    pool.play(orders())
    processes = [player.handle._pid for player in pool._players]
    folder = pool._folder
    pool.close()
    assert not folder.exists()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_an_environment_that_cannot_be_built_is_wrong_input(tmp_path: Path) -> None:
    def broken() -> Any:
        raise ConfigurationError("no such thing: choose another")

    pool = pool_of(job(broken, tmp_path), 1)
    with pytest.raises(ConfigurationError, match="no such thing: choose another"):
        pool.play(orders())
    pool.close()


def test_only_neural_policies_are_trained(tmp_path: Path) -> None:
    rejected = RolloutJob(EnvRecipe(Walk), PolicyRecipe(None), tmp_path)
    with pytest.raises(TypeError, match="RandomPolicy cannot be trained: choose policy=torch_policy"):
        EpisodePlayer(rejected, {0: Walk.observation_space}, {0: spaces.Discrete(2)})
