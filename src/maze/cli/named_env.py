"""The environment that a command line names, as `module:factory` or as a gymnasium id."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from maze.factory import ConfigurationError, suggest


def named_env(name: str) -> str | Callable[[], Any]:
    """What makes the environment of a name.

    Args:
        name: `module:factory`, of a function or class without arguments; or a gymnasium id, or `module:Id`.

    Raises:
        ConfigurationError: If the module cannot be imported, or has no such function.

    Example:
        >>> named_env("CartPole-v1"), named_env("fractions:Fraction")
        ('CartPole-v1', <class 'fractions.Fraction'>)
    """
    module_name, colon, attribute = name.rpartition(":")
    if not colon:
        return name
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(f"--env {name}: {module_name!r} cannot be imported: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            import gymnasium

            if attribute in gymnasium.registry:
                return name
            raise ConfigurationError(f"--env {name}: there is no {part!r} in {module_name}{suggest(part, vars(found))}")
        found = getattr(found, part)
    if not callable(found):
        raise ConfigurationError(f"--env {name} is a {type(found).__name__}: name a function or a class that makes it")
    made: Callable[[], Any] = found
    return made
