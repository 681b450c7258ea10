"""Which code a recorded configuration may name: a run directory is data, and may be anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maze.factory import ConfigurationError, resolve

TRUSTED = (
    "maze.core.env",
    "maze.core.agent",
    "maze.core.wrappers",
    "maze.interop.onnx_policy",
    "maze.interop.pettingzoo_env",
    "maze.train.algorithms",
    "maze.train.models",
    "maze.train.torch_policy",
    "maze.train.training_runner",
    "maze_envs",
    "gymnasium.wrappers",
)
"""Prefixes of what is built whoever names it."""


def check_trusted(settings: Any, allowed: Sequence[str], advice: str = "add trusted=[{name}] if you trust it") -> None:
    """See that all targets in a piece of configuration are under allowed prefixes; the others are not even imported.

    Args:
        settings: Of a run directory.
        allowed: Prefixes of dotted paths.
        advice: How to allow `{name}` too, a target or its package.

    Raises:
        ConfigurationError: If a target is under none of them.

    Example:
        >>> check_trusted({"_target_": "os.system", "command": "true"}, TRUSTED)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: os.system is named by a run directory alone, so it is not imported: add ...
    """
    for target in targets_in(settings):
        _check_vouched_for(target, allowed, advice)
        resolve(target, allowed=allowed)
    # An id such as module:Id has its module imported.
    name = settings.get("name") if isinstance(settings, Mapping) else None
    if isinstance(name, str) and ":" in name:
        _check_vouched_for(name.rpartition(":")[0], allowed, advice)


def targets_in(settings: Any) -> Iterator[str]:
    """Everything that a piece of configuration names to be built.

    Example:
        >>> list(targets_in({"_target_": "a.B", "inner": [{"_target_": "c.D"}]}))
        ['a.B', 'c.D']
    """
    if isinstance(settings, Mapping):
        if "_target_" in settings:
            yield str(settings["_target_"])
        settings = settings.values()
    elif not isinstance(settings, list | tuple):
        return
    for item in settings:
        yield from targets_in(item)


def _check_vouched_for(name: str, allowed: Sequence[str], advice: str) -> None:
    if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed):
        # Of a package with modules there will be more to trust; a single module is trusted for the one thing.
        package, _, inside = name.partition(".")
        module = name.rpartition(".")[0] if package == "maze" else package
        advised = advice.format(name=module if "." in inside else name)
        raise ConfigurationError(f"{name} is named by a run directory alone, so it is not imported: {advised}")
