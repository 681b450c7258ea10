"""What a wrapper passes on: everything."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from tests.core.wrappers.market import Bought, LegalPolicy, Market, Opened

from maze.core.env.actor_id import ActorID
from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.rollout_result import RolloutResult
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.testing.env_check import check_env

SEEDING = {"env_base_seed": 3, "agent_base_seed": 4}


def test_every_member_of_an_environment_is_passed_on() -> None:
    members = {name for name in vars(StructuredEnv) if not name.startswith("_")} | {
        name for name in vars(gymnasium.Env) if not name.startswith("_") and name != "class_name"
    }
    derived = {"observation_space", "action_space"}  # from the actor and the spaces, which are passed on
    assert members - derived <= set(vars(StructuredWrapper))


def test_what_is_asked_of_a_wrapper_is_asked_of_the_env() -> None:
    market = Market(render_mode="rgb_array")
    env = StructuredWrapper(StructuredWrapper(market))
    options = {"opening": 9}
    observation, info = env.reset(seed=5, options=options)
    assert (market.options, info, observation["day"]) == (options, {"opened": True}, 0)
    rewards = [env.step(action)[1] for action in (1, 0, 2)]
    assert (rewards, env.time, env.actor_id(), env.is_actor_done()) == ([0, 0, 8], 1, ActorID("buy", 0), False)
    assert env.actor_rewards() == market.actor_rewards() != {}
    market.departed_actors = lambda: {ActorID("buy", 1): "truncated"}  # type: ignore[method-assign]
    assert env.departed_actors() == {ActorID("buy", 1): "truncated"}
    assert env.final_observations().keys() == set(Market.TURNS)  # type: ignore[union-attr]
    assert (env.state(), env.metadata["render_fps"], env.render_mode) == ({"stock": 4}, 7, "rgb_array")
    assert env.observation_space == Market.observation_spaces["buy"]
    assert (env.action_space, env.action_masks) == (Market.action_spaces["buy"], Market.action_masks)
    assert env.render().shape == (4, 4, 3)
    assert (env.unwrapped, env.spec, env.max_episode_steps) == (market, None, None)
    env.close()
    assert market.closed == 1


def test_events_and_chance_are_the_envs() -> None:
    market = Market()
    env = StructuredWrapper(market)
    env.reset(seed=5)
    assert env.pending_events is market.pending_events
    env.emit(Bought(3))
    assert market.pending_events == [Opened(), Bought(3)]
    assert env.np_random is market.np_random
    assert env.np_random_seed == 5
    env.np_random = np.random.default_rng(1)
    assert market.np_random is env.np_random
    flat = StructuredWrapper(GymEnv(gymnasium.make("CartPole-v1")))
    flat.reset(seed=5)
    assert flat.np_random is flat.unwrapped.np_random


def test_attributes_are_found_and_set_where_they_are() -> None:
    market = Market()
    env = StructuredWrapper(StructuredWrapper(market))
    assert env.get_wrapper_attr("n_rounds") == 4
    assert env.set_wrapper_attr("n_rounds", 2)
    assert (market.n_rounds, env.has_wrapper_attr("n_rounds"), env.has_wrapper_attr("nothing")) == (2, True, False)
    assert not env.set_wrapper_attr("nothing", 1, force=False)
    assert env.set_wrapper_attr("nothing", 1)
    assert env.get_wrapper_attr("nothing") == 1
    with pytest.raises(AttributeError, match="missing"):
        env.get_wrapper_attr("missing")


def test_an_env_that_is_not_structured_is_refused() -> None:
    env: Any = gymnasium.make("CartPole-v1")
    with pytest.raises(TypeError, match="StructuredWrapper wraps structured environments: adapt TimeLimit by GymEnv"):
        StructuredWrapper(env)


@pytest.mark.parametrize("env", [Market, "CartPole-v1"])
def test_wrapping_changes_nothing_in_the_record(env: Any, tmp_path: Path) -> None:
    results: list[RolloutResult] = []
    for wrappers in ([], [StructuredWrapper], [partial(TimeLimitWrapper, max_episode_steps=200), StructuredWrapper]):
        runner, agent = SequentialRolloutRunner(n_episodes=3), LegalPolicy if env is Market else None
        run_dir = tmp_path / str(len(results))
        results.append(runner.run_with(env, wrappers, agent, seeding=SEEDING, run_dir=run_dir))
    plain, *wrapped = results
    assert plain.status == "completed"
    for result in wrapped:
        assert rows(result) == rows(plain)
        assert result.statistics == plain.statistics
        assert result.hash == plain.hash
    if env is Market:
        assert plain.recording[0].kpis["n_bought"] > 0


def rows(result: RolloutResult) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.recording.trajectories().drop_columns("part").to_pylist()
    return found


def test_it_keeps_every_rule() -> None:
    check_env(Market, [StructuredWrapper])
