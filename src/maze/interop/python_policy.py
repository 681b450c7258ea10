"""A policy from any function, class or object, by its name: none of them need know of this package."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from maze.core.agent.flat_policy import FlatPolicy
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError, suggest

KEY = "policy.function"

POLICIES = (StructuredPolicy, FlatPolicy)

FOR_DECISIONS = ("action_space", "actor_id", "deterministic", "generator")
"""What a function gets behind the observation, if it has parameters of these names."""

FOR_RESETS = ("generator", "seed")

FOR_MAKERS = (
    "action_masks",
    "action_space",
    "action_spaces",
    "deterministic",
    "observation_space",
    "observation_spaces",
    "seed",
)
"""What a class gets, or a function that makes an object, if it has parameters of these names."""


class PythonPolicy(StructuredPolicy):
    """Decides by a function, or by an object of each slot with `act(observation)`.

    An object that has a method `reset` is told where an episode begins; one without is made anew for each.

    Args:
        name: Of what decides, for messages.
        make: Makes it, from the seed of an episode.
        is_renewed: Whether it is made anew for each episode, also if it has a `reset`.
        kwargs: Further arguments of the function.
        action_spaces: Of each step key.
        deterministic: Is handed on.

    Raises:
        ConfigurationError: If it cannot be asked for decisions.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[int], Any],
        *,
        is_renewed: bool,
        kwargs: Mapping[str, Any],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        deterministic: bool,
    ) -> None:
        """See what it wants to be told."""
        made = make(0)
        self._make, self._is_renewed = make, is_renewed or not hasattr(made, "reset")
        self._wanted = _wanted_by_decision(name, _decision(name, made), kwargs)
        self._reset_wants = _wanted(name, made.reset, FOR_RESETS, where="in reset") if hasattr(made, "reset") else []
        self._name, self._kwargs, self._action_spaces, self._deterministic = name, kwargs, action_spaces, deterministic
        self._objects: dict[int, Any] = {}
        self._decisions: dict[int, Callable[..., Any]] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode with a generator of its own."""
        offers = {"seed": seed, "generator": np.random.default_rng(seed), "deterministic": self._deterministic}
        if self._is_renewed or slot not in self._objects:
            self._objects[slot] = self._make(seed)
        if hasattr(self._objects[slot], "reset"):
            self._objects[slot].reset(**{name: offers[name] for name in self._reset_wants})
        known = {name: offers[name] for name in self._wanted if name in offers}
        self._decisions[slot] = partial(_decision(self._name, self._objects[slot]), **known, **self._kwargs)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Ask the function or the slot's object."""
        told: dict[str, Any] = {}
        if "actor_id" in self._wanted:
            told["actor_id"] = actor_id
        if "action_space" in self._wanted:
            told["action_space"] = self._action_spaces[actor_id.step_key]
        return self._decisions[slot](observation, **told)


def python_policy(
    observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
    action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
    action_masks: ActionMasks | None = None,
    deterministic: bool = False,
    *,
    function: str | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> StructuredPolicy | FlatPolicy:
    """Make a policy from what a module has under a name.

    That may be a function of the observation; a class, or a function without one, that makes an object with
    `act(observation)` or a policy; or such an object.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        deterministic: Whether to decide without chance.
        function: The module and the name, as `module:name`.
        kwargs: Further arguments of the function or class.

    Raises:
        ConfigurationError: If there is no such thing, or nobody knows what to call it with.

    Example:
        >>> spaces = {0: gymnasium.spaces.Box(0, 9)}, {0: gymnasium.spaces.Discrete(10)}
        >>> policy = python_policy(*spaces, function="math:floor")
        >>> policy.reset(seed=1)
        >>> policy.act(4.2, ActorID(0, 0))
        4
    """
    name, given = f"{KEY}={function}", dict(kwargs or {})
    found = find_function(function)
    only = {}
    if len(action_spaces) == 1:
        only = {
            "observation_space": next(iter(observation_spaces.values())),
            "action_space": next(iter(action_spaces.values())),
        }
    offers = {
        "observation_spaces": observation_spaces,
        "action_spaces": action_spaces,
        "action_masks": action_masks or {},
        "deterministic": deterministic,
        **only,
    }
    is_maker = _is_maker(found, given)
    wanted = _wanted(name, found, (*offers, "seed"), given=given) if is_maker else []

    def make(seed: int) -> Any:
        if is_maker:
            return found(**{key: ({**offers, "seed": seed})[key] for key in wanted}, **given)
        return found if inspect.isroutine(found) else deepcopy(found)

    policy = found if isinstance(found, POLICIES) else make(0) if is_maker else None
    if not isinstance(policy, POLICIES):
        policy = PythonPolicy(
            name,
            make,
            is_renewed="seed" in wanted,
            kwargs={} if is_maker else given,
            action_spaces=action_spaces,
            deterministic=deterministic,
        )
    return policy


def check_settings(function: str | None = None, kwargs: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Find mistakes before any process starts; nothing is called.

    Raises:
        ConfigurationError: As `python_policy`.
    """
    name, found, given = f"{KEY}={function}", find_function(function), dict(kwargs or {})
    if isinstance(found, POLICIES):
        return
    if _is_maker(found, given):
        _wanted(name, found, FOR_MAKERS, given=given)
    else:
        _wanted_by_decision(name, _decision(name, found), given)


def find_function(name: str | None) -> Any:
    """Find what a module has under a name, given as `module:name`.

    Raises:
        ConfigurationError: If there is no such module or name, or the module cannot be imported.

    Example:
        >>> find_function("math:flor")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: policy.function=math:flor: there is no 'flor' in math: did you mean 'floor'?
    """
    module_name, colon, attribute = str(name or "").partition(":")
    if not colon or not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        begin = f"{KEY}={name}" if name else "policy=python_policy needs to know what decides"
        raise ConfigurationError(f"{begin}: write {KEY}=module:function, such as {KEY}=my_policies:act")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        is_itself = f"{module_name}.".startswith(f"{error.name}.")
        what = "there is no module" if is_itself else f"{module_name} needs the module"
        raise ConfigurationError(f"{KEY}={name}: {what} {error.name!r}") from error
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigurationError(f"{KEY}={name}: {module_name} cannot be imported: {line}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            where = getattr(found, "__name__", attribute)
            raise ConfigurationError(f"{KEY}={name}: there is no {part!r} in {where}{suggest(part, dir(found))}")
        found = getattr(found, part)
    return found


def _decision(name: str, decider: Any) -> Callable[..., Any]:
    """What is called with an observation."""
    decision = getattr(decider, "act", decider)
    if not callable(decision):
        raise ConfigurationError(
            f"{name} gives {type(decider).__name__!r}, which does not decide: name a function whose first argument is "
            "the observation, or a class with a method act(observation)"
        )
    made: Callable[..., Any] = decision
    return made


def _is_maker(found: Any, given: Collection[str]) -> bool:
    """Whether it makes what decides: a class, or a function that nothing is left to be told of."""
    if inspect.isclass(found):
        return True
    parameters = _parameters(found) if inspect.isroutine(found) else None
    if parameters is None or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return False
    return all(each.name in (*FOR_MAKERS, *given) for each in parameters if _is_required(each))


def _wanted_by_decision(name: str, decision: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """What is told behind the observation."""
    parameters = _parameters(decision)
    if parameters is None:
        return []
    if not parameters or parameters[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise ConfigurationError(f"{name} takes no observation: let it be the first argument")
    if parameters[0].name in FOR_DECISIONS:
        raise ConfigurationError(
            f"{name} takes {parameters[0].name!r} first: let the observation be the first argument"
        )
    rest = parameters if parameters[0].kind is parameters[0].VAR_POSITIONAL else parameters[1:]
    return _wanted(name, decision, FOR_DECISIONS, where="behind the observation", given=given, parameters=rest)


def _wanted(
    name: str,
    function: Callable[..., Any],
    offered: Collection[str],
    *,
    where: str = "",
    given: Collection[str] = (),
    parameters: list[inspect.Parameter] | None = None,
) -> list[str]:
    """Which of the offered arguments a function takes, by its parameters or those of them that are asked about.

    Raises:
        ConfigurationError: If it needs others, or does not take those that are given.
    """
    if parameters is None:
        parameters = _parameters(function) or []
    by_name = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for key in given:
        if key not in by_name and not takes_any:
            raise ConfigurationError(f"{name} has no argument {key!r}{suggest(key, by_name)}")
    for each in parameters:
        if _is_required(each) and (each.name not in (*offered, *given) or each.name not in by_name):
            raise ConfigurationError(
                f"{name} needs the argument {each.name!r}{f' {where}' if where else ''}: give it a default or set "
                f"policy.kwargs.{each.name}, for it is none of {', '.join(offered)}"
            )
    return [key for key in offered if key in by_name and key not in given]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """None where a function does not tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )
