"""The process that plays an episode again and films it; started by `FrameSource`, one process per episode."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.recording import Recording
from maze.core.rollout.episode_videos import DEFAULT_FPS
from maze.core.rollout.replay import recorded_env, replay_episode
from maze.viewer.column_bundle import pack
from maze.viewer.frames.episode_video import EpisodeVideo
from maze.viewer.shown_value import shown_value

PROGRESS_FILE, VIDEO_FILE, STATES_FILE = "progress.json", "video.mp4", "states"
MOST_FRAMES = 20_000
"""Of a longer episode every second, third, ... decision is filmed."""

_SECONDS_BETWEEN_NEWS = 0.1
_LARGEST_STATES = 2**26


@dataclass
class Progress:
    """How far the film is, as the page shows it."""

    state: str = "working"
    """"working", "ready" or "failed"."""

    n_frames: int = 0
    n_total: int = 0
    """Frames that there will be."""

    stride: int = 1
    """Decisions per frame."""

    fps: float = DEFAULT_FPS
    size: tuple[int, int] | None = None
    """Width and height."""

    has_states: bool = False
    first_difference: int | None = None
    """Decision behind which the episode did not come out as recorded, -1 for the reset."""

    what: str | None = None
    """What differed there."""

    message: str | None = None
    """Why it failed."""


@dataclass
class _Film:
    """What is noted while the episode is played again."""

    env: StructuredEnv
    video: EpisodeVideo
    progress: Progress
    folder: Path
    _last_news: float = 0.0
    _states: list[bytes] = field(default_factory=list)
    _n_state_bytes: int = 0

    def take(self, step: int) -> None:
        """Film what follows a decision; -1 is the reset."""
        self._keep_state()
        if (step + 1) % self.progress.stride:
            return
        picture = self.env.render()
        if not isinstance(picture, np.ndarray):
            name = type(self.env.unwrapped).__name__
            raise TypeError(f"{name} has no pictures: its render() gave {type(picture).__name__}")
        self.video.add(picture)
        self.progress.n_frames, self.progress.size = self.video.n_frames, self.video.size
        if monotonic() - self._last_news > _SECONDS_BETWEEN_NEWS:
            write_progress(self.folder, self.progress)
            self._last_news = monotonic()

    def save_states(self) -> None:
        """Write the snapshots, if the environment gives any: their offsets, and behind them each one packed."""
        self.progress.has_states = bool(self._states)
        if self._states:
            offsets = np.cumsum([0, *map(len, self._states)], dtype="<i8")
            (self.folder / STATES_FILE).write_bytes(b"".join([offsets.tobytes(), *self._states]))

    def _keep_state(self) -> None:
        state = self.env.state() if self._n_state_bytes < _LARGEST_STATES else None
        if state is not None:
            self._states.append(pack(shown_value(state)))
            self._n_state_bytes += len(self._states[-1])


def film_episode(run_dir: Path, number: int, folder: Path, make: str | None, trusted: list[str]) -> None:
    """Play an episode again and film it.

    Args:
        run_dir: The run directory.
        number: Of the episode.
        folder: Where progress, video and states are written.
        make: `module:factory` of the environment; None: as recorded.
        trusted: Prefixes of targets that may be imported although only the run names them.
    """
    progress = Progress()
    try:
        recording = Recording(run_dir)
        episode = recording[number]
        env = recorded_env(recording, make=_factory(make), render_mode="rgb_array", allowed=trusted)
        try:
            n_positions = (episode.n_decisions or 0) + 1
            progress.stride = -(-n_positions // MOST_FRAMES)
            progress.n_total = -(-n_positions // progress.stride)
            progress.fps = float(env.metadata.get("render_fps") or DEFAULT_FPS)
            with EpisodeVideo(folder / VIDEO_FILE, progress.fps) as video:
                film = _Film(env, video, progress, folder)
                report = replay_episode(episode, env, on_step=film.take)
            film.save_states()
        finally:
            env.close()
        progress.first_difference, progress.what = report.first_difference, report.what or None
        progress.state = "ready"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an environment raises is told to the page
        progress.state, progress.message = "failed", " ".join(str(error).split()) or type(error).__name__
    write_progress(folder, progress)


def write_progress(folder: Path, progress: Progress) -> None:
    """Say how far the film is; a reader sees all of it or the news before."""
    temporary = folder / f"{PROGRESS_FILE}.tmp"
    temporary.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    temporary.rename(folder / PROGRESS_FILE)


def _factory(make: str | None) -> Any:
    """What makes the environment: a function of a module, or a gymnasium id."""
    if make is None or ":" not in make:
        return make
    module, _, name = make.rpartition(":")
    sys.path.insert(0, str(Path.cwd()))
    found = getattr(import_module(module), name, None)
    if found is None:
        raise ValueError(f"there is no {name!r} in {module}: --env names a function that makes the environment")
    return found


def _exit_with_parent() -> None:
    """Nothing more comes from the parent's pipe: it has closed it, or is dead."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Wait for one job, a line of JSON, and do it."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame looks for no display
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import av  # noqa: F401 - what takes long is imported before the job is there

    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    job = json.loads(line)
    film_episode(Path(job["run_dir"]), job["number"], Path(job["folder"]), job["make"], job["trusted"])
    sys.stdout.flush()
    os._exit(0)  # the thread waits at the pipe, and libraries of environments may have threads of their own


if __name__ == "__main__":
    main()
