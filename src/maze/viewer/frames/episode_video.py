"""Encodes pictures as a video that can be watched while it grows and entered at any frame."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

FRAMES_PER_GROUP = 12
"""A frame is shown by decoding from the beginning of its group: few frames, so that scrubbing is quick."""

_LONGEST_SIDE = 1280
_SMALLEST_SIDE = 96
_FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"


class EpisodeVideo:
    """An H.264 video in a fragmented MP4 file, one fragment per group of frames.

    Args:
        path: The file.
        fps: Frames a second at normal speed.

    Raises:
        ModuleNotFoundError: If PyAV is not installed.
    """

    def __init__(self, path: Path, fps: float) -> None:
        """Begin; the first frame decides the size."""
        import av

        self.n_frames = 0
        self.size: tuple[int, int] | None = None
        self._fps = max(round(fps), 1)
        self._container: Any = av.open(
            str(path), "w", format="mp4", options={"movflags": _FRAGMENTS, "flush_packets": "1"}
        )
        self._stream: Any = None

    def __enter__(self) -> Self:
        """Write frames inside the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def add(self, picture: np.ndarray) -> None:
        """Add a frame; one of another size than the first is cut or filled up to that.

        Args:
            picture: RGB, uint8 of shape (height, width, 3).

        Raises:
            ValueError: If it is no such picture.
        """
        import av

        if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
            raise ValueError(f"render() gave {picture.dtype} of shape {picture.shape}: pictures are uint8 (h, w, 3)")
        enlarged = _enlarged(picture)
        if self._stream is None:
            self._open(*enlarged.shape[:2])
        frame = av.VideoFrame.from_ndarray(_fitted(enlarged, *self._drawn), format="rgb24")
        if self.n_frames == 1:  # ends the first fragment, so that the first frame is not kept waiting
            frame.pict_type = av.video.frame.PictureType.I
        self._container.mux(self._stream.encode(frame))
        self.n_frames += 1

    def _open(self, height: int, width: int) -> None:
        shrink = min(_LONGEST_SIDE / max(height, width), 1.0)
        self._drawn = height + height % 2, width + width % 2  # H.264 needs even sides
        self._stream = self._container.add_stream("libx264", rate=self._fps)
        self._stream.height, self._stream.width = (round(side * shrink / 2) * 2 for side in self._drawn)
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = FRAMES_PER_GROUP
        self._stream.options = {"preset": "veryfast", "crf": "20", "bf": "0", "profile": "main", "tune": "zerolatency"}
        self.size = self._stream.width, self._stream.height


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """A picture of few pixels in larger ones, so that they stay sharp."""
    times = -(-_SMALLEST_SIDE // max(min(picture.shape[:2]), 1))
    return picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture


def _fitted(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    fitted = np.zeros((height, width, 3), np.uint8)
    part = picture[:height, :width]
    fitted[: part.shape[0], : part.shape[1]] = part
    return fitted
