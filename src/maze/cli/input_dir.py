"""Environment and policy of an earlier run, for a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from maze.cli.command_line import override_key
from maze.cli.saved_config import read_saved_config
from maze.core.rollout.normalization import NORMALIZATION_FILE
from maze.core.rollout.trust import TRUSTED, check_trusted, targets_in
from maze.factory import ConfigurationError

TRAINING_FILE = "training.json"
"""What only training runs have."""

TAKEN_GROUPS = ("env", "wrappers", "model", "policy")


def with_input_dir(
    config: Mapping[str, Any], overrides: Sequence[str], groups: Sequence[str] = TAKEN_GROUPS
) -> dict[str, Any]:
    """Take environment, wrappers, model and policy from the run that `input_dir` names, if it names one.

    What was typed wins: a group that was chosen is not taken, and single values go on top of what is taken.

    Args:
        config: The composed configuration.
        overrides: What was typed.
        groups: What is taken.

    Raises:
        ConfigurationError: If the directory keeps no configuration, or one with targets that nobody vouches for.
    """
    if config.get("input_dir") is None:
        return dict(config)
    earlier = read_saved_config(Path(str(config["input_dir"])), "input_dir")
    typed = [override_key(override) for override in overrides]
    merged = dict(config)
    for group in groups:
        if group in earlier and group not in typed:
            check_trusted(earlier[group], _vouched_for(config, group))
            paths = [key.split(".")[1:] for key in typed if key.startswith(f"{group}.")]
            merged[group] = _with_values(earlier[group], paths, config.get(group))
    return merged


def take_normalization(config: Mapping[str, Any], overrides: Sequence[str], run_dir: Path) -> None:
    """Have a run normalise by the statistics of the run that `input_dir` names, if its wrappers are from there too.

    A model has learned with the statistics of its training run, whatever wrappers were typed.

    Args:
        config: The configuration of the new run.
        overrides: What was typed.
        run_dir: The directory of the new run; it exists.

    Raises:
        ConfigurationError: If the statistics cannot be copied.
    """
    if config.get("input_dir") is None:
        return
    if "wrappers" in map(override_key, overrides) and not Path(str(config["input_dir"]), TRAINING_FILE).is_file():
        return
    file = Path(str(config["input_dir"]), NORMALIZATION_FILE)
    try:
        if file.is_file():
            (run_dir / NORMALIZATION_FILE).write_bytes(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be copied to {run_dir}: {error.strerror}") from error


def _vouched_for(config: Mapping[str, Any], group: str) -> list[str]:
    """Our own prefixes, those listed in `trusted`, and the packages of what the user's configuration has in a group."""
    own = [target.partition(".")[0] for target in targets_in(config.get(group))]
    listed = config.get("trusted") or []
    return [*TRUSTED, *map(str, listed), *(package for package in own if package not in ("maze", "gymnasium"))]


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
