"""The configuration of a run, composed by Hydra from its files and from what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from maze.cli.command_line import CommandLine
from maze.cli.config_folders import OWN_FOLDER
from maze.cli.diagnosis import explain
from maze.cli.search_path_plugin import further_folders
from maze.factory import ConfigurationError

JOB_NAME = "maze-run"


@dataclass(frozen=True)
class Composition:
    """A composed configuration."""

    config: dict[str, Any]
    """Plain values, interpolations resolved."""

    run_dir: Path
    """Where the run shall be recorded; it may not exist yet."""

    hydra_files: Mapping[str, str]
    """What `.hydra/` in the run directory keeps, by file name."""


def compose_rollout(command: CommandLine) -> Composition:
    """Compose the configuration of one run, without a trace on disk.

    Raises:
        ConfigurationError: If what was typed, or a file, does not fit; the message is one line.
    """
    with explained(command), _hydra(command):
        composed = compose(command.config_name, list(command.overrides), return_hydra_config=True)
        run_dir = Path(composed.hydra.run.dir).absolute()
        with open_dict(composed.hydra.runtime):
            composed.hydra.runtime.output_dir = str(run_dir)
        # For interpolations such as ${hydra:runtime.output_dir}.
        HydraConfig.instance().set_config(composed)
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        hydra_files = {
            "config.yaml": OmegaConf.to_yaml(task),
            "hydra.yaml": OmegaConf.to_yaml(OmegaConf.masked_copy(composed, ["hydra"])),
            "overrides.yaml": OmegaConf.to_yaml(composed.hydra.overrides.task),
        }
        return Composition(plain(task), run_dir, hydra_files)


def plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    """Turn a configuration into dicts, lists and values, interpolations resolved.

    Raises:
        omegaconf.errors.OmegaConfBaseException: If an interpolation cannot be resolved, or a value is missing.

    Example:
        >>> plain(OmegaConf.create({"a": 1, "b": ["${a}"]}))
        {'a': 1, 'b': [1]}
    """
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True, throw_on_missing=True))


@contextmanager
def explained(command: CommandLine) -> Iterator[None]:
    """Turn what Hydra and its files raise into one line.

    Raises:
        ConfigurationError: Instead of Hydra's own errors.
    """
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        with _hydra(command):
            line = explain(error, command)
        raise ConfigurationError(line) from error


@contextmanager
def _hydra(command: CommandLine) -> Iterator[None]:
    with (
        further_folders(command.config_dir),
        initialize_config_dir(str(OWN_FOLDER), job_name=JOB_NAME, version_base="1.3"),
    ):
        yield
