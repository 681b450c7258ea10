"""The run that a command is about: opened, or refused in one line, and what there is to know of its state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maze.factory import ConfigurationError

if TYPE_CHECKING:
    from maze.core.recording.recording import Recording


def open_run(path: str) -> Recording:
    """Read a run directory.

    Raises:
        ConfigurationError: If it is none, or its `run.json` cannot be read.
    """
    from maze.core.recording.recording import Recording

    try:
        return Recording(Path(path))
    except FileNotFoundError as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise ConfigurationError(str(error)) from error


def state_of(recording: Recording) -> list[str]:
    """What a reader should know of a run that is not simply complete, in lines; empty for one that is."""
    from maze.core.recording.run_directory import is_being_written

    metadata, lines = recording.metadata, []
    requested, n = metadata.get("n_episodes_requested"), len(recording.episodes)
    status = metadata.get("status")
    if status == "running" and is_being_written(recording.run_dir):
        lines.append(f"{recording.run_dir} is running: {n:,} of {requested:,} episodes so far")
    elif status == "running":
        lines.append(
            f"{recording.run_dir} was cut off at {n:,} of {requested:,} episodes; to play the others: "
            f"maze-run resume={recording.run_dir}"
        )
    elif requested is not None and n < requested:
        lines.append(f"{recording.run_dir} has {n:,} of {requested:,} episodes: it was {metadata.get('status')}")
    if metadata.get("reproducible") is False:
        lines.append(f"{recording.run_dir} is not reproducible: its environment has chance beyond its seeds")
    return lines + recording.damaged_parts
