"""Builds objects from plain dicts that name what to build: `{"_target_": "package.module.name", argument: value}`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

RESERVED = ("_target_", "_recursive_")
"""Keys of a config that are no arguments."""


class ConfigurationError(ValueError):
    r"""What the user asked for cannot be done; the message is one line that says what to change.

    Example:
        >>> str(ConfigurationError("Box([0.\n 1.], 2.0) is no Dict: leave the wrapper out"))
        'Box([0. 1.], 2.0) is no Dict: leave the wrapper out'
    """

    def __init__(self, message: str) -> None:
        """Make one line of it, for spaces write themselves in several."""
        super().__init__(" ".join(message.split()))


def build(config: Mapping[str, Any], *, allowed: Sequence[str] | None = None, **supplied: Any) -> Any:
    """Build the object that a config describes; nested configs are built first, with the same supplies.

    Args:
        config: The target and its arguments; with `_recursive_: false` nested configs are handed over as they are.
        allowed: Prefixes that the target must be under, by its name and by what it resolves to; None: anything.
        supplied: What the caller has to offer; the target gets those of them that it has parameters for.

    Raises:
        ConfigurationError: If there is no such target, it is not allowed, or it does not take the arguments.

    Example:
        >>> build({"_target_": "fractions.Fraction", "numerator": 1, "denominator": 3})
        Fraction(1, 3)
        >>> build({"_target_": "fractions.Fraction", "numerater": 1})
        Traceback (most recent call last):
        maze.factory.ConfigurationError: fractions.Fraction has no argument 'numerater': did you mean 'numerator'?
    """
    target = check(config, allowed=allowed, supplied=list(supplied))
    arguments = {key: value for key, value in config.items() if key not in RESERVED}
    if config.get("_recursive_", True):
        arguments = {key: _build_nested(value, allowed, supplied) for key, value in arguments.items()}
    parameters = accepted_arguments(target)
    offered = {key: value for key, value in supplied.items() if parameters is not None and key in parameters}
    return target(**{**offered, **arguments})


def check(
    config: Mapping[str, Any], *, allowed: Sequence[str] | None = None, supplied: Collection[str] = ()
) -> Callable[..., Any]:
    """Find the target of a config and see that it takes the arguments, without building anything.

    Raises:
        ConfigurationError: As `build`.

    Example:
        >>> check({"_target_": "fractions.Fraction"})
        <class 'fractions.Fraction'>
    """
    if "_target_" not in config:
        raise ConfigurationError(f"nothing to build in {dict(config)!r}: add a `_target_`, the dotted path of a class")
    name = str(config["_target_"])
    target = resolve(name, allowed=allowed)
    arguments = [key for key in config if key not in RESERVED]
    check_arguments(name, target, arguments, supplied)
    for key in arguments if config.get("_recursive_", True) else ():
        _check_nested(config[key], allowed, supplied)
    return target


def resolve(name: str, *, allowed: Sequence[str] | None = None) -> Callable[..., Any]:
    """Find a class or function by its dotted path.

    Raises:
        ConfigurationError: If it does not exist, cannot be called, or is not under an allowed prefix.

    Example:
        >>> resolve("fractions.Fracton")
        Traceback (most recent call last):
        maze.factory.ConfigurationError: there is no 'Fracton' in fractions: did you mean 'Fraction'?
    """
    _check_allowed(name, name, allowed)
    found: Any = None
    parts = name.split(".")
    if not all(parts):
        raise ConfigurationError(f"{name!r} is no dotted path: name a class or a function, such as 'gymnasium.make'")
    for position, part in enumerate(parts):
        path = ".".join(parts[:position])
        if position and hasattr(found, part):
            found = getattr(found, part)
            continue
        module = f"{path}.{part}" if path else part
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise ConfigurationError(f"{name} needs the package {error.name!r}, which is not installed") from error
            place = f"there is no {part!r} in {path}" if path else f"there is no package {part!r}"
            raise ConfigurationError(f"{place}{suggest(part, dir(found) if path else ())}") from None
    if not callable(found):
        raise ConfigurationError(f"{name} is a {type(found).__name__}: name a class or a function")
    _check_allowed(name, f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}", allowed)
    return found  # type: ignore[no-any-return]


def check_arguments(name: str, target: Callable[..., Any], arguments: Sequence[str], supplied: Iterable[str]) -> None:
    """See that a target takes the arguments, and that those without a default are given or supplied.

    Raises:
        ConfigurationError: If not; the message names the nearest argument.

    Example:
        >>> check_arguments("resolve", resolve, ["nam"], [])
        Traceback (most recent call last):
        maze.factory.ConfigurationError: resolve has no argument 'nam': did you mean 'name'?
    """
    parameters = accepted_arguments(target)
    if parameters is None:
        return
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(target).parameters.values())
    for argument in arguments:
        if argument not in parameters and not takes_any:
            raise ConfigurationError(f"{name} has no argument {argument!r}{suggest(argument, parameters)}")
    given = {*arguments, *supplied}
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in given]
    if missing:
        raise ConfigurationError(f"{name} needs the argument {missing[0]!r}: add `{missing[0]}: ...` to its config")


def accepted_arguments(target: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Parameters that can be given by name; None where the target does not tell.

    Example:
        >>> list(accepted_arguments(resolve))
        ['name', 'allowed']
    """
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return None
    named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return {name: parameter for name, parameter in parameters.items() if parameter.kind in named}


def suggest(name: str, choices: Iterable[object]) -> str:
    """The end of an error's line: what was meant most likely; empty where nothing is near.

    Example:
        >>> suggest("CartPol-v1", ["CartPole-v1", "Acrobot-v1"])
        ": did you mean 'CartPole-v1'?"
    """
    names = [str(choice) for choice in choices]
    near = get_close_matches(name, names, n=1) or [choice for choice in names if choice.lower() == name.lower()]
    return f": did you mean {near[0]!r}?" if near else ""


def _check_allowed(name: str, candidate: str, allowed: Sequence[str] | None) -> None:
    if allowed is None or any(candidate == prefix or candidate.startswith(f"{prefix}.") for prefix in allowed):
        return
    raise ConfigurationError(
        f"{name} is not built, for it comes from a run directory and is under none of {', '.join(allowed)}: "
        "allow its package on the command line if you trust it"
    )


def _build_nested(value: Any, allowed: Sequence[str] | None, supplied: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value, allowed=allowed, **supplied)
        return {key: _build_nested(item, allowed, supplied) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_build_nested(item, allowed, supplied) for item in value]
    return value


def _check_nested(value: Any, allowed: Sequence[str] | None, supplied: Collection[str]) -> None:
    if isinstance(value, Mapping):
        if "_target_" in value:
            check(value, allowed=allowed, supplied=supplied)
            return
        for item in value.values():
            _check_nested(item, allowed, supplied)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_nested(item, allowed, supplied)
