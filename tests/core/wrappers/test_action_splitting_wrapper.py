"""A Dict of actions decided part by part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Cutter, Market, MaskedCutter

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.action_splitting_wrapper import ActionSplittingWrapper
from maze.factory import ConfigurationError
from maze.testing.conformance import ConformanceWarning
from maze.testing.env_check import check_env

SUB_STEPS: dict[Any, list[str]] = {"choose": ["piece"], "cut": ["rotate", "offset"]}
SPLITTING = {"_target_": "maze.core.wrappers.action_splitting_wrapper.ActionSplittingWrapper", "sub_steps": SUB_STEPS}
OFFSET = np.zeros(2, np.float32)


def test_a_flat_env_becomes_a_structured_one() -> None:
    env = ActionSplittingWrapper(MaskedCutter(n_steps=2), SUB_STEPS)
    assert env.action_spaces == {
        "choose": spaces.Dict([("piece", spaces.Discrete(3))]),
        "cut": spaces.Dict([("rotate", spaces.Discrete(2)), ("offset", spaces.Box(-1, 1, (2,)))]),
    }
    assert env.action_masks == {"choose": {"piece": "fits"}, "cut": {}}
    assert env.observation_spaces == dict.fromkeys(SUB_STEPS, Cutter.observation_space)
    observation, _ = env.reset(seed=1)
    steps = []
    for _ in range(2):
        for action in ({"piece": 0}, {"rotate": 1, "offset": OFFSET}):
            actor, time = env.actor_id(), env.time
            following, reward, terminated, _, info = env.step(action)
            steps.append((actor.step_key, time, reward, terminated, info))
            assert (following is observation) == (actor.step_key == "choose")
            observation = following
    assert steps == [
        ("choose", 0, 0.0, False, {}),
        ("cut", 0, 0.5, False, {"left": 1}),
        ("choose", 1, 0.0, False, {}),
        ("cut", 1, 0.5, True, {"left": 0}),
    ]
    assert env.env.cutter.actions == [{"piece": 0, "rotate": 1, "offset": OFFSET}] * 2  # type: ignore[attr-defined]
    assert env.actor_id() == ActorID("choose", 0)


def test_actors_may_see_what_was_chosen_before_them() -> None:
    env = ActionSplittingWrapper(GymEnv(Cutter()), SUB_STEPS, show_chosen=True)
    assert list(env.observation_spaces["choose"]) == ["order", "fits", "left"]  # type: ignore[call-overload]
    assert list(env.observation_spaces["cut"]) == ["order", "fits", "left", "piece"]  # type: ignore[call-overload]
    observation, _ = env.reset(seed=1)
    assert "piece" not in observation
    observation, *_ = env.step({"piece": 2})
    assert observation["piece"] == 2
    assert observation in env.observation_space
    observation, *_ = env.step({"rotate": 1, "offset": OFFSET})
    assert "piece" not in observation


def test_an_observation_that_is_no_dict_becomes_one_to_show_what_was_chosen() -> None:
    class Plain(Cutter):
        observation_space: Any = spaces.Discrete(20)

        def observe(self) -> Any:
            return self.left

    env = ActionSplittingWrapper(GymEnv(Plain()), SUB_STEPS, show_chosen=True)
    assert env.reset(seed=1)[0] == {"observation": 12}
    assert env.step({"piece": 2})[0] == {"observation": 12, "piece": 2}


def test_an_episode_that_begins_anew_forgets_what_was_chosen() -> None:
    env = ActionSplittingWrapper(GymEnv(Cutter()), SUB_STEPS, show_chosen=True)
    env.reset(seed=1)
    env.step({"piece": 2})
    assert "piece" not in env.reset(seed=1)[0]
    assert (env.actor_id().step_key, env.time) == ("choose", 0)


class Traders(StructuredEnv):
    """Two agents of one step key take turns; each gets its own reward when both have acted."""

    observation_spaces: Mapping[Any, Any] = {"trade": spaces.Discrete(2)}
    action_spaces: Mapping[Any, Any] = {
        "trade": spaces.Dict([("amount", spaces.Discrete(5)), ("side", spaces.Discrete(2))])
    }

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.n, self.amounts = 0, [0, 0]
        return 0, {}

    def step(self, action: Any) -> Any:
        self.amounts[self.n % 2] = action["amount"]
        self.n += 1
        return self.n % 2, float(sum(self.amounts)) if self.n % 2 == 0 else 0.0, self.n == 4, False, {}

    def actor_id(self) -> ActorID:
        return ActorID("trade", self.n % 2)

    @property
    def time(self) -> int:
        return self.n // 2

    def is_actor_done(self) -> bool:
        return self.n > 2

    def actor_rewards(self) -> Mapping[ActorID, float]:
        return {} if self.n % 2 else {ActorID("trade", i): float(amount) for i, amount in enumerate(self.amounts)}

    def final_observations(self) -> Mapping[ActorID, Any]:
        return {ActorID("trade", i): i for i in range(2)}


class TraderPolicy(StructuredPolicy):
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return {"amount": 2 + observation} if actor_id.step_key == "what" else {"side": 0}


def test_agents_keep_their_numbers_rewards_and_ends(tmp_path: Path) -> None:
    splitting = {**SPLITTING, "sub_steps": {"what": ["amount"], "how": ["side"]}}
    runner = ParallelRolloutRunner(n_processes=1, n_episodes=1)
    (episode,) = runner.run_with(Traders, [splitting], TraderPolicy, run_dir=tmp_path / "run")
    turns = [ActorID(key, agent) for agent in (0, 1) for key in ("what", "how")]
    assert episode.actor_ids == turns * 2
    assert episode.times.tolist() == [0] * 4 + [1] * 4
    assert episode.rewards.tolist() == [0, 0, 0, 5] * 2
    assert episode.credits.tolist() == [0, 2, 0, 3] * 2
    assert episode.terminations.tolist() == [False] * 4 + [True] * 4
    assert episode.final_observations == {ActorID("what", 0): 0, ActorID("what", 1): 1}


@pytest.mark.parametrize(
    ("env", "sub_steps", "line"),
    [
        (
            GymEnv(Cutter()),
            {"a": ["piece"], "b": ["rotate"]},
            "no sub-step decides the action 'offset': add it to one of",
        ),
        (
            GymEnv(Cutter()),
            {"a": ["peice"]},
            "sub_steps names the action 'peice', which there is not: did you mean 'piece",
        ),
        (
            GymEnv(Cutter()),
            {"a": ["piece"], "b": ["piece"]},
            "sub_steps names the action 'piece' twice: decide it in one",
        ),
        (GymEnv(Cutter()), {"a": []}, "the sub-step 'a' decides nothing: give it some of"),
        (Market(), SUB_STEPS, "only actions of one step key can be split, this environment has ['buy', 'sell']"),
    ],
)
def test_wrong_sub_steps_are_refused_in_one_line(env: StructuredEnv, sub_steps: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ActionSplittingWrapper(env, sub_steps)
    assert str(caught.value).startswith(line)


def test_actions_that_are_no_dict_are_refused() -> None:
    class Plain(Cutter):
        action_space: Any = spaces.Discrete(3)

    with pytest.raises(ConfigurationError, match=r"only a Dict of actions can be split, these are Discrete\(3\)"):
        ActionSplittingWrapper(GymEnv(Plain()), {"a": ["piece"]})


def test_an_observation_of_the_same_name_hides_what_was_chosen() -> None:
    class Confusing(Cutter):
        observation_space: Any = spaces.Dict(piece=spaces.Discrete(3))

    with pytest.raises(ConfigurationError, match="the observations have the key 'piece' already"):
        ActionSplittingWrapper(GymEnv(Confusing()), SUB_STEPS, show_chosen=True)


def test_it_keeps_every_rule() -> None:
    check_env(Cutter, [SPLITTING])
    check_env(MaskedCutter, [{**SPLITTING, "show_chosen": True}])
    with pytest.warns(ConformanceWarning, match="nothing is random"):
        check_env(Traders, [{**SPLITTING, "sub_steps": {"what": ["amount"], "how": ["side"]}}])


class Rivals(Traders):
    """The first agent, when it acts again, throws the other one out."""

    def actor_id(self) -> ActorID:
        return ActorID("trade", self.n % 2 if self.n < 3 else 0)

    def is_actor_done(self) -> bool:
        return False

    def departed_actors(self) -> Mapping[ActorID, Any]:
        return {ActorID("trade", 1): "truncated"} if self.n == 3 else {}


def test_who_is_thrown_out_has_left_all_sub_steps(tmp_path: Path) -> None:
    splitting = {**SPLITTING, "sub_steps": {"what": ["amount"], "how": ["side"]}}
    runner = SequentialRolloutRunner(n_episodes=1)
    (episode,) = runner.run_with(Rivals, [splitting], TraderPolicy, run_dir=tmp_path / "run")
    assert [actor.agent_id for actor in episode.actor_ids] == [0, 0, 1, 1, 0, 0, 0, 0]
    assert np.flatnonzero(episode.truncations).tolist() == [2, 3]
    assert np.flatnonzero(episode.terminations).tolist() == [6, 7]
