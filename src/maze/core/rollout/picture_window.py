"""Shows environments that give pictures, and have no window of their own, in one."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.segment import EpisodeSpec
from maze.core.rollout.episode_videos import DEFAULT_FPS, picture_of
from maze.factory import ConfigurationError

_SMALLEST_SIDE = 240


class PictureWindow:
    """Shows what environments with `render_mode="rgb_array"` give, at their own speed; others show themselves."""

    def __init__(self) -> None:
        """Open no window yet: the first picture decides its size."""
        self._clock: Any = None

    def __call__(self, env: StructuredEnv, spec: EpisodeSpec | None = None) -> None:
        """Show what the environment shows now, until it is time for the next picture.

        Raises:
            ConfigurationError: If the environment cannot show itself, or no window can be opened.
        """
        if env.render_mode == "human":
            return
        picture = picture_of(env)
        times = -(-_SMALLEST_SIDE // max(min(picture.shape[:2]), 1))
        self._show(picture.repeat(times, axis=0).repeat(times, axis=1), type(env.unwrapped).__name__)
        self._clock.tick(env.metadata.get("render_fps") or DEFAULT_FPS)

    def close(self) -> None:
        """Close the window."""
        if self._clock is not None:
            import pygame

            pygame.display.quit()
            self._clock = None

    def _show(self, picture: np.ndarray, title: str) -> None:
        if self._clock is None:
            self._open(title)
        import pygame

        size = picture.shape[1], picture.shape[0]
        screen = pygame.display.get_surface()
        if screen is None or screen.get_size() != size:
            screen = pygame.display.set_mode(size)
        pygame.event.pump()
        screen.blit(pygame.image.frombuffer(picture.tobytes(), size, "RGB"), (0, 0))
        pygame.display.flip()

    def _open(self, title: str) -> None:
        try:
            import pygame

            pygame.display.init()
        except (ImportError, RuntimeError) as error:  # pygame's own error is a RuntimeError
            advice = "pip install 'maze-rollouts[video]'" if isinstance(error, ImportError) else "unset DISPLAY"
            raise ConfigurationError(f"no window can be opened: {error}: {advice}") from error
        pygame.display.set_caption(title)
        self._clock = pygame.time.Clock()


def render_mode(render_modes: list[str]) -> str:
    """How to have an environment show itself here: in its own window, or by pictures.

    Args:
        render_modes: Those that it has.
    """
    has_own_window = "human" in render_modes or "rgb_array" not in render_modes
    return "human" if has_display() and has_own_window else "rgb_array"


def has_display() -> bool:
    """Whether a window would be seen by anybody."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in names)
