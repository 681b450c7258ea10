"""Finishes a run that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from maze.cli.command_line import override_key
from maze.cli.saved_config import read_saved_config
from maze.factory import ConfigurationError

EXECUTION_KEYS = (
    "n_processes",
    "on_error",
    "max_attempts",
    "grace_time",
    "step_timeout",
    "start_timeout",
    "max_restarts",
)
"""Arguments of runners that cannot change what happens in an episode."""


def resumed_config(
    run_dir: Path, overrides: Sequence[str], compose_runner: Callable[[str], Mapping[str, Any]]
) -> dict[str, Any]:
    """The configuration that finishes a run: the saved one, executed as is typed now.

    Args:
        run_dir: The directory of the run.
        overrides: What was typed.
        compose_runner: Gives the configuration of the runner that `runner=...` chooses.

    Raises:
        ConfigurationError: If the directory keeps no configuration, or something was typed that could change episodes.
    """
    saved = read_saved_config(run_dir, "resume")
    for override in overrides:
        _check_harmless(override)
    runner = dict(saved.get("runner") or {})
    for override in overrides:
        if override_key(override) == "runner":
            runner = _executed_by(compose_runner(override), runner)
    for override in overrides:
        group, _, name = override_key(override).partition(".")
        if name and name not in runner:
            raise ConfigurationError(f"the saved runner has no {name}: add runner=parallel, or leave {override} out")
        if name:
            runner[name] = _value(override)
        elif group == "tensorboard":
            saved[group] = _value(override)
    return {**saved, "runner": runner}


def _check_harmless(override: str) -> None:
    key = override_key(override)
    if key not in ("resume", "runner", "tensorboard", *(f"runner.{name}" for name in EXECUTION_KEYS)):
        raise ConfigurationError(
            f"leave {override} out: resume runs the saved configuration, and beside it only `runner` and runner."
            f"{', '.join(EXECUTION_KEYS)} may be typed"
        )


def _executed_by(chosen: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a saved runner for the one that was chosen, which brings its own ways of execution."""
    kept = [name for name in chosen if name in saved and name not in ("_target_", *EXECUTION_KEYS)]
    return {**chosen, **{name: saved[name] for name in kept}}


def _value(override: str) -> Any:
    return OmegaConf.from_dotlist([f"value={override.partition('=')[2]}"])["value"]
