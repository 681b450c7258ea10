"""The configuration that a run directory keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from maze.cli.command_line import one_line
from maze.cli.composition import plain
from maze.factory import ConfigurationError

CONFIG_FILE = Path(".hydra", "config.yaml")


def read_saved_config(run_dir: Path, key: str) -> dict[str, Any]:
    """Read the configuration of an earlier run.

    Args:
        run_dir: Its directory.
        key: The configuration key that names the directory, for the message.

    Raises:
        ConfigurationError: If there is no such directory, or no readable configuration in it.
    """
    if not run_dir.is_dir():
        raise ConfigurationError(f"{key}={run_dir}: there is no such directory")
    file = run_dir / CONFIG_FILE
    if not file.is_file():
        raise ConfigurationError(f"{key}={run_dir} is no run directory: it has no {CONFIG_FILE}")
    try:
        return plain(OmegaConf.load(file))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise ConfigurationError(f"{file} cannot be read: {one_line(error)}") from error


def write_saved_config(run_dir: Path, config: dict[str, Any]) -> None:
    """Keep the configuration that a run really has, where it is not what Hydra composed."""
    (run_dir / CONFIG_FILE).write_text(OmegaConf.to_yaml(OmegaConf.create(config)), encoding="utf-8")
