"""How every worker builds its own environments and policy, from what the user gave."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.function_policy import FunctionPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.gym_env import make_gym_env
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.env_wrapping import AnyEnv, WrappersLike, check_wrappers, wrap
from maze.core.rollout.normalization import load_normalization
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError, accepted_arguments, build, check, check_arguments, suggest

EnvLike: TypeAlias = str | Mapping[str, Any] | Callable[[], AnyEnv] | AnyEnv
PolicyLike: TypeAlias = Mapping[Any, Any] | StructuredPolicy | FlatPolicy | Callable[..., Any] | None

POLICIES = (StructuredPolicy, FlatPolicy)
SUPPLIED_TO_POLICIES = ("observation_spaces", "action_spaces", "action_masks", "deterministic")
MAKE_GYM_ENV = f"{make_gym_env.__module__}.{make_gym_env.__name__}"


@dataclass(frozen=True)
class EnvRecipe:
    """Builds environments that are all alike.

    Args:
        env: A gymnasium id, a config with a `_target_`, a function or class without arguments, or an environment.
        wrappers: From the inside out: configs with a `_target_`, by name or in a list, or functions of the environment.
            gymnasium's wrappers come around flat environments. Before the first structured one a flat environment is
            adapted by `GymEnv`.
        render_mode: How environments show themselves; None: not at all.
        normalization: File with the statistics that wrappers normalise by, if it exists.

    Example:
        >>> EnvRecipe("CartPole-v1", {"clip": {"_target_": "gymnasium.wrappers.ClipReward", "max_reward": 0.5}})()
        <GymEnv<ClipReward<TimeLimit<CartPoleEnv<CartPole-v1>>>>>
    """

    env: EnvLike
    wrappers: WrappersLike = None
    render_mode: str | None = None
    normalization: Path | None = None

    def check(self) -> None:
        """Find mistakes before any environment is built.

        Raises:
            ConfigurationError: If there is no such environment or wrapper, or it does not take the arguments.
        """
        made_by: Any = self.env
        if isinstance(self.env, str):
            check_gym_id(self.env)
        elif isinstance(self.env, Mapping):
            made_by = check(self.env, supplied=["render_mode"])
            if self.env["_target_"] == MAKE_GYM_ENV:
                check_gym_id(str(self.env["name"]), self.env.get("kwargs") or {})
        elif not callable(self.env) and not isinstance(self.env, gymnasium.Env):
            raise ConfigurationError(
                f"{self.env!r} is no environment: pass a gymnasium id, a config, a function that makes one, or one"
            )
        elif not isinstance(self.env, gymnasium.Env):
            _check_callable(self.env, supplied=["render_mode"])
        check_wrappers(self.wrappers, made_by)

    def for_workers(self) -> EnvRecipe:
        """The same recipe, fit for other processes.

        Raises:
            ConfigurationError: If it holds an environment that nothing tells how to make again.
        """
        if not isinstance(self.env, gymnasium.Env):
            return self
        return replace(self, env=_SpecMaker(_whole_spec(self.env)))

    def __call__(self, slot: int = 0) -> StructuredEnv:
        """Build one environment; one that was handed over serves in the first slot, and others are made like it."""
        if slot and isinstance(self.env, gymnasium.Env):
            return self.for_workers()()
        with _noting("while the environment was built"):
            env = wrap(self._make(), self.wrappers)
        if self.normalization is not None:
            load_normalization(env, self.normalization)
        return env

    def close(self, env: StructuredEnv) -> None:
        """Close an environment that this recipe built; one that the user handed over stays open."""
        if not isinstance(self.env, gymnasium.Env) or env.unwrapped is not self.env.unwrapped:
            env.close()

    def _make(self) -> AnyEnv:
        if isinstance(self.env, gymnasium.Env):
            return self.env
        if isinstance(self.env, str):
            return make_gym_env(self.env, render_mode=self.render_mode)
        offered = {} if self.render_mode is None else {"render_mode": self.render_mode}
        if isinstance(self.env, Mapping):
            env = build(self.env, **offered)
        else:
            accepted = accepted_arguments(self.env) or {}
            env = self.env(**{key: value for key, value in offered.items() if key in accepted})
        if not isinstance(env, gymnasium.Env):
            raise ConfigurationError(f"{self.env!r} made a {type(env).__name__}, which is no gymnasium.Env")
        return env


@contextmanager
def _noting(where: str) -> Iterator[None]:
    """Add to what is raised where it happened; a configuration error says so itself."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, ConfigurationError):
            error.add_note(where)
        raise


@dataclass(frozen=True)
class _SpecMaker:
    spec: EnvSpec

    def __call__(self) -> AnyEnv:
        return gymnasium.make(self.spec, disable_env_checker=True)


@dataclass(frozen=True)
class PolicyRecipe:
    """Builds a worker's policy for its environment.

    Args:
        agent: A config with a `_target_`, a policy, a policy class, a function from observation to action, or one
            without arguments that makes a policy; policies by step key or agent; None: random actions. Configs and
            classes get those of `observation_spaces`, `action_spaces`, `action_masks` and
            `deterministic` that they have parameters for. A flat policy serves where there is one step key.
        deterministic: Whether the policy shall decide without chance.

    Example:
        >>> env = EnvRecipe("CartPole-v1")()
        >>> PolicyRecipe({"_target_": "maze.core.agent.random_policy.RandomPolicy"})(env).action_spaces
        {0: Discrete(2)}
    """

    agent: PolicyLike = None
    deterministic: bool = False

    def check(self) -> None:
        """Find mistakes before anything is built.

        Raises:
            ConfigurationError: If there is no such policy, or it does not take the arguments.
        """
        if _is_mapping_of_policies(self.agent):
            return
        if isinstance(self.agent, Mapping):
            check(self.agent, supplied=SUPPLIED_TO_POLICIES)
        elif self.agent is not None and not callable(self.agent) and not isinstance(self.agent, POLICIES):
            raise ConfigurationError(
                f"{self.agent!r} is no policy: pass a config, a policy, its class, or a function of the observation"
            )
        elif callable(self.agent) and _is_class(self.agent):
            if inspect.isclass(self.agent) and not issubclass(self.agent, POLICIES):
                raise _no_policy(self.agent)
            _check_callable(self.agent, supplied=SUPPLIED_TO_POLICIES)

    def __call__(self, env: StructuredEnv) -> StructuredPolicy:
        """Build the policy that decides in `env` and in those like it."""
        with _noting("while the policy was built"):
            policy = self._make(env)
        if isinstance(policy, FlatPolicy):
            return _structured(policy, env)
        if not isinstance(policy, StructuredPolicy):
            raise _no_policy(type(policy))
        if isinstance(policy, DefaultPolicy):
            policy.check(env.observation_spaces)
        return policy

    def _make(self, env: StructuredEnv) -> object:
        if isinstance(self.agent, POLICIES):
            return self.agent
        if _is_mapping_of_policies(self.agent):
            return DefaultPolicy(self.agent)
        if callable(self.agent) and not _is_class(self.agent):
            return self.agent() if _takes_nothing(self.agent) else FunctionPolicy(self.agent)
        supplied: dict[str, Any] = {
            "observation_spaces": env.observation_spaces,
            "action_spaces": env.action_spaces,
            "action_masks": env.action_masks,
            "deterministic": self.deterministic,
        }
        if isinstance(self.agent, Mapping):
            return build(self.agent, **supplied)
        make: Callable[..., Any] = RandomPolicy if self.agent is None else self.agent
        accepted = accepted_arguments(make) or {}
        return make(**{key: value for key, value in supplied.items() if key in accepted})


def check_gym_id(name: str, kwargs: Mapping[str, Any] | None = None) -> None:
    """See that gymnasium knows an environment and that it takes the arguments; the id's module is imported first.

    Raises:
        ConfigurationError: If it does not; the message names the nearest id.

    Example:
        >>> check_gym_id("CartPol-v1")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: there is no environment 'CartPol-v1': did you mean 'CartPole-v1'?
    """
    module, _, identifier = name.rpartition(":")
    if module:
        try:
            __import__(module)
        except ImportError as error:
            raise ConfigurationError(f"the module of the environment {name!r} cannot be imported: {error}") from error
    try:
        spec = gymnasium.spec(identifier)
    except gymnasium.error.Error as error:
        near = suggest(identifier, gymnasium.registry)
        hint = near or ": name a registered one, or `module:Id` for one that your module registers"
        raise ConfigurationError(f"there is no environment {name!r}{hint}") from error
    if not kwargs or spec.entry_point is None:
        return
    try:
        creator = load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
    except Exception:  # noqa: BLE001 - a missing library is reported where the environment is built
        return
    check_arguments(name, creator, list(kwargs), ["render_mode", *spec.kwargs])


def _structured(policy: FlatPolicy, env: StructuredEnv) -> DefaultPolicy:
    """A flat policy for the only step key."""
    step_keys = list(env.observation_spaces)
    if len(step_keys) > 1:
        raise ConfigurationError(
            f"{type(policy).__name__} is a FlatPolicy, which decides for one step key, here are {step_keys}: "
            "choose policy=default_policy and give each of them one in policy.mapping"
        )
    return DefaultPolicy({step_keys[0]: policy})


def _no_policy(kind: type) -> ConfigurationError:
    return ConfigurationError(
        f"{kind.__name__} is no StructuredPolicy: derive it from "
        "maze.core.agent.policy.StructuredPolicy, or pass a function of the observation"
    )


def _is_mapping_of_policies(agent: object) -> TypeGuard[Mapping[str | int, FlatPolicy | StructuredPolicy]]:
    return isinstance(agent, Mapping) and bool(agent) and all(isinstance(each, POLICIES) for each in agent.values())


def _takes_nothing(function: Callable[..., Any]) -> bool:
    """Whether a function makes policies, for it cannot be told an observation."""
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _is_class(agent: object) -> bool:
    """Whether it makes policies: a class, or one with arguments filled in."""
    return inspect.isclass(agent.func if isinstance(agent, partial) else agent)


def _check_callable(make: Callable[..., Any], supplied: Sequence[str]) -> None:
    """See that nothing is missing that the caller would have to give."""
    name = getattr(make, "__qualname__", repr(make))
    for key, parameter in (accepted_arguments(make) or {}).items():
        if parameter.default is parameter.empty and key not in supplied:
            raise ConfigurationError(
                f"{name} needs the argument {key!r}: pass a config that has it, or functools.partial({name}, {key}=...)"
            )


def _whole_spec(env: AnyEnv) -> EnvSpec:
    """What tells how to make an environment again, all its wrappers included."""
    advice = "pass a function that makes it, such as its class"
    if isinstance(env, StructuredWrapper):
        raise ConfigurationError(
            f"{type(env).__name__} cannot be made again, for its arguments are not known: {advice}, "
            "or name the wrapper in `wrappers`"
        )
    if env.spec is None:
        raise ConfigurationError(f"{type(env).__name__} cannot be made again, for it has no spec: {advice}")
    for wrapper in env.spec.additional_wrappers:
        if wrapper.kwargs is None:
            raise ConfigurationError(
                f"{wrapper.name} cannot be made again, for its arguments are not known: {advice}, "
                "or derive the wrapper from gymnasium.utils.RecordConstructorArgs"
            )
    return env.spec
