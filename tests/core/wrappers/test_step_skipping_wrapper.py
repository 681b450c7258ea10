"""Actions carried out for several steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Cutter, Market, MaskedCutter

from maze.core.env.actor_id import ActorID
from maze.core.env.event import Event, EventRecord
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.step_skipping_wrapper import StepSkippingWrapper
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.factory import ConfigurationError
from maze.testing.conformance import ConformanceWarning
from maze.testing.env_check import check_env

SKIPPING = {"_target_": "maze.core.wrappers.step_skipping_wrapper.StepSkippingWrapper", "n_steps": 4}


@dataclass(frozen=True)
class Ticked(Event):
    n: int


class Clock(StructuredEnv):
    """Each step is a round of its own clock; half of a reward is for an actor that never acts."""

    observation_spaces: Mapping[Any, spaces.Space[Any]] = {"tick": spaces.Discrete(100)}
    action_spaces: Mapping[Any, spaces.Space[Any]] = {"tick": spaces.Discrete(3)}
    ACTOR, OWNER = ActorID("tick", 0), ActorID("tick", 1)
    n_agents = 1

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.n = 0
        return 0, {}

    def step(self, action: Any) -> Any:
        self.n += 1
        self.emit(Ticked(self.n))
        return self.n, float(action), self.n == 10, False, {"n": self.n}

    def actor_id(self) -> ActorID:
        return ActorID("tick", getattr(self, "n", 0) % self.n_agents)

    @property
    def time(self) -> int:
        return self.n

    def actor_rewards(self) -> Mapping[ActorID, float]:
        return {self.ACTOR: 0.5, self.OWNER: 0.5 * self.n}

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {self.ACTOR: self.n, self.OWNER: self.n}


def test_rewards_are_summed_up_until_the_episode_ends() -> None:
    env = StepSkippingWrapper(GymEnv(Cutter(n_steps=6)), n_steps=4)
    env.reset(seed=1)
    action = {**env.action_space.sample(), "piece": 2, "rotate": 0}
    action["offset"] *= 0
    assert [env.step(action)[1:4] for _ in range(2)] == [(8.0, False, False), (4.0, True, False)]


def test_who_leaves_in_between_has_left() -> None:
    class Leaving(Clock):
        def departed_actors(self) -> Mapping[ActorID, Any]:
            return {ActorID("tick", self.n): "terminated"} if self.n % 2 else {}

    env = StepSkippingWrapper(Leaving(), n_steps=3)
    env.reset(seed=1)
    env.step(1)
    assert env.departed_actors() == {ActorID("tick", 1): "terminated", ActorID("tick", 3): "terminated"}
    env.step(1)
    assert env.departed_actors() == {ActorID("tick", 5): "terminated"}


def test_shares_are_summed_up_too() -> None:
    env = StepSkippingWrapper(Clock(), n_steps=3)
    env.reset(seed=1)
    assert env.step(2)[1] == 6
    assert env.actor_rewards() == {Clock.ACTOR: 1.5, Clock.OWNER: 3.0}
    env.step(0)
    assert env.actor_rewards() == {Clock.ACTOR: 1.5, Clock.OWNER: 7.5}


def test_a_reward_that_is_not_split_stays_so() -> None:
    env = StepSkippingWrapper(GymEnv(gymnasium.make("CartPole-v1")), n_steps=3)
    env.reset(seed=1)
    env.step(0)
    assert env.actor_rewards() is None


@pytest.mark.parametrize("env", [GymEnv(gymnasium.make("Pendulum-v1")), Clock()])
def test_the_envs_own_limit_counts_its_own_steps(env: StructuredEnv) -> None:
    wrapped = StepSkippingWrapper(TimeLimitWrapper(env, 7), n_steps=3)
    assert wrapped.max_episode_steps is None
    for _ in range(2):
        wrapped.reset(seed=1)
        action = wrapped.action_space.sample()
        assert [wrapped.step(action)[3] for _ in range(3)] == [False, False, True]
    assert env.time in {7, None}


def test_a_decision_is_a_round_and_all_events_are_recorded(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, max_episode_steps=2)
    (episode,) = runner.run_with(Clock, [SKIPPING], lambda observation: 1, run_dir=tmp_path / "run")
    assert episode.times.tolist() == [0, 1]
    assert (episode.length, episode.truncated_by) == (2, "runner")
    assert [(record.step, record.event) for record in recorded(episode)] == [
        (step, Ticked(n)) for step, n in ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (1, 6), (1, 7), (1, 8))
    ]


def recorded(episode: Any) -> list[EventRecord]:
    return list(episode.events(Ticked))


@pytest.mark.parametrize(
    ("env", "n_steps", "line"),
    [
        (Market(), 2, "actions cannot be repeated where the step keys ['buy', 'sell'] take turns: leave"),
        (MaskedCutter(), 2, "actions cannot be repeated where they are masked, for a legal one may be illegal a step"),
        (Clock(), 0, "n_steps=0: give a whole number of at least 1"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused_in_one_line(env: StructuredEnv, n_steps: int, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StepSkippingWrapper(env, n_steps)
    assert str(caught.value).startswith(line)


def test_agents_that_take_turns_are_noticed() -> None:
    class TwoAgents(Clock):
        n_agents = 2

    env = StepSkippingWrapper(TwoAgents(), n_steps=2)
    env.reset(seed=1)
    with pytest.raises(ConfigurationError, match=r"agent_id=0\) cannot be repeated, for .*agent_id=1\) acts next"):
        env.step(0)


def test_it_keeps_every_rule() -> None:
    with pytest.warns(ConformanceWarning, match="nothing is random"):
        check_env(Clock, [SKIPPING])
    check_env("CartPole-v1", [SKIPPING])


def test_a_run_stops_at_agents_that_take_turns(tmp_path: Path) -> None:
    class TwoAgents(Clock):
        n_agents = 2

    result = SequentialRolloutRunner(n_episodes=9).run_with(TwoAgents, [SKIPPING], run_dir=tmp_path / "run")
    assert result.status == "failed"
    assert "cannot be repeated, for" in str(result.stopped_because)
