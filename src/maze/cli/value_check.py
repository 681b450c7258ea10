"""Checks configured values against the types that their target's parameters are annotated with."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from maze.factory import RESERVED, ConfigurationError

PLAIN_TYPES: dict[Any, Any] = {
    bool: bool,
    dict: Mapping,
    float: int | float,
    int: int,
    Mapping: Mapping,
    NoneType: NoneType,
    str: str,
}
DESCRIPTIONS: dict[Any, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    NoneType: "null",
    str: "a text",
}


class Argument(NamedTuple):
    """What a target says of one of its arguments."""

    hint: Any
    default: Any


def check_values(place: str, config: Mapping[str, Any], target: Callable[..., Any]) -> None:
    """See that a target has the arguments of a configuration, and that they have the types that it declares.

    Args:
        place: Where the arguments stand in the configuration, for the message.
        config: Arguments by name.
        target: A class or function; one that does not say what it takes is left to check that itself.

    Raises:
        ConfigurationError: If there is no such argument, or a value has another type.

    Example:
        >>> def roll_out(n_episodes: int) -> None: ...
        >>> check_values("runner", {"n_episodes": "ten"}, roll_out)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: runner.n_episodes=ten: it must be a whole number
        >>> check_values("runner", {"n_episode": 10}, roll_out)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: there is no key 'runner.n_episode': did you mean 'runner.n_episodes'?
    """
    arguments, takes_others = _arguments(target)
    for name, value in config.items():
        if name in RESERVED:
            continue
        if name not in arguments:
            if not takes_others:
                near = get_close_matches(name, arguments, n=1)
                meant = f": did you mean '{place}.{near[0]}'?" if near else ""
                raise ConfigurationError(f"there is no key '{place}.{name}'{meant}")
            continue
        hint, default = arguments[name]
        if _fits(value, hint) or (value is None and default is None):
            continue
        near = get_close_matches(str(value), [str(choice) for choice in _literals(hint)], n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"it must be {_describe(hint)}"
        shown = value if isinstance(value, str) else json.dumps(value, default=str)
        raise ConfigurationError(f"{place}.{name}={shown}: {meant}")


def _arguments(target: Callable[..., Any]) -> tuple[dict[str, Argument], bool]:
    """Arguments that can be given by name, those that a constructor hands on to its base class included.

    Returns:
        The arguments, and whether others are taken too, or may be.
    """
    functions = [target]
    if inspect.isclass(target):
        functions = [vars(cls)["__init__"] for cls in target.__mro__ if "__init__" in vars(cls)]
    arguments: dict[str, Argument] = {}
    for function in functions:
        try:
            hints, parameters = get_type_hints(function), list(inspect.signature(function).parameters.values())
        except (NameError, TypeError, ValueError, AttributeError):
            return arguments, True
        for parameter in parameters[int(inspect.isclass(target)) :]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                arguments.setdefault(parameter.name, Argument(hints.get(parameter.name, Any), parameter.default))
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return arguments, False
    return arguments, True


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has a type; True for types that configurations do not tell apart."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin in (Sequence, list) and len(arguments) == 1:
        return isinstance(value, list | tuple) and all(_fits(item, arguments[0]) for item in value)
    if isinstance(value, bool) and hint in (int, float):
        return False
    return isinstance(value, PLAIN_TYPES.get(origin or hint, object))


def _literals(hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [literal for argument in get_args(hint) for literal in _literals(argument)]


def _describe(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Sequence, list):
        kind = DESCRIPTIONS.get(arguments[0], "value").split(" ", 1)[-1]
        return f"a list of {kind}s, such as [1,2]" if arguments[0] is int else f"a list of {kind}s"
    if origin in (Mapping, dict):
        return "a mapping of names to values"
    return DESCRIPTIONS.get(hint, str(hint))
