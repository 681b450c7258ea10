"""Environment and policy of an earlier run, for a new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from maze.cli.command_line import override_key
from maze.cli.saved_config import read_saved_config
from maze.factory import ConfigurationError, resolve

TAKEN_GROUPS = ("env", "wrappers", "model", "policy")
TRUSTED = ("maze.core.env", "maze.core.agent", "maze.core.wrappers", "maze_envs", "gymnasium.wrappers")


def with_input_dir(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Take environment, wrappers, model and policy from the run that `input_dir` names, if it names one.

    What was typed wins: a group that was chosen is not taken, and single values go on top of what is taken.

    Args:
        config: The composed configuration.
        overrides: What was typed.

    Raises:
        ConfigurationError: If the directory keeps no configuration, or one with targets that nobody vouches for.
    """
    if config.get("input_dir") is None:
        return dict(config)
    earlier = read_saved_config(Path(str(config["input_dir"])), "input_dir")
    typed = [override_key(override) for override in overrides]
    merged = dict(config)
    for group in TAKEN_GROUPS:
        if group in earlier and group not in typed:
            check_trusted(earlier[group], _vouched_for(config, group))
            paths = [key.split(".")[1:] for key in typed if key.startswith(f"{group}.")]
            merged[group] = _with_values(earlier[group], paths, config.get(group))
    return merged


def check_trusted(settings: Any, allowed: Sequence[str]) -> None:
    """See that all targets in a piece of configuration are under allowed prefixes; the others are not even imported.

    Raises:
        ConfigurationError: If one is not.

    Example:
        >>> check_trusted({"_target_": "os.system", "command": "true"}, TRUSTED)
        Traceback (most recent call last):
        maze.factory.ConfigurationError: os.system is named by a run directory alone, so it is not imported: add ...
    """
    for target in _targets(settings):
        _check_vouched_for(target, allowed)
        resolve(target, allowed=allowed)
    # An id such as module:Id has its module imported.
    name = settings.get("name") if isinstance(settings, Mapping) else None
    if isinstance(name, str) and ":" in name:
        _check_vouched_for(name.rpartition(":")[0], allowed)


def _check_vouched_for(name: str, allowed: Sequence[str]) -> None:
    if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed):
        raise ConfigurationError(
            f"{name} is named by a run directory alone, so it is not imported: add trusted=[{name}] if you trust it"
        )


def _vouched_for(config: Mapping[str, Any], group: str) -> list[str]:
    """Our own prefixes, those listed in `trusted`, and the packages of what the user's configuration has in a group."""
    own = [target.partition(".")[0] for target in _targets(config.get(group))]
    listed = config.get("trusted") or []
    return [*TRUSTED, *map(str, listed), *(package for package in own if package not in ("maze", "gymnasium"))]


def _targets(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if "_target_" in settings:
            yield str(settings["_target_"])
        settings = settings.values()
    elif not isinstance(settings, list | tuple):
        return
    for item in settings:
        yield from _targets(item)


def _with_values(settings: Any, paths: Sequence[Sequence[str]], composed: Any) -> Any:
    """Put single values of the composed configuration over what is taken from the earlier run."""
    merged = deepcopy(settings)
    for path in paths:
        value, place = composed, merged if isinstance(merged, dict) else {}
        merged = place
        for name in path[:-1]:
            value, place = value.get(name, {}), place.setdefault(name, {})
        if path[-1] in value:
            place[path[-1]] = value[path[-1]]
    return merged
