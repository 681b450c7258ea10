"""How wrappers, gymnasium's and those of structured environments, come around an environment."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

import gymnasium
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.factory import ConfigurationError, accepted_arguments, build, check

AnyEnv: TypeAlias = gymnasium.Env[Any, Any]
WrappersLike: TypeAlias = Mapping[str, Any] | Sequence[Any] | None
Kind: TypeAlias = Literal["structured", "gymnasium"] | None
"""What a wrapper is for; None: a function of the environment, which does not tell."""

SUPPLIED_TO_WRAPPERS = ("env", "observation_spaces", "action_spaces", "action_masks", "deterministic")
"""What configs of wrappers, and policies in them, get where they have such parameters."""


def listed(wrappers: WrappersLike) -> list[Any]:
    """Wrappers from the inside out; those that are null in a configuration are left out.

    Example:
        >>> listed({"first": {"_target_": "a.B"}, "second": None})
        [{'_target_': 'a.B'}]
    """
    if isinstance(wrappers, str) or (isinstance(wrappers, Mapping) and "_target_" in wrappers):
        return [wrappers]
    if isinstance(wrappers, Mapping):
        return [wrapper for wrapper in wrappers.values() if wrapper is not None]
    return list(wrappers or ())


def check_wrappers(wrappers: WrappersLike, env: object) -> None:
    """Find mistakes before anything is built.

    Args:
        wrappers: Those of an `EnvRecipe`.
        env: What makes the environment, as far as it is known: a class, a function, or an environment.

    Raises:
        ConfigurationError: If there is no such wrapper, it does not take the arguments, or it hides who acts.
    """
    structured = _name(env) if isinstance(env, StructuredEnv) or _is_subclass(env, StructuredEnv) else None
    for wrapper in listed(wrappers):
        kind = _kind(wrapper)
        if kind == "gymnasium" and structured is not None:
            raise _hiding(wrapper, structured)
        if kind == "structured":
            structured = _name(wrapper)


def wrap(env: AnyEnv, wrappers: WrappersLike) -> StructuredEnv:
    """Put wrappers around an environment, in order; a flat one is adapted before the first one that is structured.

    Args:
        env: A flat or a structured environment; what `gymnasium.make` puts around a structured one is taken off.
        wrappers: Configs with a `_target_`, or functions of the environment.

    Raises:
        ConfigurationError: If a wrapper hides who acts, or makes no environment.

    Example:
        >>> wrap(gymnasium.make("CartPole-v1"), [{"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.5}])
        <GymEnv<ClipReward<TimeLimit<OrderEnforcing<PassiveEnvChecker<CartPoleEnv<CartPole-v1>>>>>>>
    """
    wrapped = _bare(env) if _is_structured(env) else env
    for wrapper in listed(wrappers):
        kind = _kind(wrapper)
        if kind == "structured" and not isinstance(wrapped, StructuredEnv):
            wrapped = GymEnv(wrapped)
        if kind == "gymnasium" and isinstance(wrapped, StructuredEnv):
            raise _hiding(wrapper, type(wrapped).__name__)
        around = _around(wrapped, wrapper)
        if not isinstance(around, gymnasium.Env):
            raise ConfigurationError(f"{_name(wrapper)} made a {type(around).__name__}, which is no environment")
        if isinstance(wrapped, StructuredEnv) and not isinstance(around, StructuredEnv):
            raise _hiding(around, type(wrapped).__name__)
        wrapped = around
    return wrapped if isinstance(wrapped, StructuredEnv) else GymEnv(wrapped)


def _around(env: AnyEnv, wrapper: Any) -> Any:
    if not isinstance(wrapper, Mapping):
        return wrapper(env)
    supplied: dict[str, Any] = {"env": env, "deterministic": False}
    if isinstance(env, StructuredEnv):
        supplied |= {
            "observation_spaces": env.observation_spaces,
            "action_spaces": env.action_spaces,
            "action_masks": env.action_masks,
        }
    return build(wrapper, **supplied)


def _kind(wrapper: object) -> Kind:
    """What a wrapper is for.

    Raises:
        ConfigurationError: If there is no such wrapper, or it does not take the arguments.
    """
    if isinstance(wrapper, Mapping):
        target: Any = check(wrapper, supplied=SUPPLIED_TO_WRAPPERS)
    elif callable(wrapper):
        target = wrapper
        for name, parameter in list((accepted_arguments(target) or {}).items())[1:]:
            if parameter.default is parameter.empty:
                raise ConfigurationError(
                    f"{_name(target)} needs the argument {name!r}: pass a config that has it, or "
                    f"functools.partial({_name(target)}, {name}=...)"
                )
    else:
        raise ConfigurationError(
            f"{wrapper!r} is no wrapper: pass a config with a `_target_`, or a function of the environment"
        )
    if _is_subclass(target, StructuredEnv):
        return "structured"
    return "gymnasium" if _is_subclass(target, gymnasium.Wrapper) else None


def _is_subclass(target: object, kind: type) -> bool:
    made: object = target.func if isinstance(target, partial) else target
    return inspect.isclass(made) and issubclass(made, kind)


def _name(target: Any) -> str:
    if isinstance(target, Mapping):
        return str(target["_target_"]).rpartition(".")[2]
    made: Callable[..., Any] = target.func if isinstance(target, partial) else target
    return str(getattr(made, "__qualname__", type(made).__name__))


def _hiding(wrapper: Any, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"gymnasium's wrappers hide who acts in {name}: leave {_name(wrapper)} out and take one of maze.core.wrappers; "
        "around a flat environment, put it before those"
    )


def _is_structured(env: AnyEnv) -> bool:
    while isinstance(env, gymnasium.Wrapper):
        env = env.env
    return isinstance(env, StructuredEnv)


def _bare(env: AnyEnv) -> StructuredEnv:
    """Take off what `gymnasium.make` puts around a structured environment, whose interface it would hide."""
    limit = None
    while not isinstance(env, StructuredEnv):
        if not isinstance(env, OrderEnforcing | PassiveEnvChecker | TimeLimit):
            raise ConfigurationError(
                f"{type(env).__name__} hides who acts in {type(env.unwrapped).__name__}: take that wrapper off"
            )
        limit = env._max_episode_steps if isinstance(env, TimeLimit) else limit  # noqa: SLF001 - it has no public name
        env = env.env
    if limit is None:
        return env
    if isinstance(env, StructuredWrapper):
        return TimeLimitWrapper(env, limit)
    env.max_episode_steps = limit
    return env
