"""What every runner does with what it is given."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import ClipReward, FrameStackObservation, TimeLimit, TransformReward
from tests.core.rollout.sample_envs import Alternating, BatchingPolicy, StructuredWalk, Trade, Walk

from maze.core.agent.policy import StructuredPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import FLAT_ACTOR, ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.rollout_observer import RolloutObserver
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

SEEDING = {"env_base_seed": 3, "agent_base_seed": 4}


class Longest(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that does not tell its arguments."""

    def __init__(self, env: gymnasium.Env[Any, Any], n: int = 5) -> None:
        super().__init__(env)


class Upright(StructuredPolicy):
    """Balances a pole; at random with some probability, unless it is to be deterministic."""

    def __init__(self, deterministic: bool = False) -> None:
        self.deterministic = deterministic

    def reset(self, seed: int, slot: int = 0) -> None:
        self.generator = np.random.default_rng(seed)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        if not self.deterministic and self.generator.random() < 0.2:
            return int(self.generator.integers(2))
        return int(observation[2] + observation[3] > 0)


def upright(observation: Any) -> int:
    return int(observation[2] + observation[3] > 0)


@pytest.fixture
def play(tmp_path: Path) -> Any:
    runs = iter(range(1000))

    def play(env: Any, agent: Any = None, wrappers: Any = None, n_processes: int = 1, **settings: Any) -> RolloutResult:
        settings = {"n_episodes": 3, **settings}
        seeding = settings.pop("seeding", SEEDING)
        runner = (
            SequentialRolloutRunner(**settings)
            if n_processes == 1
            else ParallelRolloutRunner(n_processes=n_processes, **settings)
        )
        return runner.run_with(env, wrappers, agent, seeding=seeding, run_dir=tmp_path / f"run-{next(runs)}")

    return play


def refused(play: Any, *arguments: Any, **settings: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        play(*arguments, **settings)
    line = str(caught.value)
    assert "\n" not in line
    return line


# What an environment may be given as ----------------------------------------------------------------------------------


def test_all_ways_to_give_an_env_lead_to_the_same_episodes(play: Any) -> None:
    ways: list[Any] = [
        "CartPole-v1",
        {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1", "kwargs": {}},
        {"_target_": "gymnasium.make", "id": "CartPole-v1"},
        lambda: gymnasium.make("CartPole-v1"),
        partial(gymnasium.make, "CartPole-v1"),
        gymnasium.make("CartPole-v1"),
        GymEnv(gymnasium.make("CartPole-v1")),
        partial(GymEnv, gymnasium.make("CartPole-v1")),
    ]
    results = [play(way, upright, max_episode_steps=0) for way in ways]
    assert [result.status for result in results] == ["completed"] * len(ways)
    assert len({result.hash for result in results}) == 1
    assert max(results[0].recording.episodes["length"].to_pylist()) <= 500


def test_a_class_is_built_without_a_render_mode_it_does_not_take(play: Any) -> None:
    class Plain(Walk):
        def __init__(self) -> None:
            super().__init__()

    assert play(Plain).hash == play(Walk).hash


def test_an_env_handed_over_stays_open_and_usable(play: Any) -> None:
    env = Walk()
    hashes = {play(env).hash for _ in range(3)}
    assert hashes == {play(Walk).hash}
    assert env.closed == 0
    env.reset(seed=1)
    assert len(env.step(0)) == 5


def test_an_env_handed_over_serves_a_batching_policy_with_copies(play: Any) -> None:
    env = gymnasium.make("CartPole-v1")
    agent = partial(Batched, n_envs=3)
    result = play(env, agent)
    assert result.status == "completed"
    assert result.hash == play("CartPole-v1", agent).hash
    env.reset()
    assert "cannot be made again" in play(Walk(), BatchingPolicy(3)).stopped_because


class Batched(StructuredPolicy):
    def __init__(self, n_envs: int) -> None:
        self.n_envs = n_envs

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return upright(observation)


def test_an_env_handed_over_is_made_again_in_processes(play: Any) -> None:
    env = ClipReward(gymnasium.make("CartPole-v1", sutton_barto_reward=True), -0.5, 0.5)
    assert play(env, n_processes=2).hash == play(env).hash
    halved = TransformReward(gymnasium.make("CartPole-v1"), lambda reward: float(reward) / 2)
    assert play(halved, n_processes=2).statistics == play(halved).statistics


@pytest.mark.parametrize(
    ("env", "line"),
    [
        (Walk(), "Walk cannot be made again, for it has no spec"),
        (Longest(gymnasium.make("CartPole-v1")), "Longest cannot be made again, for its arguments are not known"),
    ],
)
def test_an_env_that_cannot_be_made_again_is_refused_by_processes(env: Any, line: str, play: Any) -> None:
    assert refused(play, env, n_processes=2).startswith(line)
    assert play(env).status == "completed"


def test_what_cannot_be_sent_is_refused_by_processes(play: Any) -> None:
    class Holding(Alternating):
        def __init__(self) -> None:
            self.lock = threading.Lock()

    assert "cannot be sent to other processes" in refused(play, Trade, Holding(), n_processes=2)
    assert play(Trade, Holding()).status == "completed"
    assert play(Trade, Holding, n_processes=2).status == "completed"


def test_ids_of_modules_that_register_them(play: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_walks.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('MyPole-v0', CartPoleEnv, max_episode_steps=7)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for result in (play("my_walks:MyPole-v0"), play("my_walks:MyPole-v0", n_processes=2)):
        assert {e.truncated_by for e in result} == {"env"}
        assert result.recording.metadata["env"]["name"] == "MyPole-v0"


def test_a_registered_structured_env_keeps_its_time_limit(play: Any) -> None:
    gymnasium.register("Trade-v0", "tests.core.rollout.sample_envs:Trade", max_episode_steps=1)
    try:
        result = play("Trade-v0")
    finally:
        del gymnasium.registry["Trade-v0"]
    assert {(e.length, e.n_decisions, e.truncated_by) for e in result} == {(1, 3, "env")}


# Wrappers -------------------------------------------------------------------------------------------------------------


def test_wrappers_go_from_the_inside_out(play: Any) -> None:
    by_name = {
        "clip": {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.5},
        "none": None,
        "stack": {"_target_": "gymnasium.wrappers.FrameStackObservation", "stack_size": 4},
    }
    in_code = [lambda env: ClipReward(env, max_reward=0.5), partial(FrameStackObservation, stack_size=4)]
    results = [play("CartPole-v1", wrappers=wrappers) for wrappers in (by_name, [*by_name.values()][::2], in_code)]
    assert len({result.hash for result in results}) == 1
    (episode, *_) = results[0]
    assert np.asarray(episode.observations).shape[1:] == (4, 4)
    assert set(episode.rewards) == {0.5}
    assert play("CartPole-v1", wrappers=by_name, n_processes=2).hash == results[0].hash


def test_one_wrapper_needs_no_name(play: Any) -> None:
    clip = {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.5}
    assert play("CartPole-v1", wrappers=clip).hash == play("CartPole-v1", wrappers=[clip]).hash


def test_wrappers_around_an_env_handed_over_do_not_pile_up(play: Any) -> None:
    env = gymnasium.make("CartPole-v1")
    stack = [{"_target_": "gymnasium.wrappers.FrameStackObservation", "stack_size": 2}]
    assert play(env, wrappers=stack).hash == play(env, wrappers=stack).hash == play("CartPole-v1", wrappers=stack).hash


def test_wrappers_around_a_structured_env_are_refused(play: Any) -> None:
    clip = {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 1.0}
    for env, n_processes in ((Trade, 1), (Trade(), 1), (lambda: Trade(), 1), (lambda: Trade(), 2)):  # noqa: PLW0108
        line = refused(play, env, None, [clip], n_processes=n_processes)
        assert line.startswith("gymnasium's wrappers hide who acts in Trade: leave ClipReward out")


# Policies -------------------------------------------------------------------------------------------------------------


def test_all_ways_to_give_a_policy(play: Any) -> None:
    class Steady:
        def __call__(self, observation: Any) -> int:
            return upright(observation)

    ways: list[Any] = [upright, partial(upright), Steady(), Steady().__call__]
    assert len({play("CartPole-v1", way).hash for way in ways}) == 1
    config = {"_target_": "maze.core.agent.random_policy.RandomPolicy"}
    ways = [None, config, RandomPolicy, RandomPolicy({0: spaces.Discrete(2)}), partial(RandomPolicy)]
    assert len({play("CartPole-v1", way).hash for way in ways}) == 1


def test_deterministic_reaches_policies_that_take_it(play: Any) -> None:
    assert play("CartPole-v1", Upright, deterministic=True).hash == play("CartPole-v1", upright).hash
    assert play("CartPole-v1", Upright).hash != play("CartPole-v1", upright).hash
    assert play("CartPole-v1", RandomPolicy, deterministic=True).status == "completed"
    assert play("CartPole-v1", Upright, deterministic=True).recording.metadata["deterministic"] is True


def test_a_policy_is_attached_once_per_slot_and_reset_once_per_episode(play: Any) -> None:
    calls: list[Any] = []

    class Watching(StructuredPolicy):
        def attach(self, env: StructuredEnv, slot: int = 0) -> None:
            calls.append(("attach", slot, type(env.unwrapped).__name__))

        def reset(self, seed: int, slot: int = 0) -> None:
            calls.append(("reset", slot))

        def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
            assert actor_id == FLAT_ACTOR
            return 0

    play(Walk, Watching, n_episodes=2)
    scouting, played = calls[0], calls[1:]
    assert scouting == ("attach", 0, "Walk")
    assert played == [("attach", 0, "Walk"), ("reset", 0), ("reset", 0)]


# How many steps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ["CartPole-v1", partial(GymEnv, TimeLimit(Walk(), 500))])
def test_no_limit_of_the_runner_leaves_the_envs_own(env: Any, play: Any) -> None:
    still = partial(lambda observation: int(observation[2] + observation[3] > 0) if len(observation) == 4 else 0)
    none, zero = (play(env, still, max_episode_steps=steps) for steps in (None, 0))
    assert none.hash == zero.hash
    assert max(e.length for e in none) > 4
    assert {e.truncated_by for e in none} <= {None, "env"}


def test_who_cut_an_episode_is_recorded(play: Any) -> None:
    def end(steps: int | None) -> set[Any]:
        result = play("CartPole-v1", upright, max_episode_steps=steps, n_episodes=1, seeding={"env_base_seed": 9})
        return {(e.length, e.terminated, e.truncated, e.truncated_by) for e in result}

    assert end(0) == {(500, False, True, "env")}
    assert end(500) == {(500, False, True, "env")}
    assert end(501) == {(500, False, True, "env")}
    assert end(499) == {(499, False, True, "runner")}
    assert end(1) == {(1, False, True, "runner")}


def test_an_end_in_the_last_step_is_an_end_and_no_cut(play: Any) -> None:
    free = {e.number: e.length for e in play(Walk, max_episode_steps=0)}
    cut = play(Walk, max_episode_steps=free[0])
    assert (cut.recording[0].terminated, cut.recording[0].truncated) == (True, False)


def test_final_observations_are_never_lost(play: Any) -> None:
    for steps in (0, 3):
        for episode in play(Walk, max_episode_steps=steps):
            observations, final = np.asarray(episode.observations), episode.final_observations[FLAT_ACTOR]
            assert len(observations) == episode.length == len(episode.rewards)
            assert final[0] == pytest.approx(episode.rewards[-1])
            assert not (observations[:, 1] == min(episode.length, 9)).any() or episode.length > 9


def test_statistics_say_how_many_were_cut(play: Any) -> None:
    statistics = play("CartPole-v1", upright, max_episode_steps=10, n_episodes=5).statistics
    assert (statistics.n_truncated_by_runner, statistics.n_truncated_by_env, statistics.n_terminated) == (5, 0, 0)


# Which episodes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_processes", [1, 2])
def test_exactly_the_episodes_asked_for(n_processes: int, play: Any) -> None:
    result = play(Walk, n_processes=n_processes, n_episodes=37)
    assert [e.number for e in result] == list(range(37))
    assert (len(result), result.missing, result.failures) == (37, [], [])
    assert result.statistics.n_episodes == 37
    assert result.n_steps == sum(e.n_decisions for e in result)


def test_explicit_seeds_come_around_again(play: Any) -> None:
    result = play(Walk, n_episodes=5, seeding={"explicit_env_seeds": [7, 8], "explicit_agent_seeds": [1]})
    assert [(e.env_seed, e.agent_seed) for e in result] == [(7, 1), (8, 1), (7, 1), (8, 1), (7, 1)]
    hashes = [e.hash for e in result]
    assert hashes[0] == hashes[2] == hashes[4] != hashes[1] == hashes[3]


def test_drawn_seeds_are_recorded_and_give_the_run_again(play: Any) -> None:
    first, other = play(Walk, seeding=None), play(Walk, seeding=None)
    assert first.hash != other.hash
    assert play(Walk, seeding=first.seeding).hash == first.hash
    assert play(Walk, seeding=first.recording.metadata["seeding"]).hash == first.hash


def test_env_and_agent_seeds_are_apart_though_the_base_is_one(play: Any) -> None:
    result = play(Walk, seeding={"env_base_seed": 1, "agent_base_seed": 1})
    assert all(e.env_seed != e.agent_seed for e in result)


# What is kept of them -------------------------------------------------------------------------------------------------


def test_figures_of_the_last_info_and_success(play: Any) -> None:
    result = play(Walk, n_episodes=8, max_episode_steps=0)
    for episode in result:
        final = episode.final_observations[FLAT_ACTOR]
        assert episode.info == {"place": final[0], "n": episode.length}
        assert episode.success is bool(final[0] > 3)
    assert result.statistics.success is not None
    assert result.statistics.success.mean == np.mean([e.success for e in result])
    assert set(result.statistics.info) == {"place", "n"}


def test_figures_of_events_and_kpis(play: Any) -> None:
    result = play(Trade, Alternating)
    assert result.statistics.kpis["offers_per_round"].mean == 2
    assert result.statistics.metrics["Traded.amount.sum"].run_value == 10
    assert result.recording.event_names == ["EpisodeEnded", "Opened", "Traded"]


def test_run_json_says_what_was_run(play: Any) -> None:
    result = play(Trade, Alternating, n_episodes=2, max_episode_steps=5)
    content = json.loads((result.run_dir / "run.json").read_text())
    assert content["status"] == "completed"
    assert content["env"]["name"] == "Trade"
    assert content["policy"].endswith(".Alternating")
    assert content["seeding"]["env_base_seed"] == SEEDING["env_base_seed"]
    assert (content["n_episodes_requested"], content["n_episodes"], content["n_failed"]) == (2, 2, 0)
    assert content["hash"] == result.hash == result.recording.content_hash
    assert [key for key, _ in content["observation_spaces"]] == ["offer", "accept"]
    assert json.loads((result.run_dir / "statistics.json").read_text()) == result.statistics.to_json()


def test_the_observer_hears_of_everything(play: Any, tmp_path: Path) -> None:
    class Listening(RolloutObserver):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def started(self, n_episodes: int, seeds: Any) -> None:
            self.heard.append(("started", n_episodes, dict(seeds)))

        def episode_done(self, number: int, episode_return: float, length: int) -> None:
            self.heard.append(("done", number, length))

        def finished(self) -> None:
            self.heard.append("finished")

    observer = Listening()
    runner = SequentialRolloutRunner(n_episodes=2)
    result = runner.run_with(Walk, seeding=SEEDING, run_dir=tmp_path / "heard", observer=observer)
    assert observer.heard == [
        ("started", 2, SEEDING),
        *(("done", e.number, e.length) for e in result),
        "finished",
    ]


def test_a_run_directory_is_used_once(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1)
    runner.run_with(Walk, run_dir=tmp_path / "run")
    with pytest.raises(ConfigurationError, match="holds a run already"):
        runner.run_with(Walk, run_dir=tmp_path / "run")


def test_resume_plays_what_is_missing(tmp_path: Path) -> None:
    whole = SequentialRolloutRunner(n_episodes=6).run_with(Walk, seeding=SEEDING, run_dir=tmp_path / "whole")
    runner = SequentialRolloutRunner(n_episodes=6, max_attempts=1)

    class Tired(RandomPolicy):
        def reset(self, seed: int, slot: int = 0) -> None:
            if seed == whole.recording[3].agent_seed:
                raise RuntimeError("tired")
            super().reset(seed, slot)

    first = runner.run_with(Walk, agent=Tired, seeding=SEEDING, run_dir=tmp_path / "run")
    assert [row.number for row in first.failures] == [3]
    second = runner.run_with(Walk, run_dir=tmp_path / "run", resume=True)
    assert (second.status, second.hash) == ("completed", whole.hash)


@pytest.mark.parametrize("on_error", ["continue", "stop"])
def test_on_error(on_error: str, play: Any) -> None:
    seeds = [e.env_seed for e in play(Walk, n_episodes=4)]

    class Second(Walk):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            if seed == seeds[1]:
                raise ValueError("not this one")
            return super().reset(seed=seed)

    result = play(Second, n_episodes=4, on_error=on_error, max_attempts=2)
    (failure,) = result.failures
    place = f"[Second, episode 1, before its first step, env_seed={seeds[1]} agent_seed={failure.agent_seed}]"
    assert (failure.number, failure.error, failure.attempts) == (1, f"ValueError: not this one {place}", 2)
    assert "in reset" in failure.traceback
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result.statistics.n_failed == 1
    assert result.missing == ([] if on_error == "continue" else [2, 3])


def test_on_error_stop_is_heard_where_a_value_does_not_fit(play: Any) -> None:
    seeds = [e.env_seed for e in play(Walk, n_episodes=4)]

    class Second(Walk):
        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
            _, info = super().reset(seed=seed)
            return ([1.0, 2.0, 3.0] if seed == seeds[1] else self.observe()), info

    result = play(Second, n_episodes=4, on_error="stop", max_attempts=1)
    assert [failure.number for failure in result.failures] == [1]
    assert result.missing == [2, 3]


# What cannot work -----------------------------------------------------------------------------------------------------


def needs_a_name(name: str) -> Any:
    return gymnasium.make(name)


class NeedsAModel(RandomPolicy):
    def __init__(self, action_spaces: Any, model: Any) -> None:
        super().__init__(action_spaces)


@pytest.mark.parametrize(
    ("env", "agent", "wrappers", "line"),
    [
        ("CartPol-v1", None, None, "there is no environment 'CartPol-v1': did you mean 'CartPole-v1'?"),
        ("nosuch:Pole-v0", None, None, "the module of the environment 'nosuch:Pole-v0' cannot be imported"),
        (5, None, None, "5 is no environment: pass a gymnasium id"),
        ({"name": "x"}, None, None, "nothing to build in {'name': 'x'}: add a `_target_`"),
        ({"_target_": "gymnasium.mak", "id": "x"}, None, None, "there is no 'mak' in gymnasium: did you mean 'make'?"),
        (needs_a_name, None, None, "needs_a_name needs the argument 'name'"),
        ("CartPole-v1", "random", None, "'random' is no policy: pass a config"),
        ("CartPole-v1", Walk, None, "Walk is no StructuredPolicy"),
        ("CartPole-v1", NeedsAModel, None, "NeedsAModel needs the argument 'model'"),
        (
            "CartPole-v1",
            {"_target_": "maze.core.agent.random_policy.RandmPolicy"},
            None,
            "there is no 'RandmPolicy' in maze.core.agent.random_policy: did you mean 'RandomPolicy'?",
        ),
        ("CartPole-v1", None, [3], "3 is no wrapper: pass a config with a `_target_`"),
        ("CartPole-v1", None, "gymnasium.wrappers.ClipReward", "'gymnasium.wrappers.ClipReward' is no wrapper"),
        (
            "CartPole-v1",
            None,
            {"stack": {"_target_": "gymnasium.wrappers.FrameStackObservation", "stack_siz": 4}},
            "gymnasium.wrappers.FrameStackObservation has no argument 'stack_siz': did you mean 'stack_size'?",
        ),
    ],
)
@pytest.mark.parametrize("n_processes", [1, 2])
def test_what_cannot_be_is_refused_in_one_line(  # noqa: PLR0917 - parameters of a test
    env: Any, agent: Any, wrappers: Any, line: str, n_processes: int, play: Any, tmp_path: Path
) -> None:
    assert refused(play, env, agent, wrappers, n_processes=n_processes).startswith(line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"n_episodes": 0}, "n_episodes=0: give a number of at least 1"),
        ({"n_episodes": 2.5}, "n_episodes=2.5: give a whole number of at least 1"),
        ({"n_episodes": "5"}, "n_episodes='5': give a number of at least 1"),
        ({"n_episodes": True}, "n_episodes=True: give a number of at least 1"),
        ({"max_episode_steps": -1}, "max_episode_steps=-1: give a number of at least 0"),
        ({"max_attempts": 0}, "max_attempts=0: give a number of at least 1"),
        ({"n_envs": 0}, "n_envs=0: give a number of at least 1"),
        ({"grace_time": math.nan}, "grace_time=nan: give a number of at least 0"),
        ({"episodes": []}, "episodes=[]: give each number once, and at least one"),
        ({"episodes": [2, 2]}, "episodes=[2, 2]: give each number once, and at least one"),
        ({"episodes": [-2]}, "episodes=-2: give a number of at least 0"),
        ({"episodes": 3}, "episodes=3: give a list of numbers, such as [17, 23]"),
        ({"episodes": "3"}, "episodes='3': give a list of numbers, such as [17, 23]"),
        ({"on_error": "halt"}, "on_error='halt': choose 'continue' or 'stop'"),
        ({"seeding": {"env_base_sed": 1}}, "seeding has no key 'env_base_sed': did you mean 'env_base_seed'?"),
        ({"seeding": 5}, "seeding=5: give a Seeding, or a dict with some of env_base_seed, "),
        ({"n_processes": 0}, "n_processes=0: give a number of at least 1"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(settings: dict[str, Any], line: str, play: Any) -> None:
    assert refused(play, Walk, **settings).startswith(line)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_what_only_the_env_knows_is_refused_before_the_first_episode(n_processes: int, play: Any) -> None:
    line = refused(play, lambda: None, n_processes=n_processes)
    assert line.endswith("made a NoneType, which is no gymnasium.Env")
    bins = {"_target_": "maze.core.wrappers.action_discretization_wrapper.ActionDiscretizationWrapper", "n_bins": 3}
    assert refused(play, "CartPole-v1", None, [bins], n_processes=n_processes).startswith("there is no Box")


@pytest.mark.parametrize("n_processes", [1, 2])
def test_what_only_the_policy_finds_in_the_env_is_refused_as_well(n_processes: int, play: Any) -> None:
    heuristics = {"_target_": "maze.core.agent.lunar_lander_heuristics.LunarLanderHeuristics"}
    assert refused(play, "CartPole-v1", heuristics, n_processes=n_processes).startswith("lunar_lander_heuristics knows")


# Where it runs --------------------------------------------------------------------------------------------------------

SCRIPT = """
from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Optional

import gymnasium

from maze import rollout
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.event import Event, Metric
from maze.core.env.structured_env import StructuredEnv

print("once")


@dataclass(frozen=True)
class Jumped(Event):
    height: float
    label: Optional[str]
    metrics = (Metric("height", episode="max"),)


class Jumping(StructuredEnv):
    observation_spaces = {0: gymnasium.spaces.Discrete(50)}
    action_spaces = {0: gymnasium.spaces.Discrete(3)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        return 0, {}

    def step(self, action):
        self.n += 1
        self.emit(Jumped(self.np_random.random(), LABEL))
        return self.n, float(action), self.n == 5, False, {}


class Counting(StructuredPolicy):
    def act(self, observation, actor_id, slot=0):
        return observation % 3


LABEL, SEEDING = "from the main module", {"env_base_seed": 1, "agent_base_seed": 2}
"""

RUN = """
result = rollout(Jumping, Counting, n_episodes=4, n_processes=N_PROCESSES, seeding=SEEDING)
print(result.status, result.hash, result.statistics.metrics["Jumped.height.max"].summary.n)
"""


def outcome(arguments: list[str], folder: Path, text: str | None = None) -> list[str]:
    process = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert process.stderr == ""
    return process.stdout.splitlines()


def test_scripts_and_notebooks_need_no_guard(tmp_path: Path) -> None:
    """What is defined in the main module travels by value, whether or not that has a file."""
    for n_processes in (1, 2):
        (tmp_path / f"script_{n_processes}.py").write_text(SCRIPT + RUN.replace("N_PROCESSES", str(n_processes)))
    (first, alone), (_, two) = (outcome([f"script_{n}.py"], tmp_path) for n in (1, 2))
    assert first == "once"
    assert alone.startswith("completed ")
    assert two == alone
    cells = [SCRIPT, RUN.replace("N_PROCESSES", "2"), RUN.replace("N_PROCESSES", "2")]
    notebook = f"for cell in {cells!r}:\n    exec(compile(cell, '<cell>', 'exec'), globals())\n"
    assert outcome(["-c", notebook], tmp_path) == ["once", alone, alone]
    assert outcome(["-"], tmp_path, SCRIPT + RUN.replace("N_PROCESSES", "2")) == ["once", alone]


def test_structured_envs_may_be_flat(play: Any) -> None:
    result = play(StructuredWalk, n_processes=2)
    assert result.hash == play(StructuredWalk()).hash
