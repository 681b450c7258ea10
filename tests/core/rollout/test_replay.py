"""Recorded episodes, played again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from tests.core.rollout.sample_envs import (
    DictWalk,
    GlobalWalk,
    LongWalk,
    ReusingWalk,
    Step,
    StructuredWalk,
    Trade,
    TrueRandomWalk,
    Walk,
)

from maze import load, rollout
from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.recording import Recording
from maze.core.rollout.replay import ReplayReport, recorded_env, replay_episode
from maze.factory import ConfigurationError

SEEDS = {"env_base_seed": 3, "agent_base_seed": 4}


def recorded(folder: Path, env: Any, **settings: Any) -> Recording:
    settings = {"n_episodes": 2, "seeding": SEEDS, **settings}
    return load(rollout(env, run_dir=folder / "run", **settings).run_dir)


def replayed(recording: Recording, make: Callable[[], Any] | None = None) -> list[ReplayReport]:
    env = recorded_env(recording, make=make)
    return [replay_episode(episode, env) for episode in recording]


class TwoLimbs(gymnasium.Env[Any, Any]):
    """Takes a Tuple of a number and a vector."""

    observation_space = gymnasium.spaces.Box(-99, 99, (), np.float32)
    action_space = gymnasium.spaces.Tuple((gymnasium.spaces.Discrete(3), gymnasium.spaces.Box(-1, 1, (2,))))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.n = np.float32(self.np_random.random()), 0
        return self.place, {}

    def step(self, action: Any) -> Step:
        number, vector = action
        # In single precision it matters whether the number is Python's or numpy's.
        self.place = np.float32(self.place * np.float32(0.9) + number * np.float32(0.1) + vector.sum())
        self.n += 1
        return self.place, float(self.place), self.n == 9, False, {}


@pytest.mark.parametrize("kind", [Walk, DictWalk, GlobalWalk, ReusingWalk, StructuredWalk, Trade, TwoLimbs])
def test_that_every_kind_of_environment_plays_the_same_again(kind: type, tmp_path: Path) -> None:
    recording = recorded(tmp_path, kind)
    for report, episode in zip(replayed(recording, kind), recording, strict=True):
        assert (report.first_difference, report.what, report.n_decisions) == (None, "", episode.n_decisions)


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "FrozenLake-v1", "Taxi-v4"])
def test_that_environments_of_gymnasium_play_the_same_again(name: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, name, max_episode_steps=40)
    reports = replayed(recording)
    assert [str(report) for report in reports] == [
        f"the same in all {episode.n_decisions} decisions" for episode in recording
    ]


def test_that_wrappers_are_built_again(tmp_path: Path) -> None:
    wrappers = {"clip": {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.25}}
    recording = recorded(tmp_path, "CartPole-v1", wrappers=wrappers)
    assert all(report.is_same for report in replayed(recording))
    without = replay_episode(recording[0], recorded_env(recording, make="CartPole-v1"))
    assert (without.first_difference, without.what) == (0, "the reward was 0.25, now 1.0")


def test_that_an_episode_in_several_segments_is_compared_to_its_end(tmp_path: Path) -> None:
    recording = recorded(tmp_path, LongWalk, n_episodes=1, max_episode_steps=0)
    steps: list[int] = []
    report = replay_episode(recording[0], recorded_env(recording, make=LongWalk), steps.append)
    assert report.is_same
    assert steps == list(range(-1, 300))


class Drifting(Walk):
    """Is another environment from its fourth step on."""

    def step(self, action: Any) -> Step:
        observation, *rest = super().step(action)
        observation[1] += 0.5 if self.n == 4 else 0.0
        return observation, *rest


class Generous(Walk):
    def step(self, action: Any) -> Step:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward + (self.n == 2), terminated, truncated, info


class Hasty(Walk):
    def step(self, action: Any) -> Step:
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, self.n == 3, truncated, info


class Endless(Walk):
    def step(self, action: Any) -> Step:
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, False, truncated, info


class Broken(Walk):
    def step(self, action: Any) -> Step:
        if self.n == 2:
            raise OSError("the arm is stuck")
        return super().step(action)


class Elsewhere(Walk):
    def observe(self) -> Any:
        return super().observe() + np.array([0.25, 0.0])


@pytest.mark.parametrize(
    ("other", "first", "what"),
    [
        (Drifting, 3, "observation[1] was 4.0, now 4.5"),
        (Generous, 1, "the reward was"),
        (Hasty, 2, "terminated was False, now True"),
        (Broken, 2, "now OSError: the arm is stuck"),
        (Elsewhere, -1, "observation[0] was 0.0, now 0.25"),
    ],
)
def test_that_the_first_difference_is_named(other: type, first: int, what: str, tmp_path: Path) -> None:
    recording = recorded(tmp_path, Walk, n_episodes=1)
    report = replay_episode(recording[0], recorded_env(recording, make=other))
    assert report.first_difference == first
    assert report.what.startswith(what)
    assert not report.is_same


def test_that_a_later_end_is_a_difference_in_the_last_decision(tmp_path: Path) -> None:
    recording = recorded(tmp_path, Walk, n_episodes=1)
    report = replay_episode(recording[0], recorded_env(recording, make=Endless))
    assert recording[0].n_decisions is not None
    assert report == ReplayReport(
        recording[0].n_decisions, recording[0].n_decisions - 1, "terminated was True, now False"
    )


def test_that_the_recorded_actions_are_carried_out_behind_a_difference(tmp_path: Path) -> None:
    recording = recorded(tmp_path, Walk, n_episodes=1)
    steps: list[int] = []
    replay_episode(recording[0], recorded_env(recording, make=Elsewhere), steps.append)
    assert len(steps) == (recording[0].n_decisions or 0) + 1


def test_that_chance_beyond_the_seed_is_told_apart(tmp_path: Path) -> None:
    recording = recorded(tmp_path, TrueRandomWalk)
    for report in replayed(recording, TrueRandomWalk):
        assert report.first_difference == 0
        assert "; observation[0] was " in report.what


class Silent(Trade):
    """Says nothing about what is offered first."""

    def step(self, action: Any) -> Step:
        result = super().step(action)
        if self.n == 1:
            self.pending_events.clear()
        return result


def test_that_missing_events_are_a_difference(tmp_path: Path) -> None:
    recording = recorded(tmp_path, Trade)
    report = replay_episode(recording[0], recorded_env(recording, make=Silent))
    assert not report.is_same
    assert report.what.startswith("the hash of the episode")


def test_that_episodes_that_the_runner_cut_are_the_same(tmp_path: Path) -> None:
    recording = recorded(tmp_path, Trade, max_episode_steps=1)
    assert recording[0].truncated_by == "runner"
    assert all(report.is_same for report in replayed(recording, Trade))


def test_that_normalization_is_that_of_the_run(tmp_path: Path) -> None:
    wrapper = "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper"
    recording = recorded(tmp_path, "CartPole-v1", wrappers={"normalize": {"_target_": wrapper, "n_samples": 50}})
    assert all(report.is_same for report in replayed(recording))


def test_that_an_environment_built_in_python_has_to_be_given(tmp_path: Path) -> None:
    recording = recorded(tmp_path, Walk)
    with pytest.raises(ConfigurationError, match=r"was recorded from Python, .* say what makes it"):
        recorded_env(recording)


def test_that_code_which_only_the_run_names_is_not_built(tmp_path: Path) -> None:
    recording = recorded(tmp_path, "CartPole-v1")
    recording.metadata["config"]["env"] = {"_target_": "os.system", "command": "true"}
    with pytest.raises(
        ConfigurationError, match=r"os\.system is named by a run directory alone.*add --trust os\.system"
    ):
        recorded_env(recording)


def test_that_a_package_can_be_trusted(tmp_path: Path) -> None:
    recording = recorded(tmp_path, "CartPole-v1")
    recording.metadata["config"]["env"] = {"_target_": "gymnasium.make", "id": "CartPole-v1"}
    with pytest.raises(ConfigurationError, match=r"--trust gymnasium\.make"):
        recorded_env(recording)
    assert isinstance(recorded_env(recording, allowed=["gymnasium"]), StructuredEnv)


def test_that_an_environment_with_other_spaces_is_refused(tmp_path: Path) -> None:
    recording = recorded(tmp_path, "CartPole-v1")
    with pytest.raises(ConfigurationError, match="observation_spaces are not those of"):
        recorded_env(recording, make="Acrobot-v1")


def test_that_there_must_be_actions_to_carry_out(tmp_path: Path) -> None:
    recording = recorded(tmp_path, "CartPole-v1", record_trajectory=False)
    with pytest.raises(ValueError, match="was recorded without trajectories"):
        replayed(recording)


class OneLimb(TwoLimbs):
    """Takes the number alone."""

    action_space = gymnasium.spaces.Discrete(3)  # type: ignore[assignment]

    def step(self, action: Any) -> Step:
        return super().step((action, np.array([0.5, -0.25], np.float32)))


def test_that_pythons_integers_are_given_where_they_are_asked_for(tmp_path: Path) -> None:
    recording = recorded(tmp_path, OneLimb, agent=lambda observation: 2, n_episodes=1)
    env = recorded_env(recording, make=OneLimb)
    assert not replay_episode(recording[0], env).is_same
    assert replay_episode(recording[0], env, as_python_integers=True).is_same
