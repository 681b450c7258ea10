"""A run's folder: made once, locked while it is written, cleaned of what was never committed."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from maze.core.arrow_arrays import numpy_array, validity
from maze.core.recording.committed_episodes import read_episode_parts
from maze.core.recording.part import publish
from maze.factory import ConfigurationError


def new_run_path(root: Path = Path("outputs")) -> Path:
    """A path that no other run has: `outputs/<date>/<time>-<unique>`.

    Example:
        >>> len(new_run_path().parts)
        3
    """
    now = datetime.now().astimezone()
    return root / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S}-{secrets.token_hex(3)}"


class RunDirectory:
    """The folder of one run, held by the one process that may write to it.

    Args:
        path: Where the run is recorded.
        resume: Whether a run that is there already goes on; otherwise there must be none.

    Raises:
        ConfigurationError: If there is a run already, or none to resume, or another process writes it, or the folder
            cannot be written.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Make the folder, or go on in it, and lock it."""
        self.path = path.absolute()
        self._lock: int | None = None
        if resume and not (self.path / "run.json").is_file():
            raise ConfigurationError(f"there is no run to resume in {path}: it has no run.json")
        try:
            (self.path / "episodes").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigurationError(f"another process writes {path}: wait for it, or choose another folder") from None
        except OSError as error:
            self.close()
            raise ConfigurationError(f"cannot write to {path}: {error.strerror}") from error
        if not resume and (self.path / "run.json").exists():
            self.close()
            raise ConfigurationError(f"{path} holds a run already: choose another folder, or resume it")

    def close(self) -> None:
        """Let others write it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_json(self, name: str, content: Mapping[str, Any], *, durable: bool = True) -> None:
        """Write one of the run's JSON files, whole or not at all; a durable one outlives a power cut."""
        temporary = self.path / f"{name}.tmp"
        try:
            temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            if durable:
                publish(temporary, self.path / name)
            else:
                temporary.rename(self.path / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def read_json(self, name: str) -> dict[str, Any]:
        """Read one of the run's JSON files."""
        content: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        return content

    def committed(self) -> set[int]:
        """Numbers of the episodes that are on disk for good; failed ones are not.

        Raises:
            ConfigurationError: If a part is damaged.
        """
        numbers: set[int] = set()
        for table in self._parts().values():
            numbers.update(numpy_array(table["number"])[~validity(table["error"])].tolist())
        return numbers

    def remove_parts_of(self, writer: str, *, but: Iterable[str] = ()) -> None:
        """Remove what a writer that has died left behind, other than the parts that are named.

        Its files in `episodes/` go first, so that nothing is ever readable in part.
        """
        kept = {f"{name}.parquet" for name in but}
        for folder in self._folders():
            for path in folder.glob(f"*part-{writer}-*"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)

    def remove_uncommitted(self) -> None:
        """Remove what dead processes left behind: unfinished files, parts without their episodes, failed episodes.

        Failed episodes are run again when a run goes on, so what was noted of them goes.

        Raises:
            ConfigurationError: If a part is damaged; nothing is removed then.
        """
        kept = {f"{name}.parquet" for name, table in self._parts().items() if table["error"].null_count}
        for folder in self._folders():
            for path in folder.iterdir():
                if path.is_file() and path.name != ".event" and path.name not in kept:
                    path.unlink(missing_ok=True)

    def _parts(self) -> dict[str, pa.Table]:
        tables, damage = read_episode_parts(self.path, {})
        for error in damage.values():
            raise ConfigurationError(f"{error}: move that file away, and its episodes are played again")
        return tables

    def _folders(self) -> list[Path]:
        logs = self.path / "event_logs"
        events = [path for path in logs.iterdir() if path.is_dir()] if logs.is_dir() else []
        data = self.path / "trajectory_data"
        return [self.path / "episodes", *([data] if data.is_dir() else []), *events]


def is_being_written(run_dir: Path) -> bool:
    """Whether a process holds the lock of a run directory."""
    try:
        lock = os.open(run_dir / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False
