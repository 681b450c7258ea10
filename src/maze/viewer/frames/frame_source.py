"""Where the pictures of a run come from: films that processes of their own make, kept in the run directory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from maze.core.recording.episode import Episode

FOLDER = ".viewer"
"""Folder of the run directory that keeps the films; readers of the recording do not look into it."""

PROGRESS_FILE, VIDEO_FILE, STATES_FILE = "progress.json", "video.mp4", "states"
MOST_AT_ONCE = 2
"""Episodes that are filmed at the same time; a further one ends the film begun first."""

LARGEST_PIECE = 2**20
"""Bytes of a video that are sent at a time."""


@dataclass
class _Filming:
    process: subprocess.Popen[bytes]
    folder: Path
    errors: Path


class FrameSource:
    """Films episodes of one run. Methods may be called from any thread.

    Args:
        run_dir: The run directory.
        is_asked: Whether the user has asked for pictures already; else `start` is where they do.
        make: `module:factory` of the environment, for one that was built in Python; None: as recorded.
        trusted: Prefixes of targets that may be imported although only the run names them.
    """

    def __init__(
        self, run_dir: Path, *, is_asked: bool = False, make: str | None = None, trusted: Sequence[str] = ()
    ) -> None:
        """Nothing of the environment is imported yet; what was asked for is prepared by a process that waits."""
        self.is_asked = is_asked
        self._run_dir, self._make, self._trusted = run_dir.absolute(), make, list(trusted)
        self._lock = Lock()
        self._filming: dict[str, _Filming] = {}
        self._failures: dict[str, dict[str, Any]] = {}
        self._spare: subprocess.Popen[bytes] | None = _waiting_process() if is_asked else None
        self._temporary: Path | None = None

    def start(self, episode: Episode) -> None:
        """Film an episode, unless there is a film of it, or will be; from here on pictures are asked for."""
        key = _key(episode)
        with self._lock:
            self.is_asked = True
            if key in self._filming or (self._folder / key / PROGRESS_FILE).is_file():
                return
            self._failures.pop(key, None)
            while len(self._filming) >= MOST_AT_ONCE:
                self._stop(next(iter(self._filming)))
            self._remove_orphans()
            folder = Path(tempfile.mkdtemp(prefix=f"{key}-", suffix=f".{os.getpid()}.tmp", dir=self._folder))
            process, self._spare = self._spare or _waiting_process(), None
            job = {"number": episode.number, "folder": str(folder), "make": self._make}
            job |= {"run_dir": str(self._run_dir), "trusted": self._trusted}
            self._filming[key] = _Filming(process, folder, folder / "errors.txt")
            if process.stdin is not None:
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
            self._spare = _waiting_process()

    def progress(self, episode: Episode) -> dict[str, Any]:
        """How far the film of an episode is; its `state` is "none" where there is none."""
        key = _key(episode)
        with self._lock:
            self._settle(key)
            if key in self._failures:
                return self._failures[key]
            folder = self._place(key)
            progress = _read(folder / PROGRESS_FILE) if folder is not None else None
            if progress is not None:
                return progress
            if key not in self._filming and self._spare is None:
                self._spare = _waiting_process()  # somebody looks, and may ask soon
            return {"state": "working" if key in self._filming else "none", "n_frames": 0, "n_total": 0}

    def video(self, episode: Episode, start: int) -> bytes:
        """What there is of the film from a byte on, at most `LARGEST_PIECE`; nothing where there is no film."""
        with self._lock:
            folder = self._place(_key(episode))
        if folder is None:
            return b""
        try:
            with (folder / VIDEO_FILE).open("rb") as file:
                file.seek(start)
                return file.read(LARGEST_PIECE)
        except FileNotFoundError:  # the process has not begun, or has just ended
            return b""

    def state(self, episode: Episode, position: int) -> bytes:
        """The environment's snapshot at a position, packed.

        Raises:
            KeyError: If none was taken.
        """
        with self._lock:
            folder = self._place(_key(episode))
        file = None if folder is None else folder / STATES_FILE
        if file is None or not file.is_file():
            raise KeyError(f"there are no states of episode {episode.number}")
        with file.open("rb") as opened:
            first = int(np.frombuffer(opened.read(8), "<i8")[0])
            opened.seek(0)
            n_offsets = (episode.n_decisions or 0) + 2
            offsets = np.frombuffer(opened.read(8 * n_offsets), "<i8")
            if not 0 <= position < len(offsets) - 1 or first:
                raise KeyError(f"there is no state {position} of episode {episode.number}")
            opened.seek(8 * len(offsets) + int(offsets[position]))
            return opened.read(int(offsets[position + 1] - offsets[position]))

    def close(self) -> None:
        """End all processes and forget films that are not done."""
        with self._lock:
            for key in list(self._filming):
                self._settle(key)
            for key in list(self._filming):
                self._stop(key)
            if self._spare is not None:
                _end(self._spare)
                self._spare = None
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        """Where the films are; of a run directory that cannot be written to, elsewhere and for now only."""
        if self._temporary is not None:
            return self._temporary
        folder = self._run_dir / FOLDER
        try:
            folder.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            folder = self._temporary = Path(tempfile.mkdtemp(prefix="maze-viewer-"))
        return folder

    def _place(self, key: str) -> Path | None:
        if key in self._filming:
            return self._filming[key].folder
        folder = (self._temporary or self._run_dir / FOLDER) / key
        return folder if folder.is_dir() else None

    def _settle(self, key: str) -> None:
        """Keep the film of a process that has ended, or what it died of."""
        filming = self._filming.get(key)
        if filming is None:
            return
        has_ended = filming.process.poll() is not None
        progress = _read(filming.folder / PROGRESS_FILE) or {}
        if not has_ended and progress.get("state", "working") == "working":
            return
        del self._filming[key]
        _end(filming.process)  # its last words are written last
        if progress.get("state") == "ready":
            try:
                filming.folder.rename(self._folder / key)
            except OSError:  # another page has filmed it meanwhile
                shutil.rmtree(filming.folder, ignore_errors=True)
            return
        if progress.get("state") != "failed":
            progress = {"message": f"the process that films died with exit code {filming.process.returncode}"}
        self._failures[key] = {**progress, "state": "failed"}
        shutil.rmtree(filming.folder, ignore_errors=True)

    def _remove_orphans(self) -> None:
        """Remove what servers that were killed have left unfinished."""
        for folder in self._folder.glob("*.tmp"):
            if not Path("/proc", folder.name.split(".")[-2]).exists() and Path("/proc/self").exists():
                shutil.rmtree(folder, ignore_errors=True)

    def _stop(self, key: str) -> None:
        filming = self._filming.pop(key)
        _end(filming.process)
        shutil.rmtree(filming.folder, ignore_errors=True)


def _waiting_process() -> subprocess.Popen[bytes]:
    """A process that has imported what it needs of ours, and nothing of any environment, and waits for a job."""
    return subprocess.Popen(
        [sys.executable, "-m", "maze.viewer.frames.frame_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the server, which ends its processes
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _key(episode: Episode) -> str:
    """Name of an episode's film; the hash tells episodes apart that were played anew under the same number."""
    return f"episode-{episode.number:06}-{(episode.hash or 'none')[:12]}"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content
