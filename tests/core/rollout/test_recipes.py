"""How workers build environments and policies; most of it is shown by the runs in test_rollout_runner."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import cloudpickle
import gymnasium
import pytest
from gymnasium.wrappers import ClipReward, OrderEnforcing, TimeLimit
from tests.core.rollout.sample_envs import Alternating, Trade, Walk

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.function_policy import FunctionPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.gym_env import GymEnv
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe, check_gym_id
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.factory import ConfigurationError


class Hiding(gymnasium.Wrapper[Any, Any, Any, Any]):
    pass


def test_every_call_builds_another_env() -> None:
    recipe = EnvRecipe("CartPole-v1")
    assert recipe().unwrapped is not recipe().unwrapped


def test_an_env_handed_over_is_used_as_it_is() -> None:
    env = Walk()
    assert EnvRecipe(env)().unwrapped is env
    trade = Trade()
    assert EnvRecipe(trade)() is trade
    adapted = GymEnv(env)
    assert EnvRecipe(adapted)() is adapted


def test_only_what_was_built_is_closed() -> None:
    handed_over = Walk()
    recipe = EnvRecipe(handed_over)
    recipe.close(recipe())
    assert handed_over.closed == 0
    recipe = EnvRecipe(Walk)
    built: Any = recipe()
    recipe.close(built)
    assert built.unwrapped.closed == 1


def test_recipes_travel() -> None:
    recipe = EnvRecipe(lambda: gymnasium.make("CartPole-v1"), [partial(ClipReward, max_reward=0.5)])
    assert str(cloudpickle.loads(cloudpickle.dumps(recipe))()) == str(recipe())


def test_the_render_mode_reaches_whatever_takes_it() -> None:
    config = {"_target_": "maze.core.env.gym_env.make_gym_env", "name": "CartPole-v1"}
    for env in ("CartPole-v1", config, partial(gymnasium.make, "CartPole-v1"), Walk):
        mode = EnvRecipe(env, render_mode="rgb_array")().render_mode
        assert mode == (None if isinstance(env, partial) else "rgb_array")
    assert EnvRecipe(Trade, render_mode="rgb_array")().render_mode is None


def test_what_gymnasium_puts_around_a_structured_env_is_taken_off() -> None:
    trade = Trade()
    wrapped = TimeLimit(OrderEnforcing(trade), 7)
    assert EnvRecipe(wrapped)() is trade
    assert trade.max_episode_steps == 7
    with pytest.raises(ConfigurationError, match="Hiding hides who acts in Trade: take that wrapper off"):
        EnvRecipe(Hiding(Trade()))()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("CartPole", "there is no environment 'CartPole': did you mean 'CartPole-v1'?"),
        ("CartPole-v99", "there is no environment 'CartPole-v99': did you mean 'CartPole-v1'?"),
        ("cartpole-v1", "there is no environment 'cartpole-v1': did you mean 'CartPole-v1'?"),
        ("zzz/Zzz-v0", "there is no environment 'zzz/Zzz-v0': name a registered one"),
        ("json:Zzz-v0", "there is no environment 'json:Zzz-v0': name a registered one"),
        ("", "there is no environment ''"),
    ],
)
def test_unknown_ids_are_refused_in_one_line(name: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_gym_id(name)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["CartPole-v1", "CartPole-v0", "gymnasium.envs:CartPole-v1"])
def test_known_ids_pass(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_gym_id(name)


def test_policies_get_what_they_have_parameters_for() -> None:
    class Asking(StructuredPolicy):
        def __init__(
            self, observation_spaces: Any, action_masks: Any, deterministic: bool, colour: str = "red"
        ) -> None:
            self.given = (observation_spaces, action_masks, deterministic, colour)

        def act(self, observation: Any, actor_id: Any, slot: int = 0) -> Any:
            return 0

    env = EnvRecipe(Walk)()
    policy: Any = PolicyRecipe(Asking, deterministic=True)(env)
    assert policy.given == (env.observation_spaces, env.action_masks, True, "red")
    policy = PolicyRecipe(partial(Asking, colour="blue"))(env)
    assert policy.given == (env.observation_spaces, env.action_masks, False, "blue")


def test_kinds_of_policies() -> None:
    env = EnvRecipe(Trade)()
    given = Alternating()
    assert PolicyRecipe(given)(env) is given
    assert isinstance(PolicyRecipe(None)(env), RandomPolicy)
    assert isinstance(PolicyRecipe(len)(env), FunctionPolicy)
    assert isinstance(PolicyRecipe(partial(max, 1))(env), FunctionPolicy)


def test_what_makes_no_policy_is_refused() -> None:
    config = {"_target_": "fractions.Fraction", "numerator": 1}
    PolicyRecipe(config).check()
    with pytest.raises(ConfigurationError, match="Fraction is no StructuredPolicy"):
        PolicyRecipe(config)(EnvRecipe(Walk)())


class First(FlatPolicy):
    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        return 0


def test_a_flat_policy_serves_where_there_is_one_step_key() -> None:
    env = EnvRecipe(Walk)()
    for agent in (First, First()):
        recipe = PolicyRecipe(agent)
        recipe.check()
        policy: Any = recipe(env)
        assert isinstance(policy, DefaultPolicy)
        assert isinstance(policy.mapping["0"], First)
    with pytest.raises(
        ConfigurationError, match=r"First is a FlatPolicy, .* one step key, here are \['offer', 'accept'\]"
    ):
        PolicyRecipe(First)(EnvRecipe(Trade)())


def test_policies_by_step_key_have_to_fit_the_environment() -> None:
    with pytest.raises(ConfigurationError, match="the step key 'accept' has no policy"):
        PolicyRecipe(DefaultPolicy({"offer": First()}))(EnvRecipe(Trade)())


def test_a_wrapped_env_handed_over_is_not_made_again_without_its_wrappers() -> None:
    recipe = EnvRecipe(TimeLimitWrapper(GymEnv(gymnasium.make("CartPole-v1")), 9))
    assert recipe().max_episode_steps == 9
    with pytest.raises(
        ConfigurationError, match=r"TimeLimitWrapper cannot be made again, .* name the wrapper in `wrap"
    ):
        recipe.for_workers()


def test_policies_of_actors_and_functions_that_make_policies() -> None:
    env = EnvRecipe("CartPole-v1")()
    always = RandomPolicy(env.action_spaces)
    assert isinstance(PolicyRecipe({0: always})(env), DefaultPolicy)
    PolicyRecipe({0: always}).check()
    assert PolicyRecipe(lambda: always)(env) is always
