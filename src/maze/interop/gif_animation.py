"""Episodes as animated GIFs, for where no video plays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from maze.factory import ConfigurationError
from maze.interop.exported_run import written_whole

SHORTEST_FRAME = 20
"""Milliseconds; viewers slow down what is shorter."""


def write_gif(path: Path, pictures: Iterable[np.ndarray], *, fps: float, width: int | None = None) -> str:
    """Write pictures as an animation.

    Args:
        path: The file to make.
        pictures: uint8 of shape (height, width, 3) each, all of one shape.
        fps: Frames a second; of more than 50, which GIF cannot show, some are left out.
        width: Of the animation, pixels; None: that of the pictures.

    Returns:
        What was written, in words.

    Raises:
        ConfigurationError: If Pillow is not installed, there is no picture, or the file cannot be made.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_gif(Path(folder, "a.gif"), [np.full((8, 8, 3), grey, np.uint8) for grey in (0, 99)], fps=10)
        '2 frames'
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ConfigurationError("a GIF needs Pillow: pip install 'maze-rollouts[video]'") from error
    stride = max(round(fps * SHORTEST_FRAME / 1000 + 0.49), 1)
    milliseconds = max(round(stride * 100 / fps) * 10, SHORTEST_FRAME)
    frames = []
    for index, picture in enumerate(pictures):
        if index % stride == 0:
            frame = Image.fromarray(picture)
            if width is not None:
                frame = frame.resize((width, max(round(frame.height * width / frame.width), 1)))
            frames.append(frame.quantize(method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    if not frames:
        raise ConfigurationError("there is no picture to write")
    with written_whole(path) as partial:
        first, *others = frames
        first.save(partial, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0, optimize=False)
    return f"{len(frames):,} frames"
