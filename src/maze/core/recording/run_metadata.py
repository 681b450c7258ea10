"""What `run.json` says about a run, and which run a user may have meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from maze.core.env.actor_id import StepKey
from maze.core.recording.space_json import space_from_json
from maze.core.recording.trajectory_schema import TrajectorySchema

FORMAT_VERSION = 1
FILE_NAME = "run.json"
_LEVELS_BELOW = 3
"""How deep below a given folder runs are looked for: `outputs/<date>/<run>/`, and a sweep's `<run>/<number>/`."""


def read_run_metadata(run_dir: Path) -> dict[str, Any]:
    """Read the `run.json` of a run directory.

    Raises:
        FileNotFoundError: If there is no such directory or it is no run's; names the nearest run.
        ValueError: If `run.json` is damaged, or of a newer version.
    """
    path = run_dir / FILE_NAME
    try:
        metadata = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        problem = "holds no run" if run_dir.is_dir() else "is no folder" if run_dir.exists() else "does not exist"
        nearest = nearest_run(run_dir)
        advice = "give the directory of a run, which has a run.json" if nearest is None else f"did you mean {nearest}?"
        raise FileNotFoundError(f"{run_dir} {problem}: {advice}") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it from a copy") from None
    match metadata:
        case {"format_version": int(version)} if version > FORMAT_VERSION:
            raise ValueError(f"{run_dir} has format {version}, this version of maze reads {FORMAT_VERSION}: update it")
        case {"format_version": int()}:
            return dict(metadata)
    raise ValueError(f"{path} does not say its format_version: it is damaged, or no run of maze")


def nearest_run(path: Path) -> Path | None:
    """The newest run below a path, else the run that the path lies in; None if there is neither.

    Example:
        >>> nearest_run(Path("/no/such/folder")) is None
        True
    """
    patterns = ["/".join(["*"] * levels + [FILE_NAME]) for levels in range(1, _LEVELS_BELOW + 1)]
    below = [run for pattern in patterns for run in path.glob(pattern)] if path.is_dir() else []
    if below:
        return max(below, key=lambda run: (run.stat().st_mtime, str(run))).parent
    return next((folder for folder in path.absolute().parents if (folder / FILE_NAME).is_file()), None)


def recorded_schema(metadata: dict[str, Any]) -> TrajectorySchema:
    """The columns of a run, from the spaces that its `run.json` has.

    Raises:
        ValueError: If they are missing or damaged.
    """
    try:
        return TrajectorySchema(
            _spaces(metadata["observation_spaces"]),
            _spaces(metadata["action_spaces"]),
            output_spaces=_spaces(metadata.get("policy_output_spaces", [])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{FILE_NAME} does not describe the run's spaces ({error!r}): it is damaged") from None


def _spaces(entries: list[tuple[StepKey, dict[str, Any]]]) -> dict[StepKey, Any]:
    return {step_key: space_from_json(space) for step_key, space in entries}
