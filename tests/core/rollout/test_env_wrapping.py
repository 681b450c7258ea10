"""How wrappers come around environments; most of their use is shown by the runs in test_wrapped_parity."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import pytest
from gymnasium.wrappers import ClipReward, FlattenObservation, OrderEnforcing, TimeLimit
from tests.core.wrappers.market import Market

from maze.core.env.gym_env import GymEnv
from maze.core.rollout.env_wrapping import check_wrappers, wrap
from maze.core.wrappers.reward_scaling_wrapper import RewardScalingWrapper
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.factory import ConfigurationError

CLIP = {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.5}
SCALE = {"_target_": "maze.core.wrappers.reward_scaling_wrapper.RewardScalingWrapper", "scale": 2.0}


def cart_pole() -> Any:
    return gymnasium.make("CartPole-v1").unwrapped


def test_a_flat_env_is_adapted_before_the_first_structured_wrapper() -> None:
    assert str(wrap(cart_pole(), None)).startswith("<GymEnv")
    env = wrap(cart_pole(), {"clip": CLIP, "scale": SCALE, "limit": partial(TimeLimitWrapper, max_episode_steps=9)})
    assert repr(env).startswith("<TimeLimitWrapper<RewardScalingWrapper<GymEnv")
    adapted: Any = env.env.env  # type: ignore[attr-defined]
    assert isinstance(adapted, GymEnv)
    assert isinstance(adapted.env, ClipReward)
    env.reset(seed=1)
    assert env.step(0)[1] == 1.0


def test_a_structured_env_is_wrapped_as_it_is() -> None:
    market = Market()
    assert wrap(market, None) is market
    env = wrap(market, [SCALE, StructuredWrapper])
    assert isinstance(env, StructuredWrapper)
    assert env.unwrapped is market


def test_functions_may_adapt_the_env_themselves() -> None:
    env = wrap(cart_pole(), [lambda env: RewardScalingWrapper(GymEnv(env), 3.0), SCALE])
    env.reset(seed=1)
    assert env.step(0)[1] == 6.0


def test_what_gymnasium_puts_around_a_wrapped_env_is_taken_off() -> None:
    inner = TimeLimitWrapper(GymEnv(cart_pole()), 50)
    assert wrap(OrderEnforcing(inner), None) is inner
    assert wrap(TimeLimit(inner, 7), None).max_episode_steps == 7


HIDING: list[tuple[Any, list[Any], str]] = [
    (Market, [CLIP], "Market: leave ClipReward out"),
    (Market, [partial(ClipReward, max_reward=1.0)], "Market: leave ClipReward out"),
    ("CartPole-v1", [SCALE, CLIP], "RewardScalingWrapper: leave ClipReward out"),
    ("CartPole-v1", [SCALE, FlattenObservation], "RewardScalingWrapper: leave FlattenObservation out"),
]


@pytest.mark.parametrize(("env", "wrappers", "line"), HIDING)
def test_gymnasium_wrappers_around_structured_envs_are_refused(env: Any, wrappers: list[Any], line: str) -> None:
    expected = f"^gymnasium's wrappers hide who acts in {line} and take one of maze.core.wrappers"
    with pytest.raises(ConfigurationError, match=expected):
        check_wrappers(wrappers, env)
    with pytest.raises(ConfigurationError, match=expected):
        wrap(Market() if env is Market else cart_pole(), wrappers)


def test_functions_that_hide_who_acts_are_found_out() -> None:
    wrappers = [lambda env: ClipReward(env, max_reward=1.0)]
    check_wrappers(wrappers, Market)
    with pytest.raises(ConfigurationError, match="gymnasium's wrappers hide who acts in Market: leave ClipReward out"):
        wrap(Market(), wrappers)


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        (
            {**SCALE, "scal": 1},
            "maze.core.wrappers.reward_scaling_wrapper.RewardScalingWrapper has no argument 'scal': did",
        ),
        (
            {"_target_": SCALE["_target_"]},
            "maze.core.wrappers.reward_scaling_wrapper.RewardScalingWrapper needs the arg",
        ),
        (
            RewardScalingWrapper,
            "RewardScalingWrapper needs the argument 'scale': pass a config that has it, or functools",
        ),
        ("clip", "'clip' is no wrapper: pass a config with a `_target_`, or a function of the environment"),
    ],
)
def test_mistakes_are_found_before_anything_is_built(wrapper: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_wrappers([wrapper], "CartPole-v1")
    assert str(caught.value).startswith(line)


def test_what_makes_no_env_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="<lambda> made a NoneType, which is no environment"):
        wrap(cart_pole(), [lambda env: None])


def test_policies_in_the_config_of_a_wrapper_get_the_spaces_inside_of_it() -> None:
    normalization = {
        "_target_": "maze.core.wrappers.observation_normalization_wrapper.ObservationNormalizationWrapper",
        "sampling_policy": {"_target_": "maze.core.agent.random_policy.RandomPolicy"},
    }
    check_wrappers([normalization], Market)
    env: Any = wrap(Market(), [normalization])
    assert env.sampling_policy.action_spaces == Market.action_spaces
