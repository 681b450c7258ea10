"""Environments and policies that do not keep the rules: their episodes fail, each with an error that says it all."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from gymnasium import spaces

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.event import EventRecord
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.parallel_rollout_runner import ParallelRolloutRunner
from maze.core.rollout.rollout_runner import RolloutRunner
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.structured_wrapper import StructuredWrapper

cloudpickle.register_pickle_by_value(sys.modules[__name__])

SEEDING = {"explicit_env_seeds": [100, 101, 102, 103, 104, 105], "agent_base_seed": 2}
BAD_EPISODE, BAD_SEED, BAD_STEP = 2, 102, 3
RUNNERS: dict[str, tuple[type[RolloutRunner], dict[str, Any], int]] = {
    "sequential": (SequentialRolloutRunner, {}, 1),
    "batched": (SequentialRolloutRunner, {}, 3),
    "parallel": (ParallelRolloutRunner, {"n_processes": 2}, 1),
    "parallel_batched": (ParallelRolloutRunner, {"n_processes": 2}, 2),
}


class Market(StructuredEnv):
    """Two sellers and a buyer by turns, three rounds; in one episode, at one step, something is wrong."""

    observation_spaces: Mapping[Any, Any] = {
        "sell": spaces.Dict({"stock": spaces.Box(0, 5, (2,), np.float32), "legal": spaces.MultiBinary(3)}),
        "buy": spaces.Discrete(10),
    }
    action_spaces: Mapping[Any, Any] = {"sell": spaces.Discrete(3), "buy": spaces.Box(0, 1, (2,), np.float32)}
    action_masks: Mapping[Any, Any] = {"sell": {None: "legal"}}
    TURNS = (ActorID("sell", 0), ActorID("sell", 1), ActorID("buy", 0))

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong

    def is_wrong(self, what: str) -> bool:
        return self.wrong == what and self.seed == BAD_SEED and self.n == BAD_STEP

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seed, self.n = seed, 0
        if self.wrong == "reset" and seed == BAD_SEED:
            raise RuntimeError("no market\ntoday")
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        if self.is_wrong("step"):
            raise RuntimeError("the market\nburns")
        if self.actor_id().step_key == "buy":
            _, _ = action
        self.n += 1
        reward = "much" if self.wrong == "reward" and self.seed == BAD_SEED and self.n == BAD_STEP + 1 else 1.0
        return self.observe(), reward, self.n == 9, False, {}

    def observe(self) -> Any:
        if self.TURNS[self.n % 3].step_key == "buy":
            return self.n
        stock = {"bounds": [0, 5.5], "nan": [np.nan, 0], "shape": [1, 2, 3]}.get(self.wrong, [0, 5])
        if not self.is_wrong(self.wrong):
            stock = [0, 5]
        return {
            "stock": np.array(stock, np.float32),
            "legal": np.array([0, 0, not self.is_wrong("mask")], np.int8),
        }

    def actor_id(self) -> ActorID:
        if self.is_wrong("step_key"):
            return ActorID("steal", 0)
        if self.is_wrong("nobody"):
            return None  # type: ignore[return-value]
        return self.TURNS[0 if self.is_wrong("done") else self.n % 3]

    @property
    def time(self) -> int:
        return self.n // 3

    def is_actor_done(self) -> bool:
        return self.wrong == "done" and self.seed == BAD_SEED and self.n == 1

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        if self.wrong == "final" and self.seed == BAD_SEED:
            return {self.TURNS[0]: self.observe(), self.TURNS[2]: 10}
        return None

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        if self.wrong == "nobodys_reward" and self.seed == BAD_SEED:
            return {ActorID("sell", 7): 2.0}
        return None

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        if self.wrong == "kpi" and self.seed == BAD_SEED:
            return {"sales_per_event": 1 / len(events)}
        return {"n": {"kpi_type": "many"}.get(self.wrong, 1.0) if self.seed == BAD_SEED else 1.0}  # type: ignore[dict-item]


class Customer(StructuredPolicy):
    """Sells what is legal, buys a little; goes wrong in one step, too."""

    def __init__(self, n_envs: int, wrong: str = "") -> None:
        self.n_envs, self.wrong = n_envs, wrong
        self.n: dict[int, int] = {}
        self.is_bad: dict[int, bool] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        self.n[slot] = 0

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:
        self.envs = {**getattr(self, "envs", {}), slot: env}

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        env: Any = self.envs[slot].unwrapped
        right: Any = np.zeros(2, np.float32) if actor_id.step_key == "buy" else 2
        if env.seed == BAD_SEED:
            if self.wrong == "act" and env.n == BAD_STEP:
                raise RuntimeError("too dear")
            if self.wrong == "action_shape" and env.n == 2:
                return np.zeros(3, np.float32)
            if self.wrong == "action_number" and env.n == BAD_STEP:
                return "two"
        return right


@dataclass(frozen=True)
class Case:
    """What goes wrong, and what the error says."""

    wrong: str
    message: str
    step: int | None = BAD_STEP
    actor: tuple[str, int] = ("sell", 0)
    is_policys: bool = False


CASES = [
    Case(
        "step_key",
        "actor_id() names the step key 'steal', but there are spaces for 'sell', 'buy': name one of these, or add",
        actor=("steal", 0),
    ),
    Case(
        "bounds",
        "the observation lies outside observation_spaces['sell']['stock']: 5.5 is above 5.0: correct it, or widen the "
        "space",
    ),
    Case("nan", "the observation lies outside observation_spaces['sell']['stock']: it has a NaN: correct it, or widen"),
    Case(
        "shape",
        "the observation does not fit observation_spaces['sell']: in 'stock': expected float32 of shape (2,), found "
        "float32 of shape (3,): let the environment return what the space says",
    ),
    Case("mask", "the mask 'legal' is all zeros, but the actor must act: allow something, such as an action that does"),
    Case("done", "('sell', 0) acts again, though is_actor_done() has said that it is done: say so only when"),
    Case("reward", "the reward 'much' is no number: return a float from step"),
    Case("step", "RuntimeError: the market burns"),
    Case("reset", "RuntimeError: no market today", step=None),
    Case("kpi", "kpis() raised ZeroDivisionError: division by zero: let it return {name: number}", 8, ("buy", 0)),
    Case("kpi_type", "kpis() raised ValueError: could not convert string to float: 'many': let it", 8, ("buy", 0)),
    Case("final", "the final observation lies outside observation_spaces['buy']: 10 is above 9", 8, ("buy", 0)),
    Case("nobodys_reward", "actor_rewards() gave 18 to ('sell', 7), which has made no decision", 8, ("buy", 0)),
    Case("act", "RuntimeError: too dear", is_policys=True),
    Case(
        "action_shape",
        "the action does not fit action_spaces['buy']: expected float32 of shape (2,), found float32 of shape (3,): "
        "let the policy return what the space says (ValueError: too many values to unpack (expected 2))",
        2,
        ("buy", 0),
        is_policys=True,
    ),
    Case(
        "action_number",
        "the action does not fit action_spaces['sell']: expected int64 of shape (), found str 'two'",
        is_policys=True,
    ),
]


def play(runner: str, run_dir: Path, env: Any, policy: Any, **settings: Any) -> Any:
    kind, own, _ = RUNNERS[runner]
    how = kind(n_episodes=6, max_episode_steps=0, max_attempts=1, **own, **settings)
    return how.run_with(env, None, policy, seeding=SEEDING, run_dir=run_dir)


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.wrong)
def test_the_error_says_what_where_and_what_to_do_and_the_others_are_safe(
    case: Case, runner: str, tmp_path: Path
) -> None:
    n_envs = RUNNERS[runner][2]
    wrong_env, wrong_policy = ("", case.wrong) if case.is_policys else (case.wrong, "")
    good = play(runner, tmp_path / "good", Market, Customer(n_envs))
    assert good.status == "completed"
    bad = play(runner, tmp_path / "bad", lambda: Market(wrong_env), Customer(n_envs, wrong_policy))
    (failure,) = bad.failures
    place = "before its first step" if case.step is None else f"step {case.step}, actor {case.actor}"
    seeds = f"env_seed={BAD_SEED} agent_seed={failure.agent_seed}"
    assert (failure.number, failure.env_seed, failure.error_step) == (BAD_EPISODE, BAD_SEED, case.step or 0)
    assert case.message in failure.error
    assert failure.error.endswith(f" [Market, episode {BAD_EPISODE}, {place}, {seeds}]")
    assert "\n" not in failure.error
    assert "Traceback" in failure.traceback
    assert bad.missing == []
    assert {e.number: e.hash for e in bad} == {e.number: e.hash for e in good if e.number != BAD_EPISODE}


def test_who_names_nobody_is_told(tmp_path: Path) -> None:
    bad = play("sequential", tmp_path / "bad", lambda: Market("nobody"), Customer(1))
    (failure,) = bad.failures
    assert "actor_id() returned None: return an ActorID(step_key, agent_id)" in failure.error


def test_a_wrong_action_that_the_environment_does_not_notice_is_found(tmp_path: Path) -> None:
    class Lax(Market):
        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            return super().step((0, 0))

    bad = play("sequential", tmp_path / "bad", Lax, Customer(1, "action_shape"))
    (failure,) = bad.failures
    assert "the action does not fit action_spaces['buy']: expected float32 of shape (2,)" in failure.error
    assert "[Lax, episode 2, step 2, actor ('buy', 0), env_seed=102 " in failure.error


def test_an_action_that_is_none_of_its_space_is_named_beside_the_error(tmp_path: Path) -> None:
    class Strict(Market):
        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            if self.actor_id().step_key == "sell":
                _ = [10, 20, 30][action]
            return super().step(action)

    class Wild(Customer):
        def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
            action = super().act(observation, actor_id, slot)
            return 3 if actor_id == ActorID("sell", 1) else action

    bad = play("sequential", tmp_path / "bad", Strict, Wild(1))
    expected = "the action 3 is none of action_spaces['sell'], Discrete(3): let the policy return one (IndexError: list"
    assert all(failure.error.startswith(expected) for failure in bad.failures)
    assert len(bad.failures) == 6


@pytest.mark.parametrize("runner", ["batched", "parallel_batched"])
def test_too_few_actions_for_a_batch_are_an_error(runner: str, tmp_path: Path) -> None:
    class Lazy(Customer):
        def act_batch(self, observations: Any, actor_ids: Any, slots: Any) -> list[Any]:
            return super().act_batch(observations, actor_ids, slots)[1:]

    result = play(runner, tmp_path / "run", Market, Lazy(RUNNERS[runner][2]))
    assert len(result.failures) == 6
    assert all(re.match(r"ValueError: act_batch returned \d actions for \d obs", f.error) for f in result.failures)


def test_gymnasium_environments_may_leave_their_bounds(tmp_path: Path) -> None:
    import gymnasium

    class Loose(gymnasium.Env[Any, Any]):
        observation_space = spaces.Box(0, 1, (1,), np.float32)
        action_space = spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
            self.n = 0
            return np.zeros(1, np.float32), {}

        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            self.n += 1
            return np.full(1, self.n, np.float32), 0.0, self.n == 3, False, {}

    runner = SequentialRolloutRunner(n_episodes=1)
    for name, wrappers in (("bare", None), ("wrapped", [StructuredWrapper])):
        result = runner.run_with(Loose, wrappers, None, run_dir=tmp_path / name)
        assert result.status == "completed"
