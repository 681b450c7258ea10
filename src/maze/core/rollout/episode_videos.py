"""Shows environments while they are played: in their window, or in a video per episode."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeSpec
from maze.factory import ConfigurationError

DEFAULT_FPS = 30


class EpisodeVideos:
    """Writes what environments with `render_mode="rgb_array"` show into `videos/`; others have windows of their own.

    Args:
        run_dir: The run directory.
        note: Takes a line that says where the videos are.
    """

    def __init__(self, run_dir: Path, note: Callable[[str], None]) -> None:
        """Begin with no video."""
        self._folder, self._note = run_dir / "videos", note
        self._shown: tuple[int, StructuredEnv] | None = None
        self._container: Any = None
        self._stream: Any = None

    def __call__(self, env: StructuredEnv, spec: EpisodeSpec) -> None:
        """Add what the environment shows now to the video of its episode; one that is played again begins anew.

        Raises:
            ConfigurationError: If the environment cannot show itself.
        """
        if env.render_mode == "human":
            return
        frame = picture_of(env)
        if self._shown is None or self._shown[0] != spec.number or self._shown[1] is not env:
            self.close()
            self._open(spec.number, frame, env.metadata.get("render_fps", DEFAULT_FPS))
            self._shown = spec.number, env
        self._write(frame)

    def close(self) -> None:
        """Finish the video."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = self._shown = None

    def _open(self, number: int, frame: np.ndarray, fps: float) -> None:
        import av

        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            self._note(f"no display here: writing videos to {self._folder}")
        self._container = av.open(str(self._folder / f"episode-{number:06}.mp4"), "w")
        self._stream = self._container.add_stream("libx264", rate=max(round(fps), 1))
        self._stream.height, self._stream.width = (size - size % 2 for size in frame.shape[:2])  # H.264 needs even ones
        self._stream.pix_fmt = "yuv420p"

    def _write(self, frame: np.ndarray) -> None:
        import av

        picture = np.ascontiguousarray(frame[: self._stream.height, : self._stream.width])
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))


def picture_of(env: StructuredEnv) -> np.ndarray:
    """What an environment shows now, RGB, uint8 of shape (height, width, 3).

    Raises:
        ConfigurationError: If it gives no picture.
    """
    frame = env.render() if env.render_mode == "rgb_array" else None
    if not isinstance(frame, np.ndarray) or frame.shape[2:] != (3,):
        raise ConfigurationError(
            f"{type(env.unwrapped).__name__}.render() gives no picture with render_mode={env.render_mode!r}: "
            "it needs the render mode 'rgb_array', or runner.render=false"
        )
    return frame


def check_videos() -> None:
    """See that there is something to write videos with.

    Raises:
        ConfigurationError: If there is not.
    """
    if find_spec("av") is None:
        raise ConfigurationError("render=true writes videos here, which needs PyAV: pip install 'maze-rollouts[video]'")
