"""The statistics that a run normalises observations by: estimated once, kept in its directory, the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.observation_normalization_wrapper import ObservationNormalizationWrapper
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError

NORMALIZATION_FILE = "normalization.json"
FORMAT_VERSION = 1


def normalization_wrappers(env: StructuredEnv) -> list[ObservationNormalizationWrapper]:
    """The wrappers that normalise, from the inside out.

    Example:
        >>> from maze.core.env.gym_env import make_gym_env, GymEnv
        >>> normalization_wrappers(GymEnv(make_gym_env("CartPole-v1")))
        []
    """
    found = []
    while isinstance(env, StructuredWrapper):
        if isinstance(env, ObservationNormalizationWrapper):
            found.append(env)
        env = env.env
    return found[::-1]


def normalization_content(statistics: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What a run keeps in its `normalization.json`.

    Args:
        statistics: Those of each wrapper that normalises, from the inside out.

    Example:
        >>> normalization_content([[{"step_key": 0, "observation": None, "count": 9, "mean": 0.5, "std": 1.0}]])
        {'format_version': 1, 'wrappers': [[{'step_key': 0, 'observation': None, 'count': 9, 'mean': 0.5, 'std': 1.0}]]}
    """
    return {"format_version": FORMAT_VERSION, "wrappers": [list(entries) for entries in statistics]}


def load_normalization(env: StructuredEnv, path: Path) -> bool:
    """Have an environment's wrappers normalise by the statistics of a file, if there is one.

    Returns:
        Whether there is one, or nothing to normalise.

    Raises:
        ConfigurationError: If it cannot be read, or its statistics are not of these observations.
    """
    wrappers = normalization_wrappers(env)
    if not wrappers:
        return True
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}): restore it from a copy") from error
    match content:
        case {"format_version": 1, "wrappers": [*entries]} if all(isinstance(entry, list) for entry in entries):
            pass
        case {"format_version": int(version)} if version > FORMAT_VERSION:
            raise ConfigurationError(
                f"{path} has format {version}, this version of maze reads {FORMAT_VERSION}: update it"
            )
        case _:
            raise ConfigurationError(f"{path} is damaged: restore it from a copy")
    if len(entries) != len(wrappers):
        raise ConfigurationError(
            f"{path.name} has the statistics of {len(entries)} wrappers that normalise, this environment has "
            f"{len(wrappers)}: choose wrappers=... anew, not by input_dir alone, to have them estimated"
        )
    for wrapper, statistics in zip(wrappers, entries, strict=True):
        try:
            wrapper.load_statistics(statistics, path.name)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"statistics that do not fit this environment: {error}; choose wrappers=... anew, not by input_dir "
                "alone, to have them estimated"
            ) from error
    return True
