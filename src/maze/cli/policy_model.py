"""What neural policies get of the rest of the configuration: the model, and where files of it may be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maze.factory import accepted_arguments, resolve


def with_model(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with a policy that knows `input_dir`, where its target takes that, and so `model`.

    Args:
        config: By group; policies may be nested in the policy.

    Raises:
        ConfigurationError: If a policy's target does not exist.

    Example:
        >>> random = {"_target_": "maze.core.agent.random_policy.RandomPolicy"}
        >>> with_model({"policy": random, "model": {"_target_": "a.B"}})["policy"] == random
        True
    """
    input_dir = config.get("input_dir")
    offered = {
        "model": config.get("model"),
        "input_dir": None if input_dir is None else str(Path(str(input_dir)).absolute()),
        "trusted": list(config.get("trusted") or []),
    }
    return {**config, "policy": _filled(config.get("policy"), offered)}


def _filled(settings: Any, offered: Mapping[str, Any]) -> Any:
    if isinstance(settings, list | tuple):
        return [_filled(item, offered) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    filled = {key: _filled(value, offered) for key, value in settings.items()}
    if "_target_" in settings:
        accepted = accepted_arguments(resolve(str(settings["_target_"]))) or {}
        if "input_dir" in accepted:
            filled = {**{key: value for key, value in offered.items() if key in accepted}, **filled}
    return filled
